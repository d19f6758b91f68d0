"""Conditions on one column of a row: its operators, by the kind of value it holds."""

from collections.abc import Mapping
from typing import TypeVar

import yaml

from audiences.conditions import (
    Ago,
    Between,
    BetweenHours,
    Comparator,
    Comparison,
    Condition,
    InState,
    Literal,
    Membership,
    Not,
    OnWeekdays,
    State,
    TextMatch,
    TextPart,
)
from audiences.contracts import Column, Columns, ColumnType
from audiences.nodes import BOOLEAN, Nodes, listed, shown, suggested
from audiences.reading_values import Values

_T = TypeVar("_T")

_EQUALITY = frozenset({ColumnType.TEXT, ColumnType.NUMBER})
_TEXT = frozenset({ColumnType.TEXT})
_NUMERIC = frozenset({ColumnType.NUMBER})
_CLOCK = frozenset({ColumnType.TIMESTAMP})
_TEMPORAL = frozenset({ColumnType.TIMESTAMP, ColumnType.DATE})
OPERATOR_TYPES: Mapping[str, frozenset[ColumnType]] = {
    Comparator.EQUALS: _EQUALITY,
    Comparator.NOT_EQUALS: _EQUALITY,
    "in": _EQUALITY,
    "not_in": _EQUALITY,
    TextPart.CONTAINS: _TEXT,
    TextPart.STARTS_WITH: _TEXT,
    TextPart.ENDS_WITH: _TEXT,
    Comparator.GREATER_THAN: _NUMERIC,
    Comparator.AT_LEAST: _NUMERIC,
    Comparator.LESS_THAN: _NUMERIC,
    Comparator.AT_MOST: _NUMERIC,
    "between": _NUMERIC | _TEMPORAL,
    Comparator.BEFORE: _TEMPORAL,
    Comparator.AFTER: _TEMPORAL,
    "within_days": _TEMPORAL,
    "within_hours": _CLOCK,
    "within_next_days": _TEMPORAL,
    "on_weekdays": _CLOCK,
    "between_hours": _CLOCK,
    State.IS_TRUE: frozenset({ColumnType.BOOLEAN}),
    State.IS_FALSE: frozenset({ColumnType.BOOLEAN}),
    State.IS_KNOWN: frozenset(ColumnType),
    State.IS_UNKNOWN: frozenset(ColumnType),
}
"""Which operators a column takes, by what it holds."""

WEEKDAYS = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_IGNORE_CASE = "ignore_case"
_CASE_OPERATORS = frozenset({"equals", "not_equals", "in", "not_in", *TextPart})
_COMPARATORS = frozenset(Comparator)
_STATES = frozenset(state.value for state in State)
_OPPOSITES = {
    State.IS_TRUE: State.IS_FALSE,
    State.IS_FALSE: State.IS_TRUE,
    State.IS_KNOWN: State.IS_UNKNOWN,
    State.IS_UNKNOWN: State.IS_KNOWN,
}


class ColumnConditions:
    """Reads conditions on columns of one file."""

    def __init__(self, nodes: Nodes, values: Values) -> None:
        self._nodes = nodes
        self._values = values

    def read(
        self,
        node: yaml.Node,
        entries: Mapping[str, yaml.Node],
        columns: Columns,
        rows: str,
    ) -> Condition:
        """A mapping of `column` and one operator.

        Args:
            node: The mapping.
            entries: Its entries.
            columns: What can be named.
            rows: What has these columns, for messages.
        """
        name = self._nodes.text(entries["column"])
        if name not in columns:
            suggestion = suggested(name, columns)
            self._nodes.fail(entries["column"], f"{rows} has no column {suggestion}")
        operators = {key: value for key, value in entries.items() if key != "column"}
        return self.operation(node, operators, name, columns[name], columns)

    def operation(
        self,
        node: yaml.Node,
        operators: Mapping[str, yaml.Node],
        name: str,
        column: Column,
        columns: Columns,
    ) -> Condition:
        """What one operator says of a column."""
        ignores_case = _IGNORE_CASE in operators
        names = [key for key in operators if key != _IGNORE_CASE]
        if len(names) != 1:
            self._nodes.fail(
                node,
                f"column {name} takes exactly one operator and has "
                f"{listed(names) or 'none'}. Join several with all.",
            )
        [operator] = names
        operand = operators[operator]
        self._check_operator(operand, operator, name, column)
        if ignores_case:
            self._check_case(operators[_IGNORE_CASE], operator, column)
        return self._condition(
            operand, operator, name, column, columns, ignores_case=ignores_case
        )

    def _condition(
        self,
        operand: yaml.Node,
        operator: str,
        name: str,
        column: Column,
        columns: Columns,
        *,
        ignores_case: bool,
    ) -> Condition:
        match operator:
            case operator if operator in _STATES:
                return self._state(operand, name, State(operator))
            case "in" | "not_in":
                values = self._choice_of_values(operand, operator, name, column)
                found = Membership(name, values, ignores_case)
                return found if operator == "in" else Not(found)
            case "equals" | "not_equals" if ignores_case:
                found = Membership(
                    name, (self._nodes.text(operand),), ignores_case=True
                )
                return found if operator == "equals" else Not(found)
            case "contains" | "starts_with" | "ends_with":
                texts = self._texts(operand, operator)
                return TextMatch(name, TextPart(operator), texts, ignores_case)
            case operator if (
                operator in OPERATOR_TYPES and operator not in _COMPARATORS
            ):
                return self._in_time(operand, operator, name, column)
        value = self._values.operand(operand, name, column, columns)
        return Comparison(name, Comparator(operator), value)

    def _in_time(
        self, operand: yaml.Node, operator: str, name: str, column: Column
    ) -> Condition:
        match operator:
            case "between":
                return self._values.between(operand, name, column)
            case "on_weekdays":
                weekdays = self._weekdays(operand)
                return OnWeekdays(name, weekdays, self._values.time_zone)
            case "between_hours":
                return self._between_hours(operand, name)
            case _:
                return self.within(operand, operator, name, column)

    def within(
        self, node: yaml.Node, operator: str, name: str, column: Column
    ) -> Between:
        """Some time up to as_of, or from it on, both ends included."""
        is_date = column.type is ColumnType.DATE
        now = Ago(0, is_date)
        if operator == "within_hours":
            return Between(name, Ago(self._values.hours(node)), now)
        hours = self._values.days(node)
        if operator == "within_next_days":
            return Between(name, now, Ago(-hours, is_date))
        return Between(name, Ago(hours, is_date), now)

    def _check_operator(
        self, operand: yaml.Node, operator: str, name: str, column: Column
    ) -> None:
        usable = [key for key, types in OPERATOR_TYPES.items() if column.type in types]
        if operator not in OPERATOR_TYPES:
            self._nodes.fail(
                operand, f"there is no operator {suggested(operator, usable)}"
            )
        if operator not in usable:
            self._nodes.fail(
                operand,
                f"operator {operator} does not apply to {name}, which holds "
                f"{column.type}. For {column.type}: {listed(usable)}.",
            )

    def _check_case(self, node: yaml.Node, operator: str, column: Column) -> None:
        self._nodes.flag(node, _IGNORE_CASE)
        if operator not in _CASE_OPERATORS or column.type is not ColumnType.TEXT:
            self._nodes.fail(
                node,
                f"{_IGNORE_CASE} goes with text and {listed(sorted(_CASE_OPERATORS))}.",
            )

    def _state(self, node: yaml.Node, name: str, state: State) -> InState:
        kind, text = self._nodes.scalar(node)
        if kind != BOOLEAN or text.lower() != "true":
            self._nodes.fail(
                node,
                f"{state} takes only true, not {shown(text)}. "
                f"For the opposite write {_OPPOSITES[state]}: true.",
            )
        return InState(name, state)

    def _choice_of_values(
        self, node: yaml.Node, operator: str, name: str, column: Column
    ) -> tuple[Literal, ...]:
        values: list[Literal] = []
        for item in self._nodes.items(node, operator):
            value = self._values.literal(item, name, column)
            self._once(item, value, values)
        return tuple(values)

    def _texts(self, node: yaml.Node, operator: str) -> tuple[str, ...]:
        is_list = isinstance(node, yaml.SequenceNode)
        texts: list[str] = []
        for item in self._nodes.items(node, operator) if is_list else [node]:
            text = self._nodes.text(item)
            if not text:
                self._nodes.fail(item, f"{operator} takes a text that is not empty.")
            self._once(item, text, texts)
        return tuple(texts)

    def _weekdays(self, node: yaml.Node) -> tuple[int, ...]:
        days: list[int] = []
        for item in self._nodes.items(node, "on_weekdays"):
            day = WEEKDAYS.index(self._nodes.choice(item, WEEKDAYS)) + 1
            self._once(item, day, days)
        return tuple(sorted(days))

    def _between_hours(self, node: yaml.Node, name: str) -> BetweenHours:
        ends = self._nodes.items(node, "between_hours")
        if len(ends) != 2:
            self._nodes.fail(
                node, "between_hours takes a list of two hours, as [9, 17]."
            )
        start = self._nodes.whole_number(ends[0], "hour of the day", 0, 23)
        end = self._nodes.whole_number(ends[1], "hour of the day", 0, 24)
        if start == end:
            self._nodes.fail(node, "between_hours goes from one hour to another one.")
        return BetweenHours(name, start, end, self._values.time_zone)

    def _once(self, node: yaml.Node, value: _T, values: list[_T]) -> None:
        if value in values:
            self._nodes.fail(
                node, f"{shown(str(value))} is in the list twice. Keep one."
            )
        values.append(value)
