"""Which rows a condition is about: of which relation, which of them, and when they happened."""

from collections.abc import Callable, Mapping

import yaml

from audiences.catalogue import EVENT_NAME, EVENTS, Catalogue, Entity, Relation
from audiences.conditions import Between, Condition, Membership, Rows
from audiences.contracts import Column, Columns, ColumnType
from audiences.nodes import Nodes, listed, suggested
from audiences.reading_columns import ColumnConditions
from audiences.reading_values import Values

WINDOWS = ("within_days", "within_hours", "between")
"""What can say when rows happened."""

ReadWhere = Callable[[yaml.Node, Columns, str], Condition]
"""Reads a nested condition on columns: the node, what can be named, and what has it."""


class RelatedNodes:
    """Reads what rows are meant, in one file, for members of one entity."""

    def __init__(
        self,
        nodes: Nodes,
        values: Values,
        catalogue: Catalogue,
        entity: Entity,
        read_where: ReadWhere,
    ) -> None:
        self._nodes = nodes
        self._values = values
        self._columns = ColumnConditions(nodes, values)
        self._catalogue = catalogue
        self._entity = entity
        self._read_where = read_where

    def rows(
        self,
        node: yaml.Node,
        entries: Mapping[str, yaml.Node],
        allowed: tuple[str, ...],
    ) -> tuple[Rows, Relation]:
        """The rows that are meant, up to what is worked out of them."""
        if ("event" in entries) == ("related" in entries):
            self._nodes.fail(node, "give either event or related.")
        self.known(entries, ("event", "related", *allowed), "a condition on rows")
        only: Condition | None = None
        if "event" in entries:
            relation = self.relation(node, EVENTS)
            names = self._event_names(entries["event"])
            only, subject = Membership(EVENT_NAME, names), "_or_".join(names)
        else:
            relation = self.relation(entries["related"])
            subject = relation.name
        where = self._nodes.attempt(
            self._read_where, entries.get("where"), relation.columns, relation.name
        )
        during = self.window(entries, relation)
        return Rows(relation.name, subject, only, where, during), relation

    def relation(self, node: yaml.Node, name: str | None = None) -> Relation:
        """A relation that members of the entity have, by its name."""
        if name is None:
            name = self._nodes.text(node)
        names = self._catalogue.relations_of(self._entity)
        if name not in names:
            self._nodes.fail(
                node,
                f"members ({self._entity.name}) have no related {suggested(name, names)}",
            )
        return self._catalogue.relations[name]

    def window(
        self, entries: Mapping[str, yaml.Node], relation: Relation
    ) -> Between | None:
        """When the rows happened; None when it does not matter."""
        windows = [key for key in WINDOWS if key in entries]
        if not windows:
            return None
        node = entries[windows[0]]
        if relation.time is None:
            self._nodes.fail(
                node,
                f"{relation.name} have no time. Ask of one of their columns in where.",
            )
        if len(windows) > 1:
            self._nodes.fail(node, f"this has {listed(windows)}. Give one of them.")
        time = Column(ColumnType.TIMESTAMP)
        if windows[0] == "between":
            return self._values.between(node, relation.time, time)
        return self._columns.within(node, windows[0], relation.time, time)

    def limit(
        self, entries: Mapping[str, yaml.Node], days: str, hours: str
    ) -> int | None:
        """A time in hours, given in days or in hours."""
        if days in entries and hours in entries:
            self._nodes.fail(entries[days], f"give {days} or {hours}, not both.")
        if days in entries:
            return self._values.days(entries[days])
        return self._values.hours(entries[hours]) if hours in entries else None

    def known(
        self, entries: Mapping[str, yaml.Node], names: tuple[str, ...], what: str
    ) -> None:
        """See that a mapping has no other fields."""
        for key, value in entries.items():
            if key not in names:
                self._nodes.fail(value, f"{what} has no field {suggested(key, names)}")

    def _event_names(self, node: yaml.Node) -> tuple[str, ...]:
        is_list = isinstance(node, yaml.SequenceNode)
        items = self._nodes.items(node, "event") if is_list else [node]
        names = [self._nodes.text(item) for item in items]
        if not all(names) or len(set(names)) < len(names):
            self._nodes.fail(node, "event takes names, none empty and none twice.")
        return tuple(names)
