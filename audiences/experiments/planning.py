"""An experiment before its launch: what it could find, by what customers do today. Pure."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from audiences.experiments.errors import QuestionError
from audiences.experiments.groups import Base, Question
from audiences.experiments.inference import Sample
from audiences.experiments.power import (
    Design,
    customers_for_mean,
    customers_for_rate,
    detectable_difference,
    detectable_rate,
)
from audiences.experiments.verdict import CONTROL_NAMES

MOST_EXPLAINED = 0.99
"""A value before that tells more of the value after is taken for a coincidence."""


@dataclass(frozen=True, slots=True)
class Detectable:
    """What can be told of one figure.

    Attributes:
        mean: Of the control, as customers are today.
        difference: The smallest that the customers show; None when none would do.
        adjusted_difference: The same after CUPED.
        needed: Customers in all groups who show the lift that was asked for; None when none was
            asked for, or there is nothing to lift.
        adjusted_needed: The same after CUPED.
        variance_removed: Share of the variance that CUPED takes away.
    """

    mean: float
    difference: float | None
    adjusted_difference: float | None
    needed: int | None
    adjusted_needed: int | None
    variance_removed: float

    def relative(self, difference: float | None) -> float | None:
        """A difference as a share of the mean; None where there is no mean to speak of."""
        return difference / self.mean if difference is not None and self.mean else None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an experiment of this size finds with the design's power.

    Attributes:
        question: The audience, and the days in which orders count.
        base: What was measured.
        weights: What each group gets.
        control: The group that the others are compared with.
        customers: In all groups together.
        lift: Relative lift that was asked for, such as 0.1; None for none.
        design: The smallest treatment beside the control.
        conversion: Share of customers who buy.
        revenue: Euros per customer.
    """

    question: Question
    base: Base
    weights: Mapping[str, float]
    control: str
    customers: int
    lift: float | None
    design: Design
    conversion: Detectable
    revenue: Detectable


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of an experiment.

    Attributes:
        weights: What each group gets, any positive numbers; at least two groups.
        control: Name of the control; None to take the group of a name in CONTROL_NAMES.
        customers: In all groups together; None for as many as are members now.
        lift: Relative lift to find, above 0; None to leave it.
        confidence: 1 less the risk of a difference that is none.
        power: Chance of finding one that is there.
    """

    weights: Mapping[str, float]
    control: str | None
    customers: int | None
    lift: float | None
    confidence: float
    power: float


def plan(question: Question, base: Base, wish: Wish) -> Plan:
    """What the experiment finds.

    Args:
        question: That `base` answers.
        base: What the audience's customers do today.
        wish: The design.

    Raises:
        QuestionError: The control is none of the groups, or there are too few of them or of
            customers.
    """
    control = _control(wish)
    customers = base.members if wish.customers is None else wish.customers
    total = sum(wish.weights.values())
    treatments = [each for name, each in wish.weights.items() if name != control]
    design = Design(
        treatment=min(treatments) / total,
        control=wish.weights[control] / total,
        comparisons=len(treatments),
        confidence=wish.confidence,
        power=wish.power,
    )
    if min(design.treatment, design.control) * customers < 2:
        raise QuestionError(
            f"{customers:,} customers leave fewer than two in the smallest group. Give more as "
            "--customers."
        )
    conversion, revenue = base.group.conversion, base.group.revenue
    if conversion is None or revenue is None:
        raise QuestionError(
            "A base rate needs at least two customers whose window is over."
        )
    return Plan(
        question=question,
        base=base,
        weights=wish.weights,
        control=control,
        customers=customers,
        lift=wish.lift,
        design=design,
        conversion=_rate(conversion, customers, wish.lift, design),
        revenue=_mean(revenue, customers, wish.lift, design),
    )


def _control(wish: Wish) -> str:
    found = (
        [wish.control]
        if wish.control
        else [each for each in CONTROL_NAMES if each in wish.weights]
    )
    if len(wish.weights) < 2:
        raise QuestionError(
            "An experiment has at least two groups. Give --weights such as "
            "treatment=80,holdout=20."
        )
    if len(found) != 1 or found[0] not in wish.weights:
        raise QuestionError(
            f"Which group is the control? Give --control one of: {', '.join(wish.weights)}."
        )
    return found[0]


def _rate(
    sample: Sample, customers: int, lift: float | None, design: Design
) -> Detectable:
    rate = sample.mean

    def difference(count: float) -> float | None:
        higher = detectable_rate(rate, count, design)
        return None if higher is None else higher - rate

    goal = rate * (1 + lift) if lift else rate
    needed = customers_for_rate(rate, goal, design) if rate < goal < 1 else None
    return _detectable(sample, customers, difference, needed)


def _mean(
    sample: Sample, customers: int, lift: float | None, design: Design
) -> Detectable:
    deviation = math.sqrt(sample.variance)

    def difference(count: float) -> float:
        return detectable_difference(deviation, count, design)

    goal = sample.mean * lift if lift else 0.0
    needed = customers_for_mean(deviation, goal, design) if goal > 0 else None
    return _detectable(sample, customers, difference, needed)


def _detectable(
    sample: Sample,
    customers: int,
    difference: Callable[[float], float | None],
    needed: float | None,
) -> Detectable:
    """After CUPED, a customer is worth one divided by the share of variance that is left."""
    removed = _explained(sample)
    left = 1 - removed
    return Detectable(
        mean=sample.mean,
        difference=difference(customers),
        adjusted_difference=difference(customers / left),
        needed=None if needed is None else math.ceil(needed),
        adjusted_needed=None if needed is None else math.ceil(needed * left),
        variance_removed=removed,
    )


def _explained(sample: Sample) -> float:
    """Share of the variance after that the values before explain."""
    spread = sample.variance * sample.variance_before
    return min(sample.covariance**2 / spread, MOST_EXPLAINED) if spread > 0 else 0.0
