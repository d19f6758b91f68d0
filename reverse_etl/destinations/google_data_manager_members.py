"""What Google is told of people: identifiers that belong together, and their consent. Pure."""

from collections.abc import Mapping, Sequence

from reverse_etl.destinations.digests import sendable
from reverse_etl.destinations.google_data_manager_answers import Members
from reverse_etl.destinations.protocol import Record, RejectedRow
from reverse_etl.errors import ErrorClass
from warehouse.manifest import Json

EMAILS = ("email", "email_2", "email_3")
PHONES = ("phone", "phone_2", "phone_3")
ADDRESS = {
    "givenName": "first_name",
    "familyName": "last_name",
    "regionCode": "country",
    "postalCode": "postal_code",
}
_HASHED = frozenset({*EMAILS, *PHONES, "first_name", "last_name"})
CONSENT = {"adUserData": "ad_user_data", "adPersonalization": "ad_personalization"}
_CONSENT_VALUES: Mapping[Json, str] = {
    True: "CONSENT_GRANTED",
    "granted": "CONSENT_GRANTED",
    False: "CONSENT_DENIED",
    "denied": "CONSENT_DENIED",
}


def read_members(records: Sequence[Record]) -> Members:
    """People as the API wants them. One without any identifier cannot be sent."""
    may_go = sendable(records, _HASHED)
    members: list[Json] = []
    positions, rejected = [], [*may_go.rejected]
    for position, record in zip(may_go.positions, may_go.records, strict=True):
        identifiers = _identifiers(record.match)
        if identifiers is None:
            rejected.append(RejectedRow(position, ErrorClass.INVALID_KEY))
            continue
        consent, unclear = consent_of(record.fields)
        if unclear is not None:
            rejected.append(
                RejectedRow(position, ErrorClass.INVALID_FIELD, field=unclear)
            )
            continue
        members.append({**identifiers, **({"consent": consent} if consent else {})})
        positions.append(position)
    return Members(members, positions, tuple(rejected))


def _identifiers(match: Mapping[str, str]) -> dict[str, Json] | None:
    device_id = match.get("device_id")
    if device_id:
        return {"mobileData": {"mobileIds": [device_id]}}
    found: list[Json] = [
        {kind: match[name]}
        for kind, names in (("emailAddress", EMAILS), ("phoneNumber", PHONES))
        for name in names
        if match.get(name)
    ]
    # An address is compared as a whole, so a part of one matches nobody.
    if all(match.get(name) for name in ADDRESS.values()):
        found.append({"address": {kind: match[name] for kind, name in ADDRESS.items()}})
    return {"userData": {"userIdentifiers": found}} if found else None


def consent_of(given: Mapping[str, Json]) -> tuple[dict[str, Json], str | None]:
    """Consent as the API writes it, where somebody said something about it.

    The second is the name of a value that says neither granted nor denied.
    """
    consent: dict[str, Json] = {}
    for kind, name in CONSENT.items():
        value = given.get(name)
        if value is None:
            continue
        plain = value.lower() if isinstance(value, str) else value
        if not isinstance(plain, bool | str) or plain not in _CONSENT_VALUES:
            return {}, name
        consent[kind] = _CONSENT_VALUES[plain]
    return consent, None
