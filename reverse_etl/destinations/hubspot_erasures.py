"""HubSpot's erasures of contacts: one request for each identifier."""

from reverse_etl.destinations.hubspot_answers import is_said_by_hubspot
from reverse_etl.destinations.hubspot_lookup import EMAIL, record_ids
from reverse_etl.destinations.hubspot_rows import match_property
from reverse_etl.destinations.protocol import Batch, BatchResult
from reverse_etl.transport import HttpClient, Response
from warehouse.manifest import Json


def erase(client: HttpClient, batch: Batch) -> BatchResult:
    """One request for each identifier: by address, which also bars it, and by id."""
    name = match_property(batch)
    ids = (
        [record.dest_id for record in batch.rows]
        if name == EMAIL
        else record_ids(client, batch, batch.object)
    )
    for record, record_id in zip(batch.rows, ids, strict=True):
        if name == EMAIL:
            _forget(client, {"objectId": record.match[name], "idProperty": EMAIL})
        if record_id is not None:
            _forget(client, {"objectId": record_id})
    return BatchResult()


def _forget(client: HttpClient, body: dict[str, Json]) -> None:
    response = client.request(
        "POST",
        "/crm/v3/objects/contacts/gdpr-delete",
        body=body,
        accepts=frozenset({404}),
    )
    if response.status != 404:
        check_done(response)
    elif not is_said_by_hubspot(response):
        raise response.undocumented()


def check_done(response: Response) -> None:
    """Make sure that it is the answer of a success, which says nothing.

    Raises:
        FatalDeliveryError: It is not.
    """
    if response.status != 204:
        raise response.undocumented()
