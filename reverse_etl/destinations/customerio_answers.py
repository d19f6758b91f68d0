"""What Customer.io's answers mean: entries that it refused, by their place. Pure."""

import re
from collections.abc import Mapping, Sequence

from reverse_etl.destinations.customerio_entries import PERSON_IDENTIFIERS
from reverse_etl.destinations.json_answers import json_object
from reverse_etl.destinations.protocol import RejectedRow
from reverse_etl.errors import ErrorClass
from reverse_etl.transport import Response
from warehouse.manifest import Json

_CODE = re.compile(r"[a-z][a-z0-9_]{0,60}")


def read_batch(
    response: Response, entries: Sequence[Sequence[Json]]
) -> tuple[RejectedRow, ...]:
    """Rows that the answer names by the place of their entry.

    Raises:
        FatalDeliveryError: The answer is not one to these entries.
    """
    if response.status != 207:
        check_accepted(response)
        return ()
    errors = json_object(response).get("errors")
    if not isinstance(errors, list) or not errors:
        raise response.undocumented()
    positions = [position for position, row in enumerate(entries) for _ in row]
    rejected: dict[int, RejectedRow] = {}
    for error in errors:
        index = error.get("batch_index") if isinstance(error, dict) else None
        if (
            not isinstance(error, dict)
            or not isinstance(index, int)
            or not 0 <= index < len(positions)
        ):
            raise response.undocumented()
        position = positions[index]
        rejected.setdefault(position, _rejected_row(position, error))
    return tuple(rejected[position] for position in sorted(rejected))


def check_accepted(response: Response) -> None:
    """Make sure that all was taken: 200 with an empty object, or with nothing.

    Raises:
        FatalDeliveryError: It is not said so.
    """
    if response.status == 200 and not response.content.strip():
        return
    if response.status != 200 or json_object(response).get("errors"):
        raise response.undocumented()


def _rejected_row(position: int, error: Mapping[str, Json]) -> RejectedRow:
    reason, field = error.get("reason"), error.get("field")
    field = field if isinstance(field, str) and field else None
    if field is None:
        error_class = ErrorClass.OTHER
    elif field.rpartition(".")[2] in (*PERSON_IDENTIFIERS, "identifiers"):
        error_class = ErrorClass.INVALID_KEY
    else:
        error_class = ErrorClass.INVALID_FIELD
    is_code = isinstance(reason, str) and _CODE.fullmatch(reason) is not None
    return RejectedRow(position, error_class, str(reason) if is_code else None, field)
