"""The conditions that stand for themselves, and the column that each becomes.

A leaf is evaluated once, in the conditions model, for all audiences that say it. Its column is
named after what it says, so that the audiences read like their definitions.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal

from audiences.definition import (
    AllOf,
    AnyOf,
    ColumnOperand,
    Comparison,
    Condition,
    DaysAgo,
    InState,
    Leaf,
    Membership,
    Not,
    Operand,
    WithinDays,
)

# Postgres keeps 63 letters of a name; what remains is for a digest.
_MAX_NAME_LENGTH = 55
_DIGEST_LENGTH = 6
_NO_NAME_CHARACTER = re.compile(r"[^a-z0-9]+")


def leaves_of(condition: Condition) -> Iterator[Leaf]:
    """The leaves of a condition, in the order they are written, again where written again."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves_of(part)
        case Not(part):
            yield from leaves_of(part)
        case _:
            yield condition


def column_names(leaves: Iterable[Leaf]) -> Mapping[Leaf, str]:
    """The column of each distinct leaf, in order of the names.

    Two leaves that would be called the same both get a digest of what they say, so that no
    name depends on which leaf came first.
    """
    names = {leaf: _name(leaf) for leaf in leaves}
    uses = Counter(names.values())
    for leaf, name in names.items():
        if uses[name] > 1 or len(name) > _MAX_NAME_LENGTH:
            short = name[:_MAX_NAME_LENGTH].rstrip("_")
            names[leaf] = f"{short}_{digest(leaf, _DIGEST_LENGTH)}"
    return dict(sorted(names.items(), key=lambda item: item[1]))


def digest(value: object, length: int) -> str:
    """So many hexadecimal digits that stand for what a value of a definition says."""
    text = json.dumps(_meaning(value), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _meaning(value: object) -> object:
    """A value as JSON has it: fields that say nothing are left out, so that one can be added."""
    if is_dataclass(value):
        said = {
            field.name: _meaning(getattr(value, field.name))
            for field in fields(value)
            if getattr(value, field.name) is not None
        }
        return {type(value).__name__: said}
    if isinstance(value, tuple | list):
        return [_meaning(item) for item in value]
    return str(value)


def _name(leaf: Leaf) -> str:
    match leaf:
        case Comparison(column, comparator, operand):
            words: tuple[str, ...] = (column, comparator, _operand_words(operand))
        case Membership(column, values):
            words = (column, "is", "_or_".join(_operand_words(v) for v in values))
        case WithinDays(column, days):
            words = (column, "within", _days(days))
        case InState(column, state):
            words = (column, state)
    return _slug("_".join(words))


def _operand_words(operand: Operand) -> str:
    match operand:
        case ColumnOperand(name):
            return name
        case DaysAgo(days):
            return f"{_days(days)}_ago" if days else "now"
        case datetime():
            return operand.strftime("%Y_%m_%d_%H%M%S").removesuffix("_000000")
        case Decimal():
            return f"minus_{-operand:f}" if operand < 0 else f"{operand:f}"
        case str():
            return operand or "nothing"


def _days(days: int) -> str:
    return f"{days}_day" if days == 1 else f"{days}_days"


def _slug(text: str) -> str:
    return _NO_NAME_CHARACTER.sub("_", text.lower()).strip("_")
