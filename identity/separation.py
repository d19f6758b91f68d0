"""What keeps two customers two: records that name identifiers of both, and why they do not merge.

Says of a few edges what identity.identity_suppressed_edges says of all. The view is read whole or
not at all, which takes seconds in a big graph; here only the two customers are read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from identity.cells import integer, integer_or_none, text_or_none
from identity.evidence import Evidence, evidence_between
from identity.identifiers import Identifier
from identity.lookup import Node, nodes_by_id
from identity.tables import (
    ASSIGNMENTS,
    LINKS,
    NODES,
    OVERRIDES,
    REGISTRY,
    REPAIRS,
    named,
)
from warehouse.connection import Warehouse

REQUIRED = (NODES, REPAIRS, OVERRIDES)
EDGE_LIMIT = 50

MAX_LINKED = "max_linked"
ATTACH_ONLY = "attach_only"
NEVER_LINK = "never_link"
LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Rule:
    """Why an edge does not merge.

    Attributes:
        name: MAX_LINKED, ATTACH_ONLY, NEVER_LINK or LIMIT.
        linked_type: The type whose values the rule counts; None where it counts none.
        linked_limit: The most that it allows.
        linked_count: How many there are, or would be.
    """

    name: str
    linked_type: str | None = None
    linked_limit: int | None = None
    linked_count: int | None = None


@dataclass(frozen=True, slots=True)
class SuppressedEdge:
    """Two identifiers that records name together and that a rule keeps from merging."""

    left: Identifier
    right: Identifier
    rule: Rule
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Separation:
    """What stands between two customers.

    Attributes:
        edges: From one to the other, or from both to an identifier that both were seen with; at
            most EDGE_LIMIT.
        never_links: Ids of the rules that say that they are two.
    """

    edges: tuple[SuppressedEdge, ...] = ()
    never_links: tuple[str, ...] = ()


def find_separation(
    warehouse: Warehouse, left: Node, right: Node, *, limits: Mapping[str, int]
) -> Separation:
    """What stands between the customers of two identifiers.

    Args:
        warehouse: Open.
        left: An identifier of one customer.
        right: Of another.
        limits: The most values of a type that a customer holds, by type, the strongest first; types
            without a limit are left out.
    """
    if left.component_id is None or right.component_id is None:
        return Separation()
    sides = (left.component_id, right.component_id)
    never_links = _never_links(warehouse, sides)
    pairs = _crossing_pairs(warehouse, sides)
    ends = sorted({node_id for pair in pairs for node_id in pair})
    nodes = nodes_by_id(warehouse, ends)
    own_rules = _own_rules(warehouse, ends)
    between = (
        Rule(NEVER_LINK)
        if never_links
        else broken_limit(_type_counts(warehouse, sides), limits)
    )
    reasons = evidence_between(warehouse, ends)
    return Separation(
        edges=tuple(
            SuppressedEdge(
                left=nodes[centre].identifier,
                right=nodes[weaker].identifier,
                rule=own_rules.get(weaker) or own_rules.get(centre) or between,
                evidence=reasons[frozenset((centre, weaker))],
            )
            for centre, weaker in pairs
        ),
        never_links=never_links,
    )


def broken_limit(
    type_counts: Sequence[Mapping[str, int]], limits: Mapping[str, int]
) -> Rule:
    """The limit that customers would break if they were one, the strongest type first.

    Args:
        type_counts: Merging identifiers by type, of each customer.
        limits: As for `find_separation`.
    """
    for kind, limit in limits.items():
        count = sum(counts.get(kind, 0) for counts in type_counts)
        if count > limit:
            return Rule(LIMIT, kind, limit, count)
    return Rule(LIMIT)


def type_limits(variables: Mapping[str, object]) -> dict[str, int]:
    """The limits of vars.identifier_types, the strongest type first; unique is a limit of 1."""
    entries = variables.get("identifier_types")
    limits = {
        str(entry["type"]): 1 if entry.get("unique") else entry.get("limit")
        for entry in (entries if isinstance(entries, list) else [])
    }
    return {kind: int(limit) for kind, limit in limits.items() if limit is not None}


def _never_links(warehouse: Warehouse, sides: tuple[int, int]) -> tuple[str, ...]:
    """Rules between any identifier of one customer and any of the other."""
    rows = warehouse.query(
        exp.select("rules.rule_id")
        .distinct()
        .from_(named(OVERRIDES, "rules"))
        .join(named(ASSIGNMENTS, "lefts"), on="rules.left_node_id = lefts.node_id")
        .join(named(ASSIGNMENTS, "rights"), on="rules.right_node_id = rights.node_id")
        .where("rules.is_current")
        .where(exp.column("action", table="rules").eq(NEVER_LINK))
        .where(exp.column("component_id", table="lefts").isin(*sides))
        .where(exp.column("component_id", table="rights").isin(*sides))
        .where("lefts.component_id <> rights.component_id")
        .order_by("rules.rule_id")
    )
    return tuple(str(rule_id) for (rule_id,) in rows)


def _crossing_pairs(
    warehouse: Warehouse, sides: tuple[int, int]
) -> list[tuple[int, int]]:
    """Linked pairs (centre, weaker end) from a side to the other, or to a shared meeting place."""
    touched = exp.union(
        _touched(sides, here="centre_node_id", there="node_id"),
        _touched(sides, here="node_id", there="centre_node_id"),
        distinct=False,
    )
    outward = (
        exp.select(
            "touched.*",
            exp.alias_("others.component_id", "other_side"),
            exp.alias_("others.is_shared", "is_other_shared"),
            exp.alias_(
                "min(touched.side) over (partition by touched.there)", "first_side"
            ),
            exp.alias_(
                "max(touched.side) over (partition by touched.there)", "last_side"
            ),
        )
        .from_(touched.subquery("touched"))
        .join(named(ASSIGNMENTS, "others"), on="touched.there = others.node_id")
        .where("touched.side <> others.component_id")
    )
    rows = warehouse.query(
        exp.select("centre_node_id", "node_id")
        .distinct()
        .from_(outward.subquery("outward"))
        .where(
            exp.or_(
                exp.column("other_side").isin(*sides),
                "is_other_shared and first_side <> last_side",
            )
        )
        .order_by("centre_node_id", "node_id")
        .limit(EDGE_LIMIT)
    )
    return [(integer(centre), integer(weaker)) for centre, weaker in rows]


def _touched(sides: tuple[int, int], *, here: str, there: str) -> exp.Select:
    """Links with one end in a side, seen from that end."""
    return (
        exp.select(
            exp.alias_("places.component_id", "side"),
            exp.alias_(exp.column(there, table="links"), "there"),
            "links.centre_node_id",
            "links.node_id",
        )
        .from_(named(LINKS, "links"))
        .join(
            named(ASSIGNMENTS, "places"),
            on=exp.column(here, table="links").eq(
                exp.column("node_id", table="places")
            ),
        )
        .where("links.is_current")
        .where(exp.column("component_id", table="places").isin(*sides))
    )


def _own_rules(warehouse: Warehouse, node_ids: Sequence[int]) -> dict[int, Rule]:
    """Why identifiers merge nobody at all, of those that do not."""
    if not node_ids:
        return {}
    rows = warehouse.query(
        exp.select(
            "nodes.node_id",
            "nodes.status",
            "nodes.shared_linked_type",
            "nodes.shared_limit",
            "nodes.shared_count",
            "repairs.is_demoted",
            "repairs.rule_name",
            "repairs.linked_type",
            "repairs.linked_limit",
            "repairs.linked_count",
        )
        .from_(named(NODES, "nodes"))
        .join(
            named(REPAIRS, "repairs"),
            on="nodes.node_id = repairs.node_id",
            join_type="left",
        )
        .where(exp.column("node_id", table="nodes").isin(*node_ids))
    )
    rules = {}
    for node_id, status, *counted, is_demoted, name, kind, limit, count in rows:
        if status == "shared":
            shared_type, shared_limit, shared_count = counted
            rules[integer(node_id)] = Rule(
                MAX_LINKED,
                text_or_none(shared_type),
                integer_or_none(shared_limit),
                integer_or_none(shared_count),
            )
        elif status == "attached":
            rules[integer(node_id)] = Rule(ATTACH_ONLY)
        elif is_demoted:
            rules[integer(node_id)] = Rule(
                str(name),
                text_or_none(kind),
                integer_or_none(limit),
                integer_or_none(count),
            )
    return rules


def _type_counts(warehouse: Warehouse, sides: tuple[int, int]) -> list[dict[str, int]]:
    rows = warehouse.query(
        exp.select("places.component_id", "registry.identifier_type", "count(*)")
        .from_(named(ASSIGNMENTS, "places"))
        .join(named(REGISTRY, "registry"), on="places.node_id = registry.node_id")
        .where(exp.column("component_id", table="places").isin(*sides))
        .where("not places.is_shared")
        .group_by("places.component_id", "registry.identifier_type")
    )
    return [
        {
            str(kind): integer(count)
            for component_id, kind, count in rows
            if integer(component_id) == side
        }
        for side in sides
    ]
