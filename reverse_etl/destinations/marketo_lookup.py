"""Marketo's own ids of leads, which one value of a field may have several of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

from reverse_etl.destinations.marketo_answers import lead_id, next_page, results
from reverse_etl.destinations.marketo_rows import ID_FIELD, lookup_field
from reverse_etl.destinations.protocol import Record, RejectedRow
from reverse_etl.errors import ErrorClass
from reverse_etl.transport import HttpClient

MAX_ROWS = 300
_MAX_QUERY_CHARACTERS = 6_000


def lead_ids(
    client: HttpClient, records: Sequence[Record], *, looks_up_all: bool
) -> tuple[dict[int, list[int]], dict[int, RejectedRow]]:
    """Marketo's ids of the leads that records are about, by place; none, or several.

    Those without an id of an earlier answer are looked up. With `looks_up_all` so are
    the others: leads may have been merged since, or be there twice.
    """
    name = lookup_field(records)
    ids: dict[int, list[int]] = {}
    rejected: dict[int, RejectedRow] = {}
    unknown: dict[int, str] = {}
    for place, record in enumerate(records):
        value = record.match.get(name, "")
        ids[place] = [int(record.dest_id)] if record.dest_id else []
        if name == ID_FIELD and value.isdecimal():
            ids[place] = [int(value)]
        elif not ids[place] or looks_up_all:
            if value and "," not in value and name != ID_FIELD:
                unknown[place] = value
            elif not ids[place]:
                rejected[place] = RejectedRow(place, ErrorClass.INVALID_KEY, field=name)
    found = _looked_up(client, name, unknown.values()) if unknown else {}
    for place, value in unknown.items():
        others = found.get(value.casefold(), [])
        ids[place] += [each for each in others if each not in ids[place]]
    return ids, rejected


def _looked_up(
    client: HttpClient, name: str, values: Iterable[str]
) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for part in _parts_of_a_query(sorted(set(values))):
        query = {
            "filterType": name,
            "filterValues": ",".join(part),
            "fields": f"{ID_FIELD},{name}",
            "batchSize": str(MAX_ROWS),
        }
        token: str | None = None
        while True:
            if token is not None:
                query["nextPageToken"] = token
            response = client.request("GET", "/rest/v1/leads.json", query=query)
            for result in results(response):
                known, value = lead_id(result), result.get(name)
                if known is None:
                    raise response.undocumented()
                found.setdefault(str(value).casefold(), []).append(known)
            token = next_page(response)
            if token is None:
                break
    return found


def _parts_of_a_query(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Values in parts that fit into an address, at most 300 at a time."""
    for chunk in (values[i : i + MAX_ROWS] for i in range(0, len(values), MAX_ROWS)):
        part: list[str] = []
        size = 0
        for value in chunk:
            characters = len(quote(value, safe="")) + len("%2C")
            if part and size + characters > _MAX_QUERY_CHARACTERS:
                yield part
                part, size = [], 0
            part.append(value)
            size += characters
        yield part
