"""What the tables of the identity stage should say, worked out in plain Python: union-find, one edge at a time.

It knows the rules and nothing of how the SQL goes about them: no incremental runs, no levels in parallel,
no contracted graphs. Each run looks at everything there is. What it carries from run to run is what the
warehouse must carry too: the order in which identifiers were registered, and who was named after whom.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from tests.identity_world import COLUMNS, TYPES, Row, Source

Identifier = tuple[str, str]
NEVER = float("-inf")


@dataclass(frozen=True)
class Place:
    """Where an identifier stands: the identifier its customer is named after, and how it belongs."""

    anchor: Identifier
    is_shared: bool


@dataclass(frozen=True)
class Record:
    """Rows that name the same identifiers."""

    identifiers: tuple[Identifier, ...]
    key: str
    first_day: float | None
    last_day: float | None
    row_count: int


@dataclass(frozen=True)
class Evidence:
    """What speaks for an edge: the key of its earliest record, and how many rows."""

    record_key: str
    row_count: int


Edge = tuple[Identifier, Identifier]
Link = tuple[Identifier, Identifier, Record]


@dataclass(frozen=True)
class Tables:
    """What one run leaves behind for one case.

    Attributes:
        places: Every identifier that stands somewhere; blocked and absent ones do not.
        edges: The star of each record, as far as it holds a customer together.
        suppressed: The rest of it, with the rule: max_linked, attach_only or repair.
        row_counts: How many rows name an identifier.
        blocked: The identifiers that rows name and a rule blocks.
    """

    places: Mapping[Identifier, Place]
    edges: Mapping[Edge, Evidence]
    suppressed: Mapping[Edge, tuple[str, Evidence]]
    row_counts: Mapping[Identifier, int]
    blocked: frozenset[Identifier]

    def customers(self) -> dict[Identifier, frozenset[tuple[Identifier, bool]]]:
        """Members of each customer, with whether they are shared."""
        members: dict[Identifier, set[tuple[Identifier, bool]]] = defaultdict(set)
        for identifier, place in self.places.items():
            members[place.anchor].add((identifier, place.is_shared))
        return {anchor: frozenset(found) for anchor, found in members.items()}


class UnionFind:
    """Groups of things that can only grow."""

    def __init__(self) -> None:
        self._parent: dict[Any, Any] = {}

    def find(self, thing: Any) -> Any:
        root = self._parent.setdefault(thing, thing)
        while root != self._parent[root]:
            root = self._parent[root]
        self._parent[thing] = root
        return root

    def join(self, left: Any, right: Any) -> None:
        self._parent[self.find(left)] = self.find(right)

    def groups(self, things: Iterable[Any]) -> list[list[Any]]:
        found: dict[Any, list[Any]] = defaultdict(list)
        for thing in things:
            found[self.find(thing)].append(thing)
        return list(found.values())


@dataclass
class Reference:
    """One case, run by run.

    Attributes:
        types: As the variable identifier_types; may be set anew between two runs.
        registry: Number of every identifier ever seen, in order of registration.
        known: Where each identifier stood after the last run.
        handed_out: The identifiers that a customer was ever named after while they belonged to it.
    """

    types: Sequence[Mapping[str, Any]] = TYPES
    registry: dict[Identifier, int] = field(default_factory=dict)
    known: dict[Identifier, Place] = field(default_factory=dict)
    handed_out: set[Identifier] = field(default_factory=set)

    # --- the types' settings ---

    def setting(self, identifier: Identifier, name: str, default: Any = None) -> Any:
        return self._settings[identifier[0]].get(name, default)

    def rank(self, identifier: Identifier) -> int:
        return self._ranks[identifier[0]]

    def limit(self, kind: str) -> int | None:
        settings = self._settings[kind]
        return 1 if settings.get("unique") else settings.get("limit")

    # --- one run ---

    def run(self, source: Source) -> Tables:
        """The tables after a run over everything the source holds now."""
        self._settings = {str(entry["type"]): entry for entry in self.types}
        self._ranks = {
            str(entry["type"]): rank for rank, entry in enumerate(self.types, 1)
        }
        records = _records(source.rows.values())
        self._register(records)
        self._records_of: dict[Identifier, list[Record]] = defaultdict(list)
        for record in records:
            for identifier in record.identifiers:
                self._records_of[identifier].append(record)

        self._blocked = {rule.left for rule in source.rules if rule.action == "block"}
        self._rule_links = self._pairs(source, "link")
        self._partings = self._pairs(source, "never_link")
        status = {
            identifier: self._status(identifier) for identifier in self._records_of
        }
        links = [link for record in records for link in self._links(record, status)]
        merging = [
            link for link in links if status[link[0]] == status[link[1]] == "active"
        ]
        nodes = {node for node in status if status[node] == "active"}
        nodes |= {node for pair in self._rule_links for node in pair}

        groups, demoted = self._solve(nodes, merging)
        members = {
            node: group for group in groups for node in group if node not in demoted
        }
        places = self._named(members)
        attached = {
            node: self._attached(node, links, members, places)
            for node in status
            if node not in members and status[node] != "blocked"
        }
        places |= self._turned_away(attached)
        self.known = dict(places)
        self.handed_out |= {
            node
            for node, place in places.items()
            if place == Place(node, is_shared=False)
        }
        rules = {
            (left, right): self._rule_against(left, right, status, members)
            for left, right, _ in links
        }
        evidence = _evidence(links)
        return Tables(
            places=places,
            edges={edge: evidence[edge] for edge, rule in rules.items() if not rule},
            suppressed={
                edge: (rule, evidence[edge]) for edge, rule in rules.items() if rule
            },
            row_counts={
                node: sum(record.row_count for record in self._records_of[node])
                for node in places
            },
            blocked=frozenset(node for node in status if status[node] == "blocked"),
        )

    def _pairs(self, source: Source, action: str) -> list[Edge]:
        return [
            (rule.left, rule.right)
            for rule in source.rules
            if rule.action == action
            and rule.right is not None
            and rule.left in self._records_of
            and rule.right in self._records_of
            and self._entity(rule.left) == self._entity(rule.right)
        ]

    def _entity(self, identifier: Identifier) -> str:
        return str(self.setting(identifier, "entity", "customer"))

    def _register(self, records: Iterable[Record]) -> None:
        first_days: dict[Identifier, float] = {}
        for record in records:
            day = float("inf") if record.first_day is None else record.first_day
            for identifier in record.identifiers:
                first_days[identifier] = min(day, first_days.get(identifier, day))
        for identifier in sorted(
            first_days.keys() - self.registry.keys(),
            key=lambda new: (first_days[new], self.rank(new), new[1]),
        ):
            self.registry[identifier] = len(self.registry) + 1

    # --- status ---

    def _status(self, identifier: Identifier) -> str:
        if self._is_blocked(identifier):
            return "blocked"
        if any(
            len(self._seen_with(identifier, kind)) > most
            for kind, most in self.setting(identifier, "max_linked", {}).items()
        ):
            return "shared"
        return "active" if self.setting(identifier, "merges", True) else "attached"

    def _is_blocked(self, identifier: Identifier) -> bool:
        return (
            self.setting(identifier, "blocked_as", identifier[0]),
            identifier[1],
        ) in self._blocked

    def _seen_with(self, identifier: Identifier, kind: str) -> set[Identifier]:
        return {
            other
            for record in self._records_of[identifier]
            for other in record.identifiers
            if other[0] == kind and other != identifier and not self._is_blocked(other)
        }

    # --- links ---

    def _links(self, record: Record, status: Mapping[Identifier, str]) -> list[Link]:
        """A star for each entity, on its strongest identifier that may merge."""
        links = []
        for entity in {self._entity(identifier) for identifier in record.identifiers}:
            usable = [
                identifier
                for identifier in record.identifiers
                if self._entity(identifier) == entity
                and status[identifier] != "blocked"
            ]
            usable.sort(
                key=lambda node: (
                    status[node] != "active",
                    self.rank(node),
                    self.registry[node],
                )
            )
            links += [(usable[0], leaf, record) for leaf in usable[1:]]
        return links

    # --- who hangs together ---

    def _solve(
        self,
        nodes: Iterable[Identifier],
        merging: Sequence[Link],
    ) -> tuple[list[frozenset[Identifier]], set[Identifier]]:
        """Groups of identifiers that are one, and the identifiers that were demoted."""
        all_together = UnionFind()
        for left, right, *_ in [*merging, *self._rule_links]:
            all_together.join(left, right)
        groups: list[frozenset[Identifier]] = []
        demoted: set[Identifier] = set()
        for component in map(frozenset, all_together.groups(nodes)):
            if not self._breaks_a_rule(component):
                groups.append(component)
                continue
            repaired, fallen = self._repair(
                component, [link for link in merging if link[0] in component]
            )
            groups += repaired
            demoted |= fallen
        return groups, demoted

    def _breaks_a_rule(self, component: frozenset[Identifier]) -> bool:
        return any(
            self._fullness(component, kind) > limit for kind, limit in self._limits()
        ) or any(
            left in component and right in component for left, right in self._partings
        )

    def _limits(self) -> list[tuple[str, int]]:
        return [
            (kind, limit)
            for kind in self._settings
            if (limit := self.limit(kind)) is not None
        ]

    def _fullness(self, group: Iterable[Identifier], kind: str) -> int:
        """Identifiers of the kind in the group; the most within limit_days, where it has them."""
        held = [node for node in group if node[0] == kind]
        span = self._settings[kind].get("limit_days")
        if span is None:
            return len(held)
        days = [day for node in held if (day := self._first_day(node)) is not None]
        return max(
            (sum(start - span < day <= start for day in days) for start in days),
            default=0,
        )

    def _first_day(self, node: Identifier) -> float | None:
        days = [
            record.first_day
            for record in self._records_of[node]
            if record.first_day is not None
        ]
        return min(days, default=None)

    def _may_be_one(self, groups: Sequence[frozenset[Identifier]]) -> bool:
        """Whether groups may be one customer. One overfilled by a link rule may take in others."""
        union = frozenset().union(*groups)
        if any(
            self._fullness(union, kind) > limit
            and self._fullness(union, kind)
            > max(self._fullness(group, kind) for group in groups)
            for kind, limit in self._limits()
        ):
            return False
        return not any(
            left in union
            and right in union
            and not any(left in group and right in group for group in groups)
            for left, right in self._partings
        )

    def _repair(
        self,
        component: frozenset[Identifier],
        merging: Sequence[Link],
    ) -> tuple[list[frozenset[Identifier]], set[Identifier]]:
        """Let edges in, strongest first, and leave out what would break a rule."""
        joined = UnionFind()
        for left, right in self._rule_links:
            if left in component:
                joined.join(left, right)
        said_by_rule = {node for pair in self._rule_links for node in pair}
        demoted: set[Identifier] = set()

        edges = self._by_strength(merging)
        for level, found in groupby(edges, key=self._level):
            of_level = list(found)
            group_of = {
                node: frozenset(group)
                for group in joined.groups(component)
                for node in group
            }
            fallen = set()
            for node in component:
                neighbours = {
                    group_of[other]
                    for edge in of_level
                    for own, other in (edge, edge[::-1])
                    if own == node
                    and other not in demoted
                    and group_of[other] != group_of[node]
                }
                if (
                    self.rank(node) == level
                    and node not in said_by_rule
                    and neighbours
                    and not self._may_be_one(list(neighbours))
                ):
                    fallen.add(node)
            demoted |= fallen

            of_level = [edge for edge in of_level if not demoted.intersection(edge)]
            together = UnionFind()
            for left, right in of_level:
                together.join(group_of[left], group_of[right])
            for bundle in together.groups(
                {group_of[node] for edge in of_level for node in edge}
            ):
                inside = [edge for edge in of_level if group_of[edge[0]] in bundle]
                whole = self._may_be_one(bundle)
                for left, right in inside:
                    if whole or self._may_be_one(
                        _groups_of(joined, component, left, right)
                    ):
                        joined.join(left, right)
        return [frozenset(group) for group in joined.groups(component)], demoted

    def _level(self, edge: Edge) -> int:
        return max(map(self.rank, edge))

    def _by_strength(self, merging: Sequence[Link]) -> list[Edge]:
        counts: dict[Edge, int] = defaultdict(int)
        lasts: dict[Edge, float] = defaultdict(lambda: NEVER)
        for left, right, record in merging:
            edge = tuple(sorted((left, right), key=self.registry.__getitem__))
            counts[edge] += record.row_count
            if record.last_day is not None:
                lasts[edge] = max(lasts[edge], record.last_day)
        return sorted(
            counts,
            key=lambda edge: (
                self._level(edge),
                -counts[edge],
                -lasts[edge],
                *map(self.registry.__getitem__, edge),
            ),
        )

    # --- names ---

    def _named(
        self, members: Mapping[Identifier, frozenset[Identifier]]
    ) -> dict[Identifier, Place]:
        """Each customer after its oldest identifier, or the older name that it inherited.

        A name whose identifier merges no more stays with the oldest of those who bore it; but a
        part that was a customer of its own before takes its own name, unless the identifier is gone.
        """
        heirs: dict[Identifier, Identifier] = {}
        for node, place in sorted(
            self.known.items(), key=lambda item: self.registry[item[0]]
        ):
            if not place.is_shared and node in members and place.anchor not in members:
                heirs.setdefault(place.anchor, node)
        places = {}
        for group in set(members.values()):
            present = group & members.keys()
            oldest = min(present, key=self.registry.__getitem__)
            inherited = [
                name
                for name, heir in heirs.items()
                if heir in present
                and (name not in self._records_of or oldest not in self.handed_out)
            ]
            candidates = [oldest, *inherited]
            anchor = min(candidates, key=self.registry.__getitem__)
            places |= {node: Place(anchor, is_shared=False) for node in present}
        return places

    def _attached(
        self,
        node: Identifier,
        links: Sequence[Link],
        members: Mapping[Identifier, frozenset[Identifier]],
        places: Mapping[Identifier, Place],
    ) -> Place:
        """An identifier that merges nobody lies with the customer it was seen with most, or last."""
        met: dict[frozenset[Identifier], list[Record]] = defaultdict(list)
        for left, right, record in links:
            for own, other in ((left, right), (right, left)):
                if (
                    own == node
                    and other in members
                    and not self._are_parted(node, members[other])
                ):
                    met[members[other]].append(record)
        if not met:
            return Place(node, is_shared=True)
        to_last = self.setting(node, "attach_to", "most") == "last"

        def strength(group: frozenset[Identifier]) -> tuple[float, ...]:
            last = max(
                (NEVER if r.last_day is None else r.last_day) for r in met[group]
            )
            count = sum(record.row_count for record in met[group])
            oldest = min(self.registry[other] for other in group)
            return (last if to_last else 0, count, last, -oldest)

        return Place(places[next(iter(max(met, key=strength)))].anchor, is_shared=True)

    def _turned_away(
        self, attached: Mapping[Identifier, Place]
    ) -> dict[Identifier, Place]:
        """Of two that a rule parts and that would go to one customer, the weaker stands alone."""
        places = dict(attached)
        for pair in self._partings:
            if (
                pair[0] in attached
                and pair[1] in attached
                and (attached[pair[0]] == attached[pair[1]])
            ):
                weaker = max(
                    pair, key=lambda node: (self.rank(node), self.registry[node])
                )
                places[weaker] = Place(weaker, is_shared=True)
        return places

    def _are_parted(self, node: Identifier, group: frozenset[Identifier]) -> bool:
        return any(
            (left == node and right in group) or (right == node and left in group)
            for left, right in self._partings
        )

    def _rule_against(
        self,
        left: Identifier,
        right: Identifier,
        status: Mapping[Identifier, str],
        members: Mapping[Identifier, frozenset[Identifier]],
    ) -> str:
        """The rule by which a link merges nobody; empty when it merges."""
        for end in (right, left):
            if status[end] == "shared":
                return "max_linked"
            if status[end] == "attached":
                return "attach_only"
        if left in members and right in members and members[left] == members[right]:
            return ""
        return "repair"


def _evidence(links: Iterable[Link]) -> dict[Edge, Evidence]:
    records: dict[Edge, list[Record]] = defaultdict(list)
    for left, right, record in links:
        records[left, right].append(record)
    return {
        edge: Evidence(
            record_key=min(
                found,
                key=lambda each: (
                    each.first_day is None,
                    each.first_day or 0,
                    each.key,
                ),
            ).key,
            row_count=sum(record.row_count for record in found),
        )
        for edge, found in records.items()
    }


def _records(rows: Iterable[Row]) -> list[Record]:
    groups: dict[tuple[bool, tuple[tuple[str, str], ...]], list[Row]] = defaultdict(
        list
    )
    for row in rows:
        if row.identifiers and not row.is_deleted:
            groups[row.is_event, tuple(sorted(row.identifiers))].append(row)
    records = []
    for (_, named), same in groups.items():
        days = [row.day for row in same if row.day is not None]
        first = min(same, key=lambda row: (row.day is None, row.day or 0, row.key))
        records.append(
            Record(
                identifiers=tuple(
                    sorted({(COLUMNS[column], value) for column, value in named})
                ),
                key=first.key,
                first_day=min(days, default=None),
                last_day=max(days, default=None),
                row_count=len(same),
            )
        )
    return records


def _groups_of(
    joined: UnionFind, component: Iterable[Identifier], *nodes: Identifier
) -> list[frozenset[Identifier]]:
    roots = {joined.find(node) for node in nodes}
    return [
        frozenset(group)
        for group in joined.groups(component)
        if joined.find(group[0]) in roots
    ]
