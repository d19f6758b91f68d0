"""What an audience is once its file has been read: values only, every name and type checked.

Every condition is true or false for a customer, never unknown: a comparison with a missing
value is false, and `not` turns that into true.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

PURPOSES = ("ads", "analytics", "email_marketing", "personalisation", "sms_marketing")
"""Purposes that the consent log knows. An audience is built for exactly one."""

ENTITIES = ("customer",)
"""What a member can be."""


@dataclass(frozen=True, slots=True)
class ColumnOperand:
    """Another column of the same customer."""

    name: str


@dataclass(frozen=True, slots=True)
class DaysAgo:
    """The instant this many days of 24 hours before as_of."""

    days: int


Literal = str | Decimal | datetime
"""A value as written: text, a number, or a UTC timestamp without a zone."""

Operand = Literal | ColumnOperand | DaysAgo


class Comparator(StrEnum):
    """How a column compares with one operand."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    GREATER_THAN = "greater_than"
    AT_LEAST = "at_least"
    LESS_THAN = "less_than"
    AT_MOST = "at_most"
    BEFORE = "before"
    AFTER = "after"


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


@dataclass(frozen=True, slots=True)
class WithinDays:
    """A timestamp in the days before as_of, both ends included."""

    column: str
    days: int


@dataclass(frozen=True, slots=True)
class InState:
    """A column that is true, false, known or unknown."""

    column: str
    state: State


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


Leaf = Comparison | Membership | WithinDays | InState
"""A condition that stands for itself: it is evaluated once, whoever says it."""

Condition = Leaf | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Owner:
    """Who answers for the audience."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Definition:
    """One audience. `name` is also its file's name; texts hold no Jinja."""

    name: str
    description: str
    owner: Owner
    purpose: str
    entity: str
    condition: Condition
