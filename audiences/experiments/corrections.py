"""Several comparisons at once, and whether a split does what it says. Pure."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted for being several, in the order given.

    A value at or under a level may be believed at that level, however many were looked at.

    Source:
        S. Holm (1979).
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, (len(p_values) - rank) * p_values[place])
        adjusted[place] = min(highest, 1.0)
    return tuple(adjusted)


def simultaneous(confidence: float, comparisons: int) -> float:
    """The confidence of each interval so that all of them hold at once with `confidence`.

    Bonferroni's: an interval without zero goes with a p-value that Holm's correction leaves
    significant, never the other way round.
    """
    return 1 - (1 - confidence) / comparisons


def split_p_value(counts: Sequence[int], weights: Sequence[float]) -> float:
    """How likely counts as far from the weights are, if the split does what it says.

    Args:
        counts: Customers per group, at least one in all.
        weights: What the groups were to get, in the same order: any positive numbers.

    Source:
        Pearson's chi-square of goodness of fit.
    """
    expected = np.array(weights, dtype=float) * sum(counts) / sum(weights)
    return float(stats.chisquare(counts, expected).pvalue)
