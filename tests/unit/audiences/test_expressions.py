"""What a condition on a row's columns says in SQL, as a reviewer reads it."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from audiences.conditions import (
    Ago,
    Between,
    BetweenHours,
    ColumnLeaf,
    ColumnOperand,
    Comparator,
    Comparison,
    InState,
    Literal,
    Membership,
    OnWeekdays,
    State,
    TextMatch,
    TextPart,
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
        (
            Between("last_seen_at", Ago(0), Ago(-7 * 24)),
            "customers.last_seen_at between {{ as_of() }} and {{ hours_from_now(168) }}",
        ),
        (
            Between("birth_date", Ago(48, is_date=True), Ago(0, is_date=True)),
            "customers.birth_date between cast({{ days_ago(2) }} as date) "
            "and cast({{ as_of() }} as date)",
        ),
        (
            Between(
                "seen_at", datetime(2026, 1, 1), datetime(2026, 2, 1), with_high=False
            ),
            "(\n    customers.seen_at >= cast('2026-01-01 00:00:00' as "
            "{{ dbt.type_timestamp() }})\n    and customers.seen_at < "
            "cast('2026-02-01 00:00:00' as {{ dbt.type_timestamp() }})\n)",
        ),
        (
            Comparison("birth_date", Comparator.AFTER, date(1990, 1, 31)),
            "customers.birth_date > cast('1990-01-31' as date)",
        ),
        (
            Membership("city", ("Oslo", "Ås"), ignores_case=True),
            "lower(customers.city) in (lower('Oslo'), lower('Ås'))",
        ),
        (
            TextMatch("email", TextPart.ENDS_WITH, ("@x.example",)),
            "{{ text_has('customers.email', 'ends_with', \"@x.example\") }}",
        ),
        (
            TextMatch("city", TextPart.CONTAINS, ("a", "b"), ignores_case=True),
            "(\n    {{ text_has('customers.city', 'contains', \"a\", true) }}\n"
            "    or {{ text_has('customers.city', 'contains', \"b\", true) }}\n)",
        ),
        (
            OnWeekdays("seen_at", (6, 7), "Europe/Oslo"),
            "{{ local_weekday('customers.seen_at', \"'Europe/Oslo'\") }} in (6, 7)",
        ),
        (
            BetweenHours("seen_at", 22, 6, "UTC"),
            "(\n    {{ local_hour('customers.seen_at', \"'UTC'\") }} >= 22\n"
            "    or {{ local_hour('customers.seen_at', \"'UTC'\") }} < 6\n)",
        ),
        (
            BetweenHours("seen_at", 9, 17, "UTC"),
            "(\n    {{ local_hour('customers.seen_at', \"'UTC'\") }} >= 9\n"
            "    and {{ local_hour('customers.seen_at', \"'UTC'\") }} < 17\n)",
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
