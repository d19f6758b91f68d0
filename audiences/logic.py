"""How `all`, `any` and `not` are written in SQL, whatever their leaves are."""

from collections.abc import Callable, Iterator

from audiences.conditions import AllOf, AnyOf, Condition, Leaf, Not
from audiences.layout import call, in_brackets, joined


def leaves_of(condition: Condition | None) -> Iterator[Leaf]:
    """The leaves of a condition, in the order they are written, again where written again."""
    match condition:
        case None:
            return
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves_of(part)
        case Not(part):
            yield from leaves_of(part)
        case _:
            yield condition


def without_shell(condition: Condition) -> Condition:
    """What a group of one says: the one."""
    while isinstance(condition, AllOf | AnyOf) and len(condition.conditions) == 1:
        [condition] = condition.conditions
    return condition


def condition_text(
    condition: Condition,
    leaf_text: Callable[[Leaf], str],
    is_never_unknown: Callable[[Leaf], bool] = lambda _: True,
) -> str:
    """A condition as SQL.

    What is `not` unknown is made false first, so that `not` makes it true.

    Args:
        condition: The condition.
        leaf_text: The SQL of a leaf.
        is_never_unknown: Whether that SQL is true or false for every row.
    """

    def text_of(part: Condition) -> str:
        match without_shell(part):
            case AllOf(parts):
                return joined("and", [operand(each, AllOf) for each in parts])
            case AnyOf(parts):
                return joined("or", [operand(each, AnyOf) for each in parts])
            case Not(inner):
                if all(is_never_unknown(leaf) for leaf in leaves_of(inner)):
                    return f"not {operand(inner, Not)}"
                return f"not {call('coalesce', [text_of(inner), 'false'])}"
            case leaf:
                return leaf_text(leaf)

    def operand(part: Condition, within: type) -> str:
        """A condition as part of another, in brackets where it would be read otherwise."""
        part = without_shell(part)
        text = text_of(part)
        is_plain = not isinstance(part, AllOf | AnyOf) or type(part) is within
        return text if is_plain else in_brackets(text)

    return text_of(condition)
