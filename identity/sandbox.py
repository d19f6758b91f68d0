"""A copy of the warehouse in which rules are tried: what goes in, and what came of them."""

from datetime import datetime

from sqlglot import exp

from identity.cells import instant_or_none, integer
from identity.comparison import (
    Comparison,
    Regrouping,
    Totals,
    audience_changes,
    splits_and_merges,
)
from identity.proposal import Proposal
from identity.tables import (
    BLOCKED,
    LINK_RULES,
    MAP,
    OVERRIDES,
    RUNS,
    make_schema,
    named,
    require,
)
from warehouse.connection import Statement, Warehouse
from warehouse.manifest import Relation

MEMBERSHIPS = Relation("audiences", "audience_memberships")
BIGGEST = 5

_SCHEMA = "kenning_simulation"
_MAP_BEFORE = Relation(_SCHEMA, "map_before")
_MEMBERS_BEFORE = Relation(_SCHEMA, "members_before")
_IS_MEMBER = "exited_at is null"


def last_instant(warehouse: Warehouse) -> datetime | None:
    """What the last build of the graph took for now."""
    require(warehouse, RUNS)
    rows = warehouse.query(
        exp.select("as_of").from_(RUNS.to_table()).order_by("run_id desc").limit(1)
    )
    return instant_or_none(rows[0][0]) if rows else None


def remember(warehouse: Warehouse) -> None:
    """Keep what the graph says now, to compare with later."""
    require(warehouse, MAP)
    make_schema(warehouse, _SCHEMA)
    _replace(
        warehouse,
        _MAP_BEFORE,
        exp.select(
            "identifier_type", "identifier_value", "customer_id", "is_shared"
        ).from_(MAP.to_table()),
    )
    if warehouse.columns(MEMBERSHIPS.schema, MEMBERSHIPS.name):
        _replace(
            warehouse,
            _MEMBERS_BEFORE,
            exp.select("audience_name", "member_id", "exited_at")
            .from_(MEMBERSHIPS.to_table())
            .where(_IS_MEMBER),
        )


def waiting_rules(warehouse: Warehouse) -> tuple[str, ...]:
    """Ids of the link rules that commands wrote and that no build has applied yet."""
    require(warehouse, LINK_RULES, OVERRIDES)
    applied = exp.select("rule_id").from_(OVERRIDES.to_table()).where("is_current")
    rows = warehouse.query(
        exp.select("rule_id")
        .from_(LINK_RULES.to_table())
        .where(exp.not_(exp.column("rule_id").isin(query=applied)))
        .order_by("rule_id")
    )
    return tuple(str(rule_id) for (rule_id,) in rows)


def add_rows(warehouse: Warehouse, proposal: Proposal) -> None:
    """Write the proposed blocked values and link rules beside those that stand."""
    if proposal.blocked:
        require(warehouse, BLOCKED)
        warehouse.insert(
            BLOCKED.schema,
            BLOCKED.name,
            {
                name: [getattr(row, name) for row in proposal.blocked]
                for name in ("identifier_type", "match", "value", "reason")
            },
        )
    if proposal.link_rules:
        require(warehouse, LINK_RULES)
        rules = proposal.link_rules
        warehouse.insert(
            LINK_RULES.schema,
            LINK_RULES.name,
            {
                "rule_id": [
                    f"proposed-{number}" for number in range(1, len(rules) + 1)
                ],
                "action": [rule.action for rule in rules],
                "left_type": [rule.left.type for rule in rules],
                "left_value": [rule.left.value for rule in rules],
                "right_type": [rule.right.type for rule in rules],
                "right_value": [rule.right.value for rule in rules],
                "reason": [rule.reason for rule in rules],
            },
        )


def compare(warehouse: Warehouse, *, with_audiences: bool) -> Comparison:
    """What became of the graph since `remember`."""
    regroupings = [
        Regrouping(str(before), str(after), integer(count))
        for before, after, count in warehouse.query(_regroupings())
    ]
    splits, merges = splits_and_merges(regroupings)
    moved, gone, new = warehouse.query(_movements())[0]
    return Comparison(
        before=_totals(warehouse, _MAP_BEFORE),
        after=_totals(warehouse, MAP),
        moved_count=integer(moved),
        gone_count=integer(gone),
        new_count=integer(new),
        splits=splits,
        merges=merges,
        audiences=(
            audience_changes(
                _members(warehouse, _MEMBERS_BEFORE),
                _members(warehouse, MEMBERSHIPS),
                _members_in_both(warehouse),
            )
            if with_audiences
            else None
        ),
    )


def _replace(warehouse: Warehouse, relation: Relation, query: exp.Query) -> None:
    statement: Statement = exp.Create(
        this=relation.to_table(), kind="TABLE", replace=True, expression=query
    )
    warehouse.execute(statement)


def _paired(join_type: str) -> exp.Select:
    """Identifiers before with the same identifier after."""
    return (
        exp.select()
        .from_(named(_MAP_BEFORE, "befores"))
        .join(
            named(MAP, "afters"),
            on="befores.identifier_type = afters.identifier_type "
            "and befores.identifier_value = afters.identifier_value",
            join_type=join_type,
        )
    )


def _regroupings() -> exp.Select:
    """Pairs of customers, of those that part or that are made of several."""
    pairs = (
        _paired("inner")
        .select(
            exp.alias_("befores.customer_id", "before_id"),
            exp.alias_("afters.customer_id", "after_id"),
            exp.alias_("count(*)", "identifier_count"),
        )
        .where("not befores.is_shared and not afters.is_shared")
        .group_by("befores.customer_id", "afters.customer_id")
    )
    counted = exp.select(
        "pairs.*",
        exp.alias_("count(*) over (partition by pairs.before_id)", "part_count"),
        exp.alias_("count(*) over (partition by pairs.after_id)", "origin_count"),
    ).from_(pairs.subquery("pairs"))
    return (
        exp.select("before_id", "after_id", "identifier_count")
        .from_(counted.subquery("counted"))
        .where("part_count > 1 or origin_count > 1")
        .order_by("before_id", "after_id")
    )


def _movements() -> exp.Select:
    return _paired("full outer").select(
        "count(case when befores.customer_id <> afters.customer_id then 1 end)",
        "count(case when afters.customer_id is null then 1 end)",
        "count(case when befores.customer_id is null then 1 end)",
    )


def _totals(warehouse: Warehouse, relation: Relation) -> Totals:
    [[identifier_count, customer_count]] = warehouse.query(
        exp.select("count(*)", "count(distinct customer_id)").from_(relation.to_table())
    )
    biggest = warehouse.query(
        exp.select("customer_id", exp.alias_("count(*)", "identifier_count"))
        .from_(relation.to_table())
        .group_by("customer_id")
        .order_by("identifier_count desc", "customer_id")
        .limit(BIGGEST)
    )
    return Totals(
        identifier_count=integer(identifier_count),
        customer_count=integer(customer_count),
        biggest=tuple((str(each), integer(count)) for each, count in biggest),
    )


def _members(warehouse: Warehouse, relation: Relation) -> dict[str, int]:
    if not warehouse.columns(relation.schema, relation.name):
        return {}
    return _by_name(
        warehouse,
        exp.select("audience_name", "count(*)")
        .from_(relation.to_table())
        .where(_IS_MEMBER)
        .group_by("audience_name"),
    )


def _members_in_both(warehouse: Warehouse) -> dict[str, int]:
    if not warehouse.columns(_MEMBERS_BEFORE.schema, _MEMBERS_BEFORE.name):
        return {}
    return _by_name(
        warehouse,
        exp.select("befores.audience_name", "count(*)")
        .from_(named(_MEMBERS_BEFORE, "befores"))
        .join(
            named(MEMBERSHIPS, "afters"),
            on="befores.audience_name = afters.audience_name "
            "and befores.member_id = afters.member_id",
        )
        .where(f"afters.{_IS_MEMBER}")
        .group_by("befores.audience_name"),
    )


def _by_name(warehouse: Warehouse, query: exp.Select) -> dict[str, int]:
    return {str(name): integer(count) for name, count in warehouse.query(query)}
