"""How all, any and not are written, and read again as what they meant."""

from decimal import Decimal

import pytest

from audiences.conditions import (
    AllOf,
    AnyOf,
    Comparator,
    Comparison,
    Condition,
    InState,
    Leaf,
    Not,
    State,
)
from audiences.logic import condition_text, leaves_of
from audiences.naming import leaf_words

IS_B2B = InState("is_b2b", State.IS_TRUE)
MANY_ORDERS = Comparison("order_count", Comparator.AT_LEAST, Decimal(5))
IN_OSLO = Comparison("city", Comparator.EQUALS, "oslo")


def text_of(leaf: Leaf) -> str:
    return leaf_words(leaf)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (IS_B2B, "is_b2b_is_true"),
        (AllOf((IS_B2B,)), "is_b2b_is_true"),
        (
            AllOf((IS_B2B, AllOf((IN_OSLO, MANY_ORDERS)))),
            "is_b2b_is_true\nand city_equals_oslo\nand order_count_at_least_5",
        ),
        (
            AllOf((MANY_ORDERS, AnyOf((IS_B2B, IN_OSLO)))),
            "order_count_at_least_5\n"
            "and (\n"
            "    is_b2b_is_true\n"
            "    or city_equals_oslo\n"
            ")",
        ),
        (
            AnyOf((MANY_ORDERS, AllOf((IS_B2B, IN_OSLO)))),
            "order_count_at_least_5\n"
            "or (\n"
            "    is_b2b_is_true\n"
            "    and city_equals_oslo\n"
            ")",
        ),
        (
            AllOf((MANY_ORDERS, AnyOf((AllOf((IS_B2B, IN_OSLO)),)))),
            "order_count_at_least_5\nand is_b2b_is_true\nand city_equals_oslo",
        ),
        (
            AllOf((MANY_ORDERS, AnyOf((AnyOf((IS_B2B, IN_OSLO)),)))),
            "order_count_at_least_5\n"
            "and (\n"
            "    is_b2b_is_true\n"
            "    or city_equals_oslo\n"
            ")",
        ),
        (Not(IN_OSLO), "not city_equals_oslo"),
        (Not(Not(IS_B2B)), "not not is_b2b_is_true"),
        (
            Not(AnyOf((IS_B2B, IN_OSLO))),
            "not (\n    is_b2b_is_true\n    or city_equals_oslo\n)",
        ),
    ],
)
def test_condition_reads_like_its_definition(condition: Condition, expected: str):
    assert condition_text(condition, text_of) == expected


def test_not_makes_false_of_what_may_be_unknown_first():
    condition = Not(AnyOf((IN_OSLO, IS_B2B)))

    text = condition_text(condition, text_of, lambda leaf: leaf == IS_B2B)

    assert text == (
        "not coalesce(\n    city_equals_oslo\n    or is_b2b_is_true,\n    false\n)"
    )


def test_leaves_come_in_the_order_they_are_written():
    condition = AllOf((IS_B2B, AnyOf((Not(IN_OSLO), IS_B2B))))

    assert list(leaves_of(condition)) == [IS_B2B, IN_OSLO, IS_B2B]
    assert list(leaves_of(None)) == []
