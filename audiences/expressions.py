"""What a condition says of one row, as SQL.

A condition becomes a sqlglot tree in which every value is a numbered placeholder; the
rendered values are put into the text of the tree in one pass. So nothing a person wrote is
ever read as SQL, and what they wrote is read as Jinja only inside a string.
"""

import json
import re
from datetime import datetime
from decimal import Decimal

from sqlglot import exp

from audiences.definition import (
    ColumnOperand,
    Comparator,
    Comparison,
    DaysAgo,
    InState,
    Leaf,
    Literal,
    Membership,
    Operand,
    State,
    WithinDays,
)

AS_OF = "{{ as_of() }}"

# Text that means the same between quotes to every engine and to Jinja. Anything else goes
# through the text_literal macro: a backslash ends a string on Spark, a brace begins Jinja.
_PLAIN_TEXT = re.compile(r"[\w .,:;@+/&()!?*=-]*\Z")
_PLACEHOLDER = re.compile(r":p(\d+)\b")

_COMPARISONS: dict[Comparator, type[exp.Binary]] = {
    Comparator.EQUALS: exp.EQ,
    Comparator.NOT_EQUALS: exp.NullSafeNEQ,
    Comparator.GREATER_THAN: exp.GT,
    Comparator.AT_LEAST: exp.GTE,
    Comparator.LESS_THAN: exp.LT,
    Comparator.AT_MOST: exp.LTE,
    Comparator.BEFORE: exp.LT,
    Comparator.AFTER: exp.GT,
}


def leaf_sql(leaf: Leaf, rows: str) -> str:
    """A condition on the columns of one row, on one line; it may be unknown.

    Args:
        leaf: The condition.
        rows: What the rows are called in the query.
    """
    values: list[str] = []
    text = _tree(leaf, rows, values).sql().lower()
    return _PLACEHOLDER.sub(lambda match: values[int(match[1])], text)


def is_two_valued(leaf: Leaf) -> bool:
    """Whether the SQL of a leaf is true or false even where the column is unknown."""
    match leaf:
        case InState(_, state):
            return state in {State.IS_KNOWN, State.IS_UNKNOWN}
        case Comparison(_, comparator, _):
            return comparator is Comparator.NOT_EQUALS
    return False


def _tree(leaf: Leaf, rows: str, values: list[str]) -> exp.Condition:
    column = exp.column(leaf.column, table=rows)
    match leaf:
        case Comparison(_, comparator, operand):
            right = _operand(operand, rows, values)
            return _COMPARISONS[comparator](this=column, expression=right)
        case Membership(_, members):
            return column.isin(*(_slot(literal(member), values) for member in members))
        case WithinDays(_, days):
            return column.between(_slot(days_ago(days), values), _slot(AS_OF, values))
        case InState(_, state):
            return _state(column, state)


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
    match operand:
        case ColumnOperand(name):
            return exp.column(name, table=rows)
        case DaysAgo(days):
            return _slot(days_ago(days), values)
        case _:
            return _slot(literal(operand), values)


def _slot(rendered: str, values: list[str]) -> exp.Placeholder:
    values.append(rendered)
    return exp.Placeholder(this=f"p{len(values) - 1}")


def days_ago(days: int) -> str:
    """The instant so many days before as_of."""
    return f"{{{{ days_ago({days}) }}}}" if days else AS_OF


def literal(value: Literal) -> str:
    """A value as the literal that every engine reads as that value."""
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            text = value.isoformat(sep=" ")
            return f"cast('{text}' as {{{{ dbt.type_timestamp() }}}})"
        case _:
            return text_literal(value)


def text_literal(text: str) -> str:
    """A text between quotes, through a macro where an engine or Jinja could misread it."""
    if _PLAIN_TEXT.match(text):
        return f"'{text}'"
    # A JSON string is a Jinja string; braces, percent signs and number signs are spelled
    # out so that not even a reader of half the file takes them for Jinja.
    quoted = json.dumps(text, ensure_ascii=False)
    for character in "{}%#":
        quoted = quoted.replace(character, f"\\u{ord(character):04x}")
    return f"{{{{ text_literal({quoted}) }}}}"
