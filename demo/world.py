"""What makes one world of Nordvik: how many people, which seed, which last day, how messy.

The same spec gives the same rows on any machine, with any number of threads and whatever the
size of the blocks in which they are built. Builds nothing itself: see `demo.landing`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from demo.errors import WorldError
from demo.mess import Mess

WORLD_VERSION = "1"
"""Counts up when the same spec gives other rows than before."""

HISTORY = timedelta(days=3 * 365)
"""How long before `as_of` the first customer may have come."""

HIGHEST_PEOPLE = 5_000_000
"""Norwegian mobile numbers are two per person of ten million."""

HIGHEST_SEED = 2**31 - 1

_HOUSEHOLD_PATTERN = 12
"""Every twelve people in a row fall into whole households, so a block must not cut them."""


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """One world.

    Attributes:
        people: Real people in it, customers and passers-by, 1 to 5 million.
        seed: Another seed is another company of the same kind, 0 to 2^31 - 1.
        as_of: The world's last instant, UTC without a zone. Nothing in it is later.
        mess: How messy its data is.

    Raises:
        WorldError: A value is out of range, or `as_of` carries a time zone.
    """

    people: int = 5_000
    seed: int = 7
    as_of: datetime = datetime(2026, 6, 30)
    mess: Mess = field(default_factory=Mess.all)

    def __post_init__(self) -> None:
        if not 1 <= self.people <= HIGHEST_PEOPLE:
            raise WorldError(
                f"A world of {self.people} people cannot be built. Choose from 1 to "
                f"{HIGHEST_PEOPLE:,}."
            )
        if not 0 <= self.seed <= HIGHEST_SEED:
            raise WorldError(
                f"The seed {self.seed} cannot be used. Choose from 0 to {HIGHEST_SEED}."
            )
        if self.as_of.tzinfo is not None:
            raise WorldError(
                f"as_of {self.as_of.isoformat()} has a time zone. Give it in UTC without one."
            )

    @property
    def started_at(self) -> datetime:
        """The first instant at which anybody may know Nordvik."""
        return self.as_of - HISTORY

    def blocks(self, most_people: int) -> Iterator[tuple[int, int]]:
        """First and last person of each block that is built at once.

        Blocks are as equal as whole households allow and hold at most about `most_people`.
        """
        patterns = -(-self.people // _HOUSEHOLD_PATTERN)
        blocks = -(-self.people // most_people)
        step = -(-patterns // blocks) * _HOUSEHOLD_PATTERN
        for first in range(1, self.people + 1, step):
            yield first, min(first + step - 1, self.people)
