"""Links between identifiers and the source records behind them, read from the graph's tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from identity.cells import instant_or_none, integer, text_or_none
from identity.paths import Link
from identity.tables import ASSIGNMENTS, LINKS, OVERRIDES, RECORDS, named
from warehouse.connection import Warehouse

REQUIRED = (LINKS, RECORDS, OVERRIDES, ASSIGNMENTS)

RECORD_RULE = "record"
LINK_RULE = "link"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two identifiers are linked.

    Attributes:
        rule_name: "record" (a source record names both) or "link" (a person said so).
        source_model: The staging model that has the record; None for a person's rule.
        record_key: The record's key, or the rule's id.
        record_count: Source rows that say the same; 0 for a person's rule.
        first_seen_at, last_seen_at: When, UTC; None when the source does not know.
        is_merging: Whether it may make one customer; a record of a shared identifier may not.
    """

    rule_name: str
    source_model: str | None
    record_key: str
    record_count: int
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    is_merging: bool


def cluster_links(
    warehouse: Warehouse, component_id: int, *, ends: Sequence[int] = ()
) -> list[Link]:
    """The links that hold one cluster together.

    Args:
        warehouse: Open.
        component_id: Which cluster.
        ends: Shared identifiers that belong to the cluster, whose links are wanted too; those of
            other shared ones would lead through people who have nothing to do with each other.
    """
    links = [
        Link(integer(left), integer(right), integer(record_count))
        for left, right, record_count in warehouse.query(
            cluster_links_query(component_id, ends=ends)
        )
    ]
    rules = warehouse.query(
        _within(
            exp.select("pairs.left_node_id", "pairs.right_node_id")
            .from_(named(OVERRIDES, "pairs"))
            .where("pairs.is_current")
            .where(exp.column("action", table="pairs").eq(LINK_RULE)),
            component_id,
            ends,
        )
    )
    return [*links, *(Link(integer(left), integer(right), 0) for left, right in rules)]


def cluster_links_query(component_id: int, *, ends: Sequence[int] = ()) -> exp.Select:
    """The query behind `cluster_links`: left_node_id, right_node_id, record_count."""
    pairs = (
        exp.select(
            exp.alias_("links.centre_node_id", "left_node_id"),
            exp.alias_("links.node_id", "right_node_id"),
            "links.fingerprint",
        )
        .from_(named(LINKS, "links"))
        .where("links.is_current")
        .where(
            exp.or_(
                "links.is_merging",
                *[
                    exp.column(name, table="links").isin(*ends)
                    for name in ("centre_node_id", "node_id")
                    if ends
                ],
            )
        )
    )
    return (
        _within(
            exp.select("pairs.left_node_id", "pairs.right_node_id").from_(
                pairs.subquery("pairs")
            ),
            component_id,
            ends,
        )
        .select(exp.alias_("sum(records.record_count)", "record_count"))
        .join(named(RECORDS, "records"), on="pairs.fingerprint = records.fingerprint")
        .group_by("pairs.left_node_id", "pairs.right_node_id")
    )


def evidence_between(
    warehouse: Warehouse, node_ids: Sequence[int]
) -> dict[frozenset[int], tuple[Evidence, ...]]:
    """What links any two of a few identifiers.

    Args:
        warehouse: Open.
        node_ids: Few; the query names them all.

    Returns:
        By pair, the oldest first; a person's rules before records.
    """
    if not node_ids:
        return {}
    found: dict[frozenset[int], list[Evidence]] = {}
    for row in warehouse.query(_rules_between(node_ids)):
        left, right, rule_id = row
        found.setdefault(frozenset((integer(left), integer(right))), []).append(
            Evidence(
                rule_name=LINK_RULE,
                source_model=None,
                record_key=str(rule_id),
                record_count=0,
                first_seen_at=None,
                last_seen_at=None,
                is_merging=True,
            )
        )
    for row in warehouse.query(_records_between(node_ids)):
        left, right, is_merging, model, key, count, first, last = row
        found.setdefault(frozenset((integer(left), integer(right))), []).append(
            Evidence(
                rule_name=RECORD_RULE,
                source_model=text_or_none(model),
                record_key=str(key),
                record_count=integer(count),
                first_seen_at=instant_or_none(first),
                last_seen_at=instant_or_none(last),
                is_merging=bool(is_merging),
            )
        )
    return {pair: tuple(evidence) for pair, evidence in found.items()}


def _rules_between(node_ids: Sequence[int]) -> exp.Select:
    return (
        exp.select("left_node_id", "right_node_id", "rule_id")
        .from_(OVERRIDES.to_table())
        .where("is_current")
        .where(exp.column("action").eq(LINK_RULE))
        .where(exp.column("left_node_id").isin(*node_ids))
        .where(exp.column("right_node_id").isin(*node_ids))
        .order_by("rule_id")
    )


def _records_between(node_ids: Sequence[int]) -> exp.Select:
    return (
        exp.select(
            "links.centre_node_id",
            "links.node_id",
            "links.is_merging",
            "records.source_model",
            "records.record_key",
            "records.record_count",
            "records.first_seen_at",
            "records.last_seen_at",
        )
        .from_(named(LINKS, "links"))
        .join(named(RECORDS, "records"), on="links.fingerprint = records.fingerprint")
        .where("links.is_current")
        .where(exp.column("centre_node_id", table="links").isin(*node_ids))
        .where(exp.column("node_id", table="links").isin(*node_ids))
        .order_by(
            "case when records.first_seen_at is null then 1 else 0 end",
            "records.first_seen_at",
            "records.source_model",
            "records.record_key",
        )
    )


def _within(pairs: exp.Select, component_id: int, ends: Sequence[int]) -> exp.Select:
    """Only pairs whose ends both hold the cluster together, or are among the shared ends."""
    is_merging = exp.not_(exp.column("is_shared"))
    members = (
        exp.select("node_id")
        .from_(ASSIGNMENTS.to_table())
        .where(exp.column("component_id").eq(component_id))
        .where(
            exp.or_(is_merging, exp.column("node_id").isin(*ends))
            if ends
            else is_merging
        )
    )
    for side in ("left_node_id", "right_node_id"):
        pairs = pairs.where(exp.column(side, table="pairs").isin(query=members.copy()))
    return pairs
