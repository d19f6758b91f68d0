"""The groups of an experiment compared with its control, and what to beware of. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audiences.experiments.cautions import Caution, SplitCheck, cautions
from audiences.experiments.corrections import holm, simultaneous, split_p_value
from audiences.experiments.errors import QuestionError
from audiences.experiments.groups import Group, Outcomes
from audiences.experiments.inference import (
    Effect,
    Sample,
    compare_adjusted,
    compare_means,
    compare_rates,
)

CONTROL_NAMES = ("holdout", "control")
"""A group of this name is the control, unless another is named."""


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
        cautions=cautions(outcomes, split, confidence=confidence),
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
