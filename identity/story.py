"""How one customer came about: each identifier, by whom it joined, and the ids it has borne."""

from collections.abc import Mapping, Sequence
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
from identity.errors import CustomerNotFoundError
from identity.evidence import LINK_RULE, Evidence
from identity.identifiers import Identifier
from identity.joining import DatedLink, joining_links
from identity.lookup import find_nodes
from identity.tables import (
    ASSIGNMENTS,
    CUSTOMER_IDS,
    LINKS,
    MERGES,
    NODES,
    OVERRIDES,
    RECORDS,
    REGISTRY,
    SPLITS,
    named,
    require,
)
from warehouse.connection import Row, Warehouse

IDENTIFIER_LIMIT = 5_000
"""Identifiers of a customer that are told; how a bigger one joined, nobody could read."""

_SHARED_COLUMNS = ("from_customer_id", "into_customer_id", "identifier_count", "cause")
_SPLIT_COLUMNS = ("run_id", "split_at", *_SHARED_COLUMNS)
_MERGE_COLUMNS = (
    "run_id",
    "merged_at",
    *_SHARED_COLUMNS,
    "left_identifier_type",
    "left_identifier_value",
    "right_identifier_type",
    "right_identifier_value",
    "source_model",
    "record_key",
)


@dataclass(frozen=True, slots=True)
class Member:
    """One identifier of the customer.

    Attributes:
        identifier: Type and value.
        status: active, shared, attached, blocked or absent.
        is_shared: Belongs to the customer, but merges nobody.
        record_count: Source rows that name it.
        first_seen_at: When first, UTC; None when no source knows.
        last_seen_at: When last.
        joined_to: The identifier that it came with, towards the one the customer is named after;
            None for that one, and in a customer of more than IDENTIFIER_LIMIT.
        evidence: The first record, or the rule, that ties it to `joined_to`.
    """

    identifier: Identifier
    status: str
    is_shared: bool
    record_count: int
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    joined_to: Identifier | None
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class BorneId:
    """An id that the customer bears, or has absorbed.

    Attributes:
        customer_id: The id.
        status: active, merged or retired.
        first_run: The run that handed it out.
        last_run: The last run that it stood in; None while it is active.
    """

    customer_id: str
    status: str
    first_run: int | None
    last_run: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """A merge or a split that the customer was part of.

    Attributes:
        kind: "merge" or "split".
        run_id: The run that found it.
        happened_at: That run's instant, UTC.
        from_customer_id: Who gave identifiers.
        into_customer_id: Who got them.
        identifier_count: How many.
        cause: new_edge, link, rule_change, never_link, limit, ...
        ends: The identifiers of the link that made a merge; none where no one link did.
        source_model: The staging model of that link's record.
        record_key: The record.
    """

    kind: str
    run_id: int
    happened_at: datetime | None
    from_customer_id: str
    into_customer_id: str
    identifier_count: int
    cause: str | None
    ends: tuple[Identifier, ...]
    source_model: str | None
    record_key: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """One customer.

    Attributes:
        customer_id: Its id now.
        identifier_count: All of them; `members` may be fewer.
        members: In the order first seen.
        ids: Every id that leads here, the customer's own first.
        changes: Merges and splits, the latest first.
    """

    customer_id: str
    identifier_count: int
    members: tuple[Member, ...]
    ids: tuple[BorneId, ...]
    changes: tuple[Change, ...]


def tell_story(warehouse: Warehouse, typed: str) -> Story:
    """Look a customer up and say how it came about.

    Args:
        warehouse: Open, read-only is enough.
        typed: Any identifier as a person types it, `type:value`, or any customer_id that was ever
            handed out.

    Raises:
        NotBuiltError: The graph is not there yet.
        CustomerNotFoundError: Nobody is known by it.
    """
    require(warehouse, *lookup.REQUIRED, *evidence.REQUIRED, CUSTOMER_IDS)
    anchor, customer_id = _anchor(warehouse, typed)
    members = _members(warehouse, anchor)
    ids = _ids(warehouse, customer_id)
    return Story(
        customer_id=customer_id,
        identifier_count=_count(warehouse, anchor),
        members=members,
        ids=ids,
        changes=_changes(warehouse, [customer_id, *(each.customer_id for each in ids)]),
    )


def _anchor(warehouse: Warehouse, typed: str) -> tuple[int, str]:
    """The identifier that the customer is named after, and the customer's id."""
    current_id = _current_id(warehouse, typed.strip())
    [[node, *_]] = find_nodes(warehouse, current_id or typed)
    if current_id is not None:
        return node.node_id, current_id
    if node.anchor_node_id is None or node.customer_id is None:
        raise CustomerNotFoundError(
            f"This {node.identifier.type} is known and belongs to nobody now: it is {node.status}. "
            "identity.identity_blocked says which rule takes values out; one that is absent stands "
            "in no source any more."
        )
    return node.anchor_node_id, node.customer_id


def _current_id(warehouse: Warehouse, customer_id: str) -> str | None:
    """Where an id that was once handed out leads now."""
    rows = warehouse.query(
        exp.select("current_customer_id")
        .from_(CUSTOMER_IDS.to_table())
        .where(exp.column("customer_id").eq(customer_id))
    )
    return next((str(current) for (current,) in rows if current is not None), None)


def _count(warehouse: Warehouse, anchor: int) -> int:
    [[count]] = warehouse.query(
        exp.select("count(*)")
        .from_(ASSIGNMENTS.to_table())
        .where(exp.column("anchor_node_id").eq(anchor))
    )
    return integer(count)


def _members(warehouse: Warehouse, anchor: int) -> tuple[Member, ...]:
    rows = warehouse.query(
        exp.select(
            "assignments.node_id",
            "registry.identifier_type",
            "registry.identifier_value",
            "nodes.status",
            "assignments.is_shared",
            "nodes.record_count",
            "nodes.first_seen_at",
            "nodes.last_seen_at",
        )
        .from_(named(ASSIGNMENTS, "assignments"))
        .join(named(REGISTRY, "registry"), on="assignments.node_id = registry.node_id")
        .join(
            named(NODES, "nodes"),
            on="assignments.node_id = nodes.node_id",
            join_type="left",
        )
        .where(exp.column("anchor_node_id", table="assignments").eq(anchor))
        .order_by(
            "case when nodes.first_seen_at is null then 1 else 0 end",
            "nodes.first_seen_at",
            "assignments.node_id",
        )
        .limit(IDENTIFIER_LIMIT + 1)
    )
    identifiers = {
        integer(row[0]): Identifier(str(row[1]), str(row[2])) for row in rows
    }
    shared = frozenset(integer(row[0]) for row in rows if row[4])
    is_told = len(rows) <= IDENTIFIER_LIMIT
    merging = [node for node in identifiers if node not in shared]
    joined = _joined(warehouse, anchor, merging, shared) if is_told else {}
    return tuple(
        _member(row, identifiers, joined.get(integer(row[0])))
        for row in rows[:IDENTIFIER_LIMIT]
    )


def _member(
    row: Row,
    identifiers: Mapping[int, Identifier],
    joined: tuple[int, Evidence] | None,
) -> Member:
    node_id, _, _, status, is_shared, record_count, first, last = row
    return Member(
        identifier=identifiers[integer(node_id)],
        status=str(status or "absent"),
        is_shared=bool(is_shared),
        record_count=integer_or_none(record_count) or 0,
        first_seen_at=instant_or_none(first),
        last_seen_at=instant_or_none(last),
        joined_to=identifiers[joined[0]] if joined else None,
        evidence=joined[1] if joined else None,
    )


def _joined(
    warehouse: Warehouse,
    anchor: int,
    merging: Sequence[int],
    shared: frozenset[int],
) -> dict[int, tuple[int, Evidence]]:
    """By identifier, the one that it came with and the evidence for it."""
    found: dict[frozenset[int], Evidence] = {}
    for pair, reason in [
        *_rules(warehouse, anchor),
        *_records(warehouse, anchor),
    ]:
        found.setdefault(pair, reason)
    # An anchor that merges no more still names the customer; the oldest that is left begins it.
    links = joining_links(
        (
            _dated(pair, reason)
            for pair, reason in found.items()
            if reason.is_merging and not pair & shared
        ),
        anchor if anchor in merging else min(merging, default=anchor),
    )
    joined = {
        node: (
            link.right if link.left == node else link.left,
            found[frozenset((link.left, link.right))],
        )
        for node, link in links.items()
    }
    # A shared identifier stands with the neighbour that it was seen with most.
    for pair, reason in sorted(
        found.items(), key=lambda item: (-item[1].record_count, sorted(item[0]))
    ):
        for node in pair & shared - joined.keys():
            (other,) = pair - {node}
            if other not in shared:
                joined[node] = (other, reason)
    return joined


def _dated(pair: frozenset[int], reason: Evidence) -> DatedLink:
    left, right = sorted(pair)
    return DatedLink(left, right, reason.first_seen_at, reason.record_count)


def _rules(warehouse: Warehouse, anchor: int) -> list[tuple[frozenset[int], Evidence]]:
    rows = warehouse.query(
        exp.select("pairs.left_node_id", "pairs.right_node_id", "pairs.rule_id")
        .from_(named(OVERRIDES, "pairs"))
        .where("pairs.is_current")
        .where(exp.column("action", table="pairs").eq(LINK_RULE))
        .where(_is_member("left_node_id", anchor))
        .where(_is_member("right_node_id", anchor))
        .order_by("pairs.rule_id")
    )
    return [
        (
            frozenset((integer(left), integer(right))),
            Evidence(LINK_RULE, None, str(rule_id), 0, None, None, is_merging=True),
        )
        for left, right, rule_id in rows
        if left != right
    ]


def _records(
    warehouse: Warehouse, anchor: int
) -> list[tuple[frozenset[int], Evidence]]:
    """The first record of each pair; its count is that of all."""
    counted = (
        exp.select(
            "pairs.centre_node_id",
            "pairs.node_id",
            "pairs.is_merging",
            "records.source_model",
            "records.record_key",
            exp.alias_(
                "sum(records.record_count) over (partition by pairs.centre_node_id, pairs.node_id)",
                "all_record_count",
            ),
            "records.first_seen_at",
            "records.last_seen_at",
            exp.alias_(
                "row_number() over (partition by pairs.centre_node_id, pairs.node_id "
                "order by case when pairs.is_merging then 0 else 1 end, "
                "case when records.first_seen_at is null then 1 else 0 end, "
                "records.first_seen_at, records.source_model, records.record_key)",
                "record_index",
            ),
        )
        .from_(named(LINKS, "pairs"))
        .join(named(RECORDS, "records"), on="pairs.fingerprint = records.fingerprint")
        .where("pairs.is_current")
        .where(_is_member("centre_node_id", anchor))
        .where(_is_member("node_id", anchor))
    )
    rows = warehouse.query(
        exp.select("*")
        .from_(counted.subquery("counted"))
        .where("counted.record_index = 1")
        .order_by("counted.centre_node_id", "counted.node_id")
    )
    return [
        (
            frozenset((integer(centre), integer(node))),
            Evidence(
                rule_name=evidence.RECORD_RULE,
                source_model=text_or_none(model),
                record_key=str(key),
                record_count=integer(count),
                first_seen_at=instant_or_none(first),
                last_seen_at=instant_or_none(last),
                is_merging=bool(is_merging),
            ),
        )
        for centre, node, is_merging, model, key, count, first, last, _ in rows
    ]


def _is_member(column: str, anchor: int) -> exp.Expr:
    members = (
        exp.select("node_id")
        .from_(ASSIGNMENTS.to_table())
        .where(exp.column("anchor_node_id").eq(anchor))
    )
    return exp.column(column, table="pairs").isin(query=members)


def _ids(warehouse: Warehouse, customer_id: str) -> tuple[BorneId, ...]:
    rows = warehouse.query(
        exp.select("customer_id", "status", "first_run", "last_run")
        .from_(CUSTOMER_IDS.to_table())
        .where(exp.column("current_customer_id").eq(customer_id))
        .order_by("first_run", "customer_id")
    )
    ids = [
        BorneId(str(each), str(status), integer_or_none(first), integer_or_none(last))
        for each, status, first, last in rows
    ]
    return tuple(sorted(ids, key=lambda each: each.customer_id != customer_id))


def _changes(warehouse: Warehouse, customer_ids: Sequence[str]) -> tuple[Change, ...]:
    known = warehouse.tables()
    changes = [
        _change(kind, row)
        for kind, relation, columns in (
            ("merge", MERGES, _MERGE_COLUMNS),
            ("split", SPLITS, _SPLIT_COLUMNS),
        )
        if (relation.schema, relation.name) in known
        for row in warehouse.query(
            exp.select(*columns)
            .from_(relation.to_table())
            .where(
                exp.or_(
                    exp.column("from_customer_id").isin(*customer_ids),
                    exp.column("into_customer_id").isin(*customer_ids),
                )
            )
            .order_by("from_customer_id", "into_customer_id")
        )
    ]
    return tuple(sorted(changes, key=lambda change: -change.run_id))


def _change(kind: str, row: Row) -> Change:
    run_id, happened_at, giver, taker, count, cause, *link = row
    left_type, left_value, right_type, right_value, model, key = link or [None] * 6
    return Change(
        kind=kind,
        run_id=integer(run_id),
        happened_at=instant_or_none(happened_at),
        from_customer_id=str(giver),
        into_customer_id=str(taker),
        identifier_count=integer(count),
        cause=text_or_none(cause),
        ends=tuple(
            Identifier(str(end_type), str(value))
            for end_type, value in (
                (left_type, left_value),
                (right_type, right_value),
            )
            if end_type is not None
        ),
        source_model=text_or_none(model),
        record_key=text_or_none(key),
    )
