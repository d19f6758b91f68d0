"""What comes out of a warehouse and what it is called there. Pure: opens nothing."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import TypeAlias

from sqlglot import exp

Value: TypeAlias = (
    str | int | float | bool | Decimal | date | datetime | time | bytes | None
)
"""What a column of a row may be, past the driver. Timestamps are naive and mean UTC."""

Row: TypeAlias = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column as the engine describes it, its type in the engine's own words."""

    name: str
    data_type: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view by schema and name; the open target is the database."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    def to_table(self) -> exp.Table:
        """The relation inside a query."""
        return exp.table_(self.name, db=self.schema, quoted=True)
