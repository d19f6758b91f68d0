"""What a condition on a row's columns says in SQL, as a reviewer reads it."""

from datetime import datetime
from decimal import Decimal

import pytest

from audiences.conditions import (
    Ago,
    Between,
    ColumnLeaf,
    ColumnOperand,
    Comparator,
    Comparison,
    InState,
    Literal,
    Membership,
    State,
)
from audiences.expressions import leaf_sql

IS_B2B = InState("is_b2b", State.IS_TRUE)
MANY_ORDERS = Comparison("order_count", Comparator.AT_LEAST, Decimal(5))
IN_OSLO = Comparison("city", Comparator.EQUALS, "Oslo")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (IN_OSLO, "customers.city = 'Oslo'"),
        (
            Comparison("city", Comparator.NOT_EQUALS, "Oslo"),
            "customers.city is distinct from 'Oslo'",
        ),
        (
            Comparison("revenue_eur", Comparator.GREATER_THAN, Decimal("299.95")),
            "customers.revenue_eur > 299.95",
        ),
        (MANY_ORDERS, "customers.order_count >= 5"),
        (
            Comparison("order_count", Comparator.LESS_THAN, Decimal(-2)),
            "customers.order_count < -2",
        ),
        (
            Comparison("revenue_eur", Comparator.AT_MOST, Decimal(100_000_000)),
            "customers.revenue_eur <= 100000000",
        ),
        (
            Comparison("last_seen_at", Comparator.BEFORE, datetime(2026, 1, 31, 9, 30)),
            "customers.last_seen_at "
            "< cast('2026-01-31 09:30:00' as {{ dbt.type_timestamp() }})",
        ),
        (
            Comparison("last_seen_at", Comparator.BEFORE, Ago(180 * 24)),
            "customers.last_seen_at < {{ days_ago(180) }}",
        ),
        (
            Comparison("last_seen_at", Comparator.AFTER, Ago(0)),
            "customers.last_seen_at > {{ as_of() }}",
        ),
        (
            Comparison(
                "last_ordered_at", Comparator.BEFORE, ColumnOperand("last_seen_at")
            ),
            "customers.last_ordered_at < customers.last_seen_at",
        ),
        (
            Membership("country_code", ("NL", "NO")),
            "customers.country_code in ('NL', 'NO')",
        ),
        (
            Between("last_seen_at", Ago(30 * 24), Ago(0)),
            "customers.last_seen_at between {{ days_ago(30) }} and {{ as_of() }}",
        ),
        (IS_B2B, "customers.is_b2b"),
        (InState("is_b2b", State.IS_FALSE), "not customers.is_b2b"),
        (InState("city", State.IS_KNOWN), "customers.city is not null"),
        (InState("city", State.IS_UNKNOWN), "customers.city is null"),
    ],
)
def test_leaf_says_in_sql(condition: ColumnLeaf, expected: str):
    assert leaf_sql(condition, "customers") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Ålesund & Øy, nr. 5/7", "'Ålesund & Øy, nr. 5/7'"),
        ("", "''"),
        ("O'Neill", '{{ text_literal("O\'Neill") }}'),
        ("x' or 1=1 --", '{{ text_literal("x\' or 1=1 --") }}'),
        ("back\\slash", '{{ text_literal("back\\\\slash") }}'),
        ('say "no"', '{{ text_literal("say \\"no\\"") }}'),
        ("two\nlines", '{{ text_literal("two\\nlines") }}'),
        (
            "{{ env_var('SECRET') }}",
            "{{ text_literal(\"\\u007b\\u007b env_var('SECRET') \\u007d\\u007d\") }}",
        ),
        ("{% raw %}", '{{ text_literal("\\u007b\\u0025 raw \\u0025\\u007d") }}'),
        ("{# hidden", '{{ text_literal("\\u007b\\u0023 hidden") }}'),
        (":p0", "':p0'"),
        ("%(p)s; drop table x", '{{ text_literal("\\u0025(p)s; drop table x") }}'),
    ],
)
def test_text_reaches_sql_only_as_a_literal(value: str, expected: str):
    condition = Comparison("city", Comparator.EQUALS, value)

    assert leaf_sql(condition, "customers") == f"customers.city = {expected}"


def test_value_that_looks_like_a_placeholder_stays_a_value():
    values: tuple[Literal, ...] = (":p1", ":p0")

    assert (
        leaf_sql(Membership("city", values), "customers")
        == "customers.city in (':p1', ':p0')"
    )
