"""Finds identifiers in the graph by what a person typed."""

from dataclasses import dataclass

from sqlglot import exp

from identity.cells import integer, integer_or_none, text_or_none
from identity.errors import CustomerNotFoundError
from identity.identifiers import Identifier, Reading, readings
from identity.tables import ASSIGNMENTS, NODES, REGISTRY, named
from warehouse.connection import Warehouse

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


def find_nodes(warehouse: Warehouse, typed: str) -> tuple[Node, ...]:
    """Every identifier that may be meant, the likeliest first.

    Args:
        warehouse: Open, with the tables of REQUIRED.
        typed: An identifier as a person types it, `type:value`, or the id of a customer who is
            named after one.

    Returns:
        At least one. Read as typed with its type first, then those that stand in a cluster, then
        the strongest type, then the oldest.

    Raises:
        CustomerNotFoundError: Nothing is known by it.
    """
    for reading in readings(typed):
        nodes = _nodes(warehouse, _condition(reading))
        if nodes:
            return nodes
    raise CustomerNotFoundError(
        "Nobody is known by one of the identifiers given. Give an e-mail address, a phone number "
        "with its country code, a loyalty card, an account, cookie or customer id, as the sources "
        "have it; type:value (email:…) says which is meant."
    )


def nodes_by_id(warehouse: Warehouse, node_ids: list[int]) -> dict[int, Node]:
    """Identifiers by their numbers."""
    if not node_ids:
        return {}
    found = _nodes(warehouse, exp.column("node_id", table="registry").isin(*node_ids))
    return {node.node_id: node for node in found}


def _condition(reading: Reading) -> exp.Expr:
    value_is = exp.column("identifier_value", table="registry").isin(*reading.values)
    if reading.type is not None:
        return exp.and_(
            exp.column("identifier_type", table="registry").eq(reading.type), value_is
        )
    return exp.or_(
        value_is, exp.column("entity_id", table="registry").isin(*reading.values)
    )


def _nodes(warehouse: Warehouse, condition: exp.Expr) -> tuple[Node, ...]:
    rows = warehouse.query(
        exp.select(
            "registry.node_id",
            "registry.identifier_type",
            "registry.identifier_value",
            "nodes.status",
            "assignments.component_id",
            "assignments.anchor_node_id",
            "anchors.entity_id",
            "assignments.is_shared",
        )
        .from_(named(REGISTRY, "registry"))
        .join(
            named(NODES, "nodes"),
            on="registry.node_id = nodes.node_id",
            join_type="left",
        )
        .join(
            named(ASSIGNMENTS, "assignments"),
            on="registry.node_id = assignments.node_id",
            join_type="left",
        )
        .join(
            named(REGISTRY, "anchors"),
            on="assignments.anchor_node_id = anchors.node_id",
            join_type="left",
        )
        .where(condition)
        .order_by(
            "case when assignments.component_id is null then 1 else 0 end",
            "nodes.type_rank",
            "registry.node_id",
        )
    )
    return tuple(
        Node(
            node_id=integer(node_id),
            identifier=Identifier(str(kind), str(value)),
            status=str(status or "absent"),
            component_id=integer_or_none(component_id),
            anchor_node_id=integer_or_none(anchor),
            customer_id=text_or_none(customer_id),
            is_shared=bool(is_shared),
        )
        for (
            node_id,
            kind,
            value,
            status,
            component_id,
            anchor,
            customer_id,
            is_shared,
        ) in rows
    )
