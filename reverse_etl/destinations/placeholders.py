"""Text with `{names}` in it that are filled in from a record or a batch. Pure.

A name is looked up, never computed: there is no expression, no call and no format code, so
that a template out of a file can do nothing but show what it is given. `{{` and `}}` stand
for braces.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from warehouse.manifest import Json

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)*")


class Missing:
    """The type of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
"""There is no value of that name, which is not the same as a value that is null."""

Found: TypeAlias = "Json | Missing"
Lookup: TypeAlias = Callable[[str], Found]
"""The value of a name."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text in pieces.

    Attributes:
        pieces: Each a text and the name that follows it; the last one has no name.
    """

    pieces: tuple[tuple[str, str | None], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names in it, in order."""
        return tuple(name for _, name in self.pieces if name is not None)

    @property
    def only_name(self) -> str | None:
        """The name when the text is one name and nothing else; otherwise None."""
        if len(self.pieces) == 2 and not self.pieces[0][0] and not self.pieces[1][0]:
            return self.pieces[0][1]
        return None

    def value(self, look_up: Lookup) -> Found:
        """The value itself when the text is one name and nothing else, or else the text."""
        name = self.only_name
        return self.text(look_up) if name is None else look_up(name)

    def text(
        self, look_up: Lookup, written: Callable[[str], str] = str
    ) -> str | Missing:
        """The text, filled in; MISSING when a name has no value. Null is an empty text.

        Args:
            look_up: Gives values.
            written: Applied to each value: escapes it for where it goes.
        """
        parts: list[str] = []
        for text, name in self.pieces:
            parts.append(text)
            if name is not None:
                value = look_up(name)
                if isinstance(value, Missing):
                    return MISSING
                parts.append(written(as_text(value)))
        return "".join(parts)


def parse_template(text: str) -> Template:
    """Read a template.

    Raises:
        ValueError: A brace is not closed, or what it holds is not a name. The message says
            which.
    """
    pieces: list[tuple[str, str | None]] = []
    before = ""
    position = 0
    while position < len(text):
        character = text[position]
        if text[position : position + 2] in ("{{", "}}"):
            before += character
            position += 2
        elif character == "{":
            end = text.find("}", position)
            name = text[position + 1 : end] if end > 0 else ""
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"'{{{name}}}' is not a name in braces. For a brace itself write "
                    "'{{' or '}}'."
                )
            pieces.append((before, name))
            before = ""
            position = end + 1
        elif character == "}":
            raise ValueError(
                "a '}' has no '{' before it. For a brace itself write '}}'."
            )
        else:
            before += character
            position += 1
    return Template((*pieces, (before, None)))


def as_text(value: Json) -> str:
    """A value as people write it: true, 12.5, nothing for null; lists and maps as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def at_path(value: Json, path: str) -> Found:
    """What is at a path of names and list positions: "errors.0.code"; "" is the whole."""
    found: Json = value
    for part in path.split(".") if path else ():
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return MISSING
    return found


def at_name(values: Mapping[str, Json], name: str) -> Found:
    """The value of a name that may itself hold dots, or that leads into nested values."""
    if name in values:
        return values[name]
    return at_path(dict(values), name)
