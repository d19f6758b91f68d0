"""Conditions on the rows that belong to a member: orders, events, traits, consent."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal

import yaml

from audiences.catalogue import (
    CONSENTS,
    TRAITS,
    Catalogue,
    Relation,
)
from audiences.conditions import (
    Aggregate,
    Ago,
    AllOf,
    Comparator,
    Comparison,
    Condition,
    InState,
    Literal,
    Membership,
    Not,
    RelatedRows,
    Rows,
    State,
)
from audiences.contracts import Column, ColumnType
from audiences.nodes import Nodes, listed, suggested
from audiences.reading_columns import ColumnConditions
from audiences.reading_relations import WINDOWS, RelatedNodes
from audiences.reading_values import Values

MAX_COUNT = 1_000_000
EXACTLY = "exactly"
_AGGREGATES = {
    aggregate.value: aggregate for aggregate in Aggregate if aggregate != "count"
}
_QUANTITIES = {
    "at_least": Comparator.AT_LEAST,
    "at_most": Comparator.AT_MOST,
    EXACTLY: Comparator.EQUALS,
}
_MEASURES = {
    **_QUANTITIES,
    "greater_than": Comparator.GREATER_THAN,
    "less_than": Comparator.LESS_THAN,
}
_INSTANTS = {"before": Comparator.BEFORE, "after": Comparator.AFTER}
ROWS_FIELDS = (
    "where",
    *WINDOWS,
    "since",
    "none",
    *_AGGREGATES,
    *_MEASURES,
    *_INSTANTS,
)
"""What may stand beside `related` or `event`."""

_VALUE_COLUMNS = {
    ColumnType.TEXT: "value_text",
    ColumnType.NUMBER: "value_number",
    ColumnType.TIMESTAMP: "value_time",
}


class RowConditions:
    """Reads conditions on related rows of one file, for members of one entity."""

    def __init__(
        self, nodes: Nodes, values: Values, catalogue: Catalogue, related: RelatedNodes
    ) -> None:
        self._nodes = nodes
        self._values = values
        self._columns = ColumnConditions(nodes, values)
        self._catalogue = catalogue
        self._related = related

    def related(self, node: yaml.Node, entries: Mapping[str, yaml.Node]) -> Condition:
        """Rows of a relation, or events by name, counted or aggregated."""
        rows, relation = self._related.rows(node, entries, ROWS_FIELDS)
        since = self._nodes.attempt(self._since, entries.get("since"), relation)
        if "none" in entries:
            self._nodes.flag(entries["none"], "none")
            self._only(node, entries, "none", (*_AGGREGATES, *_MEASURES, *_INSTANTS))
            return Not(_some(rows, since))
        aggregates = [key for key in _AGGREGATES if key in entries]
        if len(aggregates) > 1:
            self._nodes.fail(node, f"this has {listed(aggregates)}. Give one of them.")
        if aggregates:
            found = self._aggregated(node, entries, rows, relation, aggregates[0])
            return replace(found, since=since)
        comparator, operand = self._count(node, entries)
        return RelatedRows(rows, Aggregate.COUNT, comparator, operand, None, since)

    def trait(self, node: yaml.Node, entries: Mapping[str, yaml.Node]) -> Condition:
        """A trait with one operator; who has no such trait has an unknown one."""
        name = self._nodes.text(entries["trait"])
        traits = self._catalogue.traits
        if name not in traits:
            self._nodes.fail(
                entries["trait"], f"there is no trait {suggested(name, traits)}"
            )
        relation = self._related.relation(node, TRAITS)
        only = Membership("trait_name", (name,))
        value_column = _VALUE_COLUMNS[traits[name]]
        operators = {key: value for key, value in entries.items() if key != "trait"}
        asked = self._columns.operation(
            node, operators, value_column, Column(traits[name]), relation.columns
        )
        subject = f"trait_{name}"

        def some(where: Condition | None) -> RelatedRows:
            rows = Rows(relation.name, subject, only, where)
            return _some(rows)

        match asked:
            case InState(_, State.IS_KNOWN):
                return some(None)
            case InState(_, State.IS_UNKNOWN):
                return Not(some(None))
            case Comparison(column, Comparator.NOT_EQUALS, operand):
                return Not(some(Comparison(column, Comparator.EQUALS, operand)))
            case Not(inner):
                return Not(some(inner))
        return some(asked)

    def consent(self, node: yaml.Node, entries: Mapping[str, yaml.Node]) -> Condition:
        """What somebody allows now, for a purpose, and by a channel if one is given."""
        self._related.known(entries, ("consent", "channel"), "a consent")
        known = self._catalogue.consents
        purpose = self._nodes.choice(
            entries["consent"], sorted({each for each, _ in known})
        )
        only: list[Condition] = [Membership("purpose", (purpose,))]
        subject = f"consent_to_{purpose}"
        if "channel" in entries:
            channels = sorted(channel for each, channel in known if each == purpose)
            channel = self._nodes.choice(entries["channel"], channels)
            only.append(Membership("channel", (channel,)))
            subject += f"_by_{channel}"
        only.append(InState("is_granted", State.IS_TRUE))
        relation = self._related.relation(node, CONSENTS)
        rows = Rows(relation.name, subject, AllOf(tuple(only)))
        return _some(rows)

    def _since(self, node: yaml.Node, relation: Relation) -> Rows:
        if relation.time is None:
            self._nodes.fail(
                node, f"{relation.name} have no time, so since has no meaning."
            )
        entries = self._nodes.mapping(node, "since")
        rows, other = self._related.rows(node, entries, ("where",))
        if other.time is None:
            self._nodes.fail(
                node, f"{other.name} have no time, so nothing is since them."
            )
        return rows

    def _count(
        self, node: yaml.Node, entries: Mapping[str, yaml.Node]
    ) -> tuple[Comparator, Decimal]:
        self._only(node, entries, "a count of rows", set(_MEASURES) - set(_QUANTITIES))
        self._only(node, entries, "a count of rows", _INSTANTS)
        asked = [key for key in _QUANTITIES if key in entries]
        if not asked:
            return Comparator.AT_LEAST, Decimal(1)
        if len(asked) > 1:
            self._nodes.fail(
                node, f"this has {listed(asked)}. Join two conditions with all."
            )
        least = 1 if asked[0] == "at_least" else 0
        count = self._nodes.whole_number(
            entries[asked[0]], "number of rows", least, MAX_COUNT
        )
        return _QUANTITIES[asked[0]], Decimal(count)

    def _aggregated(
        self,
        node: yaml.Node,
        entries: Mapping[str, yaml.Node],
        rows: Rows,
        relation: Relation,
        aggregate: str,
    ) -> RelatedRows:
        name = self._nodes.text(entries[aggregate])
        if name not in relation.columns:
            suggestion = suggested(name, relation.columns)
            self._nodes.fail(
                entries[aggregate], f"{relation.name} has no column {suggestion}"
            )
        column = relation.columns[name]
        comparators = self._comparators(entries[aggregate], aggregate, name, column)
        asked = [key for key in (*_MEASURES, *_INSTANTS) if key in entries]
        if len(asked) != 1 or asked[0] not in comparators:
            self._nodes.fail(
                node,
                f"{aggregate} of {name} takes one of {listed(comparators)}. "
                f"It has: {listed(asked) or 'none'}.",
            )
        operand: Literal | Ago
        if comparators is _INSTANTS:
            operand = self._values.bound(entries[asked[0]], name, column)
        else:
            operand = self._values.number(entries[asked[0]], name)
        return RelatedRows(
            rows, _AGGREGATES[aggregate], comparators[asked[0]], operand, name
        )

    def _comparators(
        self, node: yaml.Node, aggregate: str, name: str, column: Column
    ) -> Mapping[str, Comparator]:
        is_extreme = aggregate in {"min", "max"}
        if is_extreme and column.type in {ColumnType.TIMESTAMP, ColumnType.DATE}:
            return _INSTANTS
        if aggregate != "distinct" and column.type is not ColumnType.NUMBER:
            times = ", or times" if is_extreme else ""
            self._nodes.fail(
                node,
                f"{aggregate} takes numbers{times}, and {name} holds {column.type}.",
            )
        return _MEASURES

    def _only(
        self,
        node: yaml.Node,
        entries: Mapping[str, yaml.Node],
        what: str,
        others: Collection[str],
    ) -> None:
        found = [key for key in entries if key in others]
        if found:
            self._nodes.fail(node, f"{what} does not go with {listed(found)}.")


def _some(rows: Rows, since: Rows | None = None) -> RelatedRows:
    """At least one of them."""
    return RelatedRows(
        rows, Aggregate.COUNT, Comparator.AT_LEAST, Decimal(1), None, since
    )
