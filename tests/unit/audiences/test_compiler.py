"""The SQL that definitions compile to, read as a reviewer reads it."""

from datetime import datetime
from decimal import Decimal

import pytest

from audiences.compiler import audience_sql, condition_sql, memberships_sql
from audiences.definition import (
    AllOf,
    AnyOf,
    ColumnOperand,
    Comparator,
    Comparison,
    Condition,
    DaysAgo,
    Definition,
    InState,
    Literal,
    Membership,
    Not,
    Owner,
    State,
    WithinDays,
)

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
            Comparison("last_seen_at", Comparator.BEFORE, DaysAgo(180)),
            "customers.last_seen_at < {{ days_ago(180) }}",
        ),
        (
            Comparison("last_seen_at", Comparator.AFTER, DaysAgo(0)),
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
            WithinDays("last_seen_at", 30),
            "customers.last_seen_at between {{ days_ago(30) }} and {{ as_of() }}",
        ),
        (IS_B2B, "customers.is_b2b"),
        (InState("is_b2b", State.IS_FALSE), "not customers.is_b2b"),
        (InState("city", State.IS_KNOWN), "customers.city is not null"),
        (InState("city", State.IS_UNKNOWN), "customers.city is null"),
        (AllOf((IS_B2B,)), "customers.is_b2b"),
        (AllOf((IS_B2B, IN_OSLO)), "customers.is_b2b\nand customers.city = 'Oslo'"),
        (
            AllOf((MANY_ORDERS, AnyOf((IS_B2B, IN_OSLO)))),
            "customers.order_count >= 5\n"
            "and (\n"
            "    customers.is_b2b\n"
            "    or customers.city = 'Oslo'\n"
            ")",
        ),
        (
            AnyOf((MANY_ORDERS, AllOf((IS_B2B, IN_OSLO)))),
            "customers.order_count >= 5\n"
            "or (\n"
            "    customers.is_b2b\n"
            "    and customers.city = 'Oslo'\n"
            ")",
        ),
        (
            Not(IN_OSLO),
            "not coalesce(\n    customers.city = 'Oslo',\n    false\n)",
        ),
        (
            Not(AnyOf((IS_B2B, IN_OSLO))),
            "not coalesce(\n"
            "    customers.is_b2b\n"
            "    or customers.city = 'Oslo',\n"
            "    false\n"
            ")",
        ),
        (
            Not(Not(IS_B2B)),
            "not coalesce(\n    not coalesce(customers.is_b2b, false),\n    false\n)",
        ),
    ],
)
def test_condition_compiles_to(condition: Condition, expected: str):
    assert condition_sql(condition) == expected


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

    assert condition_sql(condition) == f"customers.city = {expected}"


def test_value_that_looks_like_a_placeholder_stays_a_value():
    values: tuple[Literal, ...] = (":p1", ":p0")

    assert (
        condition_sql(Membership("city", values)) == "customers.city in (':p1', ':p0')"
    )


def test_audience_model_reads_from_import_to_members():
    definition = Definition(
        name="b2b_regulars",
        description="Companies that come often.",
        owner=Owner("Stores", "stores@nordvik.example"),
        purpose="ads",
        entity="customer",
        condition=AllOf((IS_B2B, MANY_ORDERS)),
    )

    sql = audience_sql(definition)

    assert (
        sql
        == """\
-- Generated from audiences/definitions/b2b_regulars.yml by `kenning audiences compile`.
-- Change the definition and compile again; do not edit this file.

with

customers as (

    select * from {{ ref('dim_customers') }}

),

members as (

    select
        customers.customer_id,
        {{ as_of() }} as evaluated_at

    from customers
    where
        customers.is_b2b
        and customers.order_count >= 5

)

select * from members
"""
    )


def test_memberships_hold_every_audience():
    sql = memberships_sql(["group", "regulars"])

    assert (
        sql
        == """\
-- Generated from audiences/definitions/ by `kenning audiences compile`.
-- Change the definition and compile again; do not edit this file.

with

audience_group as (

    select * from {{ ref('audience_group') }}

),

audience_regulars as (

    select * from {{ ref('audience_regulars') }}

),

memberships as (

    select
        'group' as audience_name,
        audience_group.customer_id,
        audience_group.evaluated_at as entered_at

    from audience_group

    union all

    select
        'regulars' as audience_name,
        audience_regulars.customer_id,
        audience_regulars.evaluated_at as entered_at

    from audience_regulars

)

select * from memberships
"""
    )


def test_memberships_without_audiences_are_an_empty_table():
    sql = memberships_sql([])

    assert "from customers\n    where false\n" in sql
    assert "select * from {{ ref('dim_customers') }}" in sql
