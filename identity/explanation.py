"""Why two identifiers are one customer, hop by hop; or what keeps them apart."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from identity import evidence, lookup, separation
from identity.cells import integer
from identity.evidence import Evidence, cluster_links, evidence_between
from identity.lookup import Node, find_nodes, nodes_by_id
from identity.paths import neighbours, shortest_path
from identity.separation import Separation, find_separation
from identity.tables import ASSIGNMENTS, require
from identity.wide_paths import shortest_path_in_warehouse
from warehouse.connection import Warehouse

MEMORY_LIMIT = 200_000
"""Identifiers of a cluster that is searched in memory; the warehouse searches a bigger one."""


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
class Explanation:
    """The answer.

    Attributes:
        left, right: The two identifiers that were meant.
        hops: From the left to the right; empty when they are not one customer, or one and the same.
        separation: What stands between their two customers; None when they are one.
    """

    left: Node
    right: Node
    hops: tuple[Hop, ...]
    separation: Separation | None

    @property
    def is_one_customer(self) -> bool:
        """Whether both belong to the same cluster."""
        return (
            self.left.component_id is not None
            and self.left.component_id == self.right.component_id
        )


def explain(
    warehouse: Warehouse, left: str, right: str, *, limits: Mapping[str, int]
) -> Explanation:
    """Say why two identifiers are one customer, or why not.

    Args:
        warehouse: Open, read-only is enough.
        left: As a person types it, or `type:value`. Where several identifiers have the value, those
            are meant that belong to one customer with the right, else the strongest type.
        right: Likewise.
        limits: The most values of a type that a customer holds (`separation.type_limits`), to say
            which one two customers would break.

    Raises:
        NotBuiltError: The graph is not there yet.
        CustomerNotFoundError: One of them is unknown.
    """
    require(warehouse, *lookup.REQUIRED, *evidence.REQUIRED, *separation.REQUIRED)
    start, end = _meant(*find_nodes(warehouse, left, right))
    if start.component_id is None or start.component_id != end.component_id:
        return Explanation(
            left=start,
            right=end,
            hops=(),
            separation=find_separation(warehouse, start, end, limits=limits),
        )
    return Explanation(
        left=start,
        right=end,
        hops=_hops(warehouse, start, end, start.component_id),
        separation=None,
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
