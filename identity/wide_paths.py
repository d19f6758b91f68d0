"""Shortest paths in a cluster too big for memory: the search runs level by level in the warehouse.

Gives what `identity.paths.shortest_path` gives on the same links. Works in temporary tables, which
a warehouse that is open for reading has too.
"""

from collections.abc import Sequence

from sqlglot import exp

from identity.cells import integer
from identity.evidence import cluster_links_query
from warehouse.connection import Warehouse

MAX_HOPS = 64
"""Farther apart, two identifiers are tied by no reason that a person could follow."""

_LINKS = "_kenning_path_links"
_REACHED = "_kenning_path_reached"


def shortest_path_in_warehouse(
    warehouse: Warehouse,
    component_id: int,
    start: int,
    end: int,
    *,
    ends: Sequence[int] = (),
) -> tuple[int, ...] | None:
    """The nodes of a shortest path, both ends included; None when none has up to MAX_HOPS links.

    Args:
        warehouse: Open.
        component_id: The cluster that holds both.
        start: Node id of one end.
        end: Of the other.
        ends: Which of them are shared (see `identity.evidence.cluster_links`).
    """
    _make_links(warehouse, component_id, ends)
    try:
        distance = _search(warehouse, start, end)
        return None if distance is None else _walk_back(warehouse, start, distance)
    finally:
        for table in (_LINKS, _REACHED):
            warehouse.execute(
                exp.Drop(tables=[exp.to_table(table)], kind="TABLE", exists=True)
            )


def _make_links(warehouse: Warehouse, component_id: int, ends: Sequence[int]) -> None:
    """Each link twice, once from either end."""
    pairs = cluster_links_query(component_id, ends=ends)
    both = exp.union(
        exp.select(
            exp.alias_("left_node_id", "node_id"),
            exp.alias_("right_node_id", "other_node_id"),
            "record_count",
        ).from_("pairs"),
        exp.select("right_node_id", "left_node_id", "record_count").from_("pairs"),
        distinct=False,
    )
    doubled = exp.select("*").with_("pairs", as_=pairs).from_(both.subquery("doubled"))
    _make(warehouse, _LINKS, doubled)


def _search(warehouse: Warehouse, start: int, end: int) -> int | None:
    """Note how far each identifier is from the end, until the start is met."""
    _make(
        warehouse,
        _REACHED,
        exp.select(
            exp.alias_(exp.cast(exp.Literal.number(end), "bigint"), "node_id"),
            exp.alias_(exp.cast(exp.Literal.number(0), "int"), "distance"),
        ),
    )
    for distance in range(1, MAX_HOPS + 1):
        known = exp.select("node_id").from_(_REACHED)
        level = (
            exp.select("links.other_node_id", exp.Literal.number(distance))
            .distinct()
            .from_(exp.alias_(exp.to_table(_LINKS), "links", table=True))
            .join(f"{_REACHED} as reached", on="links.node_id = reached.node_id")
            .where(exp.column("distance", table="reached").eq(distance - 1))
            .where(
                exp.not_(exp.column("other_node_id", table="links").isin(query=known))
            )
        )
        if warehouse.execute(exp.insert(level, into=_REACHED)) == 0:
            return None
        if warehouse.query(
            exp.select("distance")
            .from_(_REACHED)
            .where(exp.column("node_id").eq(start))
        ):
            return distance
    return None


def _walk_back(warehouse: Warehouse, start: int, distance: int) -> tuple[int, ...]:
    path = [start]
    for nearer in range(distance - 1, -1, -1):
        [[node]] = warehouse.query(
            exp.select("links.other_node_id")
            .from_(exp.alias_(exp.to_table(_LINKS), "links", table=True))
            .join(f"{_REACHED} as reached", on="links.other_node_id = reached.node_id")
            .where(exp.column("node_id", table="links").eq(path[-1]))
            .where(exp.column("distance", table="reached").eq(nearer))
            .order_by("links.record_count desc", "links.other_node_id")
            .limit(1)
        )
        path.append(integer(node))
    return tuple(path)


def _make(warehouse: Warehouse, name: str, query: exp.Query) -> None:
    warehouse.execute(
        exp.Create(
            this=exp.to_table(name),
            kind="TABLE",
            replace=True,
            properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
            expression=query,
        )
    )
