"""Klaviyo's own ids of profiles, and lists that it answers in pages."""

import json
from collections.abc import Iterator, Mapping, Sequence

from reverse_etl.destinations.json_answers import json_object
from reverse_etl.destinations.klaviyo_answers import IDENTIFIERS, folded
from reverse_etl.destinations.protocol import Record, key_of
from reverse_etl.transport import HttpClient
from warehouse.manifest import Json

_MAX_LOOKED_UP = 50


def profile_ids(
    client: HttpClient, records: Sequence[Record], *, is_known_trusted: bool
) -> dict[int, str]:
    """Klaviyo's id of each record that it has, by position.

    Args:
        client: The connection.
        records: The batch.
        is_known_trusted: Whether ids of earlier answers are taken as they are. A profile
            may have been deleted or merged since.
    """
    ids: dict[int, str] = {}
    wanted: dict[str, dict[str, list[int]]] = {}
    for position, record in enumerate(records):
        if is_known_trusted and record.dest_id:
            ids[position] = record.dest_id
            continue
        name, value = key_of(record, *IDENTIFIERS)
        by_value = wanted.setdefault(name, {})
        by_value.setdefault(folded(name, value), []).append(position)
    for name, by_value in wanted.items():
        values = list(by_value)
        for start in range(0, len(values), _MAX_LOOKED_UP):
            piece = values[start : start + _MAX_LOOKED_UP]
            listed = json.dumps(piece, ensure_ascii=False, separators=(",", ":"))
            query = {
                "filter": f"any({name},{listed})",
                "fields[profile]": name,
                "page[size]": "100",
            }
            for found in pages(client, "/api/profiles", query, "profiles"):
                profile_id, attributes = found.get("id"), found.get("attributes")
                if isinstance(profile_id, str) and isinstance(attributes, dict):
                    value = str(attributes.get(name) or "")
                    for position in by_value.get(folded(name, value), ()):
                        ids.setdefault(position, profile_id)
    return ids


def pages(
    client: HttpClient, path: str, query: Mapping[str, str], group: str
) -> Iterator[dict[str, Json]]:
    """Every element of a list that is answered in pages, in the list's order.

    Raises:
        FatalDeliveryError: A page is not one.
    """
    page: str | None = path
    asked: Mapping[str, str] | None = query or {"page[size]": "100"}
    while page is not None:
        response = client.request("GET", page, query=asked, group=group)
        body = json_object(response)
        data = body.get("data")
        if not isinstance(data, list):
            raise response.undocumented()
        for element in data:
            if not isinstance(element, dict):
                raise response.undocumented()
            yield element
        links = body.get("links")
        following = links.get("next") if isinstance(links, dict) else None
        page = following if isinstance(following, str) and following else None
        asked = None
