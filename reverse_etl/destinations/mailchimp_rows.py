"""What Mailchimp is told of a contact, and what it must not be told. Pure."""

import hashlib
from collections.abc import Mapping

from reverse_etl.destinations.mapping_refusals import writes_consent
from reverse_etl.destinations.protocol import Record, RejectedRow
from reverse_etl.errors import ErrorClass
from warehouse.manifest import Json

EMAIL = "email_address"
_CONSENT_FIELDS = frozenset({"status", "status_if_new", "marketing_permissions"})
_EMPTY: Mapping[str, Json] = {"language": "", "vip": False}
"""What clears a field outside of the merge fields."""


def member_id(email: str) -> str:
    """Mailchimp's own id of an address: MD5 of its lower-case form."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def member_body(record: Record) -> tuple[dict[str, Json], str | None]:
    """A contact as Mailchimp writes it, and a field that it cannot clear.

    Raises:
        FatalDeliveryError: The mapping writes a consent.
    """
    consent = sorted(_CONSENT_FIELDS & record.fields.keys())
    if consent:
        raise writes_consent(
            consent[0],
            "a contact's consent",
            "Take it out of the mapping; what new contacts are is the setting "
            "status_if_new.",
        )
    member: dict[str, Json] = {}
    for name, value in record.fields.items():
        if name == "merge_fields" and isinstance(value, dict):
            member[name] = {
                tag: "" if inner is None else inner for tag, inner in value.items()
            }
        elif value is not None:
            member[name] = value
        elif name in _EMPTY:
            member[name] = _EMPTY[name]
        else:
            return {}, name
    return {**member, EMAIL: record.match[EMAIL]}, None


def cannot_clear(position: int, field: str) -> RejectedRow:
    """A row that was not sent, because Mailchimp cannot clear one of its fields."""
    return RejectedRow(position, ErrorClass.INVALID_FIELD, "cannot_clear", field)


def folded(email: Json) -> str:
    """An address as it is compared: in any case, it is the same."""
    return email.strip().casefold() if isinstance(email, str) else ""
