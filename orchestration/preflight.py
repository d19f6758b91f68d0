"""Is what landed what the sources promise? Decided before any model runs.

Pure: facts about the raw tables come in, findings go out. All findings of a run are told at once,
because a loader that broke one table usually broke several.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from sqlglot import exp
from sqlglot.errors import ParseError

from warehouse.connection import Column
from warehouse.manifest import Source

_FITS: Mapping[str, frozenset[str]] = {
    "bigint": frozenset({"integer"}),
    "double": frozenset({"integer", "number"}),
    "boolean": frozenset({"boolean"}),
    "timestamp": frozenset({"timestamp", "date"}),
    "date": frozenset({"date", "timestamp"}),
}
"""Families of landed types that a declared type takes in without losing its meaning. A declared
text takes in everything."""

_DATES = frozenset({exp.DataType.Type.DATE, exp.DataType.Type.DATE32})
_INSTANTS = (
    exp.DataType.TEMPORAL_TYPES
    - _DATES
    - {
        exp.DataType.Type.TIME,
        exp.DataType.Type.TIMETZ,
    }
)
_LISTED = 12


class Kind(Enum):
    """What may be wrong with a raw table, as a person would say it."""

    MISSING_TABLE = "missing table"
    MISSING_COLUMN = "missing column"
    RETYPED_COLUMN = "retyped column"
    DUPLICATE_KEY = "duplicate primary key"
    EMPTY_KEY = "null in the primary key"
    EMPTY_SOURCE = "empty source"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong. `detail` names columns, types and counts, never a value."""

    kind: Kind
    where: str
    detail: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.kind.value} {self.where}{detail}"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A column of another type family than declared: harmless only while it holds no value."""

    name: str
    declared: str
    landed: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What the catalog alone says about one raw table."""

    findings: tuple[Finding, ...]
    suspects: tuple[Suspect, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What counting the rows of one raw table says.

    Attributes:
        row_count: Rows in the table.
        filled_counts: Of each suspect column, how many rows have a value.
        duplicate_key_count: Primary keys that more than one row has.
        empty_key_count: Rows without one.
    """

    row_count: int
    filled_counts: Mapping[str, int] = field(default_factory=dict)
    duplicate_key_count: int = 0
    empty_key_count: int = 0


@dataclass(frozen=True, slots=True)
class LandedTable:
    """A raw table that is there.

    Attributes:
        source: What is declared of it.
        row_count: Rows in it.
        newest_load: When its newest row arrived, UTC; None when nothing says so.
    """

    source: Source
    row_count: int
    newest_load: datetime | None

    @property
    def name(self) -> str:
        """How it is called: source.table."""
        return table_name(self.source)


def table_name(source: Source) -> str:
    """How the sources' YAML and the variables call the table: source.table."""
    return f"{source.source_name}.{source.name}"


def check_shape(source: Source, landed: Sequence[Column], *, dialect: str) -> Shape:
    """Compare a table's columns with what its source declares.

    Args:
        source: The declared table; extra landed columns are fine.
        landed: Its columns in the catalog; none when there is no such table.
        dialect: sqlglot's name of the engine that wrote the types.
    """
    table = table_name(source)
    if not landed:
        return Shape(findings=(Finding(Kind.MISSING_TABLE, table),), suspects=())
    types = {column.name.lower(): column.data_type for column in landed}
    findings, suspects = [], []
    for name, column in source.columns.items():
        declared = column.data_type or "text"
        found = types.get(name.lower())
        if found is None:
            findings.append(Finding(Kind.MISSING_COLUMN, f"{table}.{name}"))
        elif not fits(declared, found, dialect=dialect):
            suspects.append(Suspect(name=name, declared=declared, landed=found))
    return Shape(findings=tuple(findings), suspects=tuple(suspects))


def check_contents(
    source: Source, suspects: Iterable[Suspect], contents: Contents
) -> list[Finding]:
    """Judge what only the rows can tell."""
    table = table_name(source)
    findings = [
        Finding(
            Kind.RETYPED_COLUMN,
            f"{table}.{suspect.name}",
            f"{suspect.landed} where {suspect.declared} is declared",
        )
        for suspect in suspects
        if contents.filled_counts[suspect.name] > 0
    ]
    key = ", ".join(source.primary_key)
    if contents.duplicate_key_count:
        detail = f"{contents.duplicate_key_count:,} values of {key}"
        findings.append(Finding(Kind.DUPLICATE_KEY, table, detail))
    if contents.empty_key_count:
        detail = f"{contents.empty_key_count:,} rows without {key}"
        findings.append(Finding(Kind.EMPTY_KEY, table, detail))
    return findings


def check_sources(row_counts: Mapping[str, int]) -> list[Finding]:
    """A source none of whose tables has a row has stopped loading, or was never connected.

    Args:
        row_counts: Rows by "source.table", of the tables that are there.
    """
    totals: dict[str, int] = {}
    for table, count in row_counts.items():
        source_name = table.split(".", maxsplit=1)[0]
        totals[source_name] = totals.get(source_name, 0) + count
    return [
        Finding(Kind.EMPTY_SOURCE, name, "no rows in any table")
        for name, count in totals.items()
        if count == 0
    ]


def describe(findings: Sequence[Finding]) -> str:
    """All findings as one message with the way out."""
    count = len(findings)
    listed = "; ".join(str(finding) for finding in findings[:_LISTED])
    rest = f"; and {count - _LISTED:,} more" if count > _LISTED else ""
    things = "1 thing" if count == 1 else f"{count:,} things"
    return (
        f"The raw tables are not what the sources promise, {things}: {listed}{rest}. "
        "No model has run; the tables built before are as they were. Repair the load, or "
        "describe the change in models/staging/<source>/_<source>__sources.yml; a source, table or "
        "column that you do not land goes into vars.sources or vars.not_landed of dbt_project.yml."
    )


def fits(declared: str, landed: str, *, dialect: str) -> bool:
    """Whether a landed type can be read as the declared one without losing its meaning."""
    families = _FITS.get(declared)
    return families is None or _family(landed, dialect) in families


def _family(landed: str, dialect: str) -> str:
    try:
        data_type = exp.DataType.build(landed, dialect=dialect)
    except ParseError:
        return "other"
    kind = data_type.this
    if kind in exp.DataType.INTEGER_TYPES:
        return "integer"
    if kind == exp.DataType.Type.DECIMAL:
        parameters = [str(parameter.this) for parameter in data_type.expressions]
        return "integer" if parameters[1:] == ["0"] else "number"
    if kind in exp.DataType.REAL_TYPES:
        return "number"
    if kind == exp.DataType.Type.BOOLEAN:
        return "boolean"
    if kind in _DATES:
        return "date"
    if kind in _INSTANTS:
        return "timestamp"
    return "other"
