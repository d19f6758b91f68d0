"""Sizes and detectable lifts, against tables and against each other."""

import pytest

from audiences.experiments.power import (
    Design,
    customers_for_mean,
    customers_for_rate,
    detectable_difference,
    detectable_rate,
)

EVEN = Design(treatment=0.5, control=0.5)


# J. L. Fleiss, table A.4 without its correction: 686 in each group.
def test_customers_for_a_rate_are_those_of_the_tables():
    assert customers_for_rate(0.10, 0.15, EVEN) == pytest.approx(2 * 685.6, abs=0.5)


# 2 * (1.959964 + 0.841621) ** 2 * (10 / 2) ** 2 = 392.44 in each group.
def test_customers_for_a_mean_are_those_of_the_formula():
    assert customers_for_mean(10, 2, EVEN) == pytest.approx(784.89, abs=0.01)


def test_a_small_holdout_needs_more_customers_than_an_even_split():
    uneven = Design(treatment=0.9, control=0.1)

    # 1 / (0.9 * 0.1) beside 1 / (0.5 * 0.5)
    assert customers_for_mean(10, 2, uneven) == pytest.approx(784.89 / 0.36, abs=0.1)


def test_several_treatments_need_stronger_evidence_each():
    three = Design(treatment=0.25, control=0.25, comparisons=3)

    # Of standard errors 2.393980 and 0.841621, their sum squared, times 8 * 25.
    assert customers_for_mean(10, 2, three) == pytest.approx(2093.8, abs=0.1)


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.4, 0.9])
def test_detectable_rate_needs_just_the_customers_there_are(rate):
    found = detectable_rate(rate, 5000, EVEN)

    assert found > rate
    assert customers_for_rate(rate, found, EVEN) == pytest.approx(5000)


def test_detectable_difference_needs_just_the_customers_there_are():
    found = detectable_difference(10, 5000, EVEN)

    assert customers_for_mean(10, found, EVEN) == pytest.approx(5000)


@pytest.mark.parametrize(("rate", "customers"), [(0.5, 4), (1.0, 1_000_000)])
def test_where_no_lift_could_be_seen_none_is_named(rate, customers):
    assert detectable_rate(rate, customers, EVEN) is None
