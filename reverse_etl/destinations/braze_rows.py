"""What Braze is told of a user: attributes, events, and who is to be deleted. Pure."""

from collections.abc import Mapping, Sequence

from reverse_etl.destinations.mapping_refusals import (
    writes_consent,
    writes_unknown_event_field,
)
from reverse_etl.destinations.protocol import Record, Settings, key_of
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from warehouse.manifest import Json

IDENTIFIERS = ("external_id", "braze_id", "user_alias", "email", "phone")
_DELETED_AS = {
    "external_id": "external_ids",
    "braze_id": "braze_ids",
    "user_alias": "user_aliases",
    "email": "email_addresses",
    "phone": "phone_numbers",
}
_PRIORITIZATION: list[Json] = ["identified", "most_recently_updated"]
"""Which of several profiles with one address or number is deleted: the one that
/users/track writes to as well."""

_CONSENT_FIELDS = frozenset(
    {
        "email_subscribe",
        "push_subscribe",
        "subscription_groups",
        "email_open_tracking_disabled",
        "email_click_tracking_disabled",
    }
)
_EVENT_FIELDS = frozenset({"name", "time", "app_id", "properties"})


def _identifier(record: Record, settings: Settings) -> dict[str, Json]:
    kind, value = key_of(record, *IDENTIFIERS)
    if kind == "user_alias":
        return {kind: _alias(value, settings)}
    return {kind: value}


def _alias(name: str, settings: Settings) -> dict[str, Json]:
    label = settings.get("alias_label")
    if not label:
        raise FatalDeliveryError(
            "A sync that finds users of Braze by user_alias says in its settings which "
            "alias_label it means. Nothing was sent. Add settings: {alias_label: ...}.",
            error_class=ErrorClass.CONFIG,
        )
    return {"alias_name": name, "alias_label": label}


def attributes_of(record: Record, settings: Settings, *, is_update: bool) -> Json:
    """Attributes of one user, created where there is none unless it is an update.

    Raises:
        FatalDeliveryError: The mapping writes a consent, or an alias without its label.
    """
    consent = sorted(_CONSENT_FIELDS & record.fields.keys())
    if consent:
        raise writes_consent(consent[0], "a subscription state of Braze")
    return {
        **record.fields,
        **_identifier(record, settings),
        "_update_existing_only": is_update,
    }


def event_of(record: Record, settings: Settings) -> dict[str, Json]:
    """One event, of which a name and a time may be missing.

    Raises:
        FatalDeliveryError: The mapping writes a field that events do not have.
    """
    unknown = sorted(record.fields.keys() - _EVENT_FIELDS)
    if unknown:
        raise writes_unknown_event_field(unknown[0], "Braze", "properties")
    event: dict[str, Json] = {
        name: _without_nulls(value)
        for name, value in record.fields.items()
        if value is not None
    }
    if "event_name" in settings:
        event["name"] = settings["event_name"]
    return event | _identifier(record, settings)


def _without_nulls(value: Json) -> Json:
    if isinstance(value, dict):
        return {
            name: _without_nulls(inner)
            for name, inner in value.items()
            if inner is not None
        }
    return value


def deletions(
    records: Sequence[Record], settings: Settings
) -> Mapping[str, list[Json]]:
    """Users to delete, by the names under which Braze takes their identifiers."""
    by_name: dict[str, list[Json]] = {}
    for record in records:
        kind, value = key_of(record, *IDENTIFIERS)
        by_name.setdefault(_DELETED_AS[kind], []).append(
            _deleted(kind, value, settings)
        )
    return by_name


def _deleted(kind: str, value: str, settings: Settings) -> Json:
    if kind == "user_alias":
        return _alias(value, settings)
    if kind in ("email", "phone"):
        return {kind: value, "prioritization": _PRIORITIZATION}
    return value
