"""What the groups of an audience bought before and after they entered it, read from the warehouse.

A customer counts once, in the group and from the instant of the first spell of the period that has
a group, whatever happened later: as randomised. Only sums leave the warehouse, no customer's row.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from sqlglot import exp

from audiences.experiments import queries
from audiences.experiments.errors import (
    MembershipsMissingError,
    NotAnExperimentError,
    NothingObservedError,
    UnknownAudienceError,
)
from audiences.experiments.groups import Base, Group, Outcomes, Question, sample
from audiences.experiments.queries import MEMBERSHIPS, RUNS, filled
from warehouse.connection import Value, Warehouse

_EARLIEST = datetime(1, 1, 1)
_LATEST = datetime(9999, 1, 1)


def read_outcomes(warehouse: Warehouse, question: Question) -> Outcomes:
    """The groups of an audience, from memberships and orders.

    Args:
        warehouse: Open; the published file will do.
        question: Which exposures.

    Raises:
        MembershipsMissingError: A table is not there, or of an older version.
        UnknownAudienceError: The audience has no recorded member.
        NotAnExperimentError: Its members are in no group, or are no customers.
        NothingObservedError: Nobody entered in the period.
    """
    as_of = _last_as_of(warehouse)
    values = _values(question, as_of)
    audience = _known_audience(warehouse, question, values)
    spells = filled(queries.SPELLS, values)
    about = filled(queries.PERIOD, values, {"spells": spells})
    [(first, last, regrouped, versions)] = warehouse.query(about)
    if first is None:
        raise _no_exposure(question, audience)
    exposures = filled(queries.FIRST_SPELLS, values, {"spells": spells})
    groups, unpriced = _groups(warehouse, exposures, values)
    return Outcomes(
        question=question,
        as_of=as_of,
        groups=groups,
        first_entered_at=_instant(first),
        last_entered_at=_instant(last),
        regrouped=_integer(regrouped),
        version_count=_integer(versions),
        unpriced_order_count=unpriced,
    )


def read_base(warehouse: Warehouse, question: Question) -> Base:
    """What an audience's customers buy, to plan with.

    Measured after they entered, where any have been there for a window. Of a new audience none
    has, and the same days up to now stand in.

    Args:
        warehouse: Open; the published file will do.
        question: Which exposures; groups make no difference.

    Raises:
        MembershipsMissingError: A table is not there, or of an older version.
        UnknownAudienceError: The audience has no recorded member.
        NotAnExperimentError: Its members are no customers.
        NothingObservedError: Fewer than two customers to measure.
    """
    as_of = _last_as_of(warehouse)
    values = _values(question, as_of)
    audience = _known_audience(warehouse, question, values)
    for text in (queries.ENTERED, queries.PRESENT):
        groups, _ = _groups(warehouse, filled(text, values), values)
        if groups and groups[0].observed > 1:
            return Base(
                as_of=as_of,
                members=audience.members,
                group=groups[0],
                is_after_entry=text is queries.ENTERED,
            )
    raise NothingObservedError(
        f"Audience '{question.audience}' has had fewer than two customers whose "
        f"{question.window_days} days are over, too few for a base rate. Take an audience of "
        "like customers, or wait until this one has been built with members."
    )


@dataclass(frozen=True, slots=True)
class _Audience:
    """What memberships say of one audience; `spells` are those of the period."""

    members: int
    spells: int
    first_entered_at: datetime
    last_entered_at: datetime


def _groups(
    warehouse: Warehouse, exposures: exp.Query, values: Mapping[str, exp.Expr]
) -> tuple[tuple[Group, ...], int]:
    """The groups in the order of their names, and their orders without a rate in euros."""
    rows = warehouse.query(filled(queries.FIGURES, values, {"exposures": exposures}))
    return tuple(_group(row) for row in rows), sum(_integer(row[4]) for row in rows)


def _group(row: tuple[Value, ...]) -> Group:
    entered, observed, order_count, _, converted, converted_before, both = (
        _integer(value) for value in row[1:8]
    )
    revenue, before, squared, before_squared, product = (
        _exact(value) for value in row[8:]
    )
    # A value that is 1 or 0 is its own square.
    conversions = (Fraction(converted), Fraction(converted_before))
    return Group(
        name=str(row[0]),
        entered=entered,
        observed=observed,
        converted=converted,
        order_count=order_count,
        revenue_eur=revenue,
        conversion=sample(
            observed, sums=conversions, squares=conversions, product=Fraction(both)
        ),
        revenue=sample(
            observed,
            sums=(Fraction(revenue), Fraction(before)),
            squares=(Fraction(squared), Fraction(before_squared)),
            product=Fraction(product),
        ),
    )


def _last_as_of(warehouse: Warehouse) -> datetime:
    for relation, needed in queries.NEEDED.items():
        names = {
            column.name for column in warehouse.columns(relation.schema, relation.name)
        }
        missing = sorted(needed - names)
        if missing:
            found = f"has no {', '.join(missing)}" if names else "is not there"
            raise MembershipsMissingError(
                f"{relation} {found}, and experiments are read from it. Build and publish it "
                "with `kenning build`."
            )
    rows = warehouse.query(filled(queries.LAST_RUN, {}))
    if not rows:
        raise MembershipsMissingError(
            f"{RUNS} has no run yet, so nobody can tell until when orders are known. Build with "
            "`kenning build`."
        )
    return _instant(rows[0][0])


def _known_audience(
    warehouse: Warehouse, question: Question, values: Mapping[str, exp.Expr]
) -> _Audience:
    name = question.audience
    known = {
        str(row[0]): row[1:]
        for row in warehouse.query(filled(queries.AUDIENCES, values))
    }
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise UnknownAudienceError(
            f"Audience '{name}' has never had a member in {MEMBERSHIPS}.{hint} "
            f"Those that had: {', '.join(known) or 'none'}."
        )
    customer_spells, members, first, last, spells = known[name]
    if not _integer(customer_spells):
        raise NotAnExperimentError(
            f"The members of audience '{name}' are no customers, and orders are compared by "
            "customer. Define the experiment on an audience of entity customer."
        )
    return _Audience(
        _integer(members), _integer(spells), _instant(first), _instant(last)
    )


def _no_exposure(
    question: Question, audience: _Audience
) -> NotAnExperimentError | NothingObservedError:
    if audience.spells:
        return NotAnExperimentError(
            f"Nobody who entered audience '{question.audience}' in that time is in a split "
            "group. Give its definition a split with a holdout, compile and build: "
            "docs/how-to/run-an-experiment.md."
        )
    return NothingObservedError(
        f"Nobody entered audience '{question.audience}' in that time. Members entered from "
        f"{audience.first_entered_at:%Y-%m-%d %H:%M} to "
        f"{audience.last_entered_at:%Y-%m-%d %H:%M} UTC; choose --from and --until around that."
    )


def _values(question: Question, as_of: datetime) -> Mapping[str, exp.Expr]:
    return {
        "audience": exp.Literal.string(question.audience),
        "since": queries.timestamp(question.since or _EARLIEST),
        "until": queries.timestamp(question.until or _LATEST),
        "as_of": queries.timestamp(as_of),
        "window": queries.days(question.window_days),
        "before": queries.days(question.before_days),
    }


def _integer(value: Value) -> int:
    if isinstance(value, int | Decimal):
        return int(value)
    raise TypeError(f"expected a whole number, found {type(value).__name__}")


def _exact(value: Value) -> Decimal:
    if isinstance(value, int | Decimal):
        return Decimal(value)
    raise TypeError(f"expected an exact number, found {type(value).__name__}")


def _instant(value: Value) -> datetime:
    if isinstance(value, datetime):
        return value
    raise TypeError(f"expected an instant, found {type(value).__name__}")
