"""Which user of Zendesk a record is about, and why there may be none to speak of."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from reverse_etl.destinations.protocol import Record, RejectedRow
from reverse_etl.destinations.zendesk_answers import named_objects, record_id
from reverse_etl.destinations.zendesk_objects import EMAIL, EXTERNAL_ID
from reverse_etl.destinations.zendesk_rows import is_same, is_to_leave
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action
from reverse_etl.transport import HttpClient

_DONE = "d"
_NOT_FOUND = "n"
_AMBIGUOUS = "a"

LEFT_OUT: Mapping[str, tuple[ErrorClass, str]] = {
    _NOT_FOUND: (ErrorClass.NOT_FOUND, "NotFound"),
    _AMBIGUOUS: (ErrorClass.CONFLICT, "several_users"),
}
"""Refusals by reason. A record without a user for another reason is done already."""


class Lookup(NamedTuple):
    """The id of the user whom a record is about, or why there is none: see `LEFT_OUT`."""

    user_id: str | None
    left_out: str = ""


def find_user(client: HttpClient, record: Record, action: Action) -> Lookup:
    """The user of a record: by an earlier answer, by our id, by the address.

    The address finds only a user without an id of ours, and only by its first
    address: a user who has it as another one may be somebody else.
    """
    if record.dest_id:
        return Lookup(record.dest_id)
    for name in (EXTERNAL_ID, EMAIL):
        wanted = record.match.get(name)
        if not wanted:
            continue
        response = client.request(
            "GET", "/api/v2/users/search", query=_query(name, wanted)
        )
        users = named_objects(response, "users")
        same = [each for each in users if is_same(each, record, name)]
        if len(same) == 1:
            return Lookup(record_id(same[0]))
        if users:
            return Lookup(None, _AMBIGUOUS)
    return Lookup(None, _DONE if is_to_leave(record, action) else _NOT_FOUND)


def _query(name: str, wanted: str) -> Mapping[str, str]:
    if name == EXTERNAL_ID:
        return {EXTERNAL_ID: wanted}
    quoted = wanted.replace("\\", "").replace('"', "")
    return {"query": f'email:"{quoted}"'}


def rejected_rows(left_out: Mapping[int, str]) -> Iterator[RejectedRow]:
    """Rows that are refused, of those that were left out: reasons by their places."""
    for position, reason in left_out.items():
        if reason in LEFT_OUT:
            error_class, code = LEFT_OUT[reason]
            yield RejectedRow(position, error_class, code=code)
