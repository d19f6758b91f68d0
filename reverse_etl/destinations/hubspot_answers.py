"""What HubSpot's answers say about the rows of a batch. Pure.

A batch is answered with `results` and, in a 207, `errors`. Both name a row by the trace id
that it was sent with; where that is missing, by what it was found by.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reverse_etl.destinations.json_answers import json_object, json_object_or_none
from reverse_etl.destinations.limit_headers import header_number, requests_left
from reverse_etl.destinations.protocol import BatchResult, Record, RejectedRow
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Op
from reverse_etl.transport import (
    Feedback,
    OutOfQuota,
    Reading,
    Refused,
    Response,
    Stopped,
    Throttled,
)
from warehouse.manifest import Json

TRACE_ID = "objectWriteTraceId"
NO_SUCH_PROPERTY = "PROPERTY_DOESNT_EXIST"

_CATEGORY = re.compile(r"[A-Z][A-Z0-9_]{1,79}")
_QUOTA_RESUME_S = 3_600.0
"""The day ends at midnight of the account's time zone, which no answer tells."""

_LOCK_S = 2.0
_RETRYABLE = frozenset({"INTERNAL_ERROR", "RATE_LIMITS", "SERVICE_UNAVAILABLE"})
_ERROR_CLASSES: Mapping[str, ErrorClass] = {
    **dict.fromkeys(_RETRYABLE, ErrorClass.TRANSIENT),
    "CONFLICT": ErrorClass.CONFLICT,
    "OBJECT_ALREADY_EXISTS": ErrorClass.CONFLICT,
    "OBJECT_NOT_FOUND": ErrorClass.NOT_FOUND,
    "VALIDATION_ERROR": ErrorClass.INVALID_FIELD,
    "INVALID_EMAIL": ErrorClass.INVALID_FIELD,
}


@dataclass(frozen=True, slots=True)
class SentRows:
    """The rows of one request, and how an answer may name them.

    Attributes:
        rows: All rows of the batch.
        positions: Those of them that were sent; each one's trace id is its position.
        by_key: Position by what a row is found by, in small letters.
        key_of: What a result is found by, for want of a trace id.
        drops_missing: Whether a record that is not there may be left out of a 207.
    """

    rows: Sequence[Record]
    positions: frozenset[int]
    by_key: Mapping[str, int]
    key_of: Callable[[Mapping[str, Json]], str | None]
    drops_missing: bool = False

    def by_trace(self, trace: Json) -> int | None:
        """The row with a trace id."""
        if not isinstance(trace, str) or not trace.isdecimal():
            return None
        return int(trace) if int(trace) in self.positions else None


def read_batch(response: Response, sent: SentRows) -> BatchResult:
    """What became of every row that was sent.

    Raises:
        FatalDeliveryError: The answer does not account for each of them once.
    """
    body = json_object(response)
    results, errors = body.get("results"), body.get("errors") or []
    if not isinstance(results, list) or not isinstance(errors, list):
        raise response.undocumented()
    rejected = dict(_rejected(response, errors, sent))
    dest_ids: dict[int, str] = {}
    unplaced = 0
    for result in results:
        record_id = result.get("id") if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(record_id, str):
            raise response.undocumented()
        position = sent.by_trace(result.get(TRACE_ID))
        if position is None:
            position = sent.by_key.get(sent.key_of(result) or "")
        if position is None:
            unplaced += 1
        elif position in rejected or position in dest_ids:
            raise response.undocumented()
        else:
            dest_ids[position] = record_id
    left = sent.positions - set(rejected) - set(dest_ids)
    if len(left) != unplaced:
        if response.status != 207 or unplaced or not sent.drops_missing:
            raise response.undocumented()
        rejected |= {
            position: RejectedRow(position, ErrorClass.NOT_FOUND)
            for position in left
            if sent.rows[position].op is not Op.REMOVE
        }
    return BatchResult(
        tuple(rejected[position] for position in sorted(rejected)), dest_ids
    )


def _rejected(
    response: Response, errors: Sequence[Json], sent: SentRows
) -> Iterator[tuple[int, RejectedRow]]:
    for error in errors:
        if not isinstance(error, dict):
            raise response.undocumented()
        context = error.get("context")
        context = context if isinstance(context, dict) else {}
        traces = [error.get(TRACE_ID), *_texts(context.get(TRACE_ID))]
        ids = [*_texts(context.get("ids")), *_texts(context.get("id"))]
        positions = {
            *(sent.by_trace(trace) for trace in traces if trace is not None),
            *(sent.by_key.get(each.casefold()) for each in ids),
        }
        found = positions - {None}
        if not found or found != positions:
            raise response.undocumented()
        for position in found:
            if position is not None:
                names = _texts(context.get("propertyName"))
                yield (
                    position,
                    _rejected_row(sent.rows[position], position, error, names),
                )


def _rejected_row(
    record: Record, position: int, error: Mapping[str, Json], names: Sequence[str]
) -> RejectedRow:
    code = category_of(error)
    return RejectedRow(
        position,
        _ERROR_CLASSES.get(code or "", ErrorClass.OTHER),
        code=code,
        field=next((name for name in names if name in record.fields), None),
        is_retryable=code in _RETRYABLE,
    )


def category_of(error: Mapping[str, Json]) -> str | None:
    """HubSpot's own word for what went wrong; None where it is no word."""
    category = error.get("category")
    is_word = isinstance(category, str) and _CATEGORY.fullmatch(category)
    return str(category) if is_word else None


def is_said_by_hubspot(response: Response) -> bool:
    """Whether a refusal is HubSpot's own, and not that of something in between."""
    return category_of(json_object_or_none(response) or {}) is not None


def read_status(response: Response) -> Reading | None:
    """What an answer means where its status alone does not tell."""
    match response.status:
        case 429:
            return _throttled(response)
        case 423:
            return Throttled(_LOCK_S)
        case 477:
            # The account is being moved to another data centre, for up to a day.
            return OutOfQuota(_QUOTA_RESUME_S)
        case 400 if NO_SUCH_PROPERTY.encode() in response.content:
            return Stopped(ErrorClass.CONFIG, NO_SUCH_PROPERTY)
        case 409 if response.place.endswith("/batch/create"):
            # Records that are there already; `hubspot` finds out which.
            return None
        case 400 | 409:
            # One row is enough for a refusal of all of them.
            code = category_of(json_object_or_none(response) or {})
            default = (
                ErrorClass.CONFLICT if response.status == 409 else ErrorClass.OTHER
            )
            return Refused(code, _ERROR_CLASSES.get(code or "", default))
        case 403:
            return Stopped(
                ErrorClass.PERMISSION,
                category_of(json_object_or_none(response) or {}),
            )
        case _:
            return None


def _throttled(response: Response) -> Reading:
    """The body names the limit: that of a day, of ten seconds, or of one."""
    policy = (json_object_or_none(response) or {}).get("policyName")
    if policy == "DAILY":
        return OutOfQuota(_QUOTA_RESUME_S)
    if "retry-after" in response.headers:
        return Throttled()
    return Throttled(1.0 if policy == "SECONDLY" else 10.0)


def read_feedback(response: Response) -> Feedback | None:
    """Requests left of the ten seconds (or the one) that count."""
    interval_ms = header_number(response, "x-hubspot-ratelimit-interval-milliseconds")
    return requests_left(
        response,
        "x-hubspot-ratelimit-remaining",
        reset_s=None if interval_ms is None else interval_ms / 1000,
    )


def _texts(value: Json) -> list[str]:
    if isinstance(value, str):
        return [value]
    return (
        [each for each in value if isinstance(each, str)]
        if isinstance(value, list)
        else []
    )
