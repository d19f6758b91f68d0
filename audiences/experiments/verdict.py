"""The groups of an experiment compared with its control, and what to beware of. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from audiences.experiments.errors import QuestionError
from audiences.experiments.groups import Group, Outcomes
from audiences.experiments.inference import (
    Effect,
    Sample,
    compare_adjusted,
    compare_means,
    compare_rates,
    holm,
    simultaneous,
    split_p_value,
)

CONTROL_NAMES = ("holdout", "control")
"""A group of this name is the control, unless another is named."""

BROKEN_SPLIT = 0.001
"""A split at or under this p-value is taken for broken: one sound split in a thousand is."""

FEW_CONVERTED = 30
"""With fewer buyers in a group, mean revenue leans on single orders."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An effect, and its p-value adjusted for the number of treatments."""

    effect: Effect
    p_value: float


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a treatment beside the control.

    Attributes:
        plain: As it is; None where it cannot be compared.
        adjusted: Less what customers did before (CUPED); None likewise.
        variance_removed: Share of the variance of the difference that the adjustment took away.
    """

    plain: Judged | None
    adjusted: Judged | None
    variance_removed: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One treatment beside the control: share of customers who bought, and euros of each."""

    treatment: Group
    conversion: Measure
    revenue: Measure


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


@dataclass(frozen=True, slots=True)
class Results:
    """One experiment, read.

    Attributes:
        outcomes: What was read.
        control: The group that the others are compared with.
        confidence: That all intervals of one figure hold at once.
        split: None when no weights were declared.
        comparisons: One per treatment, in the order of their names.
        cautions: The gravest first.
    """

    outcomes: Outcomes
    control: Group
    confidence: float
    split: SplitCheck | None
    comparisons: tuple[Comparison, ...]
    cautions: tuple[Caution, ...]


def judge(
    outcomes: Outcomes,
    *,
    control: str | None,
    weights: Mapping[str, float] | None,
    confidence: float,
) -> Results:
    """Compare every treatment with the control.

    Args:
        outcomes: The groups.
        control: Name of the control; None to take the group of a name in CONTROL_NAMES.
        weights: What each group was to get, any positive numbers; None to leave the split
            unchecked.
        confidence: That all intervals of one figure are to hold at once, between 0 and 1.

    Raises:
        QuestionError: The control is none of the groups, there is nothing to compare it with, or
            the weights leave a group out.
    """
    beside = _control(outcomes, control)
    treatments = [group for group in outcomes.groups if group is not beside]
    if not treatments:
        raise QuestionError(
            f"Audience '{outcomes.question.audience}' has only the group '{beside.name}' in that "
            "time, and nothing to compare it with. Choose another period."
        )
    split = None if weights is None else _checked_split(outcomes.groups, weights)
    level = simultaneous(confidence, len(treatments))
    conversions = _measures(
        [_rate_effect(group, beside, level) for group in treatments],
        [(group.conversion, beside.conversion) for group in treatments],
        level,
    )
    revenues = _measures(
        [_mean_effect(group.revenue, beside.revenue, level) for group in treatments],
        [(group.revenue, beside.revenue) for group in treatments],
        level,
    )
    return Results(
        outcomes=outcomes,
        control=beside,
        confidence=confidence,
        split=split,
        comparisons=tuple(
            Comparison(group, conversion, revenue)
            for group, conversion, revenue in zip(
                treatments, conversions, revenues, strict=True
            )
        ),
        cautions=tuple(_cautions(outcomes, split, confidence)),
    )


def _control(outcomes: Outcomes, name: str | None) -> Group:
    by_name = {group.name: group for group in outcomes.groups}
    found = [name] if name else [each for each in CONTROL_NAMES if each in by_name]
    if len(found) == 1 and found[0] in by_name:
        return by_name[found[0]]
    problem = (
        f"Audience '{outcomes.question.audience}' has no group '{name}'."
        if name
        else f"Which group of audience '{outcomes.question.audience}' is the control?"
    )
    raise QuestionError(f"{problem} Give --control one of: {', '.join(by_name)}.")


def _checked_split(groups: Sequence[Group], weights: Mapping[str, float]) -> SplitCheck:
    undeclared = [group.name for group in groups if group.name not in weights]
    if undeclared:
        raise QuestionError(
            f"Customers are in {', '.join(undeclared)}, and the weights name "
            f"{', '.join(weights)}. Give --weights with every group, as they were at the time."
        )
    entered = {group.name: group.entered for group in groups}
    names = sorted(weights)
    counts = [entered.get(name, 0) for name in names]
    shares = [weights[name] for name in names]
    return SplitCheck(
        expected={
            name: share * sum(counts) / sum(shares)
            for name, share in zip(names, shares, strict=True)
        },
        p_value=split_p_value(counts, shares),
    )


def _measures(
    plain: Sequence[Effect | None],
    samples: Sequence[tuple[Sample | None, Sample | None]],
    confidence: float,
) -> list[Measure]:
    adjusted = [
        compare_adjusted(own, other, confidence=confidence) if own and other else None
        for own, other in samples
    ]
    unadjusted = [_mean_effect(own, other, confidence) for own, other in samples]
    return [
        Measure(first, second, _removed(before, after))
        for first, second, before, after in zip(
            _judged(plain), _judged(adjusted), unadjusted, adjusted, strict=True
        )
    ]


def _removed(before: Effect | None, after: Effect | None) -> float | None:
    if before is None or after is None:
        return None
    return 1 - (after.standard_error / before.standard_error) ** 2


def _judged(effects: Sequence[Effect | None]) -> list[Judged | None]:
    corrected = iter(holm([effect.p_value for effect in effects if effect]))
    return [Judged(effect, next(corrected)) if effect else None for effect in effects]


def _rate_effect(group: Group, control: Group, confidence: float) -> Effect | None:
    if not group.observed or not control.observed:
        return None
    return compare_rates(
        (group.converted, group.observed),
        (control.converted, control.observed),
        confidence=confidence,
    )


def _mean_effect(
    own: Sample | None, other: Sample | None, confidence: float
) -> Effect | None:
    if own is None or other is None:
        return None
    return compare_means(own, other, confidence=confidence)


def _cautions(
    outcomes: Outcomes, split: SplitCheck | None, confidence: float
) -> list[Caution]:
    question = outcomes.question
    entered = sum(group.entered for group in outcomes.groups)
    open_windows = entered - sum(group.observed for group in outcomes.groups)
    few = [group.name for group in outcomes.groups if group.converted < FEW_CONVERTED]
    cautions = []
    if split is not None and not split.is_sound:
        cautions.append(
            Caution(
                "split_broken",
                "The groups do not have the sizes that were declared. Something other than the "
                "split decided who is counted where, and it may have decided the figures too: "
                "do not use them before the cause is found.",
            )
        )
    if open_windows:
        ends = outcomes.last_entered_at + timedelta(days=question.window_days)
        cautions.append(
            Caution(
                "windows_open",
                f"{open_windows:,} of {entered:,} customers have not had their "
                f"{question.window_days} days yet and are left out of the figures. The last "
                f"window ends {ends:%Y-%m-%d %H:%M} UTC, if nobody else enters.",
            )
        )
    cautions.append(
        Caution(
            "one_look",
            f"{_percent(confidence)} holds for one look at a size and date fixed before launch. "
            "Whoever looks every day and stops at the first good figure finds one without any "
            "effect far more often. Until the planned end, use this only to see that the split "
            "is sound.",
        )
    )
    if outcomes.regrouped:
        cautions.append(
            Caution(
                "regrouped",
                f"{outcomes.regrouped:,} customers were in more than one group. They count in "
                "the first, as drawn; many of them hide an effect.",
            )
        )
    if outcomes.version_count > 1:
        cautions.append(
            Caution(
                "definition_changed",
                f"{outcomes.version_count} versions of the definition let customers in. Choose "
                "--from and --until within one, if the split was another.",
            )
        )
    if few:
        cautions.append(
            Caution(
                "few_conversions",
                f"Fewer than {FEW_CONVERTED} customers bought in {', '.join(few)}. Revenue leans "
                "on single orders there; trust conversion first.",
            )
        )
    if outcomes.unpriced_order_count:
        cautions.append(
            Caution(
                "orders_without_rate",
                f"{outcomes.unpriced_order_count:,} orders are in a currency without a rate in "
                "seeds/exchange_rates.csv. They count as orders, and bring 0 EUR.",
            )
        )
    if split is None:
        cautions.append(
            Caution(
                "split_unchecked",
                "Nobody declared the sizes of the groups, so the split is unchecked. Give them "
                "as --weights.",
            )
        )
    return cautions


def _percent(share: float) -> str:
    return f"{share * 100:g} %"
