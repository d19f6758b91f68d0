"""What a condition says of one row, as SQL.

A condition becomes a sqlglot tree in which every value is a numbered placeholder; the
rendered values are put into the text of the tree in one pass. So nothing a person wrote is
ever read as SQL, and what they wrote is read as Jinja only inside a string.
"""

import re

from sqlglot import exp

from audiences.conditions import (
    Ago,
    Between,
    BetweenHours,
    ColumnLeaf,
    ColumnOperand,
    Comparator,
    Comparison,
    Condition,
    InState,
    Leaf,
    Literal,
    Membership,
    OnWeekdays,
    Operand,
    State,
    TextMatch,
)
from audiences.layout import in_brackets, joined
from audiences.literals import ago, jinja_text, literal, text_literal
from audiences.logic import condition_text

_PLACEHOLDER = re.compile(r":p(\d+)\b")

COMPARISONS: dict[Comparator, type[exp.Binary]] = {
    Comparator.EQUALS: exp.EQ,
    Comparator.NOT_EQUALS: exp.NullSafeNEQ,
    Comparator.GREATER_THAN: exp.GT,
    Comparator.AT_LEAST: exp.GTE,
    Comparator.LESS_THAN: exp.LT,
    Comparator.AT_MOST: exp.LTE,
    Comparator.BEFORE: exp.LT,
    Comparator.AFTER: exp.GT,
}


def row_condition(condition: Condition, rows: str) -> str:
    """A condition on the columns of one row, on several lines; it may be unknown.

    Args:
        condition: The condition; its leaves are all of columns.
        rows: What the rows are called in the query.
    """
    return condition_text(
        condition, lambda leaf: leaf_sql(column_leaf(leaf), rows), is_two_valued
    )


def column_leaf(leaf: Leaf) -> ColumnLeaf:
    """The leaf, which is one of a column where conditions on one row are read."""
    assert isinstance(leaf, ColumnLeaf)  # noqa: S101 - reading admits no other
    return leaf


def leaf_sql(leaf: ColumnLeaf, rows: str) -> str:
    """A leaf, on one line unless it says several things; it may be unknown."""
    values: list[str] = []
    texts = [
        _PLACEHOLDER.sub(lambda match: values[int(match[1])], tree.sql().lower())
        for tree in _trees(leaf, rows, values)
    ]
    if len(texts) == 1:
        return texts[0]
    is_choice = isinstance(leaf, TextMatch) or (
        isinstance(leaf, BetweenHours) and leaf.start > leaf.end
    )
    return in_brackets(joined("or" if is_choice else "and", texts))


def is_two_valued(leaf: Leaf) -> bool:
    """Whether the SQL of a leaf is true or false even where the column is unknown."""
    match leaf:
        case InState(_, state):
            return state in {State.IS_KNOWN, State.IS_UNKNOWN}
        case Comparison(_, comparator, _):
            return comparator is Comparator.NOT_EQUALS
    return False


def _trees(leaf: ColumnLeaf, rows: str, values: list[str]) -> list[exp.Condition]:
    """What a leaf says, in one part or in several."""
    column = exp.column(leaf.column, table=rows)
    name = f"{rows}.{leaf.column}"
    match leaf:
        case Comparison(_, comparator, operand):
            right = _operand(operand, rows, values)
            return [COMPARISONS[comparator](this=column, expression=right)]
        case Membership(_, members, ignores_case):
            return [_membership(column, members, values, ignores_case=ignores_case)]
        case TextMatch():
            return [
                _slot(_text_match(leaf, name, text), values) for text in leaf.values
            ]
        case Between():
            return _between(leaf, column, values)
        case OnWeekdays(_, weekdays, time_zone):
            weekday = _local("local_weekday", name, time_zone)
            return [_slot(weekday, values).isin(*weekdays)]
        case BetweenHours(_, start, end, time_zone):
            hour = _local("local_hour", name, time_zone)
            return [_slot(hour, values) >= start, _slot(hour, values) < end]
        case InState(_, state):
            return [_state(column, state)]


def _membership(
    column: exp.Column,
    members: tuple[Literal, ...],
    values: list[str],
    *,
    ignores_case: bool,
) -> exp.Condition:
    slots = [_slot(literal(member), values) for member in members]
    if not ignores_case:
        return column.isin(*slots)
    return exp.Lower(this=column).isin(*(exp.Lower(this=slot) for slot in slots))


def _text_match(leaf: TextMatch, column: str, text: str) -> str:
    case = ", true" if leaf.ignores_case else ""
    return f"{{{{ text_has('{column}', '{leaf.part}', {jinja_text(text)}{case}) }}}}"


def _between(
    leaf: Between, column: exp.Column, values: list[str]
) -> list[exp.Condition]:
    low, high = (_slot(_bound(end), values) for end in (leaf.low, leaf.high))
    if leaf.with_high:
        return [column.between(low, high)]
    return [column >= low, column.copy() < high]


def _local(macro: str, column: str, time_zone: str) -> str:
    return f"{{{{ {macro}('{column}', {jinja_text(text_literal(time_zone))}) }}}}"


def _state(column: exp.Column, state: State) -> exp.Condition:
    match state:
        case State.IS_TRUE:
            return column
        case State.IS_FALSE:
            return exp.not_(column)
        case State.IS_KNOWN:
            return exp.Is(this=column, expression=exp.Not(this=exp.null()))
        case State.IS_UNKNOWN:
            return column.is_(exp.null())


def _operand(operand: Operand, rows: str, values: list[str]) -> exp.Condition:
    if isinstance(operand, ColumnOperand):
        return exp.column(operand.name, table=rows)
    return _slot(_bound(operand), values)


def _bound(operand: Literal | Ago) -> str:
    return ago(operand) if isinstance(operand, Ago) else literal(operand)


def _slot(rendered: str, values: list[str]) -> exp.Placeholder:
    values.append(rendered)
    return exp.Placeholder(this=f"p{len(values) - 1}")
