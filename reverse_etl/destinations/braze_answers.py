"""What Braze's answers mean: rows that it left out, and its limit. Pure."""

from collections.abc import Callable, Sequence

from reverse_etl.destinations.json_answers import json_object
from reverse_etl.destinations.protocol import BatchResult, RejectedRow
from reverse_etl.errors import ErrorClass
from reverse_etl.transport import Feedback, Reading, Response, Throttled
from warehouse.manifest import Json


def read_tracked(
    response: Response, kind: str, positions: Sequence[int]
) -> BatchResult:
    """What became of the rows; `positions` are those of the rows that were sent."""
    body = json_object(response)
    if body.get("message") != "success":
        raise response.undocumented()
    processed = body.get(f"{kind}_processed")
    errors = body.get("errors") or []
    if not isinstance(processed, int) or not isinstance(errors, list):
        raise response.undocumented()
    left_out = len(positions) - processed
    if left_out < 0 or (left_out > 0 and not errors):
        raise response.undocumented()
    indexes = [_index(error, kind, len(positions)) for error in errors]
    named = sorted({index for index in indexes if index is not None})
    return BatchResult(
        rejected=tuple(
            RejectedRow(positions[index], ErrorClass.OTHER) for index in named
        ),
        uncounted_failures=max(left_out - len(named), indexes.count(None)),
    )


def _index(error: Json, kind: str, count: int) -> int | None:
    """The place of the row that an error is about, which not every answer tells."""
    if not isinstance(error, dict) or error.get("input_array") != kind:
        return None
    index = error.get("index")
    return index if isinstance(index, int) and 0 <= index < count else None


def _reset_s(response: Response, now_s: float) -> float | None:
    reset = response.headers.get("x-ratelimit-reset", "")
    if reset.replace(".", "", 1).isdecimal():
        return max(0.0, float(reset) - now_s)
    wait = response.headers.get("x-ratelimit-retry-after", "")
    return float(wait) if wait.isdecimal() else None


def reader(now_s: Callable[[], float]) -> Callable[[Response], Reading | None]:
    """Reads how long a refusal for being too fast asks to wait."""

    def read(response: Response) -> Reading | None:
        if response.status == 429:
            return Throttled(_reset_s(response, now_s()))
        return None

    return read


def feedback_reader(
    now_s: Callable[[], float],
) -> Callable[[Response], Feedback | None]:
    """Reads what is left of the limit, also from a refusal."""

    def read(response: Response) -> Feedback | None:
        remaining = response.headers.get("x-ratelimit-remaining", "")
        if not remaining.isdecimal():
            return None
        return Feedback(
            is_throttled=response.status == 429,
            remaining=int(remaining),
            reset_s=_reset_s(response, now_s()),
        )

    return read
