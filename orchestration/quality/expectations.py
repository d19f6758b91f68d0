"""What is expected, and what came of it, as plain values.

Knows the names of Great Expectations' expectations and nothing else of the library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType


class Severity(Enum):
    """What a broken expectation does: stop the run, or show itself."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One rule over the rows of one frame.

    Attributes:
        name: Great Expectations' own, in snake case: "expect_column_values_to_not_be_null".
        column: Column it speaks of; None for a rule over the whole frame.
        arguments: Its further arguments.
        severity: What happens when it breaks.
    """

    name: str
    column: str | None = None
    arguments: Mapping[str, object] = field(
        default_factory=lambda: MappingProxyType({})
    )
    severity: Severity = Severity.CRITICAL

    @property
    def is_critical(self) -> bool:
        """Whether the run stops when it breaks."""
        return self.severity is Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one expectation: counts only.

    Attributes:
        expectation: What was expected.
        is_met: Whether it held.
        row_count: Rows it looked at.
        unexpected_count: Rows that broke it; None when it does not speak of single rows.
    """

    expectation: Expectation
    is_met: bool
    row_count: int
    unexpected_count: int | None

    def __str__(self) -> str:
        column = f" on {self.expectation.column}" if self.expectation.column else ""
        rows = (
            f": {self.unexpected_count:,} of {self.row_count:,} rows"
            if self.unexpected_count
            else ""
        )
        return f"{self.expectation.name}{column}{rows}"


def broken(outcomes: Sequence[Outcome], severity: Severity) -> tuple[Outcome, ...]:
    """The outcomes of this severity that were not met."""
    return tuple(
        outcome
        for outcome in outcomes
        if not outcome.is_met and outcome.expectation.severity is severity
    )


def between(
    column: str,
    minimum: object,
    maximum: object,
    *,
    mostly: float = 1.0,
    severity: Severity = Severity.CRITICAL,
) -> Expectation:
    """Values lie in a range, ends included; nulls are not looked at."""
    return Expectation(
        "expect_column_values_to_be_between",
        column,
        {"min_value": minimum, "max_value": maximum, "mostly": mostly},
        severity,
    )


def matches(
    column: str,
    regex: str,
    *,
    mostly: float = 1.0,
    severity: Severity = Severity.CRITICAL,
) -> Expectation:
    """Values have a shape; nulls are not looked at."""
    return Expectation(
        "expect_column_values_to_match_regex",
        column,
        {"regex": regex, "mostly": mostly},
        severity,
    )


def does_not_match(column: str, regex: str) -> Expectation:
    """No value has a shape."""
    return Expectation(
        "expect_column_values_to_not_match_regex", column, {"regex": regex}
    )


def one_of(
    column: str,
    values: Sequence[object],
    *,
    mostly: float = 1.0,
    severity: Severity = Severity.CRITICAL,
) -> Expectation:
    """Values are of a closed set; nulls are not looked at."""
    return Expectation(
        "expect_column_values_to_be_in_set",
        column,
        {"value_set": list(values), "mostly": mostly},
        severity,
    )


def none_of(column: str, values: Sequence[object]) -> Expectation:
    """No value is of a set."""
    return Expectation(
        "expect_column_values_to_not_be_in_set", column, {"value_set": list(values)}
    )


def filled(
    column: str, *, mostly: float = 1.0, severity: Severity = Severity.CRITICAL
) -> Expectation:
    """Values are there."""
    return Expectation(
        "expect_column_values_to_not_be_null", column, {"mostly": mostly}, severity
    )


def unique(column: str) -> Expectation:
    """No value is there twice."""
    return Expectation("expect_column_values_to_be_unique", column)


def exactly_columns(names: Sequence[str]) -> Expectation:
    """The frame has these columns and no other, in any order."""
    return Expectation(
        "expect_table_columns_to_match_set",
        None,
        {"column_set": list(names), "exact_match": True},
    )
