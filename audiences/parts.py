"""What the conditions model is put together from, one part for each kind of leaf."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from audiences.conditions import Ago, Between, Comparison, Condition, Leaf
from audiences.logic import leaves_of


@dataclass(frozen=True, slots=True, order=True)
class Border:
    """What time alone moves: a row whose column lies `hours` before the present crosses now.

    Attributes:
        is_date: The column is a day, so the whole day around the instant crosses.
    """

    model: str
    column: str
    hours: int
    is_date: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Queries of the conditions model, and what they say of leaves.

    Attributes:
        queries: Common table expressions by name, in the order they are read.
        joined: Those that have one row a member, to be joined by its id.
        flags: The SQL of each leaf, by leaf, true or false where the row is missing too.
        reads: Models that the queries read.
        borders: What time alone moves.
        compared: Leaves over what does not tell its changes: who is looked at again is found
            by what they say now.
        early: The queries behind those, which read everything and stand before `touched`.
    """

    queries: Mapping[str, str] = field(default_factory=dict)
    joined: tuple[str, ...] = ()
    flags: Mapping[Leaf, str] = field(default_factory=dict)
    reads: frozenset[str] = frozenset()
    borders: frozenset[Border] = frozenset()
    compared: frozenset[Leaf] = frozenset()
    early: frozenset[str] = frozenset()


def joined_parts(parts: Iterable[Part]) -> Part:
    """Several parts as one; what they have in common is there once."""
    parts = list(parts)
    return Part(
        queries={name: text for part in parts for name, text in part.queries.items()},
        joined=tuple(name for part in parts for name in part.joined),
        flags={leaf: sql for part in parts for leaf, sql in part.flags.items()},
        reads=frozenset(model for part in parts for model in part.reads),
        borders=frozenset(border for part in parts for border in part.borders),
        compared=frozenset(leaf for part in parts for leaf in part.compared),
        early=frozenset(name for part in parts for name in part.early),
    )


def borders_of(condition: Condition | None, model: str) -> frozenset[Border]:
    """The borders that rows of a model cross in a condition on their columns."""
    return frozenset(
        Border(model, column, end.hours, end.is_date)
        for leaf in leaves_of(condition)
        for column, end in _moving_ends(leaf)
    )


def _moving_ends(leaf: Leaf) -> list[tuple[str, Ago]]:
    match leaf:
        case Comparison(column, _, Ago() as end):
            return [(column, end)]
        case Between(column, low, high, _):
            return [(column, end) for end in (low, high) if isinstance(end, Ago)]
    return []
