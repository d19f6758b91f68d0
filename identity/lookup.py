"""Finds identifiers in the graph by what a person typed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from identity.cells import integer, integer_or_none
from identity.errors import CustomerNotFoundError
from identity.identifiers import Identifier, Reading, readings
from identity.tables import ASSIGNMENTS, NODES, REGISTRY
from warehouse.connection import Warehouse
from warehouse.manifest import Relation

REQUIRED = (REGISTRY, NODES, ASSIGNMENTS)


@dataclass(frozen=True, slots=True)
class Node:
    """An identifier in the graph, and the customer that it belongs to now.

    Attributes:
        node_id: Its number, handed out in the order first seen.
        identifier: Type and value.
        status: active, shared, attached, blocked or absent; only an active one merges.
        component_id: The cluster it stands in; None when it stands in none (blocked, absent).
        anchor_node_id: The identifier that the customer is named after; None likewise.
        customer_id: Of the customer, or another entity; None likewise.
        is_shared: Belongs to the customer, but merges nobody.
    """

    node_id: int
    identifier: Identifier
    status: str
    component_id: int | None
    anchor_node_id: int | None
    customer_id: str | None
    is_shared: bool


def find_nodes(warehouse: Warehouse, *typed: str) -> tuple[tuple[Node, ...], ...]:
    """Every identifier that may be meant by each of the texts, the likeliest first.

    Args:
        warehouse: Open, with the tables of REQUIRED.
        typed: Identifiers as a person types them, `type:value`, or ids of customers who are named
            after one. All are looked for at once: the registry is long, and texts are slow to read.

    Returns:
        For each text at least one. If its type was typed, of that type; those that stand in a
        cluster first, then the strongest type, then the oldest.

    Raises:
        CustomerNotFoundError: Nothing is known by one of them.
    """
    meant = [readings(each) for each in typed]
    values = {value for several in meant for each in several for value in each.values}
    known = _registered(warehouse, exp.column("identifier_value").isin(*sorted(values)))
    found = [_first_reading(several, known) for several in meant]
    missing = [each.strip() for each, ids in zip(typed, found, strict=True) if not ids]
    if missing:
        named_after = _registered(warehouse, exp.column("entity_id").isin(*missing))
        found = [
            ids or [row.node_id for row in named_after if row.entity_id == each.strip()]
            for each, ids in zip(typed, found, strict=True)
        ]
    if not all(found):
        raise CustomerNotFoundError(
            "Nobody is known by one of the identifiers given. Give an e-mail address, a phone "
            "number with its country code, a loyalty card, an account, cookie or customer id, as "
            "the sources have it; type:value (email:…) says which is meant."
        )
    nodes = nodes_by_id(warehouse, [node_id for ids in found for node_id in ids])
    return tuple(
        tuple(node for node in nodes.values() if node.node_id in ids) for ids in found
    )


def nodes_by_id(warehouse: Warehouse, node_ids: Sequence[int]) -> dict[int, Node]:
    """Identifiers by their numbers, in the order in which `find_nodes` gives them."""
    if not node_ids:
        return {}
    rows = warehouse.query(
        exp.select(
            "registry.node_id",
            "registry.identifier_type",
            "registry.identifier_value",
            "nodes.status",
            "assignments.component_id",
            "assignments.anchor_node_id",
            "assignments.is_shared",
        )
        .from_(_only(REGISTRY, "registry", node_ids))
        .join(
            _only(NODES, "nodes", node_ids),
            on="registry.node_id = nodes.node_id",
            join_type="left",
        )
        .join(
            _only(ASSIGNMENTS, "assignments", node_ids),
            on="registry.node_id = assignments.node_id",
            join_type="left",
        )
        .order_by(
            "case when assignments.component_id is null then 1 else 0 end",
            "nodes.type_rank",
            "registry.node_id",
        )
    )
    anchors = {integer(row[5]) for row in rows if row[5] is not None}
    names = {
        row.node_id: row.entity_id
        for row in (
            _registered(warehouse, exp.column("node_id").isin(*sorted(anchors)))
            if anchors
            else ()
        )
    }
    return {
        integer(node_id): Node(
            node_id=integer(node_id),
            identifier=Identifier(str(kind), str(value)),
            status=str(status or "absent"),
            component_id=integer_or_none(component_id),
            anchor_node_id=integer_or_none(anchor),
            customer_id=None if anchor is None else names[integer(anchor)],
            is_shared=bool(is_shared),
        )
        for node_id, kind, value, status, component_id, anchor, is_shared in rows
    }


@dataclass(frozen=True, slots=True)
class _Registered:
    node_id: int
    identifier: Identifier
    entity_id: str


def _registered(warehouse: Warehouse, condition: exp.Expr) -> tuple[_Registered, ...]:
    rows = warehouse.query(
        exp.select("node_id", "identifier_type", "identifier_value", "entity_id")
        .from_(REGISTRY.to_table())
        .where(condition)
        .order_by("node_id")
    )
    return tuple(
        _Registered(integer(node_id), Identifier(str(kind), str(value)), str(entity_id))
        for node_id, kind, value, entity_id in rows
    )


def _first_reading(
    several: Iterable[Reading], known: Iterable[_Registered]
) -> list[int]:
    """The identifiers of the first reading that has any."""
    for reading in several:
        found = [
            row.node_id
            for row in known
            if row.identifier.value in reading.values
            and reading.type in (None, row.identifier.type)
        ]
        if found:
            return found
    return []


def _only(relation: Relation, alias: str, node_ids: Sequence[int]) -> exp.Subquery:
    """The rows of a few nodes, said of each table so that each can skip the others."""
    return (
        exp.select("*")
        .from_(relation.to_table())
        .where(exp.column("node_id").isin(*node_ids))
        .subquery(alias)
    )
