"""What Zendesk's answers mean: results of jobs, refused records, limits. No requests here."""

from collections.abc import Mapping

from reverse_etl.destinations.json_answers import (
    JsonObject,
    first_object,
    json_object,
    json_object_or_none,
)
from reverse_etl.destinations.limit_headers import header_number, requests_left
from reverse_etl.destinations.protocol import RejectedRow
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.transport import Feedback, Response

_ERROR_CLASSES: Mapping[str, ErrorClass] = {
    "BlankValue": ErrorClass.INVALID_FIELD,
    "DuplicateValue": ErrorClass.CONFLICT,
    "InvalidFormat": ErrorClass.INVALID_FIELD,
    "InvalidValue": ErrorClass.INVALID_FIELD,
    "NotFound": ErrorClass.NOT_FOUND,
    "RecordInvalid": ErrorClass.INVALID_FIELD,
    "RecordNotFound": ErrorClass.NOT_FOUND,
    "UserCreateError": ErrorClass.INVALID_FIELD,
    "UserUpdateError": ErrorClass.INVALID_FIELD,
}
_IN_USE = "already being used"


def named_object(response: Response, name: str) -> JsonObject:
    """The object of this name in an answer.

    Raises:
        FatalDeliveryError: There is none.
    """
    found = json_object(response).get(name)
    if not isinstance(found, dict):
        raise response.undocumented()
    return found


def named_objects(response: Response, name: str) -> list[JsonObject]:
    """The list of objects of this name in an answer.

    Raises:
        FatalDeliveryError: There is none, or one of them has no id.
    """
    listed = json_object(response).get(name)
    found: list[JsonObject] = []
    for each in listed if isinstance(listed, list) else [None]:
        if not isinstance(each, dict) or record_id(each) is None:
            raise response.undocumented()
        found.append(each)
    return found


def named_id(response: Response, name: str) -> str:
    """Zendesk's own id of the record of this name in an answer.

    Raises:
        FatalDeliveryError: There is none.
    """
    found = record_id(named_object(response, name))
    if found is None:
        raise response.undocumented()
    return found


def record_id(found: JsonObject) -> str | None:
    """Zendesk's own id of a record, as text."""
    value = found.get("id")
    is_id = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_id else None


def job_results(
    response: Response, count: int
) -> tuple[Mapping[int, str], tuple[RejectedRow, ...]]:
    """What a completed job says of each of its `count` records, by their place in it.

    Results are in the order of the request. An `index` beside one says its place.

    Returns:
        Zendesk's own ids of those that went well, and the others.

    Raises:
        FatalDeliveryError: It does not say what became of each record.
    """
    results = named_object(response, "job_status").get("results")
    if not isinstance(results, list) or len(results) != count:
        raise response.undocumented()
    ids: dict[int, str] = {}
    rejected: dict[int, RejectedRow] = {}
    for order, result in enumerate(results):
        if not isinstance(result, dict):
            raise response.undocumented()
        index = result.get("index")
        place = index if isinstance(index, int) else order
        if not 0 <= place < count or place in ids or place in rejected:
            raise response.undocumented()
        found_id = record_id(result)
        if _is_failed(result):
            rejected[place] = _failed(place, result)
        elif found_id is not None:
            ids[place] = found_id
        else:
            raise response.undocumented()
    return ids, tuple(rejected[place] for place in sorted(rejected))


def _is_failed(result: JsonObject) -> bool:
    return (
        bool(result.get("error"))
        or result.get("success") is False
        or result.get("status") == "Failed"
    )


def _failed(place: int, result: JsonObject) -> RejectedRow:
    error, details = result.get("error"), str(result.get("details") or "")
    code = error if isinstance(error, str) and error else "Failed"
    is_in_use = _IN_USE in details
    return RejectedRow(
        place,
        ErrorClass.CONFLICT
        if is_in_use
        else _ERROR_CLASSES.get(code, ErrorClass.OTHER),
        code=code,
        field="email" if "Email:" in details else None,
    )


def refused_record(response: Response, position: int) -> RejectedRow:
    """Why a single record was refused: the first field at fault, without its value."""
    said = json_object_or_none(response) or {}
    error, details = said.get("error"), said.get("details")
    code = error if isinstance(error, str) else str(response.status)
    field = None
    for name, problems in details.items() if isinstance(details, dict) else ():
        named = (first_object(problems) or {}).get("error")
        field, code = name, named if isinstance(named, str) else code
        break
    return RejectedRow(
        position, _ERROR_CLASSES.get(code, ErrorClass.OTHER), code=code, field=field
    )


def is_gone(response: Response) -> bool:
    """Whether an answer says that the record is not there.

    Raises:
        FatalDeliveryError: It is not Zendesk who says so: the path does not exist.
    """
    if response.status != 404:
        return False
    if "error" not in (json_object_or_none(response) or {}):
        raise FatalDeliveryError(
            f"{response.place} answered 404, and not as Zendesk does for a record that is "
            "not there. Check the URL.",
            error_class=ErrorClass.CONFIG,
        )
    return True


def read_feedback(response: Response) -> Feedback | None:
    """What is left of the minute. A refusal says it with Retry-After instead."""
    reset_s = header_number(response, "ratelimit-reset")
    return requests_left(response, "x-rate-limit-remaining", reset_s=reset_s)
