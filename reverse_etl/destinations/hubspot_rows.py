"""What HubSpot is told of a row, and what it must not be told. Pure."""

import re

from reverse_etl.destinations.hubspot_answers import TRACE_ID
from reverse_etl.destinations.protocol import Batch, Record
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.modes import Action
from warehouse.manifest import Json

RECORD_ID = "hs_object_id"

_OPT_OUT = "hs_email_optout"
_PROPERTY = re.compile(r"[a-z][a-z0-9_]{0,99}")


def upserted(batch: Batch, position: int, name: str) -> dict[str, Json]:
    """One input of a batch upsert, found by a property."""
    record = batch.rows[position]
    return {
        "id": record.match[name],
        "idProperty": name,
        "properties": _properties(record),
        TRACE_ID: str(position),
    }


def created(batch: Batch, position: int) -> dict[str, Json]:
    """One input of a batch create."""
    record = batch.rows[position]
    return {
        "properties": {**_properties(record), **record.match},
        TRACE_ID: str(position),
    }


def updated(batch: Batch, position: int, record_id: str) -> dict[str, Json]:
    """One input of a batch update."""
    return {
        "id": record_id,
        "properties": _properties(batch.rows[position]),
        TRACE_ID: str(position),
    }


def _properties(record: Record) -> dict[str, Json]:
    """HubSpot takes every value as text; an empty one clears."""
    return {
        name: _property_text(value)
        for name, value in record.fields.items()
        # Clearing what a person has said no to would be to subscribe them.
        if not name.startswith(_OPT_OUT)
    }


def _property_text(value: Json) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ";".join(str(each) for each in value)
        case _:
            return str(value)


def check(batch: Batch) -> None:
    """Refuse what HubSpot has no place for, before anything is sent.

    Raises:
        FatalDeliveryError: The exposure asks for it.
    """
    name = match_property(batch)
    if name == RECORD_ID and batch.action in (Action.UPSERT, Action.CREATE):
        raise _not_possible(
            batch,
            f"finds records by '{name}', with which HubSpot creates none. Use mode "
            "'update', or a property that is unique",
        )
    for record in batch.rows:
        if record.associations:
            raise _not_possible(
                batch, "has associations, which this destination does not write"
            )
        for field, value in record.fields.items():
            if isinstance(value, dict):
                raise _not_possible(
                    batch, f"maps to a part of '{field}', but properties have no parts"
                )
            if field.startswith(_OPT_OUT) and value is not None:
                raise _not_possible(
                    batch, f"maps to '{field}', which is a subscription and no property"
                )


def match_property(batch: Batch) -> str:
    """The one property that the batch's records are found by.

    Raises:
        FatalDeliveryError: There are several, or it has no name that a property can have.
    """
    (name, *others) = sorted({each for record in batch.rows for each in record.match})
    if others or not _PROPERTY.fullmatch(name):
        raise _not_possible(
            batch,
            f"has {', '.join((name, *others))} under 'match', but HubSpot finds a record "
            "by one property, named in small letters",
        )
    return name


def _not_possible(batch: Batch, what: str) -> FatalDeliveryError:
    return FatalDeliveryError(
        f"Sync '{batch.sync}' {what}. Nothing of the batch was sent. Change its exposure.",
        error_class=ErrorClass.CONFIG,
    )
