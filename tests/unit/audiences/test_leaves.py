"""The columns that conditions become: readable, and the same whoever says them."""

from datetime import datetime
from decimal import Decimal

import pytest

from audiences.definition import (
    AllOf,
    AnyOf,
    ColumnOperand,
    Comparator,
    Comparison,
    DaysAgo,
    InState,
    Leaf,
    Membership,
    Not,
    State,
    WithinDays,
)
from audiences.leaves import column_names, leaves_of

IS_B2B = InState("is_b2b", State.IS_TRUE)
IN_OSLO = Comparison("city", Comparator.EQUALS, "Oslo")


@pytest.mark.parametrize(
    ("leaf", "name"),
    [
        (
            Comparison("order_count", Comparator.AT_LEAST, Decimal(2)),
            "order_count_at_least_2",
        ),
        (
            Comparison("revenue_eur", Comparator.LESS_THAN, Decimal("-2.50")),
            "revenue_eur_less_than_minus_2_50",
        ),
        (IN_OSLO, "city_equals_oslo"),
        (Comparison("city", Comparator.EQUALS, ""), "city_equals_nothing"),
        (
            Comparison("last_seen_at", Comparator.BEFORE, DaysAgo(180)),
            "last_seen_at_before_180_days_ago",
        ),
        (
            Comparison("last_seen_at", Comparator.AFTER, DaysAgo(0)),
            "last_seen_at_after_now",
        ),
        (
            Comparison("last_seen_at", Comparator.AFTER, datetime(2026, 1, 31)),
            "last_seen_at_after_2026_01_31",
        ),
        (
            Comparison("a", Comparator.BEFORE, ColumnOperand("b")),
            "a_before_b",
        ),
        (Membership("country_code", ("NL", "NO")), "country_code_is_nl_or_no"),
        (WithinDays("last_seen_at", 1), "last_seen_at_within_1_day"),
        (IS_B2B, "is_b2b_is_true"),
    ],
)
def test_column_is_named_after_what_the_leaf_says(leaf: Leaf, name: str):
    assert column_names([leaf]) == {leaf: name}


def test_leaf_said_twice_is_one_column():
    condition = AllOf((IS_B2B, AnyOf((Not(IS_B2B), IN_OSLO))))

    assert list(column_names(leaves_of(condition)).values()) == [
        "city_equals_oslo",
        "is_b2b_is_true",
    ]


def test_names_that_meet_get_a_digest_whatever_their_order():
    other = Comparison("city", Comparator.EQUALS, "oslo")

    names = column_names([IN_OSLO, other])

    assert len(set(names.values())) == 2
    assert all(name.startswith("city_equals_oslo_") for name in names.values())
    assert column_names([other, IN_OSLO]) == names


def test_long_names_are_cut_and_told_apart():
    leaves = [
        Membership("city", tuple(f"Somewhere {n}" for n in range(count)))
        for count in (8, 9)
    ]

    names = list(column_names(leaves).values())

    assert len(set(names)) == 2
    assert all(len(name) <= 62 for name in names)
    assert column_names(leaves[:1])[leaves[0]] in names
