"""Conditions of any kind, nested by `all`, `any` and `not`."""

from collections.abc import Collection, Mapping

import yaml

from audiences.catalogue import Catalogue, Entity
from audiences.conditions import AllOf, AnyOf, Condition, InAudience, Not, RawSql
from audiences.contracts import Columns
from audiences.naming import digest
from audiences.nodes import (
    MAX_DEPTH,
    TOO_DEEP,
    Nodes,
    line_of,
    listed,
    one_key,
    suggested,
)
from audiences.raw_sql import MAX_LENGTH, UnusableSqlError, checked_sql
from audiences.reading_columns import ColumnConditions
from audiences.reading_relations import RelatedNodes
from audiences.reading_rows import RowConditions
from audiences.reading_sequences import SequenceConditions
from audiences.reading_values import Values

GROUPS = ("all", "any", "not")
KINDS = (
    "column",
    "related",
    "event",
    "sequence",
    "trait",
    "consent",
    "audience",
    "sql",
)
"""What a condition that is no group can begin with; of rows, only `column`."""

_CALLED = "called"


class Conditions:
    """Reads conditions of one file, for members of one entity.

    Attributes:
        references: Line of each membership of another audience.
    """

    def __init__(
        self,
        nodes: Nodes,
        values: Values,
        catalogue: Catalogue,
        entity: Entity,
        audiences: Collection[str],
    ) -> None:
        self.references: dict[InAudience, int] = {}
        self._nodes = nodes
        self._columns = ColumnConditions(nodes, values)
        related = RelatedNodes(nodes, values, catalogue, entity, self._where)
        self._rows = RowConditions(nodes, values, catalogue, related)
        self._sequences = SequenceConditions(nodes, related)
        self._catalogue = catalogue
        self._entity = entity
        self._audiences = audiences

    def read(self, node: yaml.Node, depth: int = 1) -> Condition:
        """A condition on a member."""
        entries = self._entries(node, depth)
        for kind in KINDS:
            if kind in entries:
                return self._leaf(kind, node, entries)
        return self._group(node, entries, depth, KINDS)

    def _where(self, node: yaml.Node, columns: Columns, rows: str) -> Condition:
        """A condition on a related row."""
        return self._of_row(node, columns, rows, 1)

    def _of_row(
        self, node: yaml.Node, columns: Columns, rows: str, depth: int
    ) -> Condition:
        entries = self._entries(node, depth)
        if "column" in entries:
            return self._columns.read(node, entries, columns, rows)
        return self._group(node, entries, depth, ("column",), (columns, rows))

    def _entries(self, node: yaml.Node, depth: int) -> dict[str, yaml.Node]:
        if depth > MAX_DEPTH:
            self._nodes.fail(node, TOO_DEEP)
        return self._nodes.mapping(node, "a condition")

    def _group(
        self,
        node: yaml.Node,
        entries: Mapping[str, yaml.Node],
        depth: int,
        kinds: Collection[str],
        of_row: tuple[Columns, str] | None = None,
    ) -> Condition:
        only = one_key(entries)
        if only is None:
            self._nodes.fail(
                node,
                f"a condition is one of {listed(kinds)}, or one of {listed(GROUPS)} alone. "
                f"This one has: {listed(entries) or 'nothing'}.",
            )
        key, value = only
        if key not in GROUPS:
            suggestion = suggested(key, (*kinds, *GROUPS))
            self._nodes.fail(node, f"a condition cannot begin with {suggestion}")

        def read(part: yaml.Node) -> Condition:
            if of_row is None:
                return self.read(part, depth + 1)
            return self._of_row(part, *of_row, depth + 1)

        if key == "not":
            return Not(read(value))
        attempts = (
            self._nodes.attempt(read, item)
            for item in self._nodes.items(value, f"'{key}'")
        )
        # What could not be read has been reported, and the definition will be refused.
        conditions = tuple(condition for condition in attempts if condition is not None)
        return AllOf(conditions) if key == "all" else AnyOf(conditions)

    def _leaf(
        self, kind: str, node: yaml.Node, entries: Mapping[str, yaml.Node]
    ) -> Condition:
        match kind:
            case "column":
                return self._columns.read(
                    node, entries, self._entity.columns, "the profile"
                )
            case "related" | "event":
                return self._rows.related(node, entries)
            case "sequence":
                return self._sequences.read(node, entries)
            case "trait":
                return self._rows.trait(node, entries)
            case "consent":
                return self._rows.consent(node, entries)
            case "audience":
                return self._in_audience(node, entries)
        return self._raw_sql(entries)

    def _in_audience(
        self, node: yaml.Node, entries: Mapping[str, yaml.Node]
    ) -> InAudience:
        self._check_fields(entries, ("audience", "split_group"))
        name = self._nodes.text(entries["audience"])
        if name not in self._audiences:
            suggestion = suggested(name, self._audiences)
            self._nodes.fail(entries["audience"], f"there is no audience {suggestion}")
        group = entries.get("split_group")
        leaf = InAudience(name, self._nodes.text(group) if group else None)
        self.references.setdefault(leaf, line_of(node))
        return leaf

    def _raw_sql(self, entries: Mapping[str, yaml.Node]) -> RawSql:
        self._check_fields(entries, ("sql", _CALLED))
        text = self._nodes.sql_text(entries["sql"], MAX_LENGTH)
        try:
            sql = checked_sql(text, self._catalogue.models, self._entity.id)
        except UnusableSqlError as error:
            self._nodes.fail(entries["sql"], f"this SQL cannot be taken: {error}")
        if _CALLED in entries:
            return RawSql(self._nodes.identifier(entries[_CALLED], _CALLED), sql)
        return RawSql(digest(sql, 8), sql)

    def _check_fields(
        self, entries: Mapping[str, yaml.Node], names: Collection[str]
    ) -> None:
        for key, value in entries.items():
            if key not in names:
                self._nodes.fail(
                    value, f"this condition has no field {suggested(key, names)}"
                )
