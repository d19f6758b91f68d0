"""Pieces that the JSON answers of many tools are made of. Pure.

What a piece means is for each tool's own module to say.
"""

from collections.abc import Iterable, Mapping

from reverse_etl.destinations.protocol import RejectedRow
from reverse_etl.errors import FatalDeliveryError
from reverse_etl.transport import Response
from warehouse.manifest import Json

JsonObject = Mapping[str, Json]


def json_object(response: Response) -> dict[str, Json]:
    """The body, which is an object whatever it says.

    Raises:
        FatalDeliveryError: It is not.
    """
    body = response.json()
    if not isinstance(body, dict):
        raise response.undocumented()
    return body


def json_object_or_none(response: Response) -> JsonObject | None:
    """The body where it is an object; None where something in between may have answered."""
    try:
        body = response.json()
    except FatalDeliveryError:
        return None
    return body if isinstance(body, dict) else None


def first_object(value: Json) -> JsonObject | None:
    """The first object of a list; None for an empty list, and for everything else."""
    first = value[0] if isinstance(value, list) and value else None
    return first if isinstance(first, dict) else None


def text(value: Json) -> str | None:
    """A value that is a text and not empty."""
    return value if isinstance(value, str) and value else None


def in_order(rejected: Iterable[RejectedRow]) -> tuple[RejectedRow, ...]:
    """Rejected rows by their place in the batch."""
    return tuple(sorted(rejected, key=lambda row: row.position))
