"""What is asked of an experiment, and the groups that answer it. Pure: values only."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from audiences.experiments.inference import Sample


@dataclass(frozen=True, slots=True)
class Question:
    """Which exposures to look at, and for how long.

    Attributes:
        audience: Its name.
        since: Exposures from here on, UTC; None for the first.
        until: Exposures before here, UTC; None for the last.
        window_days: Days of 24 hours after the exposure in which an order counts, from 1.
        before_days: Days of 24 hours up to the exposure whose orders CUPED uses, from 1.
    """

    audience: str
    since: datetime | None
    until: datetime | None
    window_days: int
    before_days: int


@dataclass(frozen=True, slots=True)
class Group:
    """One split group. All but `entered` is about customers whose window is over.

    Attributes:
        name: The split group.
        entered: Customers exposed in the period.
        observed: Those of them whose window is over.
        converted: Those with an order in their window; a cancelled one is none.
        order_count: Their orders in it.
        revenue_eur: What these brought, to the cent.
        conversion: Per customer 1 or 0, after and before; None with fewer than 2 observed.
        revenue: Euros per customer, after and before; None likewise.
    """

    name: str
    entered: int
    observed: int
    converted: int
    order_count: int
    revenue_eur: Decimal
    conversion: Sample | None
    revenue: Sample | None

    @property
    def rate(self) -> float | None:
        """Share that converted; None with nobody observed."""
        return self.converted / self.observed if self.observed else None

    @property
    def revenue_per_customer_eur(self) -> Decimal | None:
        """To the cent; None with nobody observed."""
        if not self.observed:
            return None
        return (self.revenue_eur / self.observed).quantize(Decimal("0.01"))


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The groups of one question, and what a reader must know of them.

    Attributes:
        question: That was asked.
        as_of: Of the last build: orders and memberships are known until here.
        groups: In the order of their names, at least one.
        first_entered_at: The first exposure.
        last_entered_at: The last one.
        regrouped: Customers that the period saw in more than one group.
        version_count: Versions of the audience's definition at the exposures.
        unpriced_order_count: Orders in the windows whose currency has no rate in euros.
    """

    question: Question
    as_of: datetime
    groups: tuple[Group, ...]
    first_entered_at: datetime
    last_entered_at: datetime
    regrouped: int
    version_count: int
    unpriced_order_count: int


@dataclass(frozen=True, slots=True)
class Base:
    """What members of an audience buy without an experiment.

    Attributes:
        as_of: Of the last build.
        members: Customers who are in the audience now.
        group: Its customers as one group, at least 2 of them observed.
        is_after_entry: Whether the figures are of windows that began when customers entered;
            otherwise of the window up to now, of those who are members now.
    """

    as_of: datetime
    members: int
    group: Group
    is_after_entry: bool


def sample(
    count: int,
    *,
    sums: tuple[Fraction, Fraction],
    squares: tuple[Fraction, Fraction],
    product: Fraction,
) -> Sample | None:
    """A sample from exact sums, so that nothing cancels where amounts are large and alike.

    Args:
        count: Customers.
        sums: Of the values after, and before.
        squares: Sums of the squares of the same.
        product: Sum of value after times value before.

    Returns:
        None for fewer than two customers.
    """
    if count < 2:
        return None
    after, before = sums
    return Sample(
        count=count,
        mean=float(after / count),
        variance=float((squares[0] - after**2 / count) / (count - 1)),
        mean_before=float(before / count),
        variance_before=float((squares[1] - before**2 / count) / (count - 1)),
        covariance=float((product - after * before / count) / (count - 1)),
    )
