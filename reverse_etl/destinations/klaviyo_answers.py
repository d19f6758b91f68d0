"""What Klaviyo's answers mean: a job that was started, and the rows that it refused. Pure.

A refusal of a whole import points at rows by their place in it; an error of a job that ran
quotes the profile, which is found again by its identifiers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from reverse_etl.destinations.json_answers import json_object
from reverse_etl.destinations.limit_headers import header_number, requests_left
from reverse_etl.destinations.protocol import BatchResult, Record, RejectedRow
from reverse_etl.errors import BatchRefusedError, ErrorClass
from reverse_etl.transport import Feedback, Response
from warehouse.manifest import Json

IDENTIFIERS = ("email", "phone_number", "external_id")
_ROW_POINTER = re.compile(r"/data/attributes/profiles/data/(\d+)(?:/(.*))?")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")


def attributes_of(response: Response) -> Mapping[str, Json]:
    """The attributes of the one thing that an answer is about.

    Raises:
        FatalDeliveryError: It has none.
    """
    data = json_object(response).get("data")
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(attributes, dict):
        raise response.undocumented()
    return attributes


def started_job(response: Response, count: int) -> str:
    """The id of a job that has taken on every profile that was sent.

    Raises:
        FatalDeliveryError: There is no such job.
    """
    data = json_object(response).get("data")
    job_id = data.get("id") if isinstance(data, dict) else None
    if (
        response.status != 202
        or not isinstance(job_id, str)
        or attributes_of(response).get("total_count") != count
    ):
        raise response.undocumented()
    return job_id


def refused_rows(response: Response, positions: Sequence[int]) -> Iterator[RejectedRow]:
    """Rows that a refusal of the whole import points at, each once.

    Raises:
        BatchRefusedError: It does not point at rows.
    """
    body = response.json()
    errors = body.get("errors") if isinstance(body, dict) else None
    rows: dict[int, RejectedRow] = {}
    for error in errors if isinstance(errors, list) else ():
        pointed = _ROW_POINTER.fullmatch(_pointer(error))
        if pointed is None or int(pointed[1]) >= len(positions):
            rows.clear()
            break
        position = positions[int(pointed[1])]
        rows.setdefault(position, _rejected_row(position, error))
    if not rows:
        raise BatchRefusedError("Klaviyo refused an import as a whole.", code="400")
    yield from rows.values()


def with_errors(
    rejected: Sequence[RejectedRow],
    errors: Sequence[dict[str, Json]],
    failed_count: int,
    records: Sequence[Record],
) -> BatchResult:
    """The result of a job with errors, which quote the payload that is not taken.

    Args:
        rejected: Rows that were refused before the job.
        errors: The job's own.
        failed_count: How many profiles failed, as the job says.
        records: The batch. Rows are found again by their identifiers in a payload.
    """
    by_identifier: dict[tuple[str, str], list[int]] = {}
    for position, record in enumerate(records):
        for name, value in record.match.items():
            by_identifier.setdefault((name, folded(name, value)), []).append(position)
    rows = {row.position: row for row in rejected}
    nameless = 0
    for error in errors:
        positions = _positions(error, by_identifier)
        nameless += not positions
        for position in positions:
            rows.setdefault(position, _rejected_row(position, error))
    named = len(rows) - len(rejected)
    return BatchResult(
        tuple(rows[position] for position in sorted(rows)),
        uncounted_failures=min(nameless, max(0, failed_count - named)),
    )


def _positions(
    error: dict[str, Json], by_identifier: Mapping[tuple[str, str], list[int]]
) -> Sequence[int]:
    attributes = error.get("attributes")
    payload = (
        attributes.get("original_payload") if isinstance(attributes, dict) else None
    )
    # The payload is the profile, or its attributes alone.
    while isinstance(payload, dict):
        for name in IDENTIFIERS:
            value = payload.get(name)
            found = by_identifier.get((name, folded(name, str(value or ""))))
            if found:
                return found
        payload = payload.get("data", payload.get("attributes"))
    return ()


def _pointer(error: Json) -> str:
    described = error.get("attributes", error) if isinstance(error, dict) else None
    source = described.get("source") if isinstance(described, dict) else None
    pointer = source.get("pointer") if isinstance(source, dict) else None
    return pointer if isinstance(pointer, str) else ""


def _rejected_row(position: int, error: Json) -> RejectedRow:
    described = error.get("attributes", error) if isinstance(error, dict) else None
    code = described.get("code") if isinstance(described, dict) else None
    code = code if isinstance(code, str) and _NAME.fullmatch(code) else None
    last = _pointer(error).rpartition("/")[2]
    is_field = _NAME.fullmatch(last) and last not in ("data", "attributes")
    field = last if is_field else None
    if code is not None and "duplicate" in code:
        error_class = ErrorClass.CONFLICT
    elif field in IDENTIFIERS:
        error_class = ErrorClass.INVALID_KEY
    elif field is not None or code == "invalid":
        error_class = ErrorClass.INVALID_FIELD
    else:
        error_class = ErrorClass.OTHER
    return RejectedRow(position, error_class, code, field)


def folded(name: str, value: str) -> str:
    """Addresses are the same in any case; Klaviyo keeps them in lower case."""
    return value.lower() if name == "email" else value


def read_feedback(response: Response) -> Feedback | None:
    """What is left of the steady window. The burst window has no headers."""
    reset_s = header_number(response, "ratelimit-reset")
    return requests_left(response, "ratelimit-remaining", reset_s=reset_s)
