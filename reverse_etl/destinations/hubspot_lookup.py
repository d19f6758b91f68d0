"""HubSpot's own ids of records, by the property that the records are found by."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from reverse_etl.destinations.hubspot_rows import RECORD_ID, match_property
from reverse_etl.destinations.json_answers import json_object
from reverse_etl.destinations.protocol import Batch
from reverse_etl.modes import Action
from reverse_etl.transport import HttpClient, Response
from warehouse.manifest import Json

EMAIL = "email"
_OTHER_EMAILS = "hs_additional_emails"


def post(
    client: HttpClient,
    object_type: str,
    verb: str,
    body: dict[str, Json],
    *,
    accepts: frozenset[int] = frozenset(),
) -> Response:
    """One request of the CRM objects API for a batch of records."""
    path = f"/crm/v3/objects/{quote(object_type, safe='')}/batch/{verb}"
    return client.request("POST", path, body=body, accepts=accepts)


def record_ids(
    client: HttpClient, batch: Batch, object_type: str
) -> Sequence[str | None]:
    """HubSpot's id of each record, in order; None where it has no such one."""
    name = match_property(batch)
    if name == RECORD_ID:
        return [record.match[name] for record in batch.rows]
    # To erase takes the record that has the identifier today.
    is_fresh = batch.action is Action.ERASE
    unknown = {
        record.match[name].casefold(): record.match[name]
        for record in batch.rows
        if is_fresh or record.dest_id is None
    }
    found = _look_up(client, object_type, name, [*unknown.values()]) if unknown else {}
    ids: list[str | None] = []
    for record in batch.rows:
        held = found.get(record.match[name].casefold())
        ids.append(held or record.dest_id if is_fresh else record.dest_id or held)
    return ids


def _look_up(
    client: HttpClient, object_type: str, name: str, values: Sequence[str]
) -> Mapping[str, str]:
    """Record ids by value in small letters. A contact has every address it ever had."""
    inputs: list[Json] = [{"id": value} for value in values]
    names: list[Json] = [name, _OTHER_EMAILS] if name == EMAIL else [name]
    response = post(
        client,
        object_type,
        "read",
        {"idProperty": name, "properties": names, "inputs": inputs},
    )
    results = json_object(response).get("results")
    if not isinstance(results, list):
        raise response.undocumented()
    found: dict[str, str] = {}
    for result in results:
        record_id = result.get("id") if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(record_id, str):
            raise response.undocumented()
        held = held_value(result, name)
        others = held_value(result, _OTHER_EMAILS) if name == EMAIL else None
        for value in (held, *(others or "").split(";")):
            if value:
                found.setdefault(value.strip(), record_id)
    return found


def held_value(result: Mapping[str, Json], name: str) -> str | None:
    """A result's value of a property, in small letters, as HubSpot compares it."""
    properties = result.get("properties")
    value = properties.get(name) if isinstance(properties, dict) else None
    return value.casefold() if isinstance(value, str) else None
