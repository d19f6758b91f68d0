"""Reading a YAML file of settings so that every refusal says file, line and setting.

The file is read as nodes, not as values, because nodes know their line. Nothing here knows
what the settings mean.
"""

import difflib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import yaml
from yaml.constructor import SafeConstructor

from reverse_etl.errors import SyncConfigurationError
from warehouse.manifest import Json

_MAX_DEPTH = 40
_MAX_BYTES = 1_000_000
_TAGS = {
    "tag:yaml.org,2002:str": "text",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:timestamp": "a date",
}
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Item:
    """One value of the file.

    Attributes:
        file: The file, as people should open it.
        name: What the value is called: "accounts.klaviyo_main.token".
        node: The value itself. Its representation may hold a secret and is not shown.
    """

    file: str
    name: str
    node: yaml.Node

    def __repr__(self) -> str:
        return f"Item({self.file!r}, {self.name!r})"

    @property
    def line(self) -> int:
        """Line in the file, from 1."""
        return int(self.node.start_mark.line) + 1

    def refusal(self, reason: str) -> SyncConfigurationError:
        """The error for this value, with its place."""
        name = f"{self.name}: " if self.name else ""
        return SyncConfigurationError(f"{self.file}, line {self.line}: {name}{reason}")

    @property
    def is_map(self) -> bool:
        """Whether it has names."""
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, yaml.SequenceNode)

    def map(self, known: Collection[str] | None = None) -> dict[str, "Item"]:
        """Its values by name, in the file's order.

        Args:
            known: Names that it may have; any, when None.

        Raises:
            SyncConfigurationError: It has no names, or one that is not known.
        """
        if not isinstance(self.node, yaml.MappingNode):
            raise self.refusal("this is a map of settings, `name: value` on each line.")
        found: dict[str, Item] = {}
        for key_node, node in self.node.value:
            key = Item(self.file, self.name, key_node)
            name = key.node.value
            if not isinstance(key_node, yaml.ScalarNode):
                raise key.refusal("a setting's name is text.")
            if name in found:
                raise key.refusal(f"'{name}' is there twice. Keep one.")
            if known is not None and name not in known:
                raise key.refusal(
                    f"there is no setting '{name}' here.{nearest(name, known)} "
                    f"Known: {', '.join(known)}."
                )
            inner = f"{self.name}.{name}" if self.name else name
            found[name] = Item(self.file, inner, node)
        return found

    def list(self) -> Sequence["Item"]:
        """Its values in order.

        Raises:
            SyncConfigurationError: It is no list.
        """
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.refusal(
                "this is a list: [one, two], or a line `- one` for each."
            )
        return [
            Item(self.file, f"{self.name}[{position}]", node)
            for position, node in enumerate(self.node.value)
        ]

    def text(self) -> str:
        """Its text, which is not empty."""
        value = self.json()
        if not isinstance(value, str) or not value.strip():
            raise self.refusal("this is text. Put it in quotes if it looks otherwise.")
        return value

    def texts(self) -> tuple[str, ...]:
        """Its list of texts."""
        return tuple(item.text() for item in self.list())

    def boolean(self) -> bool:
        """True or false."""
        value = self.json()
        if not isinstance(value, bool):
            raise self.refusal("this is true or false.")
        return value

    def whole(self, *, least: int = 1, most: int = 1_000_000_000) -> int:
        """A whole number in these limits."""
        value = self.json()
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refusal("this is a whole number.")
        if not least <= value <= most:
            raise self.refusal(f"this is a whole number from {least:,} to {most:,}.")
        return value

    def number(self, *, above: float, most: float) -> float:
        """A number above one limit and up to the other."""
        value = self.json()
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refusal("this is a number.")
        if not above < value <= most:
            raise self.refusal(f"this is a number above {above:g} and up to {most:g}.")
        return float(value)

    def choice(self, kind: type[_Choice]) -> _Choice:
        """One of an enumeration's values."""
        text = self.text()
        known = tuple(member.value for member in kind)
        if text not in known:
            raise self.refusal(
                f"'{text}' is none of {', '.join(known)}.{nearest(text, known)}"
            )
        return kind(text)

    def json(self) -> Json:
        """Its value as JSON would say it."""
        if self.is_map:
            return {name: item.json() for name, item in self.map().items()}
        if self.is_list:
            return [item.json() for item in self.list()]
        kind = _TAGS.get(self.node.tag)
        if kind is None or kind == "a date":
            raise self.refusal("this is read as a date or the like. Put it in quotes.")
        value: Json = SafeConstructor().construct_object(self.node)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.refusal("this is not a number that JSON has.")
        return value


def read_yaml(path: Path, *, shown: str) -> Item | None:
    """The content of a file; None when there is nothing in it.

    Args:
        path: The file.
        shown: What it is called in messages.

    Raises:
        SyncConfigurationError: It cannot be read or is not YAML that we use.
    """
    try:
        text = path.read_bytes()[: _MAX_BYTES + 1].decode()
    except OSError as error:
        raise SyncConfigurationError(
            f"{shown} could not be read ({error.strerror})."
        ) from None
    except UnicodeDecodeError:
        raise SyncConfigurationError(f"{shown} is not UTF-8 text.") from None
    if len(text) > _MAX_BYTES:
        raise SyncConfigurationError(f"{shown} is larger than {_MAX_BYTES:,} bytes.")
    try:
        _check_events(yaml.parse(text, Loader=yaml.SafeLoader), shown)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}" if mark is not None else ""
        # The parser's own words may quote the line, and with it a secret.
        raise SyncConfigurationError(
            f"{shown}{place}: this is not YAML. Check indentation, quotes and brackets."
        ) from None
    except yaml.YAMLError:
        raise SyncConfigurationError(
            f"{shown} holds a character that YAML does not allow."
        ) from None
    return None if node is None else Item(shown, "", node)


def nearest(name: str, known: Collection[str]) -> str:
    """A question after the known name that is most like this one, or nothing."""
    matches = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean '{matches[0]}'?" if matches else ""


def optional(items: Mapping[str, Item], name: str) -> Item | None:
    """A setting that may be missing; `name:` with nothing after it counts as missing."""
    item = items.get(name)
    if item is None or item.node.tag == "tag:yaml.org,2002:null":
        return None
    return item


def _check_events(events: Iterator[yaml.Event], shown: str) -> None:
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        line = event.start_mark.line + 1 if event.start_mark else 0
        if depth > _MAX_DEPTH:
            raise SyncConfigurationError(f"{shown}, line {line}: nested too deeply.")
        if isinstance(event, yaml.AliasEvent):
            raise SyncConfigurationError(
                f"{shown}, line {line}: aliases (*name) are not used here. Write the "
                "value out."
            )
