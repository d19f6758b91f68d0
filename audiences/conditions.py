"""What a condition can say.

A leaf stands for itself: of the columns of one row, of the rows that belong to a member, of an
order of events, of another audience, or in SQL. `all`, `any` and `not` join leaves.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ColumnOperand:
    """Another column of the same row."""

    name: str


@dataclass(frozen=True, slots=True)
class Ago:
    """The instant this many hours before as_of; after it where negative.

    With `is_date`, the day that it falls on.
    """

    hours: int
    is_date: bool = False


Literal = str | Decimal | datetime | date
"""A value as written: text, a number, a UTC timestamp without a zone, or a day."""

Operand = Literal | ColumnOperand | Ago


class Comparator(StrEnum):
    """How a value compares with one operand."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    GREATER_THAN = "greater_than"
    AT_LEAST = "at_least"
    LESS_THAN = "less_than"
    AT_MOST = "at_most"
    BEFORE = "before"
    AFTER = "after"


class TextPart(StrEnum):
    """Where a text stands in another."""

    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"


class State(StrEnum):
    """What a column can be without an operand."""

    IS_TRUE = "is_true"
    IS_FALSE = "is_false"
    IS_KNOWN = "is_known"
    IS_UNKNOWN = "is_unknown"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column against one operand. To `not_equals`, unknown is a value of its own."""

    column: str
    comparator: Comparator
    operand: Operand


@dataclass(frozen=True, slots=True)
class Membership:
    """A column that holds one of the values: at least one, none twice."""

    column: str
    values: tuple[Literal, ...]
    ignores_case: bool = False


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A text that has one of the values in it, at least one, none empty."""

    column: str
    part: TextPart
    values: tuple[str, ...]
    ignores_case: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """A column from one operand to another, the first included."""

    column: str
    low: Literal | Ago
    high: Literal | Ago
    with_high: bool = True


@dataclass(frozen=True, slots=True)
class OnWeekdays:
    """A timestamp that falls on one of these days somewhere: 1 is Monday, 7 Sunday."""

    column: str
    weekdays: tuple[int, ...]
    time_zone: str


@dataclass(frozen=True, slots=True)
class BetweenHours:
    """A timestamp from one full hour of the day to another somewhere, the second excluded.

    A `start` after `end` goes over midnight.
    """

    column: str
    start: int
    end: int
    time_zone: str


@dataclass(frozen=True, slots=True)
class InState:
    """A column that is true, false, known or unknown."""

    column: str
    state: State


ColumnLeaf = (
    Comparison | Membership | TextMatch | Between | OnWeekdays | BetweenHours | InState
)
"""A leaf that is read from one row."""


class Aggregate(StrEnum):
    """What is worked out of the rows of a member."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    AVERAGE = "average"
    DISTINCT = "distinct"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a relation that belong to a member.

    Attributes:
        relation: Its name in the catalogue.
        subject: What the rows are called in names: the relation, or the events.
        only: What makes them rows of the subject; None when all are.
        where: What is asked of them beyond that.
        during: When they happened; None whenever, up to as_of.
    """

    relation: str
    subject: str
    only: "Condition | None" = None
    where: "Condition | None" = None
    during: Between | None = None


@dataclass(frozen=True, slots=True)
class RelatedRows:
    """An aggregate of rows against a number, or against an instant.

    The sum and the count of no rows are 0; their minimum, maximum and average are unknown.

    Attributes:
        column: What is aggregated; None for a count.
        since: Only rows that are later than the last of these; all, where there is none.
    """

    rows: Rows
    aggregate: Aggregate
    comparator: Comparator
    operand: Literal | Ago
    column: str | None = None
    since: Rows | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One of the events of a sequence.

    Attributes:
        hours: How long after the former step at most.
    """

    rows: Rows
    hours: int | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """Events one after another, each later than the former, at least two or one and `absent`.

    Attributes:
        span_hours: From the first step to the last at most.
        during: When all of them happened; None whenever, up to as_of.
        absent: What did not happen after the last step: within its hours, which are over, or
            where it has none, up to as_of.
    """

    relation: str
    steps: tuple[Step, ...]
    absent: Step | None = None
    span_hours: int | None = None
    during: Between | None = None


@dataclass(frozen=True, slots=True)
class InAudience:
    """A member of another audience, or of one of its split groups."""

    audience: str
    split_group: str | None = None


@dataclass(frozen=True, slots=True)
class RawSql:
    """A query for the ids of members. `sql` is checked, and holds Jinja where it reads models."""

    name: str
    sql: str


Leaf = ColumnLeaf | RelatedRows | Sequence | InAudience | RawSql


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of the conditions, at least one."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One or more of the conditions, at least one."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    condition: "Condition"


Condition = Leaf | AllOf | AnyOf | Not
