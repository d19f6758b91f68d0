"""Two states of the graph compared: who parts, who joins, what moves. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Regrouping:
    """Identifiers that were in one customer before and are in one after; shared ones aside."""

    before: str
    after: str
    identifier_count: int


@dataclass(frozen=True, slots=True)
class Reshaping:
    """A customer that parts into several, or that several become.

    Attributes:
        customer_id: The one.
        parts: The several with their identifiers of it, the biggest first.
    """

    customer_id: str
    parts: tuple[tuple[str, int], ...]

    @property
    def identifier_count(self) -> int:
        """Identifiers of the one that are still in the graph."""
        return sum(count for _, count in self.parts)


@dataclass(frozen=True, slots=True)
class AudienceChange:
    """An audience before and after; members are told apart by customer_id."""

    name: str
    before: int
    after: int
    entered: int
    left: int


@dataclass(frozen=True, slots=True)
class Totals:
    """One state of the graph.

    Attributes:
        identifier_count: Identifiers that belong to a customer.
        customer_count: Customers.
        biggest: The biggest customers with their identifiers, the biggest first.
    """

    identifier_count: int
    customer_count: int
    biggest: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What rules would change.

    Attributes:
        before: The graph as it is.
        after: The graph as it would be.
        moved_count: Identifiers whose customer_id would be another.
        gone_count: Identifiers that would leave the graph, being blocked.
        new_count: Identifiers that would come in.
        splits: Customers that would part, the biggest first.
        merges: Customers that would be made of several, the biggest first.
        audiences: By name; None when only a sample was looked at.
    """

    before: Totals
    after: Totals
    moved_count: int
    gone_count: int
    new_count: int
    splits: tuple[Reshaping, ...]
    merges: tuple[Reshaping, ...]
    audiences: tuple[AudienceChange, ...] | None


def splits_and_merges(
    regroupings: Iterable[Regrouping],
) -> tuple[tuple[Reshaping, ...], tuple[Reshaping, ...]]:
    """Customers that part and customers that are made of several, each the biggest first.

    Args:
        regroupings: Each pair of customers once; those of customers that stay as they are may be
            left out.
    """
    goes_to: dict[str, dict[str, int]] = {}
    comes_from: dict[str, dict[str, int]] = {}
    for each in regroupings:
        goes_to.setdefault(each.before, {})[each.after] = each.identifier_count
        comes_from.setdefault(each.after, {})[each.before] = each.identifier_count
    return _reshapings(goes_to), _reshapings(comes_from)


def _reshapings(parts_of: Mapping[str, Mapping[str, int]]) -> tuple[Reshaping, ...]:
    found = [
        Reshaping(
            customer_id=customer_id,
            parts=tuple(sorted(parts.items(), key=lambda part: (-part[1], part[0]))),
        )
        for customer_id, parts in parts_of.items()
        if len(parts) > 1
    ]
    return tuple(
        sorted(found, key=lambda each: (-each.identifier_count, each.customer_id))
    )


def audience_changes(
    before: Mapping[str, int],
    after: Mapping[str, int],
    in_both: Mapping[str, int],
) -> tuple[AudienceChange, ...]:
    """Members that come and go, by audience.

    Args:
        before: Members before, by audience.
        after: Members after.
        in_both: Members by the same customer_id in both.
    """
    return tuple(
        AudienceChange(
            name=name,
            before=before.get(name, 0),
            after=after.get(name, 0),
            entered=after.get(name, 0) - in_both.get(name, 0),
            left=before.get(name, 0) - in_both.get(name, 0),
        )
        for name in sorted({*before, *after})
    )
