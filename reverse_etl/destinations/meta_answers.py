"""What Meta's answers mean: rows that it could not read, errors by code, its limit. Pure."""

import orjson

from reverse_etl.destinations.json_answers import json_object, json_object_or_none
from reverse_etl.errors import ErrorClass
from reverse_etl.transport import (
    Expired,
    Faulty,
    Feedback,
    Reading,
    Refused,
    Response,
    Stopped,
    Throttled,
)
from warehouse.manifest import Json

_TOKEN_CODES = frozenset({102, 190})
_THROTTLE_CODES = frozenset({4, 17, 32, 613, *range(80_000, 80_015)})
_PASSING_CODES = frozenset({1, 2})
_PERMISSION_CODES = frozenset({3, 10, *range(200, 300)})
# The audience was blocked for what it suggests about people; there is no such audience.
_AUDIENCE_CODES = frozenset({(100, 1_713_230), (100, 33)})
_USAGE = "x-business-use-case-usage"
_NEARLY_USED_UP = 95


def invalid_count(response: Response, sent: int) -> int:
    """How many rows Meta could not read; its answer must account for all that were sent."""
    body = json_object(response)
    received, invalid = body.get("num_received"), body.get("num_invalid_entries")
    if (
        type(received) is not int
        or type(invalid) is not int
        or received != sent
        or not 0 <= invalid <= sent
    ):
        raise response.undocumented()
    return invalid


def read_error(response: Response) -> Reading | None:
    """What an error means, from its code: its status is 400 whatever happened."""
    if response.status < 400:
        return None
    # Empty when something other than Meta answered.
    body = json_object_or_none(response) or {}
    error = body.get("error")
    error = error if isinstance(error, dict) else {}
    code, subcode = error.get("code"), error.get("error_subcode")
    if type(code) is not int:
        return None
    name = f"{code}/{subcode}" if type(subcode) is int else str(code)
    if code in _TOKEN_CODES:
        return Expired()
    if code in _THROTTLE_CODES:
        return Throttled(_regained_in_s(response))
    if code in _PASSING_CODES or error.get("is_transient") is True:
        return Faulty()
    if code in _PERMISSION_CODES:
        return Stopped(ErrorClass.PERMISSION, name)
    if (code, subcode) in _AUDIENCE_CODES:
        return Stopped(ErrorClass.CONFIG, name)
    return Refused(code=name) if response.status == 400 else None


def read_usage(response: Response) -> Feedback | None:
    """How much of the hour's allowance is used, in per cent, and when it comes back."""
    entries = _usage(response)
    used = [
        entry[name]
        for entry in entries
        for name in ("call_count", "total_cputime", "total_time")
        if isinstance(entry.get(name), int | float)
    ]
    regained_s = _regained_in_s(response)
    is_used_up = any(
        isinstance(share, int | float) and share >= _NEARLY_USED_UP for share in used
    )
    if regained_s is None and not is_used_up:
        return None
    return Feedback(is_throttled=False, remaining=0, reset_s=regained_s or 60.0)


def _usage(response: Response) -> list[dict[str, Json]]:
    try:
        usage: Json = orjson.loads(response.headers.get(_USAGE, "{}"))
    except ValueError:
        return []
    lists = usage.values() if isinstance(usage, dict) else []
    return [
        entry
        for entries in lists
        if isinstance(entries, list)
        for entry in entries
        if isinstance(entry, dict)
    ]


def _regained_in_s(response: Response) -> float | None:
    minutes = [
        float(wait)
        for entry in _usage(response)
        if isinstance(wait := entry.get("estimated_time_to_regain_access"), int | float)
        and wait > 0
    ]
    return 60.0 * max(minutes) if minutes else None
