"""The results of an experiment in words and as JSON. Pure: results in, text out.

Groups, counts and sums only; nothing in here is about one customer.
"""

from collections.abc import Mapping

from audiences.experiments.groups import Group
from audiences.experiments.verdict import Comparison, Judged, Measure, Results
from audiences.experiments.wording import (
    Shown,
    as_json,
    change,
    ends,
    euros,
    instant,
    minute,
    p_value,
    percent,
    points,
    rate,
    rounded,
    table,
)

_SHARE_DECIMALS = 6
_EURO_DECIMALS = 2
_SHOWN_DECIMALS = 3
"""Of a share, where a person reads it: tenths of a percent."""

_GROUP_HEADER = (
    "group",
    "entered",
    "observed",
    "bought",
    "share",
    "orders",
    "revenue EUR",
    "EUR a customer",
)


def results_text(results: Results) -> str:
    """What the groups bought, how they differ, and what to know before deciding."""
    outcomes = results.outcomes
    question = outcomes.question
    heading = (
        f"Experiment on audience {question.audience}, control {results.control.name}\n"
        f"Entered from {minute(outcomes.first_entered_at)} to "
        f"{minute(outcomes.last_entered_at)} UTC; orders of the {question.window_days} days "
        f"after, known until {minute(outcomes.as_of)} UTC"
    )
    sections = [
        heading,
        "\n".join(
            table([_GROUP_HEADER, *[_group_cells(each) for each in outcomes.groups]])
        ),
        _split_text(results),
        *[_comparison_text(each, results) for each in results.comparisons],
        "\n".join(
            [
                "Before you decide",
                *[f"- {caution.text}" for caution in results.cautions],
            ]
        ),
    ]
    return "\n\n".join(section for section in sections if section)


def results_json(results: Results) -> str:
    """The same as one JSON object: shares from 0 to 1, amounts in euros, times in UTC."""
    outcomes = results.outcomes
    question = outcomes.question
    return as_json(
        {
            "audience": question.audience,
            "as_of": instant(outcomes.as_of),
            "since": instant(question.since),
            "until": instant(question.until),
            "first_entered_at": instant(outcomes.first_entered_at),
            "last_entered_at": instant(outcomes.last_entered_at),
            "window_days": question.window_days,
            "before_days": question.before_days,
            "confidence": results.confidence,
            "control": results.control.name,
            "groups": [_group_object(group) for group in outcomes.groups],
            "split": _split_object(results),
            "comparisons": [
                {
                    "treatment": each.treatment.name,
                    "conversion": _measure_object(each.conversion, _SHARE_DECIMALS),
                    "revenue_eur": _measure_object(each.revenue, _EURO_DECIMALS),
                }
                for each in results.comparisons
            ],
            "cautions": [
                {"code": caution.code, "text": caution.text}
                for caution in results.cautions
            ],
        }
    )


def _group_cells(group: Group) -> tuple[str, ...]:
    mean = group.revenue_per_customer_eur
    return (
        group.name,
        f"{group.entered:,}",
        f"{group.observed:,}",
        f"{group.converted:,}",
        "" if group.rate is None else rate(group.rate),
        f"{group.order_count:,}",
        f"{group.revenue_eur:,.2f}",
        "" if mean is None else f"{mean:,.2f}",
    )


def _split_text(results: Results) -> str:
    split = results.split
    if split is None:
        return ""
    sizes = ", ".join(f"{name} {count:,.0f}" for name, count in split.expected.items())
    verdict = "chance explains the sizes" if split.is_sound else "THE SPLIT IS BROKEN"
    return f"Split: expected {sizes}; {p_value(split.p_value)}, {verdict}."


def _comparison_text(comparison: Comparison, results: Results) -> str:
    holm = ", holding together; p by Holm" if len(results.comparisons) > 1 else ""
    heading = (
        f"{comparison.treatment.name} beside {results.control.name} "
        f"({percent(results.confidence)} intervals{holm})"
    )
    rows = [
        *_measure_rows("bought", comparison.conversion, points),
        *_measure_rows("EUR a customer", comparison.revenue, euros),
    ]
    return "\n".join([heading, *[f"  {line}" for line in table(rows, left=5)]])


def _measure_rows(
    name: str, measure: Measure, shown: Shown
) -> list[tuple[str, str, str, str, str]]:
    removed = round(measure.variance_removed or 0.0, _SHOWN_DECIMALS)
    return [
        (name, *_effect_cells(measure.plain, shown), ""),
        (
            "  with CUPED",
            *_effect_cells(measure.adjusted, shown),
            f"variance {change(-removed)}" if removed else "",
        ),
    ]


def _effect_cells(judged: Judged | None, shown: Shown) -> tuple[str, str, str]:
    if judged is None:
        return "nothing to tell apart", "", ""
    effect = judged.effect
    relative = (
        ""
        if effect.relative is None or effect.relative_interval is None
        else f"{change(effect.relative)} ({ends(effect.relative_interval, change)})"
    )
    return (
        f"{shown(effect.difference)} ({ends(effect.interval, shown)})",
        relative,
        p_value(judged.p_value),
    )


def _group_object(group: Group) -> Mapping[str, object]:
    mean = group.revenue_per_customer_eur
    return {
        "name": group.name,
        "entered": group.entered,
        "observed": group.observed,
        "converted": group.converted,
        "conversion": rounded(group.rate, _SHARE_DECIMALS),
        "order_count": group.order_count,
        "revenue_eur": float(group.revenue_eur),
        "revenue_per_customer_eur": None if mean is None else float(mean),
    }


def _split_object(results: Results) -> Mapping[str, object] | None:
    split = results.split
    if split is None:
        return None
    return {
        "expected": {name: round(count, 2) for name, count in split.expected.items()},
        "p_value": rounded(split.p_value, _SHARE_DECIMALS),
        "is_sound": split.is_sound,
    }


def _measure_object(measure: Measure, decimals: int) -> Mapping[str, object]:
    return {
        "plain": _judged_object(measure.plain, decimals),
        "cuped": _judged_object(measure.adjusted, decimals),
        "variance_removed": rounded(measure.variance_removed, _SHARE_DECIMALS),
    }


def _judged_object(judged: Judged | None, decimals: int) -> Mapping[str, object] | None:
    if judged is None:
        return None
    effect = judged.effect
    relative = effect.relative_interval
    return {
        "difference": rounded(effect.difference, decimals),
        "low": rounded(effect.interval.low, decimals),
        "high": rounded(effect.interval.high, decimals),
        "relative": rounded(effect.relative, _SHARE_DECIMALS),
        "relative_low": None
        if relative is None
        else round(relative.low, _SHARE_DECIMALS),
        "relative_high": None
        if relative is None
        else round(relative.high, _SHARE_DECIMALS),
        "p_value": rounded(judged.p_value, _SHARE_DECIMALS),
    }
