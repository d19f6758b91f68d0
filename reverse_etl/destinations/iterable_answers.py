"""What Iterable's answers mean: who failed, what was dropped, codes. No requests here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reverse_etl.destinations.json_answers import json_object
from reverse_etl.destinations.protocol import Record, RejectedRow
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.transport import Reading, Refused, Response, Stopped, Throttled
from warehouse.manifest import Json

EMAIL, USER_ID = "email", "userId"
"""By what Iterable knows a user."""

# Reasons of the lists in `failedUpdates`, before "Emails" or "UserIds".
_REASONS: Mapping[str, ErrorClass] = {
    "conflict": ErrorClass.CONFLICT,
    "forgotten": ErrorClass.SUPPRESSED,
    "invalid": ErrorClass.INVALID_KEY,
    "invalidData": ErrorClass.INVALID_FIELD,
    "notFound": ErrorClass.NOT_FOUND,
}
_READINGS: Mapping[str, Reading] = {
    "BatchTooLarge": Refused("BatchTooLarge", is_too_large=True),
    "Forbidden": Stopped(ErrorClass.PERMISSION, "Forbidden"),
    "ForbiddenParamsError": Stopped(ErrorClass.PERMISSION, "ForbiddenParamsError"),
    "RateLimitExceeded": Throttled(),
    "RequestFieldsTypesMismatched": Refused(
        "RequestFieldsTypesMismatched", ErrorClass.INVALID_FIELD
    ),
    "UniqueFieldsLimitExceeded": Stopped(
        ErrorClass.CONFIG, "UniqueFieldsLimitExceeded"
    ),
}


def folded(name: str, value: str) -> tuple[str, str]:
    """An identity as it is compared: addresses are the same in any case."""
    return name, value.casefold() if name == EMAIL else value


def _identities(record: Record) -> Iterable[tuple[str, str]]:
    """All by which an answer may name a record: addresses and ids, given and to be set."""
    for name in (EMAIL, USER_ID):
        for value in (record.match.get(name), record.fields.get(name)):
            if isinstance(value, str):
                yield folded(name, value)


def failed_rows(response: Response, records: Sequence[Record]) -> list[RejectedRow]:
    """Records that an answer names as failed, by their place.

    Raises:
        FatalDeliveryError: It does not account for every record, or names somebody else.
    """
    body = json_object(response)
    succeeded, failed = body.get("successCount"), body.get("failCount")
    if (
        not isinstance(succeeded, int)
        or not isinstance(failed, int)
        or succeeded + failed != len(records)
    ):
        raise response.undocumented()
    places: dict[tuple[str, str], list[int]] = {}
    for place, record in enumerate(records):
        for identity in _identities(record):
            places.setdefault(identity, []).append(place)
    rejected: dict[int, RejectedRow] = {}
    for reason, identity in _named_as_failed(response, body.get("failedUpdates")):
        if identity not in places:
            raise response.undocumented()
        for place in places[identity]:
            rejected.setdefault(
                place,
                RejectedRow(place, _REASONS.get(reason, ErrorClass.OTHER), code=reason),
            )
    if len(rejected) < failed:
        raise response.undocumented()
    return [rejected[place] for place in sorted(rejected)]


def _named_as_failed(
    response: Response, lists: Json
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Reason and identity of all that `failedUpdates` names."""
    for list_name, values in lists.items() if isinstance(lists, dict) else ():
        reason, name = list_name.removesuffix("Emails"), EMAIL
        if reason == list_name:
            reason, name = list_name.removesuffix("UserIds"), USER_ID
        for value in values if isinstance(values, list) else ():
            if not isinstance(value, str) or reason == list_name:
                raise response.undocumented()
            yield reason, folded(name, value)


def check_dropped_fields(response: Response) -> None:
    """Stop when the project has no such field: the value would be lost without a word.

    Raises:
        FatalDeliveryError: Mapped fields were dropped. It names them.
    """
    body = response.json()
    dropped = body.get("filteredOutFields") if isinstance(body, dict) else None
    if dropped and isinstance(dropped, list):
        names = ", ".join(sorted(str(each) for each in dropped)[:5])
        raise FatalDeliveryError(
            f"{response.place} dropped {len(dropped)} mapped fields that the project does "
            f"not have: {names}. The other fields were taken. Add them to the project's "
            "schema, or let it add fields by itself, then run again.",
            is_in_doubt=True,
            error_class=ErrorClass.CONFIG,
            code="filteredOutFields",
        )


def code_of(response: Response) -> str | None:
    """The code of an answer about one user."""
    body = response.json()
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, str) else None


def read(response: Response) -> Reading | None:
    """What Iterable's own code says, where the status alone does not."""
    if response.status not in (400, 403, 409, 413, 429):
        return None
    try:
        code = code_of(response)
    except FatalDeliveryError:
        return None
    return _READINGS.get(code or "")
