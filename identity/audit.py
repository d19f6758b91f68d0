"""Where the graph looks wrong: clusters too big, threads that hold them, types that many share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from identity import evidence, lookup
from identity.bridges import MIN_PART, Cut, weakest_cuts
from identity.cells import integer, integer_or_none, text_or_none
from identity.evidence import cluster_links
from identity.identifiers import Identifier
from identity.lookup import nodes_by_id
from identity.tables import (
    ASSIGNMENTS,
    CLUSTERS,
    LINKS,
    REGISTRY,
    REVIEW,
    named,
    require,
)
from warehouse.connection import Warehouse

CUTS_PER_CLUSTER = 3
LINK_LIMIT = 200_000
"""Links of a cluster that is searched for its threads; a bigger one is only named."""


@dataclass(frozen=True, slots=True)
class WeakSpot:
    """A link, or an identifier, that holds parts of a cluster together.

    Attributes:
        identifiers: Both ends of a link, or the one identifier.
        cut: How big the parts are, and how many source rows hold them.
    """

    identifiers: tuple[Identifier, ...]
    cut: Cut


@dataclass(frozen=True, slots=True)
class Suspect:
    """A customer that may be several.

    Attributes:
        customer_id: Which.
        identifier_count: Identifiers in it.
        identifiers_per_type: "user_id:1 email:2".
        edge_count: Links in it.
        is_supercluster: Whether it has more identifiers than the project allows without a look.
        trust_score: From 0 to 1.
        is_searched: False when it has too many links to be searched.
        weak_spots: Where it would split, the likeliest first.
    """

    customer_id: str
    identifier_count: int
    identifiers_per_type: str
    edge_count: int
    is_supercluster: bool
    trust_score: float
    is_searched: bool
    weak_spots: tuple[WeakSpot, ...]


@dataclass(frozen=True, slots=True)
class TypeLine:
    """One identifier type, and how many customers its values are seen with.

    Attributes:
        type: Which.
        value_count: Values in the graph.
        shared_count: Values that merge nobody because several share them, or of a type that never
            merges.
        customers_per_value: Mean number of customers that such a value is seen with.
        most_customers: The greatest.
    """

    type: str
    value_count: int
    shared_count: int
    customers_per_value: float
    most_customers: int


@dataclass(frozen=True, slots=True)
class Audit:
    """What an operator should look at.

    Attributes:
        supercluster_count: Customers that are flagged for their size.
        suspects: Superclusters, then the biggest and the least trusted customers.
        types: The most shared first; types of which no value is shared are left out.
        findings: Values to review, by (type, finding), the most first.
    """

    supercluster_count: int
    suspects: tuple[Suspect, ...]
    types: tuple[TypeLine, ...]
    findings: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class _Cluster:
    customer_id: str
    identifier_count: int
    identifiers_per_type: str
    edge_count: int
    is_supercluster: bool
    trust_score: float


def audit(warehouse: Warehouse, *, limit: int) -> Audit:
    """Look the graph over.

    Args:
        warehouse: Open, read-only is enough.
        limit: Most customers to look into: superclusters, then the biggest and the least trusted.

    Raises:
        NotBuiltError: The graph is not there yet.
    """
    require(warehouse, *lookup.REQUIRED, *evidence.REQUIRED, CLUSTERS)
    clusters = _clusters(warehouse, limit)
    spots = _weak_spots(
        warehouse,
        [each.customer_id for each in clusters if each.edge_count <= LINK_LIMIT],
    )
    [[supercluster_count]] = warehouse.query(
        exp.select("count(*)").from_(CLUSTERS.to_table()).where("is_supercluster")
    )
    return Audit(
        supercluster_count=integer(supercluster_count),
        suspects=tuple(
            Suspect(
                customer_id=each.customer_id,
                identifier_count=each.identifier_count,
                identifiers_per_type=each.identifiers_per_type,
                edge_count=each.edge_count,
                is_supercluster=each.is_supercluster,
                trust_score=each.trust_score,
                is_searched=each.edge_count <= LINK_LIMIT,
                weak_spots=spots.get(each.customer_id, ()),
            )
            for each in clusters
        ),
        types=_types(warehouse),
        findings=_findings(warehouse),
    )


def _clusters(warehouse: Warehouse, limit: int) -> tuple[_Cluster, ...]:
    """Superclusters first, then whoever is high among the big or low among the trusted."""
    ranked = (
        exp.select(
            "clusters.*",
            exp.alias_(
                "row_number() over (order by clusters.identifier_count desc, "
                "clusters.customer_id)",
                "size_rank",
            ),
            exp.alias_(
                "row_number() over (order by clusters.trust_score, "
                "clusters.identifier_count desc, clusters.customer_id)",
                "doubt_rank",
            ),
        )
        .from_(named(CLUSTERS, "clusters"))
        .where(
            exp.column("identifier_count", table="clusters")
            >= exp.Literal.number(2 * MIN_PART)
        )
    )
    rows = warehouse.query(
        exp.select(
            "customer_id",
            "identifier_count",
            "identifiers_per_type",
            "edge_count",
            "is_supercluster",
            "trust_score",
        )
        .from_(ranked.subquery("ranked"))
        .order_by(
            "case when is_supercluster then 0 else 1 end",
            "case when size_rank < doubt_rank then size_rank else doubt_rank end",
            "customer_id",
        )
        .limit(limit)
    )
    return tuple(
        _Cluster(
            customer_id=str(customer_id),
            identifier_count=integer(identifier_count),
            identifiers_per_type=text_or_none(per_type) or "",
            edge_count=integer_or_none(edge_count) or 0,
            is_supercluster=bool(is_supercluster),
            trust_score=float(str(trust_score)),
        )
        for (
            customer_id,
            identifier_count,
            per_type,
            edge_count,
            is_supercluster,
            trust_score,
        ) in rows
    )


def _weak_spots(
    warehouse: Warehouse, customer_ids: Sequence[str]
) -> dict[str, tuple[WeakSpot, ...]]:
    cuts = {
        customer_id: weakest_cuts(
            cluster_links(warehouse, component_id), limit=CUTS_PER_CLUSTER
        )
        for customer_id, component_id in _components(warehouse, customer_ids)
    }
    node_ids = {node for found in cuts.values() for cut in found for node in cut.nodes}
    nodes = nodes_by_id(warehouse, sorted(node_ids))
    return {
        customer_id: tuple(
            WeakSpot(tuple(nodes[node].identifier for node in cut.nodes), cut)
            for cut in found
        )
        for customer_id, found in cuts.items()
    }


def _components(
    warehouse: Warehouse, customer_ids: Sequence[str]
) -> list[tuple[str, int]]:
    if not customer_ids:
        return []
    rows = warehouse.query(
        exp.select("anchors.entity_id", "members.component_id")
        .distinct()
        .from_(named(REGISTRY, "anchors"))
        .join(
            named(ASSIGNMENTS, "members"),
            on="anchors.node_id = members.anchor_node_id",
        )
        .where(exp.column("entity_id", table="anchors").isin(*customer_ids))
        .order_by("anchors.entity_id")
    )
    return [
        (str(customer_id), integer(component_id)) for customer_id, component_id in rows
    ]


def _types(warehouse: Warehouse) -> tuple[TypeLine, ...]:
    """Customers are counted among those that an identifier is seen with, not by its own."""
    met = exp.union(
        _met("centre_node_id", "node_id"),
        _met("node_id", "centre_node_id"),
        distinct=False,
    )
    sharings = (
        exp.select(
            "met.node_id", exp.alias_("count(distinct met.customer)", "customers")
        )
        .from_(met.subquery("met"))
        .group_by("met.node_id")
    )
    rows = warehouse.query(
        exp.select(
            "registry.identifier_type",
            exp.alias_("count(*)", "value_count"),
            exp.alias_("count(sharings.node_id)", "shared_count"),
            exp.alias_("avg(sharings.customers)", "customers_per_value"),
            exp.alias_("max(sharings.customers)", "most_customers"),
        )
        .from_(named(ASSIGNMENTS, "assignments"))
        .join(named(REGISTRY, "registry"), on="assignments.node_id = registry.node_id")
        .join(
            sharings.subquery("sharings"),
            on="assignments.node_id = sharings.node_id",
            join_type="left",
        )
        .where("assignments.anchor_node_id is not null")
        .group_by("registry.identifier_type")
        .having("count(sharings.node_id) > 0")
        .order_by("customers_per_value desc", "registry.identifier_type")
    )
    return tuple(
        TypeLine(
            type=str(kind),
            value_count=integer(value_count),
            shared_count=integer(shared_count),
            customers_per_value=float(str(mean)),
            most_customers=integer(most),
        )
        for kind, value_count, shared_count, mean, most in rows
    )


def _met(column: str, other_column: str) -> exp.Select:
    """Shared identifiers of one column of the links, each with a customer at the other end."""
    return (
        exp.select(
            exp.alias_("shared.node_id", "node_id"),
            exp.alias_("others.anchor_node_id", "customer"),
        )
        .from_(named(LINKS, "links"))
        .join(
            named(ASSIGNMENTS, "shared"),
            on=exp.column(column, table="links").eq(
                exp.column("node_id", table="shared")
            ),
        )
        .join(
            named(ASSIGNMENTS, "others"),
            on=exp.column(other_column, table="links").eq(
                exp.column("node_id", table="others")
            ),
        )
        .where("links.is_current")
        .where("shared.is_shared")
        .where("not others.is_shared")
    )


def _findings(warehouse: Warehouse) -> dict[tuple[str, str], int]:
    if not warehouse.columns(REVIEW.schema, REVIEW.name):
        return {}
    rows = warehouse.query(
        exp.select("identifier_type", "finding", exp.alias_("count(*)", "value_count"))
        .from_(REVIEW.to_table())
        .where("not is_blocked")
        .group_by("identifier_type", "finding")
        .order_by("value_count desc", "identifier_type", "finding")
    )
    return {(str(kind), str(finding)): integer(count) for kind, finding, count in rows}
