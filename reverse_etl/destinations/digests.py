"""A last look before identifiers leave: what a platform takes hashed, goes hashed or stays.

Hashing is the mapping's; a mapping that forgot it must not give an address away.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from reverse_etl.destinations.protocol import Record, RejectedRow
from reverse_etl.errors import ErrorClass

NOT_HASHED = "not_hashed"
"""Code of a row that stayed."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Sendable:
    """Records that may leave, their places in the batch, and the rows that stay."""

    records: list[Record]
    positions: list[int]
    rejected: tuple[RejectedRow, ...]


def sendable(records: Sequence[Record], hashed: Collection[str]) -> Sendable:
    """Part records by whether each of these identifiers, where they have it, is a digest."""
    kept: list[Record] = []
    positions: list[int] = []
    rejected: list[RejectedRow] = []
    for position, record in enumerate(records):
        in_clear = next(
            (
                name
                for name, value in record.match.items()
                if name in hashed and value and not _DIGEST.fullmatch(value)
            ),
            None,
        )
        if in_clear is None:
            kept.append(record)
            positions.append(position)
        else:
            rejected.append(
                RejectedRow(
                    position, ErrorClass.INVALID_KEY, code=NOT_HASHED, field=in_clear
                )
            )
    return Sendable(kept, positions, tuple(rejected))
