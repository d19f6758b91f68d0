"""A file of YAML as nodes, with everything wrong in it by line.

It is read as nodes, not as values, because nodes know their line and how a value was written:
`NO` without quotes is false to YAML, and a marketer who means Norway is told so.
"""

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from typing import Concatenate, NoReturn, ParamSpec, Protocol, TypeVar

import yaml

from audiences.errors import Problem

_P = ParamSpec("_P")
_T = TypeVar("_T")

MAX_DEPTH = 20
"""Levels of conditions in each other."""
# A level of conditions is at most two of YAML; far beyond that the parser itself suffers.
_MAX_YAML_DEPTH = 100
TOO_DEEP = f"nested too deeply. Nest at most {MAX_DEPTH} levels."
MAX_TEXT_LENGTH = 1_000

# 50 letters after "audience_" stay within the 63 that Postgres keeps of a name.
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")
MAX_NAME_LENGTH = 50

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
TEXT = "text"
NUMBER = "a number"
BOOLEAN = "true or false"
_KINDS = {
    "tag:yaml.org,2002:int": NUMBER,
    "tag:yaml.org,2002:float": NUMBER,
    "tag:yaml.org,2002:bool": BOOLEAN,
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:timestamp": "a date",
}


class UnusableError(Exception):
    """The part being read was reported, and there is no value for it."""


class _Mark(Protocol):
    """A place in a file, as PyYAML's two parsers give it."""

    @property
    def line(self) -> int: ...


class Nodes:
    """Reads shapes of one file; `problems` grows as it goes.

    A method that reads a node returns its value, or reports why not and raises
    UnusableError.
    """

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file

    def root(self, text: str, fields: Collection[str]) -> yaml.Node:
        """The whole file as one node, without anchors, aliases and tags."""
        depth = 0
        try:
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                depth += isinstance(event, yaml.CollectionStartEvent)
                depth -= isinstance(event, yaml.CollectionEndEvent)
                if depth > _MAX_YAML_DEPTH:
                    self.fail(_line(event.start_mark), TOO_DEEP)
                if getattr(event, "anchor", None):
                    message = "anchors and aliases are not supported. Write it out."
                    self.fail(_line(event.start_mark), message)
                if getattr(event, "tag", None):
                    message = "tags, as in !this, are not supported. Remove it."
                    self.fail(_line(event.start_mark), message)
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = _line(error.problem_mark or error.context_mark)
            self.fail(line, f"not readable as YAML: {error.problem or error.context}.")
        except yaml.YAMLError:
            message = "not readable as YAML: it holds a character that YAML forbids."
            self.fail(1, message)
        if node is None:
            self.fail(1, f"the file is empty. Give it: {listed(fields)}.")
        return node

    def fail(self, at: yaml.Node | int, message: str) -> NoReturn:
        """Report a problem and give this part up."""
        self.report(at, message)
        raise UnusableError

    def report(self, at: yaml.Node | int, message: str) -> None:
        """Report a problem and go on."""
        line = at if isinstance(at, int) else line_of(at)
        self.problems.append(Problem(self._file, line, message))

    def attempt(
        self,
        read: Callable[Concatenate[yaml.Node, _P], _T],
        node: yaml.Node | None,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T | None:
        """Read a part, and go on to the next part when it is unusable, or is not there."""
        if node is None:
            return None
        try:
            return read(node, *args, **kwargs)
        except UnusableError:
            return None

    def mapping(self, node: yaml.Node, what: str) -> dict[str, yaml.Node]:
        """The entries of a mapping; each key is text and stands there once."""
        if not isinstance(node, yaml.MappingNode):
            self.fail(node, f"{what} is written as `key: value` lines.")
        entries: dict[str, yaml.Node] = {}
        for key_node, value_node in node.value:
            key = self.text(key_node)
            if key in entries:
                self.fail(key_node, f"{shown(key)} stands here twice. Keep one.")
            entries[key] = value_node
        return entries

    def fields(
        self,
        node: yaml.Node,
        what: str,
        needed: Collection[str],
        optional: Collection[str] = (),
    ) -> dict[str, yaml.Node]:
        """The entries of a mapping that has these fields and no others."""
        entries = self.mapping(node, what)
        names = (*needed, *optional)
        for key, value_node in entries.items():
            if key not in names:
                self.report(value_node, f"{what} has no field {suggested(key, names)}")
        missing = [name for name in needed if name not in entries]
        if missing:
            self.report(node, f"{what} lacks {listed(missing)}.")
        return entries

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        """The entries of a list, at least one."""
        if not isinstance(node, yaml.SequenceNode):
            self.fail(node, f"{what} takes a list.")
        if not node.value:
            self.fail(node, f"{what} is an empty list. Give it at least one entry.")
        return list(node.value)

    def scalar(self, node: yaml.Node) -> tuple[str, str]:
        """The kind of a scalar, in words, and its text as written."""
        if not isinstance(node, yaml.ScalarNode):
            self.fail(node, "expected a single value, found a list or a mapping.")
        return _KINDS.get(node.tag, TEXT), node.value

    def text(self, node: yaml.Node, *, max_length: int = MAX_TEXT_LENGTH) -> str:
        """A text without control characters."""
        kind, text = self.scalar(node)
        if kind != TEXT:
            self.fail(
                node,
                f"{shown(text)} is {kind} to YAML, and text is needed here. "
                f'Put it in quotes: "{printable(text)}".',
            )
        if _UNPRINTABLE.search(text):
            self.fail(node, f"{shown(text)} holds a control character. Remove it.")
        if len(text) > max_length:
            self.fail(
                node,
                f"{shown(text)} has {len(text):,} characters. Use at most {max_length:,}.",
            )
        return text

    def sql_text(self, node: yaml.Node, max_length: int) -> str:
        """A text of several lines."""
        kind, text = self.scalar(node)
        if kind != TEXT or _UNPRINTABLE.search(text):
            self.fail(node, "SQL is written as text, on lines after |.")
        if len(text) > max_length:
            self.fail(
                node,
                f"this SQL has {len(text):,} characters. Use at most {max_length:,}.",
            )
        return text

    def identifier(self, node: yaml.Node, what: str) -> str:
        """A name that can be a part of a table's or a column's."""
        name = self.text(node)
        if not _NAME.match(name) or len(name) > MAX_NAME_LENGTH:
            self.fail(
                node,
                f"{what} {shown(name)} cannot name a table. Use at most "
                f"{MAX_NAME_LENGTH} lower-case letters, digits and single underscores, "
                f"beginning with a letter.",
            )
        return name

    def choice(self, node: yaml.Node, choices: Collection[str]) -> str:
        """One of some texts."""
        choice = self.text(node)
        if choice not in choices:
            self.fail(node, f"there is no {suggested(choice, choices)}")
        return choice

    def whole_number(self, node: yaml.Node, what: str, least: int, most: int) -> int:
        """A whole number, both ends included."""
        kind, text = self.scalar(node)
        is_whole = kind == NUMBER and re.match(r"(?:0|[1-9][0-9]{0,9})\Z", text)
        if not is_whole or not least <= int(text) <= most:
            self.fail(
                node,
                f"{shown(text)} is no {what}. Write a whole number from {least} to {most:,}.",
            )
        return int(text)

    def flag(self, node: yaml.Node, what: str) -> None:
        """A `true`, where only that can stand."""
        kind, text = self.scalar(node)
        if kind != BOOLEAN or text.lower() != "true":
            self.fail(node, f"{what} takes only true, not {shown(text)}. Leave it out.")


def line_of(node: yaml.Node) -> int:
    """The line a node begins on, from 1."""
    return _line(node.start_mark)


def _line(mark: _Mark | None) -> int:
    """The line of a mark, from 1; PyYAML counts from 0."""
    return mark.line + 1 if mark else 1


def printable(value: str) -> str:
    """A text as it may stand in a message: not long, and on one line."""
    text = _UNPRINTABLE.sub("\ufffd", value).replace("\n", "\ufffd")
    return text if len(text) <= 60 else f"{text[:57]}..."


def shown(value: str) -> str:
    """A text between quotes, for a message."""
    return f"'{printable(value)}'"


def listed(names: Collection[str]) -> str:
    """Names with commas between."""
    return ", ".join(printable(name) for name in names)


def suggested(value: str, choices: Collection[str]) -> str:
    """The value, and the choice that it was probably meant to be."""
    close = difflib.get_close_matches(value.lower(), choices, n=1)
    if close:
        return f"{shown(value)}. Did you mean {shown(close[0])}?"
    if not choices:
        return f"{shown(value)}. There is none to choose from."
    return f"{shown(value)}. Choose from: {listed(choices)}."


def one_key(entries: Mapping[str, yaml.Node]) -> tuple[str, yaml.Node] | None:
    """The only entry, or None when there are more or none."""
    return next(iter(entries.items())) if len(entries) == 1 else None
