"""The identity tables of one run, read back case by case, with customers called by the identifier they are named after."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.identity_reference import Edge, Evidence, Identifier, Place
from tests.identity_world import TYPES, World, customer_id

PREFIXES = {
    str(entry["type"]): str(entry.get("entity", "customer"))[0] for entry in TYPES
}


_EDGE = (
    "left_identifier_type, left_identifier_value, right_identifier_type, "
    "right_identifier_value, record_key, record_count"
)


@dataclass
class CaseTables:
    """What the tables say about one case after one run.

    Attributes:
        places: identity_map and identity_entity_map.
        row_counts: The same tables' record_count.
        edges: identity_edges, link rules apart.
        ruled_edges: Both ends of the edges that link rules made.
        suppressed: identity_suppressed_edges.
        blocked: identity_blocked.
        review: What identity_review finds of an identifier, and whether it is blocked.
        clusters: Of identity_clusters the number of identifiers, of shared ones, the
            identifiers of each type as text, and the number of edges that hold and that do not.
        merges: Who was merged into whom in this run: from, into, identifiers, cause, record key.
        splits: The same, without a record.
        ids: Every customer id ever handed out: the current one (None: retired) and the status.
        history: Identifier, customer, is_shared, first run, run in which it ended.
    """

    places: dict[Identifier, Place] = field(default_factory=dict)
    row_counts: dict[Identifier, int] = field(default_factory=dict)
    edges: dict[Edge, Evidence] = field(default_factory=dict)
    ruled_edges: set[Edge] = field(default_factory=set)
    suppressed: dict[Edge, tuple[str, Evidence]] = field(default_factory=dict)
    blocked: set[Identifier] = field(default_factory=set)
    review: dict[Identifier, tuple[str, bool]] = field(default_factory=dict)
    clusters: dict[Identifier, tuple[int, int, str, int, int]] = field(
        default_factory=dict
    )
    merges: list[tuple[Identifier, Identifier, int, str, str | None]] = field(
        default_factory=list
    )
    splits: list[tuple[Identifier, Identifier, int, str]] = field(default_factory=list)
    ids: dict[Identifier, tuple[Identifier | None, str]] = field(default_factory=dict)
    history: list[tuple[Identifier, Identifier, bool, int, int | None]] = field(
        default_factory=list
    )

    def customers(self) -> dict[Identifier, frozenset[tuple[Identifier, bool]]]:
        members: dict[Identifier, set[tuple[Identifier, bool]]] = defaultdict(set)
        for identifier, place in self.places.items():
            members[place.anchor].add((identifier, place.is_shared))
        return {anchor: frozenset(found) for anchor, found in members.items()}

    def partition(self) -> set[frozenset[Identifier]]:
        """Who belongs together, whatever the customer is called."""
        return {
            frozenset(identifier for identifier, _ in members)
            for members in self.customers().values()
        }


@dataclass(frozen=True)
class Reading:
    """All tables after one run, case by case.

    Attributes:
        tables: Every row of every table, where the whole was read.
        columns: The columns of those tables, in order.
    """

    run_id: int
    cases: Mapping[str, CaseTables]
    tables: Mapping[str, list[tuple[Any, ...]]]
    columns: Mapping[str, list[str]]

    def named_rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table, by column."""
        return [
            dict(zip(self.columns[table], row, strict=True))
            for row in self.tables[table]
        ]

    def rows_without(
        self, table: str, columns: Collection[str]
    ) -> list[tuple[Any, ...]]:
        """The rows of a table without those of the columns that it has."""
        kept = [
            index
            for index, name in enumerate(self.columns[table])
            if name not in columns
        ]
        return sorted(
            (tuple(row[index] for index in kept) for row in self.tables[table]),
            key=repr,
        )

    def __getitem__(self, case: str) -> CaseTables:
        return self.cases.get(case, CaseTables())


def read(world: World, *, whole: bool = False) -> Reading:
    """Read the tables of all cases, and all tables as they are where the whole is wanted.

    Ids are turned back into identifiers by hashing every identifier ever registered.
    """
    found = _Readers(world)
    for reader in (
        found.read_places,
        found.read_edges,
        found.read_blocked,
        found.read_clusters,
        found.read_changes,
        found.read_ids,
        found.read_history,
    ):
        reader()
    (run_id,) = world.rows("select max(run_id) from identity.int_identity__runs")[0]
    tables = world.tables() if whole else {}
    return Reading(run_id, found.cases, tables, world.columns())


class _Readers:
    """Each reads a table or two into the tables of its cases."""

    def __init__(self, world: World) -> None:
        self.rows = world.rows
        self.cases: dict[str, CaseTables] = defaultdict(CaseTables)
        self._names = {
            customer_id(f"{kind}:{value}", PREFIXES[kind]): (kind, value)
            for kind, value in world.rows(
                "select identifier_type, identifier_value from identity.int_identity__registry"
            )
        }

    def case(self, value: str) -> CaseTables:
        return self.cases[value.partition(".")[0]]

    def case_of(self, entity_id: str) -> CaseTables:
        return self.case(self._names[entity_id][1])

    def named(self, entity_id: str) -> Identifier:
        return _bare(*self._names[entity_id])

    def read_places(self) -> None:
        for kind, value, entity_id, is_shared, row_count in self.rows(
            "select identifier_type, identifier_value, customer_id, is_shared, record_count "
            "from identity.identity_map union all "
            "select identifier_type, identifier_value, entity_id, is_shared, record_count "
            "from identity.identity_entity_map"
        ):
            case, identifier = self.case(value), _bare(kind, value)
            assert identifier not in case.places, f"{kind} {value} has two customers"
            case.places[identifier] = Place(self.named(entity_id), is_shared=is_shared)
            case.row_counts[identifier] = row_count

    def read_edges(self) -> None:
        for left_kind, left, right_kind, right, key, count, rule in self.rows(
            f"select {_EDGE}, rule_name from identity.identity_edges"
        ):
            case, edge = (
                self.case(left),
                (_bare(left_kind, left), _bare(right_kind, right)),
            )
            if rule == "link":
                case.ruled_edges.add(edge)
            else:
                assert edge not in case.edges, f"the edge {edge} stands twice"
                case.edges[edge] = Evidence(_key(key), count)
        for left_kind, left, right_kind, right, key, count, rule in self.rows(
            f"select {_EDGE}, rule_name from identity.identity_suppressed_edges"
        ):
            case, edge = (
                self.case(left),
                (_bare(left_kind, left), _bare(right_kind, right)),
            )
            assert edge not in case.suppressed, (
                f"the suppressed edge {edge} stands twice"
            )
            case.suppressed[edge] = (rule, Evidence(_key(key), count))

    def read_blocked(self) -> None:
        for kind, value in self.rows(
            "select identifier_type, identifier_value from identity.identity_blocked"
        ):
            self.case(value).blocked.add(_bare(kind, value))
        for kind, value, finding, is_blocked in self.rows(
            "select identifier_type, identifier_value, finding, is_blocked "
            "from identity.identity_review"
        ):
            self.case(value).review[_bare(kind, value)] = (finding, is_blocked)

    def read_clusters(self) -> None:
        for entity_id, size, shared, kinds, edges, suppressed in self.rows(
            "select customer_id, identifier_count, shared_identifier_count, "
            "identifiers_per_type, edge_count, suppressed_edge_count "
            "from identity.identity_clusters"
        ):
            cluster = (size, shared, kinds, edges, suppressed)
            self.case_of(entity_id).clusters[self.named(entity_id)] = cluster

    def read_changes(self) -> None:
        this_run = "run_id = (select max(run_id) from identity.int_identity__runs)"
        for old, new, count, cause, key in self.rows(
            "select from_customer_id, into_customer_id, identifier_count, cause, record_key "
            f"from identity.identity_merges where {this_run}"
        ):
            self.case_of(old).merges.append(
                (self.named(old), self.named(new), count, cause, key and _key(key))
            )
        for old, new, count, cause in self.rows(
            "select from_customer_id, into_customer_id, identifier_count, cause "
            f"from identity.identity_splits where {this_run}"
        ):
            self.case_of(old).splits.append(
                (self.named(old), self.named(new), count, cause)
            )

    def read_ids(self) -> None:
        for old, new, status in self.rows(
            "select customer_id, current_customer_id, status from identity.identity_customer_ids"
        ):
            self.case_of(old).ids[self.named(old)] = (new and self.named(new), status)

    def read_history(self) -> None:
        for kind, value, entity_id, is_shared, begun, ended in self.rows(
            "select identifier_type, identifier_value, customer_id, is_shared, "
            "valid_from_run, valid_to_run from identity.identity_map_history"
        ):
            self.case(value).history.append(
                (_bare(kind, value), self.named(entity_id), is_shared, begun, ended)
            )


def _bare(kind: str, value: str) -> Identifier:
    """An identifier without the name of its case."""
    return kind, value.partition(".")[2]


def _key(record_key: str) -> str:
    return record_key.partition(".")[2]
