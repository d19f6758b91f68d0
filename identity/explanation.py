"""Why two identifiers are one customer, hop by hop; or what keeps them apart."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from identity import evidence, lookup
from identity.cells import (
    instant_or_none,
    integer,
    integer_or_none,
    text_or_none,
)
from identity.evidence import Evidence, cluster_links, evidence_between
from identity.identifiers import Identifier
from identity.lookup import Node, find_nodes, nodes_by_id
from identity.paths import neighbours, shortest_path
from identity.tables import (
    ASSIGNMENTS,
    MAP,
    OVERRIDES,
    SUPPRESSED_EDGES,
    named,
    require,
)
from identity.wide_paths import shortest_path_in_warehouse
from warehouse.connection import Warehouse

MEMORY_LIMIT = 200_000
"""Identifiers of a cluster that is searched in memory; the warehouse searches a bigger one."""

EDGE_LIMIT = 1_000
"""Suppressed edges of two customers that are looked through."""


@dataclass(frozen=True, slots=True)
class Hop:
    """Two identifiers and everything that links them, the oldest first."""

    left: Node
    right: Node
    evidence: tuple[Evidence, ...]

    @property
    def is_merging(self) -> bool:
        """Whether it makes one customer; otherwise one end is shared and merges nobody."""
        return not (self.left.is_shared or self.right.is_shared)


@dataclass(frozen=True, slots=True)
class SuppressedEdge:
    """Two identifiers that a record names together and that a rule keeps from merging.

    Attributes:
        left, right: The ends.
        rule_name: max_linked, attach_only, limit or never_link.
        linked_type, linked_limit, linked_count: What the rule counts, where it counts something.
        source_model, record_key, record_count, first_seen_at: The evidence.
    """

    left: Identifier
    right: Identifier
    rule_name: str
    linked_type: str | None
    linked_limit: int | None
    linked_count: int | None
    source_model: str | None
    record_key: str | None
    record_count: int
    first_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer.

    Attributes:
        left, right: The two identifiers that were meant.
        hops: From the left to the right; empty when they are not one customer, or one and the same.
        suppressed: Edges between their two customers that a rule keeps from merging.
        never_links: Ids of the rules that say that their two customers are two.
    """

    left: Node
    right: Node
    hops: tuple[Hop, ...]
    suppressed: tuple[SuppressedEdge, ...]
    never_links: tuple[str, ...]

    @property
    def is_one_customer(self) -> bool:
        """Whether both belong to the same cluster."""
        return (
            self.left.component_id is not None
            and self.left.component_id == self.right.component_id
        )


def explain(warehouse: Warehouse, left: str, right: str) -> Explanation:
    """Say why two identifiers are one customer, or why not.

    Args:
        warehouse: Open, read-only is enough.
        left: As a person types it, or `type:value`. Where several identifiers have the value, those
            are meant that belong to one customer with the right, else the strongest type.
        right: Likewise.

    Raises:
        NotBuiltError: The graph is not there yet.
        CustomerNotFoundError: One of them is unknown.
    """
    require(warehouse, *lookup.REQUIRED, *evidence.REQUIRED)
    start, end = _meant(*find_nodes(warehouse, left, right))
    if start.component_id is None or start.component_id != end.component_id:
        return Explanation(
            left=start,
            right=end,
            hops=(),
            suppressed=_suppressed_between(warehouse, start, end),
            never_links=_never_links(warehouse, start, end),
        )
    return Explanation(
        left=start,
        right=end,
        hops=_hops(warehouse, start, end, start.component_id),
        suppressed=(),
        never_links=(),
    )


def _meant(lefts: Sequence[Node], rights: Sequence[Node]) -> tuple[Node, Node]:
    for left in lefts:
        for right in rights:
            if (
                left.component_id is not None
                and left.component_id == right.component_id
            ):
                return left, right
    return lefts[0], rights[0]


def _hops(
    warehouse: Warehouse, start: Node, end: Node, component_id: int
) -> tuple[Hop, ...]:
    shared = [node.node_id for node in (start, end) if node.is_shared]
    if _size(warehouse, component_id) <= MEMORY_LIMIT:
        graph = neighbours(cluster_links(warehouse, component_id, ends=shared))
        path = shortest_path(graph, start.node_id, end.node_id)
    else:
        path = shortest_path_in_warehouse(
            warehouse, component_id, start.node_id, end.node_id, ends=shared
        )
    if path is None:
        return ()
    reasons = evidence_between(warehouse, path)
    nodes = nodes_by_id(warehouse, path)
    return tuple(
        Hop(
            left=nodes[here],
            right=nodes[there],
            evidence=reasons[frozenset((here, there))],
        )
        for here, there in itertools.pairwise(path)
    )


def _size(warehouse: Warehouse, component_id: int) -> int:
    [[count]] = warehouse.query(
        exp.select("count(*)")
        .from_(ASSIGNMENTS.to_table())
        .where(exp.column("component_id").eq(component_id))
    )
    return integer(count)


def _never_links(warehouse: Warehouse, start: Node, end: Node) -> tuple[str, ...]:
    """Rules between any identifier of one customer and any of the other."""
    sides = [
        exp.or_(
            exp.column("node_id", table=side).eq(node.node_id),
            *(
                [exp.column("component_id", table=side).eq(node.component_id)]
                if node.component_id is not None
                else []
            ),
        )
        for side, node in (
            ("lefts", start),
            ("rights", end),
            ("lefts", end),
            ("rights", start),
        )
    ]
    rows = warehouse.query(
        exp.select("rules.rule_id")
        .distinct()
        .from_(named(OVERRIDES, "rules"))
        .join(named(ASSIGNMENTS, "lefts"), on="rules.left_node_id = lefts.node_id")
        .join(named(ASSIGNMENTS, "rights"), on="rules.right_node_id = rights.node_id")
        .where("rules.is_current")
        .where(exp.column("action", table="rules").eq("never_link"))
        .where(exp.or_(exp.and_(sides[0], sides[1]), exp.and_(sides[2], sides[3])))
        .order_by("rules.rule_id")
    )
    return tuple(str(rule_id) for (rule_id,) in rows)


def _suppressed_between(
    warehouse: Warehouse, start: Node, end: Node
) -> tuple[SuppressedEdge, ...]:
    require(warehouse, SUPPRESSED_EDGES, MAP)
    edges = _suppressed_of(warehouse, [start, end])
    return edges_between(
        edges, _identifiers(warehouse, start), _identifiers(warehouse, end)
    )


def edges_between(
    edges: Iterable[SuppressedEdge], lefts: set[Identifier], rights: set[Identifier]
) -> tuple[SuppressedEdge, ...]:
    """The edges that tie two groups: from one into the other, or to an identifier that both touch.

    Args:
        edges: Suppressed edges of either group, in any order.
        lefts: The identifiers of one group.
        rights: Those of the other.

    Returns:
        In the order given. A shared telephone of both groups gives the edges of both to it.
    """
    known = list(edges)
    met = [_met_outside(known, group) for group in (lefts, rights)]
    in_common = (met[0] & met[1]) - lefts - rights
    return tuple(
        edge
        for edge in known
        if _ties(edge, lefts, rights) or _ties(edge, lefts | rights, in_common)
    )


def _met_outside(
    edges: Iterable[SuppressedEdge], group: set[Identifier]
) -> set[Identifier]:
    return {
        there
        for edge in edges
        for here, there in ((edge.left, edge.right), (edge.right, edge.left))
        if here in group
    } - group


def _ties(edge: SuppressedEdge, group: set[Identifier], other: set[Identifier]) -> bool:
    return (edge.left in group and edge.right in other) or (
        edge.right in group and edge.left in other
    )


def _suppressed_of(warehouse: Warehouse, nodes: Sequence[Node]) -> list[SuppressedEdge]:
    """Suppressed edges with an end in the customers of the identifiers, the most seen first."""
    customer_ids = [node.customer_id for node in nodes if node.customer_id is not None]
    touches = [
        exp.and_(
            exp.column(f"{side}_identifier_type", table="edges").eq(
                node.identifier.type
            ),
            exp.column(f"{side}_identifier_value", table="edges").eq(
                node.identifier.value
            ),
        )
        for side in ("left", "right")
        for node in nodes
    ]
    for side in ("left", "right") if customer_ids else ():
        members = (
            exp.select("members.identifier_value")
            .from_(named(MAP, "members"))
            .where(exp.column("customer_id", table="members").isin(*customer_ids))
            .where(f"members.identifier_type = edges.{side}_identifier_type")
            .where(f"members.identifier_value = edges.{side}_identifier_value")
        )
        touches.append(exp.Exists(this=members))
    rows = warehouse.query(
        exp.select(
            "edges.left_identifier_type",
            "edges.left_identifier_value",
            "edges.right_identifier_type",
            "edges.right_identifier_value",
            "edges.rule_name",
            "edges.linked_type",
            "edges.linked_limit",
            "edges.linked_count",
            "edges.source_model",
            "edges.record_key",
            "edges.record_count",
            "edges.first_seen_at",
        )
        .from_(named(SUPPRESSED_EDGES, "edges"))
        .where(exp.or_(*touches))
        .order_by(
            "edges.record_count desc",
            "edges.left_identifier_type",
            "edges.left_identifier_value",
            "edges.right_identifier_type",
            "edges.right_identifier_value",
            "edges.source_model",
            "edges.record_key",
        )
        .limit(EDGE_LIMIT)
    )
    return [
        SuppressedEdge(
            left=Identifier(str(left_type), str(left_value)),
            right=Identifier(str(right_type), str(right_value)),
            rule_name=str(rule),
            linked_type=text_or_none(linked_type),
            linked_limit=integer_or_none(limit),
            linked_count=integer_or_none(count),
            source_model=text_or_none(model),
            record_key=text_or_none(key),
            record_count=integer_or_none(records) or 0,
            first_seen_at=instant_or_none(first),
        )
        for (
            left_type,
            left_value,
            right_type,
            right_value,
            rule,
            linked_type,
            limit,
            count,
            model,
            key,
            records,
            first,
        ) in rows
    ]


def _identifiers(warehouse: Warehouse, node: Node) -> set[Identifier]:
    if node.customer_id is None:
        return {node.identifier}
    rows = warehouse.query(
        exp.select("identifier_type", "identifier_value")
        .from_(MAP.to_table())
        .where(exp.column("customer_id").eq(node.customer_id))
    )
    return {
        node.identifier,
        *(Identifier(str(kind), str(value)) for kind, value in rows),
    }
