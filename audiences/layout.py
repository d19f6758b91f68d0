"""Where the lines of compiled SQL break, so that it reads as the style guide has it.

What goes in is text that is SQL already; nothing is escaped here.
"""

from collections.abc import Sequence
from typing import Final

INDENT: Final = " " * 4
LINE_LENGTH: Final = 100


def indented(text: str, levels: int) -> str:
    """Every line of a text, so many levels further right; empty lines stay empty."""
    return "\n".join(
        INDENT * levels + line if line else line for line in text.split("\n")
    )


def joined(word: str, parts: Sequence[str]) -> str:
    """Conditions below each other, each but the first after `and` or `or`."""
    return f"\n{word} ".join(parts)


def in_brackets(text: str) -> str:
    """A text between brackets that stand on lines of their own."""
    return f"(\n{indented(text, 1)}\n)"


def call(name: str, arguments: Sequence[str], *, room: int = LINE_LENGTH) -> str:
    """A function's call on one line where it has room, else an argument a line."""
    one_line = f"{name}({', '.join(arguments)})"
    if "\n" not in one_line and len(one_line) <= room:
        return one_line
    lines = ",\n".join(arguments)
    return f"{name}{in_brackets(lines)}"
