"""What Marketo does by its own ids of leads: deletions, and who is in a list.

A row may stand for several leads, and is refused when one of them is.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from reverse_etl.destinations.marketo_answers import (
    LEAD_NOT_FOUND,
    Result,
    refused_with,
    rejected_row,
    results_by_id,
)
from reverse_etl.destinations.marketo_lookup import MAX_ROWS, lead_ids
from reverse_etl.destinations.marketo_requests import send
from reverse_etl.destinations.marketo_rows import ID_FIELD, batch_result, is_done
from reverse_etl.destinations.protocol import Batch, BatchResult, RejectedRow
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action
from reverse_etl.transport import HttpClient


def delete_leads(client: HttpClient, batch: Batch) -> BatchResult:
    """Delete the leads of a batch; an erasure takes every one that may be meant."""
    is_erasure = batch.action is Action.ERASE
    ids, rejected = lead_ids(client, batch.rows, looks_up_all=is_erasure)
    for place, found in ids.items():
        if len(found) > 1 and not is_erasure:
            rejected[place] = _several_leads(place)
    _each(
        client, ids, rejected, batch, method="POST", path="/rest/v1/leads/delete.json"
    )
    return batch_result(rejected)


def change_list(client: HttpClient, batch: Batch) -> BatchResult:
    """Put the leads of a batch into a list, or take them out."""
    is_removal = batch.action is Action.REMOVE
    ids, rejected = lead_ids(client, batch.rows, looks_up_all=is_removal)
    if not is_removal:
        for place, found in ids.items():
            if len(found) > 1:
                rejected[place] = _several_leads(place)
            elif not found and place not in rejected:
                rejected[place] = RejectedRow(
                    place,
                    ErrorClass.NOT_FOUND,
                    code=LEAD_NOT_FOUND,
                    is_retryable=True,
                )
    path = f"/rest/v1/lists/{batch.settings['list_id']}/leads.json"
    method = "DELETE" if is_removal else "POST"
    _each(client, ids, rejected, batch, method=method, path=path)
    return batch_result(
        rejected,
        {
            place: str(found[0])
            for place, found in ids.items()
            if not is_removal and len(found) == 1
        },
    )


def _each(
    client: HttpClient,
    ids: Mapping[int, Sequence[int]],
    rejected: dict[int, RejectedRow],
    batch: Batch,
    *,
    method: str,
    path: str,
) -> None:
    """Send the leads of all places not yet rejected, and reject those refused."""
    wanted = sorted(
        {
            each
            for place, found in ids.items()
            if place not in rejected
            for each in found
        }
    )
    refused: dict[int, tuple[str, Result]] = {}
    for start in range(0, len(wanted), MAX_ROWS):
        part = wanted[start : start + MAX_ROWS]
        # Taking out of a list wants the ids behind the question mark too.
        query = f"?{urlencode([(ID_FIELD, each) for each in part])}"
        response = send(
            client,
            method,
            f"{path}{query if method == 'DELETE' else ''}",
            {"input": [{ID_FIELD: each} for each in part]},
        )
        for each, result in results_by_id(response, part).items():
            code = refused_with(result, response)
            if code is not None:
                refused[each] = code, result
    for place, found in ids.items():
        for each in found:
            if each in refused and place not in rejected:
                code, result = refused[each]
                if not is_done(code, batch.rows[place], batch.action):
                    rejected[place] = rejected_row(place, code, result)


def _several_leads(place: int) -> RejectedRow:
    return RejectedRow(place, ErrorClass.CONFLICT, code="several_leads")
