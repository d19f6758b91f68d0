"""What Salesforce is told of a row, and what the codes of its refusals mean. Pure.

How records travel is `salesforce` (JSON, up to 200 at once) and `salesforce_bulk` (CSV).
"""

import re
from collections.abc import Mapping, Sequence

from reverse_etl.destinations.protocol import Batch, Record, RejectedRow
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.modes import Action, Op
from warehouse.manifest import Json

DATA_PATH = "/services/data/v64.0"
ID_FIELD = "Id"
REMOVALS = frozenset({Action.DELETE, Action.ERASE})
BY_ID = frozenset({Action.UPDATE, *REMOVALS})
"""Actions for which Salesforce wants its own record id."""

FIELD_NAME = re.compile(r"[A-Za-z]\w{0,99}")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,79}")

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
    if others or not FIELD_NAME.fullmatch(name):
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
        field=field if field and FIELD_NAME.fullmatch(field) else None,
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


def by_parent(rows: Sequence[Record]) -> Sequence[int]:
    """Positions of rows, those with the same parents next to each other.

    Salesforce locks the parent while it writes a child, so that neighbours share the lock.
    """
    return sorted(
        range(len(rows)), key=lambda place: sorted(rows[place].associations.items())
    )
