"""What Intercom's answers mean: the record's errors, ids, limits. No requests here."""

from collections.abc import Callable, Mapping
from datetime import datetime

from reverse_etl.destinations.json_answers import (
    JsonObject,
    first_object,
    json_object,
    json_object_or_none,
    text,
)
from reverse_etl.destinations.limit_headers import header_number, requests_left
from reverse_etl.destinations.protocol import RejectedRow
from reverse_etl.errors import ErrorClass
from reverse_etl.transport import Feedback, Reading, Response, Stopped, Throttled

GONE = frozenset({404, 410})
"""Statuses of a record that is not there, or was merged into another."""

_NO_VERSION = "intercom_version_invalid"
_ERROR_CLASSES: Mapping[str, ErrorClass] = {
    "bad_request": ErrorClass.INVALID_FIELD,
    "conflict": ErrorClass.CONFLICT,
    "data_invalid": ErrorClass.INVALID_FIELD,
    "missing_parameter": ErrorClass.INVALID_FIELD,
    "not_found": ErrorClass.NOT_FOUND,
    "parameter_invalid": ErrorClass.INVALID_FIELD,
    "parameter_missing": ErrorClass.INVALID_FIELD,
    "parameter_not_found": ErrorClass.INVALID_FIELD,
    "resource_conflict": ErrorClass.CONFLICT,
    "type_mismatch": ErrorClass.INVALID_FIELD,
    "unprocessable_entity": ErrorClass.INVALID_FIELD,
}


class RowRefusedError(Exception):
    """Intercom does not take this record."""

    def __init__(
        self,
        error_class: ErrorClass,
        code: str | None = None,
        *,
        field: str | None = None,
        is_retryable: bool = False,
    ) -> None:
        super().__init__(error_class.value)
        self.error_class = error_class
        self.code = code
        self.field = field
        self.is_retryable = is_retryable

    def at(self, position: int) -> RejectedRow:
        """As the row of a batch."""
        return RejectedRow(
            position,
            self.error_class,
            code=self.code,
            field=self.field,
            is_retryable=self.is_retryable,
        )


def success(response: Response) -> JsonObject:
    """The body of an answer that is a success.

    Raises:
        RowRefusedError: It says what is wrong with the record.
    """
    if response.status >= 400:
        raise refusal(response)
    return json_object(response)


def id_of(response: Response) -> str:
    """Intercom's own id of the record that a success is about.

    Raises:
        RowRefusedError: It is no success.
        FatalDeliveryError: It has no id.
    """
    found = text(success(response).get("id"))
    if found is None:
        raise response.undocumented()
    return found


def refusal(response: Response) -> RowRefusedError:
    """What an answer says is wrong with the record, without its message."""
    error = first_error(response) or {}
    code, field = text(error.get("code")), text(error.get("field"))
    known = ErrorClass.NOT_FOUND if response.status in GONE else ErrorClass.OTHER
    return RowRefusedError(
        _ERROR_CLASSES.get(code or "", known), code or str(response.status), field=field
    )


def first_error(response: Response) -> JsonObject | None:
    """The first of an answer's errors, with `code`, `message` and perhaps `field`.

    None when the answer is not one of Intercom's own.
    """
    return first_object((json_object_or_none(response) or {}).get("errors"))


def _reset_s(response: Response, now: datetime) -> float | None:
    """Seconds until the present slice of ten seconds is over."""
    epoch_s = header_number(response, "x-ratelimit-reset")
    return None if epoch_s is None else max(0.0, epoch_s - now.timestamp())


def reader(now: Callable[[], datetime]) -> Callable[[Response], Reading | None]:
    """Reads what concerns more than one record: the limit, and our own version."""

    def read(response: Response) -> Reading | None:
        if response.status == 429:
            return Throttled(_reset_s(response, now()))
        if response.status == 400 and _NO_VERSION.encode() in response.content:
            return Stopped(ErrorClass.CONFIG, code=_NO_VERSION)
        return None

    return read


def feedback_reader(
    now: Callable[[], datetime],
) -> Callable[[Response], Feedback | None]:
    """Reads what is left of the present slice of ten seconds."""

    def read(response: Response) -> Feedback | None:
        reset_s = _reset_s(response, now())
        return requests_left(response, "x-ratelimit-remaining", reset_s=reset_s)

    return read
