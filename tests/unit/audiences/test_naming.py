"""The columns that conditions become: readable, and the same whoever says them."""

from datetime import datetime
from decimal import Decimal

import pytest

from audiences.conditions import (
    Aggregate,
    Ago,
    AllOf,
    Between,
    BetweenHours,
    ColumnOperand,
    Comparator,
    Comparison,
    InAudience,
    InState,
    Leaf,
    Membership,
    Not,
    OnWeekdays,
    RawSql,
    RelatedRows,
    Rows,
    Sequence,
    State,
    Step,
    TextMatch,
    TextPart,
)
from audiences.naming import leaf_words, unique_names

VIEWED = Rows("events", "viewed", Membership("event_name", ("viewed",)))
BOUGHT = Rows("events", "bought", Membership("event_name", ("bought",)))
LAST_MONTH = Between("occurred_at", Ago(30 * 24), Ago(0))
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
            Comparison("last_seen_at", Comparator.BEFORE, Ago(180 * 24)),
            "last_seen_at_before_180_days_ago",
        ),
        (
            Comparison("last_seen_at", Comparator.AFTER, Ago(0)),
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
        (Between("last_seen_at", Ago(24), Ago(0)), "last_seen_at_within_1_day"),
        (IS_B2B, "is_b2b_is_true"),
        (
            Between("period_end_at", Ago(0), Ago(-7 * 24)),
            "period_end_at_within_next_7_days",
        ),
        (Between("age", Decimal(18), Decimal(65)), "age_between_18_and_65"),
        (
            TextMatch("email", TextPart.ENDS_WITH, ("@x.example",), ignores_case=True),
            "email_ends_with_x_example_in_any_case",
        ),
        (OnWeekdays("seen_at", (6, 7), "UTC"), "seen_at_on_saturday_or_sunday"),
        (BetweenHours("seen_at", 18, 23, "UTC"), "seen_at_from_18_to_23_hours"),
        (
            RelatedRows(VIEWED, Aggregate.COUNT, Comparator.AT_LEAST, Decimal(1)),
            "has_viewed",
        ),
        (
            RelatedRows(
                Rows("events", "viewed", None, IN_OSLO, LAST_MONTH),
                Aggregate.COUNT,
                Comparator.AT_LEAST,
                Decimal(3),
                since=BOUGHT,
            ),
            "viewed_at_least_3_times_where_city_equals_oslo_w_b37ba6",
        ),
        (
            RelatedRows(
                Rows("orders", "orders", None, Not(AllOf((IS_B2B, IN_OSLO)))),
                Aggregate.SUM,
                Comparator.GREATER_THAN,
                Decimal(9),
                "total_eur",
            ),
            "orders_sum_total_eur_greater_than_9_where_not_is_584540",
        ),
        (
            Sequence(
                "events",
                (Step(VIEWED), Step(BOUGHT, 24)),
                Step(VIEWED, 2),
                48,
                LAST_MONTH,
            ),
            "viewed_then_bought_within_1_day_then_no_viewed_w_1dea38",
        ),
        (InAudience("winback", "holdout"), "in_winback_as_holdout"),
        (RawSql("vip", "select 1"), "sql_vip"),
    ],
)
def test_column_is_named_after_what_the_leaf_says(leaf: Leaf, name: str):
    assert unique_names([leaf], leaf_words) == {leaf: name}


def test_leaf_said_twice_is_one_column():
    assert unique_names([IS_B2B, IN_OSLO, IS_B2B], leaf_words) == {
        IN_OSLO: "city_equals_oslo",
        IS_B2B: "is_b2b_is_true",
    }


def test_names_that_meet_get_a_digest_whatever_their_order():
    other = Comparison("city", Comparator.EQUALS, "oslo")

    names = unique_names([IN_OSLO, other], leaf_words)

    assert len(set(names.values())) == 2
    assert all(name.startswith("city_equals_oslo_") for name in names.values())
    assert unique_names([other, IN_OSLO], leaf_words) == names


def test_long_names_are_cut_and_told_apart():
    leaves = [
        Membership("city", tuple(f"Somewhere {n}" for n in range(count)))
        for count in (8, 9)
    ]

    names = list(unique_names(leaves, leaf_words).values())

    assert len(set(names)) == 2
    assert all(len(name) <= 62 for name in names)
    assert unique_names(leaves[:1], leaf_words)[leaves[0]] in names
