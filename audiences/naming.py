"""What conditions are called: the names of columns, made from what the conditions say."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from audiences.conditions import (
    Aggregate,
    Ago,
    AllOf,
    AnyOf,
    Between,
    BetweenHours,
    ColumnLeaf,
    ColumnOperand,
    Comparator,
    Comparison,
    Condition,
    InAudience,
    InState,
    Leaf,
    Literal,
    Membership,
    Not,
    OnWeekdays,
    Operand,
    RawSql,
    RelatedRows,
    Rows,
    Sequence,
    Step,
    TextMatch,
)
from audiences.literals import HOURS_A_DAY

_T = TypeVar("_T")

# Postgres keeps 63 letters of a name; what remains is for a digest.
_MAX_NAME_LENGTH = 48
_DIGEST_LENGTH = 6
_NO_NAME_CHARACTER = re.compile(r"[^a-z0-9]+")
_CASE = "_in_any_case"
_WEEKDAYS = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)


def unique_names(values: Iterable[_T], words: Callable[[_T], str]) -> Mapping[_T, str]:
    """A name for each distinct value, in order of the names.

    Two that would be called the same both get a digest of what they say, so that no name
    depends on which came first. So does one that is too long for a column.
    """
    names = {value: _slug(words(value)) for value in values}
    uses = Counter(names.values())
    for value, name in names.items():
        if uses[name] > 1 or len(name) > _MAX_NAME_LENGTH:
            short = name[:_MAX_NAME_LENGTH].rstrip("_")
            names[value] = f"{short}_{digest(value, _DIGEST_LENGTH)}"
    return dict(sorted(names.items(), key=lambda item: item[1]))


def digest(value: object, length: int) -> str:
    """So many hexadecimal digits that stand for what a value of a definition says."""
    text = json.dumps(_meaning(value), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _meaning(value: object) -> object:
    """A value as JSON has it; fields that say nothing are left out, so that one can be added."""
    if is_dataclass(value):
        said = {
            field.name: _meaning(getattr(value, field.name))
            for field in fields(value)
            if getattr(value, field.name) != field.default
        }
        return {type(value).__name__: said}
    if isinstance(value, tuple | list):
        return [_meaning(item) for item in value]
    return str(value)


def leaf_words(leaf: Leaf) -> str:
    """What a leaf says, in words that a name is made of."""
    match leaf:
        case RelatedRows():
            return _related_words(leaf)
        case Sequence(_, steps, absent, _, during):
            said = "_then_".join(_step_words(step) for step in steps)
            missing = f"_then_no_{_step_words(absent)}" if absent else ""
            return f"{said}{missing}{_during_words(during)}"
        case InAudience(audience, group):
            return f"in_{audience}" + (f"_as_{group}" if group else "")
        case RawSql(name, _):
            return f"sql_{name}"
        case Between():
            return f"{leaf.column}{_during_words(leaf)}"
        case _:
            return f"{leaf.column}_{_column_words(leaf)}"


def _column_words(leaf: ColumnLeaf) -> str:
    """What a leaf says of its column."""
    match leaf:
        case Comparison(_, comparator, operand):
            return f"{comparator}_{operand_words(operand)}"
        case Membership(_, values, ignores_case):
            return f"is_{_choice_words(values)}{_CASE if ignores_case else ''}"
        case TextMatch(_, part, texts, ignores_case):
            return f"{part}_{_choice_words(texts)}{_CASE if ignores_case else ''}"
        case OnWeekdays(_, weekdays, _):
            return "on_" + "_or_".join(_WEEKDAYS[weekday - 1] for weekday in weekdays)
        case BetweenHours(_, start, end, _):
            return f"from_{start}_to_{end}_hours"
        case InState(_, state):
            return state
        case Between():
            return _during_words(leaf)


def _choice_words(values: tuple[Literal, ...]) -> str:
    return "_or_".join(operand_words(value) for value in values)


def aggregate_words(leaf: RelatedRows) -> str:
    """What a leaf over related rows aggregates, whatever it is compared with."""
    column = f"_{leaf.column}" if leaf.column else ""
    return f"{leaf.rows.subject}_{leaf.aggregate}{column}{_rows_words(leaf)}"


def subject_words(rows: Rows) -> str:
    """What rows are called, with what is asked of them."""
    where = f"_where_{_condition_words(rows.where)}" if rows.where else ""
    return f"{rows.subject}{where}{_during_words(rows.during)}"


def _related_words(leaf: RelatedRows) -> str:
    subject, rows = leaf.rows.subject, _rows_words(leaf)
    said = f"{leaf.comparator}_{operand_words(leaf.operand)}"
    if leaf.aggregate is not Aggregate.COUNT:
        return f"{subject}_{leaf.aggregate}_{leaf.column}_{said}{rows}"
    if leaf.comparator is Comparator.AT_LEAST and leaf.operand == Decimal(1):
        return f"has_{subject}{rows}"
    return f"{subject}_{said}_times{rows}"


def _rows_words(leaf: RelatedRows) -> str:
    since = f"_since_{subject_words(leaf.since)}" if leaf.since else ""
    return subject_words(leaf.rows).removeprefix(leaf.rows.subject) + since


def _step_words(step: Step) -> str:
    within = f"_within_{_hours(step.hours)}" if step.hours else ""
    return f"{subject_words(step.rows)}{within}"


def _during_words(during: Between | None) -> str:
    match during:
        case None:
            return ""
        case Between(_, Ago(hours), Ago(0), _):
            return f"_within_{_hours(hours)}"
        case Between(_, Ago(0), Ago(hours), _):
            return f"_within_next_{_hours(-hours)}"
        case Between(_, low, high, _):
            return f"_between_{operand_words(low)}_and_{operand_words(high)}"


def _condition_words(condition: Condition) -> str:
    match condition:
        case AllOf(parts):
            return "_and_".join(_condition_words(part) for part in parts)
        case AnyOf(parts):
            return "_or_".join(_condition_words(part) for part in parts)
        case Not(part):
            return f"not_{_condition_words(part)}"
        case _:
            return leaf_words(condition)


def operand_words(operand: Operand) -> str:
    """A value in words."""
    match operand:
        case ColumnOperand(name):
            return name
        case Ago(0):
            return "now"
        case Ago(hours):
            return f"{_hours(hours)}_ago" if hours > 0 else f"{_hours(-hours)}_ahead"
        case datetime():
            return operand.strftime("%Y_%m_%d_%H%M%S").removesuffix("_000000")
        case date():
            return operand.isoformat()
        case Decimal():
            return f"minus_{-operand:f}" if operand < 0 else f"{operand:f}"
        case _:
            return operand or "nothing"


def _hours(hours: int) -> str:
    days, rest = divmod(hours, HOURS_A_DAY)
    count, unit = (hours, "hour") if rest or not days else (days, "day")
    return f"{count}_{unit}" if count == 1 else f"{count}_{unit}s"


def _slug(text: str) -> str:
    """A name of small letters and digits that begins with a letter, whatever the text holds."""
    slug = _NO_NAME_CHARACTER.sub("_", text.lower()).strip("_")
    return slug if slug[:1].isalpha() else f"about_{slug}"
