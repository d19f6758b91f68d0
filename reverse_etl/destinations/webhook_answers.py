"""What a webhook's receiver answers about each record. Pure."""

import re
from collections.abc import Mapping, Sequence

from reverse_etl.destinations.protocol import BatchResult, Record, RejectedRow
from reverse_etl.errors import ErrorClass
from reverse_etl.transport import Response
from warehouse.manifest import Json

_CODE = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_ROW_CLASSES = frozenset(
    {
        ErrorClass.INVALID_KEY,
        ErrorClass.INVALID_FIELD,
        ErrorClass.NOT_FOUND,
        ErrorClass.CONFLICT,
        ErrorClass.SUPPRESSED,
        ErrorClass.TOO_LARGE,
    }
)


def read_result(response: Response, records: Sequence[Record]) -> BatchResult:
    """What the answer says; it speaks of every record or of none.

    Raises:
        FatalDeliveryError: It speaks of some, or not as the interface has it.
    """
    body = response.optional_json()
    if not isinstance(body, dict) or "results" not in body:
        return BatchResult()
    results = body["results"]
    positions = {record.key: position for position, record in enumerate(records)}
    if not isinstance(results, list) or len(results) != len(positions):
        raise response.undocumented()
    rejected: dict[int, RejectedRow] = {}
    ids: dict[int, str] = {}
    for result in results:
        key = result.get("key") if isinstance(result, dict) else None
        position = positions.pop(key, None) if isinstance(key, str) else None
        if position is None or not isinstance(result, dict):
            raise response.undocumented()
        status, given_id = result.get("status"), result.get("id")
        if status == "error":
            rejected[position] = _rejected(position, result)
        elif status != "ok":
            raise response.undocumented()
        elif isinstance(given_id, str) and given_id:
            ids[position] = given_id
    return BatchResult(tuple(rejected[each] for each in sorted(rejected)), ids)


def _rejected(position: int, result: Mapping[str, Json]) -> RejectedRow:
    code = _code(result.get("error"))
    named = (code or "").upper()
    return RejectedRow(
        position,
        ErrorClass(named) if named in _ROW_CLASSES else ErrorClass.OTHER,
        code=code,
        field=_code(result.get("field")),
        is_retryable=result.get("retry") is True,
    )


def _code(value: Json) -> str | None:
    """A code, if it looks like one: a sentence may quote somebody's value."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None
