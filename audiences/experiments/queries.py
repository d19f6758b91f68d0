"""The queries behind an experiment: spells of the period, sums over what was bought. Pure.

Texts are in sqlglot's own dialect. A bare table name stands for a relation or another query, a
`:name` for a value; nothing a person typed is ever pasted into them.
"""

import functools
from collections.abc import Mapping
from datetime import datetime

import sqlglot
from sqlglot import exp

from warehouse.values import Relation

MEMBERSHIPS = Relation("audiences", "audience_memberships")
ORDERS = Relation("core", "fct_orders")
RUNS = Relation("identity", "identity_stats")

NEEDED: Mapping[Relation, frozenset[str]] = {
    MEMBERSHIPS: frozenset(
        {
            "audience_name",
            "member_id",
            "customer_id",
            "split_group",
            "entered_version",
            "entered_at",
            "exited_at",
        }
    ),
    ORDERS: frozenset({"customer_id", "ordered_at", "is_cancelled", "revenue_eur"}),
    RUNS: frozenset({"run_id", "as_of"}),
}
"""The columns that the queries read."""

SPELLS = """
select
    memberships.customer_id,
    memberships.split_group,
    memberships.entered_version,
    memberships.entered_at,
    row_number() over (
        partition by memberships.customer_id
        order by memberships.entered_at, memberships.member_id
    ) as spell_number
from memberships
where
    memberships.audience_name = :audience
    and memberships.customer_id is not null
    and memberships.split_group is not null
    and memberships.entered_at >= :since
    and memberships.entered_at < :until
"""
"""One row per spell of the period that has a group. Of two at one instant, the one of the lower
member_id is the first."""

FIRST_SPELLS = """
select spells.customer_id, spells.split_group, spells.entered_at
from spells
where spells.spell_number = 1
"""
"""One row per exposed customer."""

ENTERED = """
select
    memberships.customer_id,
    'all' as split_group,
    min(memberships.entered_at) as entered_at
from memberships
where
    memberships.audience_name = :audience
    and memberships.customer_id is not null
    and memberships.entered_at >= :since
    and memberships.entered_at < :until
group by memberships.customer_id
"""
"""One row per customer who entered in the period, whatever their group."""

PRESENT = """
select distinct
    memberships.customer_id,
    'all' as split_group,
    :as_of - :window as entered_at
from memberships
where
    memberships.audience_name = :audience
    and memberships.customer_id is not null
    and memberships.exited_at is null
"""
"""One row per customer who is a member now, as if exposed one window ago."""

PERIOD = """
with customers as (
    select
        spells.customer_id,
        min(spells.entered_at) as entered_at,
        count(distinct spells.split_group) as group_count
    from spells
    group by spells.customer_id
)

select
    min(customers.entered_at) as first_entered_at,
    max(customers.entered_at) as last_entered_at,
    count(case when customers.group_count > 1 then 1 end) as regrouped_count,
    (
        select count(distinct spells.entered_version) from spells
        where spells.spell_number = 1
    ) as version_count
from customers
"""
"""One row about the exposures of the period; its instants are null when there are none."""

FIGURES = """
with windows as (
    select
        exposures.customer_id,
        exposures.split_group,
        exposures.entered_at,
        exposures.entered_at - :before as before_from,
        exposures.entered_at + :window as window_ends_at,
        exposures.entered_at + :window <= :as_of as is_observed
    from exposures
),

customers as (
    select
        windows.customer_id,
        windows.split_group,
        count(
            case when orders.ordered_at > windows.entered_at then 1 end
        ) as order_count,
        count(
            case
                when orders.ordered_at > windows.entered_at and orders.revenue_eur is null
                    then 1
            end
        ) as unpriced_count,
        max(
            case when orders.ordered_at > windows.entered_at then 1 else 0 end
        ) as converted,
        max(
            case when orders.ordered_at <= windows.entered_at then 1 else 0 end
        ) as converted_before,
        cast(
            coalesce(
                sum(
                    case
                        when orders.ordered_at > windows.entered_at
                            then orders.revenue_eur
                    end
                ),
                0
            ) as decimal(18, 2)
        ) as revenue,
        cast(
            coalesce(
                sum(
                    case
                        when orders.ordered_at <= windows.entered_at
                            then orders.revenue_eur
                    end
                ),
                0
            ) as decimal(18, 2)
        ) as revenue_before
    from windows
    left join orders
        on
            windows.customer_id = orders.customer_id
            and not orders.is_cancelled
            and orders.ordered_at > windows.before_from
            and orders.ordered_at <= windows.window_ends_at
    where windows.is_observed
    group by windows.customer_id, windows.split_group
),

entered as (
    select windows.split_group, count(*) as entered_count
    from windows
    group by windows.split_group
)

select
    entered.split_group,
    max(entered.entered_count) as entered_count,
    count(customers.customer_id) as observed_count,
    coalesce(sum(customers.order_count), 0) as order_count,
    coalesce(sum(customers.unpriced_count), 0) as unpriced_count,
    coalesce(sum(customers.converted), 0) as converted,
    coalesce(sum(customers.converted_before), 0) as converted_before,
    coalesce(
        sum(customers.converted * customers.converted_before), 0
    ) as converted_both,
    coalesce(sum(customers.revenue), 0) as revenue,
    coalesce(sum(customers.revenue_before), 0) as revenue_before,
    coalesce(sum(customers.revenue * customers.revenue), 0) as revenue_squared,
    coalesce(
        sum(customers.revenue_before * customers.revenue_before), 0
    ) as revenue_before_squared,
    coalesce(
        sum(customers.revenue * customers.revenue_before), 0
    ) as revenue_product
from entered
left join customers on entered.split_group = customers.split_group
group by entered.split_group
order by entered.split_group
"""
"""One row per group of `exposures`: sums over its customers. Squares are of decimals, so that no
cent is rounded."""

AUDIENCES = """
select
    memberships.audience_name,
    count(memberships.customer_id) as customer_spell_count,
    count(
        distinct case when memberships.exited_at is null then memberships.customer_id end
    ) as member_count,
    min(memberships.entered_at) as first_entered_at,
    max(memberships.entered_at) as last_entered_at,
    count(
        case
            when memberships.entered_at >= :since and memberships.entered_at < :until then 1
        end
    ) as period_spell_count
from memberships
group by memberships.audience_name
order by memberships.audience_name
"""
"""One row per audience that ever had a member."""

LAST_RUN = "select runs.as_of from runs order by runs.run_id desc limit 1"

_TABLES: Mapping[str, Relation] = {
    "memberships": MEMBERSHIPS,
    "orders": ORDERS,
    "runs": RUNS,
}


def filled(
    text: str,
    values: Mapping[str, exp.Expr],
    relations: Mapping[str, exp.Query] | None = None,
) -> exp.Query:
    """A query with its relations and values put in.

    Args:
        text: One of this module's.
        values: Expression by placeholder.
        relations: Query by the bare table name that stands for it.
    """

    def place(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Table) or node.db:
            return node
        if relations and node.name in relations:
            return relations[node.name].copy().subquery(node.name)
        if node.name in _TABLES:
            return exp.alias_(_TABLES[node.name].to_table(), node.name, table=True)
        return node

    query = exp.replace_placeholders(_parsed(text).transform(place), **values)
    if not isinstance(query, exp.Query):
        raise TypeError(f"expected a query, found {type(query).__name__}")
    return query


def timestamp(instant: datetime) -> exp.Expr:
    """An instant as a literal."""
    return exp.cast(exp.Literal.string(instant.isoformat(sep=" ")), "timestamp")


def days(count: int) -> exp.Expr:
    """Days of 24 hours as a literal."""
    return exp.Interval(this=exp.Literal.string(str(count)), unit=exp.var("day"))


@functools.cache
def _parsed(text: str) -> exp.Expr:
    """The texts are constants; `transform` works on a copy."""
    return sqlglot.parse_one(text)
