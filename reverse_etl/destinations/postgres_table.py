"""The table of PostgreSQL that records go into, and the shapes of records. Pure.

Records with the same fields are of one shape, so that a field which a record does not have
is left as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of the target: the name of its type, and whether that is an array."""

    type_name: str
    is_array: bool = False

    @property
    def is_json(self) -> bool:
        """Whether its values are JSON."""
        return self.type_name in ("json", "jsonb")


@dataclass(frozen=True, slots=True)
class TargetTable:
    """The table that records go into, as its catalog describes it."""

    schema: str
    name: str
    columns: Mapping[str, TableColumn] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shape:
    """Columns of records that have the same fields.

    Attributes:
        number: Its number in the batch.
        keys: Columns that a record is found by.
        fields: Columns that are written.
    """

    number: int
    keys: tuple[str, ...]
    fields: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, the keys first."""
        return (*self.keys, *self.fields)
