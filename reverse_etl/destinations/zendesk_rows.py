"""What Zendesk is told of a record, and which record of its is meant. Pure."""

from reverse_etl.destinations.json_answers import JsonObject
from reverse_etl.destinations.protocol import Record
from reverse_etl.destinations.zendesk_objects import EXTERNAL_ID
from reverse_etl.modes import Action, Op
from warehouse.manifest import Json


def user_body(record: Record, user_id: str | None, action: Action) -> dict[str, Json]:
    """A user as it is written, by Zendesk's id where it is known."""
    # A user who is created would otherwise get a mail that asks to verify the address.
    silent: dict[str, Json] = (
        {} if action is Action.UPDATE else {"skip_verify_email": True}
    )
    known: dict[str, Json] = {} if user_id is None else {"id": int(user_id)}
    return {**silent, **fields_of(record), **record.match, **known}


def fields_of(record: Record) -> JsonObject:
    """What is written. Whoever is to be cleared keeps the name, which cannot be empty."""
    return {
        name: value
        for name, value in record.fields.items()
        if not (name == "name" and value is None and record.op is Op.REMOVE)
    }


def is_to_leave(record: Record, action: Action) -> bool:
    """Whether a record that is not there is as it should be."""
    return action in (Action.DELETE, Action.ERASE) or record.op is Op.REMOVE


def is_same(found: JsonObject, record: Record, name: str) -> bool:
    """Whether a record that was found by one identifier is the one that is meant."""
    held, ours = found.get(name), found.get(EXTERNAL_ID)
    is_ours = name == EXTERNAL_ID or not (ours and record.match.get(EXTERNAL_ID))
    return (
        is_ours
        and isinstance(held, str)
        and held.casefold() == record.match[name].casefold()
    )
