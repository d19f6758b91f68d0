"""What the answers to a project's own destination mean, read at the paths it names. Pure."""

import contextlib
import re
from collections.abc import Mapping, Sequence

from reverse_etl.destinations.custom_definition import (
    Check,
    Errors,
    NotFound,
    Pairing,
    Request,
    RowAnswers,
    Signs,
)
from reverse_etl.destinations.custom_scopes import row_scope
from reverse_etl.destinations.placeholders import MISSING, Missing, as_text, at_path
from reverse_etl.destinations.protocol import BatchResult, Record, RejectedRow
from reverse_etl.errors import BatchRefusedError, DeliveryError, ErrorClass
from reverse_etl.transport import (
    Expired,
    Faulty,
    OutOfQuota,
    Reader,
    Reading,
    Refused,
    Response,
    Throttled,
)
from warehouse.manifest import Json

_CODE = re.compile(r"[\w.:-]{1,64}", re.ASCII)
NOT_FOUND_STATUS = 404


def read_not_found(meaning: NotFound, records: Sequence[Record]) -> BatchResult:
    """What 404 means for the records of a batch; one that stops the run is not read."""
    if meaning is NotFound.DONE:
        return BatchResult()
    return BatchResult(
        tuple(
            RejectedRow(position, ErrorClass.NOT_FOUND, code=str(NOT_FOUND_STATUS))
            for position in range(len(records))
        )
    )


def read_answer(
    request: Request, response: Response, records: Sequence[Record], errors: Errors
) -> BatchResult:
    """What became of each record, or the error for an answer that does not say it."""
    body = response.optional_json()
    if request.success is not None and not _holds(request.success, body):
        code = _code(body, errors.code)
        raise BatchRefusedError(
            f"{response.place} answered with success, and says that it failed.",
            error_class=_class(code, errors),
            code=code,
        )
    if request.rows is None:
        return BatchResult()
    return _read_rows(
        request.rows,
        response,
        records,
        errors,
        may_miss=request.success is not None and not request.rows.are_all,
    )


def _read_rows(
    rows: RowAnswers,
    response: Response,
    records: Sequence[Record],
    errors: Errors,
    *,
    may_miss: bool,
) -> BatchResult:
    entries = at_path(response.optional_json(), rows.list)
    if may_miss and (isinstance(entries, Missing) or entries is None):
        entries = []
    if not isinstance(entries, list) or (rows.are_all and len(entries) != len(records)):
        raise response.undocumented()
    positions = _positions(rows, records)
    rejected: dict[int, RejectedRow] = {}
    ids: dict[int, str] = {}
    seen: set[int] = set()
    for number, entry in enumerate(entries):
        position = _position(rows, entry, number, positions)
        if position is None or not 0 <= position < len(records) or position in seen:
            raise response.undocumented()
        seen.add(position)
        if rows.failed is None or _holds(rows.failed, entry):
            rejected[position] = _rejected(position, rows, entry, errors)
        elif rows.id is not None:
            found = at_path(entry, rows.id)
            if isinstance(found, str | int) and not isinstance(found, bool):
                ids[position] = str(found)
    return BatchResult(
        tuple(rejected[position] for position in sorted(rejected)), dest_ids=ids
    )


def _positions(rows: RowAnswers, records: Sequence[Record]) -> Mapping[str, int]:
    if rows.pairing is not Pairing.KEY:
        return {}
    keys = (
        rows.equals.text(row_scope(lambda _: MISSING, record)) for record in records
    )
    return {
        key: position
        for position, key in enumerate(keys)
        if not isinstance(key, Missing)
    }


def _position(
    rows: RowAnswers, entry: Json, number: int, positions: Mapping[str, int]
) -> int | None:
    if rows.pairing is Pairing.ORDER:
        return number
    found = at_path(entry, rows.index if rows.pairing is Pairing.INDEX else rows.key)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    if rows.pairing is Pairing.INDEX:
        text = str(found)
        return int(text) if text.isdecimal() else None
    return positions.get(str(found))


def _rejected(
    position: int, rows: RowAnswers, entry: Json, errors: Errors
) -> RejectedRow:
    code = _code(entry, rows.code)
    field = _code(entry, rows.field)
    return RejectedRow(
        position,
        _class(code, errors),
        code=code,
        field=field,
        is_retryable=code in errors.retryable,
    )


def _holds(check: Check, body: Json) -> bool:
    found = at_path(body, check.path)
    return any(found == value and type(found) is type(value) for value in check.equals)


def _code(body: Json, path: str | None) -> str | None:
    """A code, if it looks like one: anything else may be a sentence that quotes a value."""
    found = MISSING if path is None else at_path(body, path)
    if isinstance(found, Missing | list | dict) or found is None:
        return None
    text = as_text(found)
    return text if _CODE.fullmatch(text) else None


def _class(code: str | None, errors: Errors) -> ErrorClass:
    return errors.classes.get(code or "", ErrorClass.OTHER)


def reader(errors: Errors) -> Reader:
    """What an answer means, by its status or by the code in it."""

    def read(response: Response) -> Reading | None:
        code = None
        if errors.code is not None and response.content[:1] in (b"{", b"["):
            with contextlib.suppress(DeliveryError):
                code = _code(response.json(), errors.code)

        def is_meant(signs: Signs) -> bool:
            return response.status in signs.statuses or code in signs.codes

        if is_meant(errors.quota):
            return OutOfQuota(errors.quota_wait_s)
        if is_meant(errors.throttled):
            return Throttled()
        if is_meant(errors.auth):
            return Expired()
        if is_meant(errors.retried):
            return Faulty()
        if is_meant(errors.refused):
            return Refused(code=code, error_class=_class(code, errors))
        return None

    return read
