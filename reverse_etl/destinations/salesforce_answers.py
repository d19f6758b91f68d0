"""What Salesforce's answers mean: results of records, refusals by code, its quota. Pure."""

import re
from collections.abc import Mapping, Sequence

from reverse_etl.destinations.json_answers import first_object, in_order
from reverse_etl.destinations.protocol import Batch, BatchResult, RejectedRow
from reverse_etl.destinations.salesforce_rows import (
    error_class_of,
    is_code,
    refused_row,
)
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.modes import Action
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

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_QUOTA_RESUME_S = 3_600.0
"""The quota is that of the last 24 hours, so that some of it comes back all the time."""

_CONFIG_CODES = frozenset({"INVALID_TYPE", "NOT_FOUND"})
_PERMISSION_CODES = frozenset({"FEATURENOTENABLED", "INSUFFICIENT_ACCESS"})


def read_results(
    response: Response, batch: Batch, positions: Sequence[int]
) -> BatchResult:
    """One result for each record, in the order of the request, whatever the status.

    Args:
        response: The answer.
        batch: The batch.
        positions: Places in it of the records that were sent, in the request's order.

    Raises:
        FatalDeliveryError: It does not account for each of them.
    """
    results = response.json()
    if not isinstance(results, list) or len(results) != len(positions):
        raise response.undocumented()
    rejected: list[RejectedRow] = []
    dest_ids: dict[int, str] = {}
    for position, result in zip(positions, results, strict=True):
        is_success = result.get("success") if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(is_success, bool):
            raise response.undocumented()
        record_id = result.get("id")
        if not is_success:
            refused = refused_row(batch, position, *_code_and_field(result))
            rejected += [] if refused is None else [refused]
        elif isinstance(record_id, str) and batch.action is not Action.DELETE:
            dest_ids[position] = record_id
    return BatchResult(in_order(rejected), dest_ids)


def _code_and_field(result: Mapping[str, Json]) -> tuple[str | None, str | None]:
    first = first_object(result.get("errors")) or {}
    code, fields = first.get("statusCode"), first.get("fields")
    field = fields[0] if isinstance(fields, list) and fields else None
    return (
        code if isinstance(code, str) else None,
        field if isinstance(field, str) else None,
    )


def read(response: Response) -> Reading | None:
    """Refusals are a list of codes; what they mean does not follow from the status."""
    if response.status not in (400, 403, 404):
        return None
    code, message = _first_error(response)
    known = code if is_code(code) else None
    if code == "REQUEST_LIMIT_EXCEEDED":
        # The same code stands for too many at once, and for too many in a day.
        is_at_once = message.startswith("Concurrent")
        return Throttled() if is_at_once else OutOfQuota(_QUOTA_RESUME_S)
    if code in _PERMISSION_CODES:
        return Stopped(ErrorClass.PERMISSION, known)
    if response.status != 400 or "/jobs/ingest/" in response.place:
        # `salesforce_bulk` reads the refusals of a job that is there by itself.
        return None
    if code in _CONFIG_CODES or response.place.endswith("/jobs/ingest"):
        # A job is refused for what it is; its rows are not there yet.
        return Stopped(ErrorClass.CONFIG, known)
    return Refused(known, error_class_of(code))


def _first_error(response: Response) -> tuple[str, str]:
    try:
        body = response.json()
    except FatalDeliveryError:
        return "", ""
    first = first_object(body) or {}
    return str(first.get("errorCode", "")), str(first.get("message", ""))


def read_feedback(response: Response) -> Feedback | None:
    """`Sforce-Limit-Info: api-usage=18/5000`: used and allowed in 24 hours."""
    found = _USAGE.search(response.headers.get("sforce-limit-info", ""))
    if found is None:
        return None
    used, allowed = int(found.group(1)), int(found.group(2))
    return Feedback(is_throttled=False, remaining=max(0, allowed - used))
