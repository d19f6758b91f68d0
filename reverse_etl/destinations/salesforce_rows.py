"""What both ways of writing to Salesforce share: ids of records, and codes of refusals.

How records travel is `salesforce` (JSON, up to 200 at once) and `salesforce_bulk` (CSV).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from reverse_etl.destinations.protocol import Batch, Record, RejectedRow
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpClient
from warehouse.manifest import Json

DATA_PATH = "/services/data/v64.0"
ID_FIELD = "Id"
REMOVALS = frozenset({Action.DELETE, Action.ERASE})
BY_ID = frozenset({Action.UPDATE, *REMOVALS})
"""Actions for which Salesforce wants its own record id."""

_FIELD_NAME = re.compile(r"[A-Za-z]\w{0,99}")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,79}")
_MAX_QUERY_LENGTH = 12_000
"""Of a URL's 16,384 characters, what a query may take once it is percent-encoded."""

_OPT_OUTS = frozenset({"DoNotCall", "HasOptedOutOfEmail", "HasOptedOutOfFax"})
"""Standard fields of contacts and leads by which a person has said no."""

_NEVER_EMPTY = frozenset({"CloseDate", "Company", "LastName", "Name", "StageName"})
"""Standard fields that Salesforce lets nobody empty, on the objects that have them."""

_GONE = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"})
_RETRYABLE = frozenset(
    {
        "QUERY_TIMEOUT",
        "REQUEST_RUNNING_TOO_LONG",
        "SERVER_UNAVAILABLE",
        "TXN_SECURITY_METERING_ERROR",
        "UNABLE_TO_LOCK_ROW",
    }
)
_ERROR_CLASSES: Mapping[str, ErrorClass] = {
    **dict.fromkeys(_RETRYABLE, ErrorClass.TRANSIENT),
    **dict.fromkeys(_GONE, ErrorClass.NOT_FOUND),
    **dict.fromkeys(
        (
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "FIELD_FILTER_VALIDATION_EXCEPTION",
            "FIELD_INTEGRITY_EXCEPTION",
            "INVALID_EMAIL_ADDRESS",
            "INVALID_FIELD",
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            "JSON_PARSER_ERROR",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "REQUIRED_FIELD_MISSING",
            "STRING_TOO_LONG",
        ),
        ErrorClass.INVALID_FIELD,
    ),
    **dict.fromkeys(
        ("DUPLICATES_DETECTED", "DUPLICATE_EXTERNAL_ID", "DUPLICATE_VALUE"),
        ErrorClass.CONFLICT,
    ),
    **dict.fromkeys(
        ("INVALID_ID_FIELD", "MALFORMED_ID", "MISSING_ARGUMENT"), ErrorClass.INVALID_KEY
    ),
}


def match_field(batch: Batch) -> str:
    """The one field that the batch's records are found by.

    Raises:
        FatalDeliveryError: There are several, or it has no name that a field can have.
    """
    names = {name for record in batch.rows for name in record.match}
    (name, *others) = sorted(names)
    if others or not _FIELD_NAME.fullmatch(name):
        raise FatalDeliveryError(
            f"Sync '{batch.sync}' has {', '.join(sorted(names))} under 'match'. "
            "Salesforce finds a record by one field: an external id that is unique, or "
            "Id. Nothing was sent. Name one field.",
            error_class=ErrorClass.CONFIG,
        )
    return name


def fields_of(batch: Batch, record: Record) -> Mapping[str, Json]:
    """What is written of a record: an opt-out is set, and never taken back.

    A record that is to be cleared keeps what cannot be empty, rather than everything.

    Raises:
        FatalDeliveryError: The mapping would take one back.
    """
    opt_outs = [name for name in record.fields if name in _OPT_OUTS]
    for name in opt_outs:
        if record.fields[name] not in (True, None):
            raise FatalDeliveryError(
                f"Sync '{batch.sync}' would set {name} to something else than true, which "
                "takes back what a person has said no to. Nothing of the batch was sent. "
                "Map a column that is true or null.",
                error_class=ErrorClass.CONFIG,
            )
    kept = _OPT_OUTS | _NEVER_EMPTY if record.op is Op.REMOVE else _OPT_OUTS
    return {
        name: value
        for name, value in record.fields.items()
        if value is not None or name not in kept
    }


def error_class_of(code: str) -> ErrorClass:
    """What kind of refusal a code is."""
    return _ERROR_CLASSES.get(code, ErrorClass.OTHER)


def refused_row(
    batch: Batch, position: int, code: str | None, field: str | None
) -> RejectedRow | None:
    """A row that was refused; None for the removal of what is gone already."""
    if code is None or not is_code(code):
        return RejectedRow(position, ErrorClass.OTHER)
    if is_removal(batch, position) and code in _GONE:
        return None
    return RejectedRow(
        position,
        error_class_of(code),
        code=code,
        field=field if field and _FIELD_NAME.fullmatch(field) else None,
        is_retryable=code in _RETRYABLE,
    )


def is_code(text: str) -> bool:
    """Whether it is one of Salesforce's codes, and not a sentence."""
    return _CODE.fullmatch(text) is not None


def is_removal(batch: Batch, position: int) -> bool:
    """Whether it is well when a row's record is not there."""
    return batch.action in REMOVALS or batch.rows[position].op is Op.REMOVE


def missing_rows(batch: Batch, ids: Sequence[str | None]) -> tuple[RejectedRow, ...]:
    """Rows whose record should be there and is not."""
    return tuple(
        RejectedRow(position, ErrorClass.NOT_FOUND)
        for position, record_id in enumerate(ids)
        if record_id is None and not is_removal(batch, position)
    )


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


def by_parent(rows: Sequence[Record]) -> Sequence[int]:
    """Positions of rows, those with the same parents next to each other.

    Salesforce locks the parent while it writes a child, so that neighbours share the lock.
    """
    return sorted(
        range(len(rows)), key=lambda place: sorted(rows[place].associations.items())
    )


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
            body = response.json()
            records = body.get("records") if isinstance(body, dict) else None
            if not isinstance(body, dict) or not isinstance(records, list):
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
    if not _FIELD_NAME.fullmatch(name):
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
