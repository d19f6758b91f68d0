"""Salesforce's own ids of records, looked up by the one field that they are found by."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from reverse_etl.destinations.json_answers import json_object
from reverse_etl.destinations.protocol import Batch
from reverse_etl.destinations.salesforce_rows import (
    DATA_PATH,
    FIELD_NAME,
    ID_FIELD,
    match_field,
)
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.modes import Action
from reverse_etl.transport import HttpClient
from warehouse.manifest import Json

_MAX_QUERY_LENGTH = 12_000
"""Of a URL's 16,384 characters, what a query may take once it is percent-encoded."""


def record_ids(client: HttpClient, batch: Batch) -> tuple[str | None, ...]:
    """Salesforce's id of each record of a batch, in order; None where it has no such one.

    The id that an earlier answer gave is taken as it is. Only for an erasure the record
    that has the identifier today comes first.

    Raises:
        FatalDeliveryError: See `match_field`; the field is not unique; or an answer is
            not what it should be.
    """
    name = match_field(batch)
    if name == ID_FIELD:
        return tuple(record.match[name] for record in batch.rows)
    is_erasure = batch.action is Action.ERASE
    unknown = {
        record.match[name]: None
        for record in batch.rows
        if is_erasure or record.dest_id is None
    }
    held = _look_up(client, batch.object, name, tuple(unknown))
    ids: list[str | None] = []
    for record in batch.rows:
        found = held.ids(record.match[name])
        if len(found) > 1:
            raise FatalDeliveryError(
                f"Several {batch.object} records in Salesforce have the same {name}, so "
                f"that sync '{batch.sync}' cannot tell which one is meant. Nothing was "
                "sent. Mark the field as External ID and Unique, and merge the records.",
                error_class=ErrorClass.CONFIG,
            )
        newest = next(iter(found), None)
        ids.append(newest if is_erasure and newest else record.dest_id or newest)
    return tuple(ids)


class _Held:
    """Ids of records by the value that they hold.

    Text compares without case, unless the field says otherwise: then the very value has a
    record of its own.
    """

    def __init__(self) -> None:
        self._exact: dict[str, set[str]] = {}
        self._folded: dict[str, set[str]] = {}

    def add(self, value: str, record_id: str) -> None:
        self._exact.setdefault(value, set()).add(record_id)
        self._folded.setdefault(value.casefold(), set()).add(record_id)

    def ids(self, value: str) -> set[str]:
        return self._exact.get(value) or self._folded.get(value.casefold(), set())


def _look_up(
    client: HttpClient, object_name: str, field: str, values: Sequence[str]
) -> _Held:
    held = _Held()
    for query in _queries(object_name, field, values):
        path: str | None = f"{DATA_PATH}/query?q={quote(query)}"
        while path is not None:
            response = client.request("GET", path, shown_path=f"{DATA_PATH}/query")
            body = json_object(response)
            records = body.get("records")
            if not isinstance(records, list):
                raise response.undocumented()
            for each in records:
                record_id, value = _id_and_value(each, field)
                if record_id is None or value is None:
                    raise response.undocumented()
                held.add(value, record_id)
            following = body.get("nextRecordsUrl")
            path = following if isinstance(following, str) else None
    return held


def _queries(object_name: str, field: str, values: Sequence[str]) -> Iterator[str]:
    """Searches in Salesforce's own language, SOQL, each short enough for an address."""
    of, held = _soql_name(object_name), _soql_name(field)
    head = " ".join(("SELECT", f"{ID_FIELD},", held, "FROM", of, "WHERE", held, "IN ("))
    texts: list[str] = []
    length = 0
    for value in values:
        text = _soql_text(value)
        if texts and length + len(quote(text)) > _MAX_QUERY_LENGTH:
            yield f"{head}{','.join(texts)})"
            texts, length = [], 0
        texts.append(text)
        length += len(quote(text)) + 3
    if texts:
        yield f"{head}{','.join(texts)})"


def _soql_name(name: str) -> str:
    """A name as SOQL takes it, where none can be quoted: a plain one."""
    if not FIELD_NAME.fullmatch(name):
        raise ValueError("what Salesforce is asked for has no plain name")
    return name


def _soql_text(value: str) -> str:
    """A text as SOQL takes it: in quotes, with a backslash before quotes in it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _id_and_value(record: Json, field: str) -> tuple[str | None, str | None]:
    if not isinstance(record, dict):
        return None, None
    record_id, value = record.get(ID_FIELD), record.get(field)
    return (
        record_id if isinstance(record_id, str) else None,
        value if isinstance(value, str) else None,
    )
