"""From the text of a definition file to a `Definition`, or to everything wrong with it.

The file is read as YAML nodes, not as values, because nodes know their line and how a value
was written: `NO` without quotes is false to YAML, and a marketer who means Norway is told so.
Column names are resolved against the profile here; nothing after this module checks again.
"""

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Concatenate, NoReturn, ParamSpec, Protocol, TypeVar

import yaml

from audiences.definition import (
    ENTITIES,
    PURPOSES,
    AllOf,
    AnyOf,
    ColumnOperand,
    Comparator,
    Comparison,
    Condition,
    DaysAgo,
    Definition,
    InState,
    Literal,
    Membership,
    Not,
    Operand,
    Owner,
    State,
    WithinDays,
)
from audiences.errors import DefinitionError, Problem
from audiences.profile import ColumnType


class _Mark(Protocol):
    """A place in a file, as PyYAML's two parsers give it."""

    @property
    def line(self) -> int: ...


_P = ParamSpec("_P")
_T = TypeVar("_T")

MAX_DEPTH = 20
# A level of conditions is at most two of YAML; far beyond that the parser itself suffers.
_MAX_YAML_DEPTH = 100
_TOO_DEEP = f"nested too deeply. Nest at most {MAX_DEPTH} levels."
MAX_DAYS = 36_500
MAX_TEXT_LENGTH = 1_000

_FIELDS = ("name", "description", "owner", "purpose", "entity", "conditions")
_OWNER_FIELDS = ("name", "email")
_GROUPS = ("all", "any", "not")

# 50 letters after "audience_" stay within the 63 that Postgres keeps of a name.
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")
_MAX_NAME_LENGTH = 50
# audience_memberships and audience_sizes are tables about all audiences.
_RESERVED_NAMES = ("memberships", "sizes")

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?\Z")
_WHOLE_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_JINJA = re.compile(r"\{\{|\{%|\{#")

_KINDS = {
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:timestamp": "a date",
}
_TEXT = "text"

_STATES = frozenset(state.value for state in State)
_EQUALITY = frozenset({ColumnType.TEXT, ColumnType.NUMBER})
_NUMERIC = frozenset({ColumnType.NUMBER})
_TEMPORAL = frozenset({ColumnType.TIMESTAMP})
_OPERATOR_TYPES: Mapping[str, frozenset[ColumnType]] = {
    Comparator.EQUALS: _EQUALITY,
    Comparator.NOT_EQUALS: _EQUALITY,
    "in": _EQUALITY,
    Comparator.GREATER_THAN: _NUMERIC,
    Comparator.AT_LEAST: _NUMERIC,
    Comparator.LESS_THAN: _NUMERIC,
    Comparator.AT_MOST: _NUMERIC,
    Comparator.BEFORE: _TEMPORAL,
    Comparator.AFTER: _TEMPORAL,
    "within_days": _TEMPORAL,
    State.IS_TRUE: frozenset({ColumnType.BOOLEAN}),
    State.IS_FALSE: frozenset({ColumnType.BOOLEAN}),
    State.IS_KNOWN: frozenset(ColumnType),
    State.IS_UNKNOWN: frozenset(ColumnType),
}


def read_definition(
    text: str, *, file: str, name: str, columns: Mapping[str, ColumnType]
) -> Definition:
    """Read one definition file.

    Args:
        text: Content of the file.
        file: Its path, for messages.
        name: What the file's name says the audience is called.
        columns: The profile's columns and what they hold.

    Raises:
        DefinitionError: With every problem found, unless the text is no YAML at all.
    """
    reader = _Reader(file, columns)
    try:
        definition = reader.definition(_root_node(text, reader), name)
    except _Unusable:
        definition = None
    if reader.problems or definition is None:
        raise DefinitionError(reader.problems)
    return definition


class _Unusable(Exception):  # noqa: N818 - a jump past a part already reported, not an error
    """The part being read was reported, and there is no value for it."""


def _root_node(text: str, reader: "_Reader") -> yaml.Node:
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_YAML_DEPTH:
                reader.fail(_line(event.start_mark), _TOO_DEEP)
            if getattr(event, "anchor", None):
                message = "anchors and aliases are not supported. Write it out."
                reader.fail(_line(event.start_mark), message)
            if getattr(event, "tag", None):
                message = "tags, as in !this, are not supported. Remove it."
                reader.fail(_line(event.start_mark), message)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark or error.context_mark)
        reader.fail(line, f"not readable as YAML: {error.problem or error.context}.")
    except yaml.YAMLError:
        reader.fail(1, "not readable as YAML: it holds a character that YAML forbids.")
    if node is None:
        reader.fail(1, f"the file is empty. Give it: {_listed(_FIELDS)}.")
    return node


def _line(mark: _Mark | None) -> int:
    """The line of a mark, from 1; PyYAML counts from 0."""
    return mark.line + 1 if mark else 1


class _Reader:
    """Reads one file; `problems` grows as it goes.

    A method that reads a node returns its value, or reports why not and raises `_Unusable`.
    """

    def __init__(self, file: str, columns: Mapping[str, ColumnType]) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._columns = columns

    def fail(self, at: yaml.Node | int, message: str) -> NoReturn:
        self._report(at, message)
        raise _Unusable

    def definition(self, root: yaml.Node, file_name: str) -> Definition:
        fields = self._fields(root, "a definition", _FIELDS)
        name = self._attempt(self._name, fields.get("name"), file_name)
        description = self._attempt(self._prose, fields.get("description"))
        owner = self._attempt(self._owner, fields.get("owner"))
        purpose = self._attempt(self._choice, fields.get("purpose"), PURPOSES)
        entity = self._attempt(self._choice, fields.get("entity"), ENTITIES)
        condition = self._attempt(self._condition, fields.get("conditions"), 1)
        if (
            name is None
            or description is None
            or owner is None
            or purpose is None
            or entity is None
            or condition is None
        ):
            raise _Unusable
        return Definition(name, description, owner, purpose, entity, condition)

    def _report(self, at: yaml.Node | int, message: str) -> None:
        line = at if isinstance(at, int) else _line(at.start_mark)
        self.problems.append(Problem(self._file, line, message))

    def _attempt(
        self,
        read: Callable[Concatenate[yaml.Node, _P], _T],
        node: yaml.Node | None,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T | None:
        """Read a part, and go on to the next part when it is unusable."""
        if node is None:
            return None
        try:
            return read(node, *args, **kwargs)
        except _Unusable:
            return None

    # Shapes

    def _mapping(self, node: yaml.Node, what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self.fail(node, f"{what} is written as `key: value` lines.")
        entries: dict[str, yaml.Node] = {}
        for key_node, value_node in node.value:
            key = self._text(key_node)
            if key in entries:
                self.fail(key_node, f"{_shown(key)} stands here twice. Keep one.")
            entries[key] = value_node
        return entries

    def _fields(
        self, node: yaml.Node, what: str, names: Collection[str]
    ) -> dict[str, yaml.Node]:
        entries = self._mapping(node, what)
        for key, value_node in entries.items():
            if key not in names:
                self._report(
                    value_node, f"{what} has no field {_suggested(key, names)}"
                )
        missing = [name for name in names if name not in entries]
        if missing:
            self._report(node, f"{what} lacks {_listed(missing)}.")
        return entries

    def _items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self.fail(node, f"{what} takes a list.")
        if not node.value:
            self.fail(node, f"{what} is an empty list. Give it at least one entry.")
        return list(node.value)

    def _scalar(self, node: yaml.Node) -> tuple[str, str]:
        """The kind of a scalar, in words, and its text as written."""
        if not isinstance(node, yaml.ScalarNode):
            self.fail(node, "expected a single value, found a list or a mapping.")
        return _KINDS.get(node.tag, _TEXT), node.value

    def _text(self, node: yaml.Node) -> str:
        kind, text = self._scalar(node)
        if kind != _TEXT:
            self.fail(
                node,
                f"{_shown(text)} is {kind} to YAML, and text is needed here. "
                f'Put it in quotes: "{_printable(text)}".',
            )
        if _UNPRINTABLE.search(text):
            self.fail(node, f"{_shown(text)} holds a control character. Remove it.")
        if len(text) > MAX_TEXT_LENGTH:
            self.fail(
                node,
                f"{_shown(text)} has {len(text):,} characters. "
                f"Use at most {MAX_TEXT_LENGTH:,}.",
            )
        return text

    # Fields

    def _name(self, node: yaml.Node, file_name: str) -> str:
        name = self._text(node)
        if not _NAME.match(name) or len(name) > _MAX_NAME_LENGTH:
            self.fail(
                node,
                f"name {_shown(name)} cannot name a table. Use at most "
                f"{_MAX_NAME_LENGTH} lower-case letters, digits and single underscores, "
                f"beginning with a letter.",
            )
        if name in _RESERVED_NAMES:
            self.fail(
                node,
                f"name {_shown(name)} is taken: audience_{name} is a table about all "
                f"audiences. Choose another.",
            )
        if name != file_name:
            self.fail(
                node,
                f"name {_shown(name)} differs from the file's name. "
                f"Rename the file to {name}.yml, or the audience.",
            )
        return name

    def _prose(self, node: yaml.Node) -> str:
        """Text for people. dbt renders YAML and SQL with Jinja, so there is none in it."""
        text = " ".join(self._text(node).split())
        if not text:
            self.fail(node, "this text is empty. Write what readers should know.")
        if _JINJA.search(text):
            self.fail(
                node,
                f"{_shown(text)} holds a Jinja delimiter, which dbt would run. "
                f"Write it without doubled braces.",
            )
        return text

    def _owner(self, node: yaml.Node) -> Owner:
        fields = self._fields(node, "owner", _OWNER_FIELDS)
        name = self._attempt(self._prose, fields.get("name"))
        email = self._attempt(self._owner_email, fields.get("email"))
        if name is None or email is None:
            raise _Unusable
        return Owner(name, email)

    def _owner_email(self, node: yaml.Node) -> str:
        email = self._text(node)
        if not _EMAIL.match(email):
            self.fail(
                node,
                f"owner email {_shown(email)} is no address like team@example.com.",
            )
        return email

    def _choice(self, node: yaml.Node, choices: Collection[str]) -> str:
        choice = self._text(node)
        if choice not in choices:
            self.fail(node, f"there is no {_suggested(choice, choices)}")
        return choice

    # Conditions

    def _condition(self, node: yaml.Node, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            self.fail(node, _TOO_DEEP)
        entries = self._mapping(node, "a condition")
        if "column" in entries:
            return self._column_condition(node, entries)
        if len(entries) != 1:
            self.fail(
                node,
                f"a condition is a column with one operator, or one of "
                f"{_listed(_GROUPS)}. This one has: {_listed(entries) or 'nothing'}.",
            )
        [(key, value_node)] = entries.items()
        if key not in _GROUPS:
            suggestion = _suggested(key, ("column", *_GROUPS))
            self.fail(node, f"a condition cannot begin with {suggestion}")
        if key == "not":
            return Not(self._condition(value_node, depth + 1))
        attempts = (
            self._attempt(self._condition, item, depth + 1)
            for item in self._items(value_node, _shown(key))
        )
        # What could not be read has been reported, and the definition will be refused.
        conditions = tuple(condition for condition in attempts if condition is not None)
        return AllOf(conditions) if key == "all" else AnyOf(conditions)

    def _column_condition(
        self, node: yaml.Node, entries: Mapping[str, yaml.Node]
    ) -> Condition:
        column = self._column(entries["column"])
        operators = [key for key in entries if key != "column"]
        if len(operators) != 1:
            self.fail(
                node,
                f"column {column} takes exactly one operator and has "
                f"{_listed(operators) or 'none'}. Join several with all.",
            )
        operator, operand = operators[0], entries[operators[0]]
        column_type = self._columns[column]
        usable = [
            name for name, types in _OPERATOR_TYPES.items() if column_type in types
        ]
        if operator not in _OPERATOR_TYPES:
            self.fail(operand, f"there is no operator {_suggested(operator, usable)}")
        if operator not in usable:
            self.fail(
                operand,
                f"operator {operator} does not apply to {column}, which holds "
                f"{column_type}. For {column_type}: {_listed(usable)}.",
            )
        if operator in _STATES:
            return self._state(operand, column, State(operator))
        if operator == "in":
            return self._membership(operand, column)
        if operator == "within_days":
            return WithinDays(column, self._days(operand, at_least=1))
        return Comparison(column, Comparator(operator), self._operand(operand, column))

    def _column(self, node: yaml.Node) -> str:
        column = self._text(node)
        if column not in self._columns:
            suggestion = _suggested(column, self._columns)
            self.fail(node, f"the profile has no column {suggestion}")
        return column

    def _state(self, node: yaml.Node, column: str, state: State) -> InState:
        kind, text = self._scalar(node)
        if kind != "true or false" or text.lower() != "true":
            opposites = {
                State.IS_TRUE: State.IS_FALSE,
                State.IS_FALSE: State.IS_TRUE,
                State.IS_KNOWN: State.IS_UNKNOWN,
                State.IS_UNKNOWN: State.IS_KNOWN,
            }
            self.fail(
                node,
                f"{state} takes only true, not {_shown(text)}. "
                f"For the opposite write {opposites[state]}: true.",
            )
        return InState(column, state)

    def _membership(self, node: yaml.Node, column: str) -> Membership:
        values: list[Literal] = []
        for item in self._items(node, "in"):
            value = self._literal(item, column)
            if value in values:
                self.fail(item, f"{_shown(str(value))} is in the list twice. Keep one.")
            values.append(value)
        return Membership(column, tuple(values))

    def _operand(self, node: yaml.Node, column: str) -> Operand:
        if not isinstance(node, yaml.MappingNode):
            return self._literal(node, column)
        column_type = self._columns[column]
        kinds = (
            ("days_ago", "column")
            if column_type is ColumnType.TIMESTAMP
            else ("column",)
        )
        entries = self._mapping(node, "an operand")
        if len(entries) != 1 or not entries.keys() <= set(kinds):
            self.fail(
                node,
                f"an operand for {column} is a value, or one of {_listed(kinds)} in "
                f"braces. Found: {_listed(entries) or 'nothing'}.",
            )
        if "days_ago" in entries:
            return DaysAgo(self._days(entries["days_ago"], at_least=0))
        other = self._column(entries["column"])
        if self._columns[other] is not column_type:
            self.fail(
                entries["column"],
                f"{column} holds {column_type} and {other} holds "
                f"{self._columns[other]}. Compare columns of one type.",
            )
        return ColumnOperand(other)

    # Values

    def _literal(self, node: yaml.Node, column: str) -> Literal:
        column_type = self._columns[column]
        if column_type is ColumnType.NUMBER:
            return self._number(node, column)
        if column_type is ColumnType.TIMESTAMP:
            return self._timestamp(node, column)
        return self._text(node)

    def _number(self, node: yaml.Node, column: str) -> Decimal:
        kind, text = self._scalar(node)
        if kind != "a number" or not _NUMBER.match(text):
            self.fail(
                node,
                f"{column} holds numbers, and {_shown(text)} is none. Write digits "
                f"without quotes, with a point before decimals: 300 or 299.95.",
            )
        return Decimal(text)

    def _days(self, node: yaml.Node, *, at_least: int) -> int:
        kind, text = self._scalar(node)
        is_whole = kind == "a number" and _WHOLE_NUMBER.match(text)
        if not is_whole or not at_least <= int(text) <= MAX_DAYS:
            self.fail(
                node,
                f"{_shown(text)} is no number of days. "
                f"Write a whole number from {at_least} to {MAX_DAYS:,}.",
            )
        return int(text)

    def _timestamp(self, node: yaml.Node, column: str) -> datetime:
        _, text = self._scalar(node)
        try:
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is not None:
                instant = instant.astimezone(UTC).replace(tzinfo=None)
        except (ValueError, OverflowError):
            self.fail(
                node,
                f"{column} holds timestamps, and {_shown(text)} is none. Write "
                f"2026-06-30, 2026-06-30T12:00:00 (UTC) or {{days_ago: 30}}.",
            )
        return instant


def _printable(value: str) -> str:
    text = _UNPRINTABLE.sub("\ufffd", value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _shown(value: str) -> str:
    return f"'{_printable(value)}'"


def _listed(names: Collection[str]) -> str:
    return ", ".join(_printable(name) for name in names)


def _suggested(value: str, choices: Collection[str]) -> str:
    """The value, and the choice that it was probably meant to be."""
    close = difflib.get_close_matches(value.lower(), choices, n=1)
    if close:
        return f"{_shown(value)}. Did you mean {_shown(close[0])}?"
    return f"{_shown(value)}. Choose from: {_listed(choices)}."
