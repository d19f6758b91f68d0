"""The queries behind previews and comparisons of audiences, and how they are filled in. Pure.

Texts are in sqlglot's own dialect. A bare table name stands for a table or another query, a
`:name` for a value; nothing that a person typed is ever pasted into them.
"""

import functools
from collections.abc import Mapping
from datetime import datetime

import sqlglot
from sqlglot import exp

COUNT = "select count(*) from counted"

SIZES = """
select members.split_group, count(*) as member_count
from members
group by members.split_group
order by members.split_group nulls first
"""

OVERLAP = """
select
    count(*) as other_count,
    count(members.member_id) as both_count
from others
left join members on others.member_id = members.member_id
"""

OVERLAPS = """
select mine.name, theirs.name as other_name, count(*) as both_count
from members as mine
inner join members as theirs
    on
        mine.member_id = theirs.member_id
        and mine.name <= theirs.name
group by mine.name, theirs.name
"""

DIFFERENCE = """
select
    coalesce(members.member_id, others.member_id) as member_id,
    others.member_id is null as is_added
from members
full outer join others on members.member_id = others.member_id
where
    members.member_id is null
    or others.member_id is null
"""
"""Who is in one and not in the other."""

DIFFERENCE_COUNTS = """
select
    count(case when differing.is_added then 1 end) as added_count,
    count(case when not differing.is_added then 1 end) as removed_count
from differing
"""

EXAMPLES = """
select chosen.member_id
from chosen
order by chosen.member_id
limit 10
"""

LAST_RUN = """
select runs.as_of
from runs
order by runs.run_id desc
limit 1
"""

VERSION_AT = """
select sizes.definition_version
from sizes
where
    sizes.audience_name = :name
    and sizes.recorded_at <= :instant
order by sizes.recorded_at desc
limit 1
"""

# A former id of a customer counts as who they are now; who is gone stays who they were.
CHANGE = """
with

before as (

    select distinct coalesce(memberships.customer_id, memberships.member_id) as member_id
    from memberships
    where
        memberships.audience_name = :name
        and memberships.entered_at <= :instant
        and (memberships.exited_at is null or memberships.exited_at > :instant)

)

select
    count(before.member_id) as before_count,
    count(case when before.member_id is null then 1 end) as entered_count,
    count(case when members.member_id is null then 1 end) as exited_count
from before
full outer join members on before.member_id = members.member_id
"""

LATEST_SIZES = """
with

days as (

    select
        sizes.audience_name,
        sizes.size_date,
        max(sizes.recorded_at) as recorded_at,
        sum(sizes.member_count) as member_count,
        sum(sizes.entered_count) as entered_count,
        sum(sizes.exited_count) as exited_count,
        row_number() over (
            partition by sizes.audience_name
            order by sizes.size_date desc
        ) as recency_index
    from sizes
    group by sizes.audience_name, sizes.size_date

)

select
    days.audience_name,
    days.recorded_at,
    days.member_count,
    days.entered_count,
    days.exited_count
from days
where days.recency_index = 1
order by days.audience_name
"""

# A customer with a contradictory answer has not consented, as syncs have it.
REACH = """
with

reachable as (

    select members.member_id
    from members
    left join suppressed on members.member_id = suppressed.customer_id
    where suppressed.customer_id is null

),

means as (

    select distinct consents.purpose, consents.channel
    from consents

),

channels as (

    select recipients.channel, count(*) as address_count
    from recipients
    group by recipients.channel

),

granted as (

    select consents.purpose, consents.channel, consents.customer_id
    from consents
    inner join reachable on consents.customer_id = reachable.member_id
    group by consents.purpose, consents.channel, consents.customer_id
    having min(case when consents.is_granted then 1 else 0 end) = 1

)

select
    means.purpose,
    means.channel,
    count(granted.customer_id) as consented_count,
    count(recipients.customer_id) as addressed_count,
    max(channels.address_count) as address_count
from means
left join granted
    on
        means.purpose = granted.purpose
        and means.channel = granted.channel
left join recipients
    on
        granted.customer_id = recipients.customer_id
        and granted.purpose = recipients.purpose
        and granted.channel = recipients.channel
left join channels on means.channel = channels.channel
group by means.purpose, means.channel
order by means.purpose, means.channel
"""

NOBODY = "select cast(null as text) as customer_id where 1 = 0"


def filled(
    text: str,
    tables: Mapping[str, exp.Table | exp.Query],
    values: Mapping[str, exp.Expr] | None = None,
) -> exp.Query:
    """A query with its tables and values put in.

    Args:
        text: One of this module's.
        tables: A table, or a query, by the bare name that stands for it.
        values: Expression by placeholder.
    """

    def place(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Table) or node.db or node.name not in tables:
            return node
        found = tables[node.name].copy()
        alias = node.alias or node.name
        if isinstance(found, exp.Query):
            return found.subquery(alias)
        return exp.alias_(found, alias, table=True)

    query = exp.replace_placeholders(_parsed(text).transform(place), **(values or {}))
    if not isinstance(query, exp.Query):
        raise TypeError(f"expected a query, found {type(query).__name__}")
    return query


def timestamp(instant: datetime) -> exp.Expr:
    """An instant as a literal."""
    return exp.cast(exp.Literal.string(instant.isoformat(sep=" ")), "timestamp")


def ids_of(table: exp.Table, id_column: str) -> exp.Select:
    """The members of a table, in a column called member_id."""
    return exp.select(exp.alias_(exp.column(id_column), "member_id")).from_(table)


@functools.cache
def _parsed(text: str) -> exp.Expr:
    """The texts are constants; `transform` works on a copy."""
    return sqlglot.parse_one(text)
