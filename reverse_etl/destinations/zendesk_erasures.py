"""Zendesk's erasures of users, each of which takes two requests."""

from collections.abc import Sequence

from reverse_etl.destinations.protocol import BatchResult, Record, RejectedRow
from reverse_etl.destinations.zendesk_answers import is_gone, named_id, refused_record
from reverse_etl.destinations.zendesk_lookup import find_user, rejected_rows
from reverse_etl.modes import Action
from reverse_etl.transport import HttpClient

ERASE_GROUP = "erase"


def erase_users(client: HttpClient, records: Sequence[Record]) -> BatchResult:
    """Erase the users whom records are about, one by one. Who is not there is erased."""
    rejected = []
    for position, record in enumerate(records):
        user_id, left_out = find_user(client, record, Action.ERASE)
        row = (
            _erase(client, user_id, position)
            if user_id
            else next(rejected_rows({position: left_out}), None)
        )
        if row is not None:
            rejected.append(row)
    return BatchResult(tuple(rejected))


def _erase(client: HttpClient, user_id: str, position: int) -> RejectedRow | None:
    """Delete a user, then what Zendesk keeps of a deleted one."""
    accepts = frozenset({404, 422})
    deleted = client.request("DELETE", f"/api/v2/users/{user_id}", accepts=accepts)
    if (
        not is_gone(deleted)
        and deleted.status < 400
        and named_id(deleted, "user") != user_id
    ):
        raise deleted.undocumented()
    erased = client.request(
        "DELETE",
        f"/api/v2/deleted_users/{user_id}",
        group=ERASE_GROUP,
        accepts=accepts,
    )
    if not is_gone(erased) and erased.status < 400:
        if named_id(erased, "deleted_user") != user_id:
            raise erased.undocumented()
        return None
    refusing = next((each for each in (deleted, erased) if each.status == 422), None)
    return None if refusing is None else refused_record(refusing, position)
