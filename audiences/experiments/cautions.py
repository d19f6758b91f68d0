"""What to know of an experiment's results before deciding, in words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from audiences.experiments.groups import Outcomes
from audiences.experiments.wording import percent

BROKEN_SPLIT = 0.001
"""A split at or under this p-value is taken for broken: one sound split in a thousand is."""

FEW_CONVERTED = 30
"""With fewer buyers in a group, mean revenue leans on single orders."""


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """Whether the groups have the sizes that the split was to give.

    Attributes:
        expected: Customers by group, as the weights would have them.
        p_value: Of sizes as far from these, if the split is sound.
    """

    expected: Mapping[str, float]
    p_value: float

    @property
    def is_sound(self) -> bool:
        """Whether chance explains the sizes."""
        return self.p_value > BROKEN_SPLIT


@dataclass(frozen=True, slots=True)
class Caution:
    """Something to know before deciding. `code` is stable, `text` is for people."""

    code: str
    text: str


def cautions(
    outcomes: Outcomes, split: SplitCheck | None, *, confidence: float
) -> tuple[Caution, ...]:
    """What blurs the figures of an experiment, the gravest first.

    Args:
        outcomes: What was read.
        split: Whether the groups have their sizes; None when nobody declared any.
        confidence: Of the intervals.
    """
    question = outcomes.question
    entered = sum(group.entered for group in outcomes.groups)
    open_windows = entered - sum(group.observed for group in outcomes.groups)
    few = [group.name for group in outcomes.groups if group.converted < FEW_CONVERTED]
    found = []
    if split is not None and not split.is_sound:
        found.append(
            Caution(
                "split_broken",
                "The groups do not have the sizes that were declared. If the weights are those of "
                "the time, something other than the split decided who is counted where, and it "
                "may have decided the figures too: do not use them before the cause is found.",
            )
        )
    if open_windows:
        ends = outcomes.last_entered_at + timedelta(days=question.window_days)
        found.append(
            Caution(
                "windows_open",
                f"{open_windows:,} of {entered:,} customers have not had their "
                f"{question.window_days} days yet and are left out of the figures. The last "
                f"window ends {ends:%Y-%m-%d %H:%M} UTC, if nobody else enters.",
            )
        )
    found.append(
        Caution(
            "one_look",
            f"{percent(confidence)} holds for one look at a size and date fixed before launch. "
            "Whoever looks every day and stops at the first good figure finds one without any "
            "effect far more often. Until the planned end, use this only to see that the split "
            "is sound.",
        )
    )
    if outcomes.regrouped:
        found.append(
            Caution(
                "regrouped",
                f"{outcomes.regrouped:,} customers were in more than one group. They count in "
                "the first, as drawn; many of them hide an effect.",
            )
        )
    if outcomes.version_count > 1:
        found.append(
            Caution(
                "definition_changed",
                f"{outcomes.version_count} versions of the definition let customers in. Choose "
                "--from and --until within one, if the split was another.",
            )
        )
    if few:
        found.append(
            Caution(
                "few_conversions",
                f"Fewer than {FEW_CONVERTED} customers bought in {', '.join(few)}. Revenue leans "
                "on single orders there; trust conversion first.",
            )
        )
    if outcomes.unpriced_order_count:
        found.append(
            Caution(
                "orders_without_rate",
                f"{outcomes.unpriced_order_count:,} orders are in a currency without a rate in "
                "seeds/exchange_rates.csv. They count as orders, and bring 0 EUR.",
            )
        )
    if split is None:
        found.append(
            Caution(
                "split_unchecked",
                "Nobody declared the sizes of the groups, so the split is unchecked. Give them "
                "as --weights.",
            )
        )
    return tuple(found)
