"""A plan from what customers do today: what it can find, and how many customers a lift needs."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from audiences.experiments.errors import QuestionError
from audiences.experiments.groups import Base, Group, Question
from audiences.experiments.inference import Sample
from audiences.experiments.planning import Wish, plan

QUESTION = Question("winback", None, None, window_days=30, before_days=30)
# A tenth buy; each spends 5 euros with a deviation of 10; 0.6 of it was to be seen before.
MEMBERS = Group(
    name="all",
    entered=4000,
    observed=4000,
    converted=400,
    order_count=450,
    revenue_eur=Decimal(20_000),
    conversion=Sample(4000, 0.1, 0.09, 0.1, 0.09, 0.0),
    revenue=Sample(4000, 5.0, 100.0, 4.0, 100.0, 60.0),
)
BASE = Base(
    as_of=datetime(2026, 6, 30), members=5000, group=MEMBERS, is_after_entry=True
)
WISH = Wish(
    weights={"treatment": 50, "holdout": 50},
    control=None,
    customers=None,
    lift=None,
    confidence=0.95,
    power=0.8,
)


def test_members_of_today_are_the_customers_unless_a_number_is_given():
    assert plan(QUESTION, BASE, WISH).customers == 5000
    assert plan(QUESTION, BASE, replace(WISH, customers=800)).customers == 800


def test_smallest_difference_of_revenue_is_that_of_the_formula():
    made = plan(QUESTION, BASE, replace(WISH, customers=10_000))

    # Standard errors of 1.959964 and 0.841621, each 10 * sqrt(4 / 10000).
    assert made.revenue.difference == pytest.approx(0.56032, abs=1e-5)
    assert made.revenue.relative(made.revenue.difference) == pytest.approx(
        0.11206, abs=1e-5
    )


def test_what_was_seen_before_makes_smaller_differences_visible():
    revenue = plan(QUESTION, BASE, replace(WISH, customers=10_000)).revenue

    assert revenue.variance_removed == pytest.approx(0.36)
    assert revenue.adjusted_difference == pytest.approx(0.8 * revenue.difference)


def test_lift_that_is_asked_for_has_its_number_of_customers():
    made = plan(QUESTION, BASE, replace(WISH, lift=0.5))

    # Tables of Fleiss: 10 % beside 15 % takes 685.6 each. Revenue: 4 * (2.801585 * 10 / 2.5) ** 2.
    assert made.conversion.needed == 1372
    assert made.conversion.adjusted_needed == 1372
    assert made.revenue.needed == 503
    assert made.revenue.adjusted_needed == 322


def test_without_a_lift_no_number_is_given():
    made = plan(QUESTION, BASE, WISH)

    assert made.conversion.needed is None
    assert made.revenue.adjusted_needed is None


def test_lift_beyond_everybody_has_no_number():
    assert plan(QUESTION, BASE, replace(WISH, lift=9.0)).conversion.needed is None


def test_smallest_treatment_and_all_comparisons_count():
    made = plan(
        QUESTION,
        BASE,
        replace(WISH, weights={"a": 60, "b": 20, "control": 20}, confidence=0.9),
    )

    assert made.control == "control"
    assert made.design.treatment == pytest.approx(0.2)
    assert made.design.control == pytest.approx(0.2)
    assert made.design.comparisons == 2
    assert made.design.confidence == 0.9


def test_where_nobody_buys_there_is_no_relative_lift():
    idle = replace(
        BASE,
        group=replace(
            MEMBERS, conversion=Sample(4000, 0.0, 0.0), revenue=Sample(4000, 0.0, 0.0)
        ),
    )

    made = plan(QUESTION, idle, replace(WISH, lift=0.1))

    assert made.conversion.difference > 0
    assert made.conversion.relative(made.conversion.difference) is None
    assert made.conversion.needed is None
    assert made.revenue.needed is None


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"weights": {"holdout": 100}}, "at least two groups"),
        ({"weights": {"a": 1, "b": 1}}, "Give --control one of: a, b"),
        ({"control": "c"}, "Give --control one of: treatment, holdout"),
        ({"customers": 3}, "3 customers leave fewer than two in the smallest group"),
    ],
)
def test_plan_that_cannot_be_is_refused(wish, said):
    with pytest.raises(QuestionError, match=said):
        plan(QUESTION, BASE, replace(WISH, **wish))
