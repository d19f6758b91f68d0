"""What Marketo is told of a lead, and what it must not be told. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from reverse_etl.destinations.marketo_answers import (
    LEAD_EXISTS,
    LEAD_NOT_FOUND,
    NOT_IN_LIST,
)
from reverse_etl.destinations.protocol import BatchResult, Record, RejectedRow
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action, Op
from warehouse.manifest import Json

ID_FIELD = "id"

# True in these is somebody's wish. Taking it back is not for a sync to do.
_CONSENT_FIELDS = ("unsubscribed", "blackListed", "marketingSuspended")


def lookup_field(records: Sequence[Record]) -> str:
    """The field that the leads of a batch are found by."""
    return next(iter(records[0].match))


def lead_body(record: Record) -> dict[str, Json]:
    """A lead as it is written. To clear what somebody wished would be to take it back."""
    fields = {
        name: value
        for name, value in record.fields.items()
        if not (name in _CONSENT_FIELDS and value is None)
    }
    match: dict[str, Json] = {
        name: int(value) if name == ID_FIELD and value.isdecimal() else value
        for name, value in record.match.items()
    }
    return {**fields, **match}


def unsendable(
    records: Sequence[Record], name: str
) -> Iterator[tuple[int, RejectedRow]]:
    """Records without the field that leads are found by, or that subscribe somebody."""
    for place, record in enumerate(records):
        if not record.match.get(name):
            yield place, RejectedRow(place, ErrorClass.INVALID_KEY, field=name)
            continue
        for field in _CONSENT_FIELDS:
            if record.fields.get(field) is False:
                yield (
                    place,
                    RejectedRow(
                        place, ErrorClass.CONSENT, code="resubscribes", field=field
                    ),
                )
                break


def is_done(code: str, record: Record, action: Action) -> bool:
    """Whether a skipped record is as it should be all the same."""
    if action is Action.CREATE:
        return code == LEAD_EXISTS
    if action is Action.REMOVE:
        return code in (LEAD_NOT_FOUND, NOT_IN_LIST)
    is_to_leave = action in (Action.DELETE, Action.ERASE) or record.op is Op.REMOVE
    return is_to_leave and code == LEAD_NOT_FOUND


def batch_result(
    rejected: Mapping[int, RejectedRow], dest_ids: Mapping[int, str] | None = None
) -> BatchResult:
    """A result by places of the batch: a row that was refused has no id."""
    return BatchResult(
        tuple(rejected[place] for place in sorted(rejected)),
        {
            place: known
            for place, known in (dest_ids or {}).items()
            if place not in rejected
        },
    )
