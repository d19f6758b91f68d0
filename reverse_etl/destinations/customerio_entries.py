"""What Customer.io is told of people and events, as entries of a batch. Pure."""

import hashlib
from collections.abc import Sequence

from reverse_etl.destinations.mapping_refusals import (
    writes_consent,
    writes_unknown_event_field,
)
from reverse_etl.destinations.protocol import Batch, Record, Settings, key_of
from reverse_etl.destinations.request_bodies import too_large
from reverse_etl.modes import Action
from reverse_etl.transport import json_bytes
from warehouse.manifest import Json

PERSON_IDENTIFIERS = ("cio_id", "id", "email", "phone")
_CONSENT_FIELDS = ("unsubscribed", "cio_subscription_preferences")
_EVENT_FIELDS = frozenset({"name", "timestamp", "attributes"})
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MAX_BYTES = 500_000
MAX_ENTRY_BYTES = 32_000


def event_ulid(event_id: str) -> str:
    """An event's id as a ULID, the only form that Customer.io takes: 128 bits of a hash.

    The time in it means nothing, which Customer.io does not mind.
    """
    number = int.from_bytes(hashlib.sha256(event_id.encode()).digest()[:16])
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def entries_of(batch: Batch, record: Record) -> Sequence[dict[str, Json]]:
    """What a row is in a batch: one entry, and two for an erasure.

    Raises:
        FatalDeliveryError: The mapping writes what it must not, or what events lack.
    """
    kind, value = key_of(record, *PERSON_IDENTIFIERS)
    person: dict[str, Json] = {"type": "person", "identifiers": {kind: value}}
    match batch.action:
        case Action.UPSERT:
            return [{**person, "action": "identify", "attributes": _attributes(record)}]
        case Action.UPDATE:
            attributes = {**_attributes(record), "_update": True}
            return [{**person, "action": "identify", "attributes": attributes}]
        case Action.APPEND:
            return [{**person, **_event(record, batch.settings)}]
        case Action.DELETE:
            return [{**person, "action": "delete"}]
        case Action.ERASE:
            # Deleting alone would let the next event bring the person back.
            return [{**person, "action": action} for action in ("delete", "suppress")]
        case other:
            raise ValueError(f"Customer.io has no action '{other.value}'")


def _attributes(record: Record) -> dict[str, Json]:
    for name in record.fields:
        if name.partition(".")[0] in _CONSENT_FIELDS:
            raise writes_consent(name, "a subscription of Customer.io")
    return dict(record.fields)


def _event(record: Record, settings: Settings) -> dict[str, Json]:
    unknown = sorted(record.fields.keys() - _EVENT_FIELDS)
    if unknown:
        raise writes_unknown_event_field(unknown[0], "Customer.io", "attributes")
    fields = {name: value for name, value in record.fields.items() if value is not None}
    return {
        **fields,
        "name": settings.get("event_name", fields.get("name")),
        "action": "event",
        "id": event_ulid(record.event_id),
    }


def batch_content(entries: Sequence[Sequence[Json]]) -> bytes:
    """The body with the entries of each row.

    Raises:
        BatchRefusedError: It is larger than Customer.io takes, or one entry is.
    """
    content = json_bytes({"batch": [entry for row in entries for entry in row]})
    is_too_large = len(content) > MAX_BYTES or any(
        len(json_bytes(entry)) > MAX_ENTRY_BYTES for row in entries for entry in row
    )
    if is_too_large:
        raise too_large(
            f"A batch of {len(entries):,} rows for Customer.io",
            f"{MAX_BYTES:,} bytes, or one of them is larger than {MAX_ENTRY_BYTES:,}",
        )
    return content
