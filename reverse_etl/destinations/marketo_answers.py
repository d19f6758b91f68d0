"""What Marketo's answers mean. It says 200 to nearly everything. No requests here.

An answer as a whole has `success` and codes from 600 to 799; each record has a `status`
and, when it was skipped, `reasons` with codes from 1000 on.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from reverse_etl.destinations.json_answers import (
    first_object,
    json_object,
    json_object_or_none,
)
from reverse_etl.destinations.protocol import RejectedRow
from reverse_etl.errors import ErrorClass
from reverse_etl.transport import (
    Expired,
    Faulty,
    OutOfQuota,
    Reading,
    Refused,
    Response,
    Stopped,
    Throttled,
)
from warehouse.manifest import Json

Result = Mapping[str, Json]

LEAD_NOT_FOUND, LEAD_EXISTS, NOT_IN_LIST = "1004", "1005", "1015"

_DONE = frozenset({"added", "created", "deleted", "memberof", "removed", "updated"})
_SKIPPED = frozenset({"failed", "skipped"})
_FIELD = re.compile(r"\bfield '([^']+)'", re.IGNORECASE)

_UNAVAILABLE = "608"
_TRANSIENT = frozenset({"604", _UNAVAILABLE, "611", "713", "719"})
_TOO_FAST = frozenset({"606", "615"})
_OUT_OF_QUOTA = "607"
_TOKEN = frozenset({"600", "601", "602"})
_PERMISSION = frozenset({"603", "616", "703"})
_CONFIG = frozenset({"605", "610", "612", "614", "1006", "1013"})

_ERROR_CLASSES: Mapping[str, ErrorClass] = {
    "1001": ErrorClass.INVALID_FIELD,
    "1002": ErrorClass.INVALID_FIELD,
    "1003": ErrorClass.INVALID_FIELD,
    LEAD_NOT_FOUND: ErrorClass.NOT_FOUND,
    LEAD_EXISTS: ErrorClass.CONFLICT,
    "1006": ErrorClass.INVALID_FIELD,
    "1007": ErrorClass.CONFLICT,
    "1011": ErrorClass.INVALID_FIELD,
    "1013": ErrorClass.NOT_FOUND,
    NOT_IN_LIST: ErrorClass.NOT_FOUND,
    "1017": ErrorClass.CONFLICT,
    "1036": ErrorClass.CONFLICT,
}

# Quotas begin anew at midnight in North America's central time. This is its winter's, which
# is never too early.
_QUOTA_RESET_HOUR_UTC = 6


def results(response: Response) -> list[Result]:
    """What an answer says of each record.

    Raises:
        FatalDeliveryError: It is not the answer of a success.
    """
    body = json_object(response)
    found = body.get("result", [])
    if (
        body.get("success") is not True
        or not isinstance(found, list)
        or not all(isinstance(each, dict) for each in found)
    ):
        raise response.undocumented()
    return [each for each in found if isinstance(each, dict)]


def lead_id(result: Result) -> int | None:
    """Marketo's own id of a lead."""
    found = result.get("id")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def next_page(response: Response) -> str | None:
    """The token of the next page, when there is one."""
    body = response.json()
    if not isinstance(body, dict) or body.get("moreResult") is False:
        return None
    token = body.get("nextPageToken")
    return token if isinstance(token, str) and token else None


def refused_with(result: Result, response: Response) -> str | None:
    """The code of a record that was skipped; None when it was taken.

    Raises:
        FatalDeliveryError: Neither is said.
    """
    status = result.get("status")
    if status in _DONE:
        return None
    if status not in _SKIPPED:
        raise response.undocumented()
    reason = first_object(result.get("reasons")) or {}
    code = reason.get("code")
    return str(code) if isinstance(code, str | int) and code else str(status)


def rejected_row(position: int, code: str, result: Result) -> RejectedRow:
    """A skipped record, with the field at fault where the message names one."""
    reason = first_object(result.get("reasons")) or {}
    message = reason.get("message")
    error_class = _ERROR_CLASSES.get(code, ErrorClass.OTHER)
    named = (
        _FIELD.search(message)
        if error_class is ErrorClass.INVALID_FIELD and isinstance(message, str)
        else None
    )
    return RejectedRow(
        position,
        error_class,
        code=code,
        field=None if named is None else named.group(1),
    )


def results_by_id(response: Response, ids: Sequence[int]) -> Mapping[int, Result]:
    """What an answer says of each lead, by its id.

    Raises:
        FatalDeliveryError: It does not say what became of each.
    """
    by_id: dict[int, Result] = {}
    for result in results(response):
        found = lead_id(result)
        if found is None:
            raise response.undocumented()
        by_id.setdefault(found, result)
    if set(by_id) != set(ids):
        raise response.undocumented()
    return by_id


def reader(now: Callable[[], datetime]) -> Callable[[Response], Reading | None]:
    """Reads the code of an answer that is no success though its status says so."""

    def read(response: Response) -> Reading | None:
        if response.status != 200:
            return None
        body = json_object_or_none(response) or {}
        if body.get("success") is not False:
            return None
        error = first_object(body.get("errors")) or {}
        code = error.get("code")
        return None if code is None else _reading(str(code), now())

    return read


def _reading(code: str, now: datetime) -> Reading:
    if code in _TOKEN:
        return Expired()
    if code in _TOO_FAST:
        return Throttled()
    if code == _OUT_OF_QUOTA:
        return OutOfQuota(_until_reset_s(now))
    if code in _TRANSIENT:
        return Faulty(may_be_applied=code != _UNAVAILABLE)
    if code in _PERMISSION:
        return Stopped(ErrorClass.PERMISSION, code)
    if code in _CONFIG:
        return Stopped(ErrorClass.CONFIG, code)
    return Refused(code, _ERROR_CLASSES.get(code, ErrorClass.OTHER))


def _until_reset_s(now: datetime) -> float:
    reset = now.replace(hour=_QUOTA_RESET_HOUR_UTC, minute=0, second=0, microsecond=0)
    if reset <= now:
        reset += timedelta(days=1)
    return (reset - now).total_seconds()
