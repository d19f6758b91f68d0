"""Who is in a list of HubSpot's, which takes its own ids of records."""

from collections.abc import Sequence
from urllib.parse import quote

from reverse_etl.destinations.hubspot_lookup import record_ids
from reverse_etl.destinations.json_answers import json_object
from reverse_etl.destinations.protocol import Batch, BatchResult, RejectedRow
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action
from reverse_etl.transport import HttpClient


def change_list(client: HttpClient, batch: Batch) -> BatchResult:
    """Put the records of a batch into a list, or take them out."""
    ids = record_ids(client, batch, batch.settings.get("object_type", "contacts"))
    missing = {position for position, each in enumerate(ids) if each is None}
    if len(missing) < len(ids):
        missing |= _changed_list(client, batch, ids)
    rejected = [
        # Another sync may create the record before the next run.
        RejectedRow(position, ErrorClass.NOT_FOUND, is_retryable=True)
        for position in sorted(missing)
        if batch.action is Action.ADD
    ]
    return BatchResult(
        tuple(rejected),
        {
            position: record_id
            for position, record_id in enumerate(ids)
            if record_id is not None and position not in missing
        },
    )


def _changed_list(
    client: HttpClient, batch: Batch, ids: Sequence[str | None]
) -> set[int]:
    """Put records in, or take them out; positions of those that HubSpot lacks."""
    verb = "add" if batch.action is Action.ADD else "remove"
    list_id = quote(batch.settings["list_id"], safe="")
    response = client.request(
        "PUT",
        f"/crm/v3/lists/{list_id}/memberships/{verb}",
        body=[*dict.fromkeys(each for each in ids if each is not None)],
    )
    body = json_object(response)
    # The first name is spelt like that for lists, and the second for everything else.
    changed = (
        body.get("recordsIdsAdded", body.get("recordIdsAdded"))
        if batch.action is Action.ADD
        else body.get("recordIdsRemoved")
    )
    missing = body.get("recordIdsMissing")
    if not isinstance(changed, list) and not isinstance(missing, list):
        raise response.undocumented()
    absent = {str(each) for each in missing} if isinstance(missing, list) else set()
    return {position for position, each in enumerate(ids) if each in absent}
