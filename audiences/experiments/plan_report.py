"""The plan of an experiment in words and as JSON. Pure: a plan in, text out."""

from collections.abc import Mapping

from audiences.experiments.planning import Detectable, Plan
from audiences.experiments.wording import (
    Shown,
    amount,
    as_json,
    change,
    euros,
    instant,
    percent,
    points,
    rate,
    rounded,
    table,
)

_SHARE_DECIMALS = 6
_EURO_DECIMALS = 2


def plan_text(plan: Plan) -> str:
    """What the experiment would find, and what to settle before it starts."""
    total = sum(plan.weights.values())
    shares = ", ".join(
        f"{name} {percent(weight / total)}" for name, weight in plan.weights.items()
    )
    rows = [
        _header(plan),
        _cells("bought", plan.conversion, plan, (rate, points)),
        _cells("EUR a customer", plan.revenue, plan, (amount, euros)),
    ]
    question = plan.question
    heading = (
        f"Plan of an experiment on audience {question.audience}: {plan.customers:,} customers\n"
        f"{shares}; control {plan.control}; orders of the {question.window_days} days after "
        "entering"
    )
    sections = [
        heading,
        _measured(plan),
        "\n".join(table(rows)),
        "\n".join(["Before you launch", *[f"- {text}" for text in _advice(plan)]]),
    ]
    return "\n\n".join(sections)


def plan_json(plan: Plan) -> str:
    """The same as one JSON object: shares from 0 to 1, amounts in euros, times in UTC."""
    return as_json(
        {
            "audience": plan.question.audience,
            "as_of": instant(plan.base.as_of),
            "window_days": plan.question.window_days,
            "before_days": plan.question.before_days,
            "weights": dict(plan.weights),
            "control": plan.control,
            "customers": plan.customers,
            "confidence": plan.design.confidence,
            "power": plan.design.power,
            "lift": plan.lift,
            "base": {
                "members": plan.base.members,
                "observed": plan.base.group.observed,
                "is_after_entry": plan.base.is_after_entry,
            },
            "conversion": _object(plan.conversion, _SHARE_DECIMALS),
            "revenue_eur": _object(plan.revenue, _EURO_DECIMALS),
        }
    )


def _measured(plan: Plan) -> str:
    count, days = plan.base.group.observed, plan.question.window_days
    if plan.base.is_after_entry:
        return f"Measured on {count:,} customers in the {days} days after they entered."
    return (
        f"Nobody has been in it for {days} days. Measured on {count:,} members in the days up to "
        "now: where the audience asks for orders, or for none, the days to come will differ."
    )


def _header(plan: Plan) -> tuple[str, ...]:
    found = ("", "today", "smallest lift found", "with CUPED")
    if plan.lift is None:
        return found
    return (*found, f"customers for {change(plan.lift)}", "with CUPED")


def _cells(
    name: str, figure: Detectable, plan: Plan, shown: tuple[Shown, Shown]
) -> tuple[str, ...]:
    level, difference = shown
    lifts = [
        _lift(found, figure.relative(found), difference)
        for found in (figure.difference, figure.adjusted_difference)
    ]
    if plan.lift is None:
        return name, level(figure.mean), *lifts
    needed = [
        "none are enough" if count is None else f"{count:,}"
        for count in (figure.needed, figure.adjusted_needed)
    ]
    return name, level(figure.mean), *lifts, *needed


def _lift(found: float | None, relative: float | None, shown: Shown) -> str:
    if found is None:
        return "none"
    return shown(found) if relative is None else f"{shown(found)} ({change(relative)})"


def _advice(plan: Plan) -> list[str]:
    design = plan.design
    several = f", over all {design.comparisons} treatments" * (design.comparisons > 1)
    advice = [
        (
            f"A lift that is there is found with {percent(design.power)}; where there is none, "
            f"one is seen with {percent(1 - design.confidence)}{several}."
        ),
        (
            "Write down which figure decides, how many customers are to enter and when it ends. "
            "Read the results once, after that; a look every day finds lifts that are none."
        ),
    ]
    if plan.customers > plan.base.members:
        advice.append(
            f"{plan.base.members:,} customers are members now. Leave time for the others to "
            "enter."
        )
    return advice


def _object(figure: Detectable, decimals: int) -> Mapping[str, object]:
    return {
        "today": rounded(figure.mean, decimals),
        "detectable": rounded(figure.difference, decimals),
        "detectable_relative": rounded(
            figure.relative(figure.difference), _SHARE_DECIMALS
        ),
        "cuped_detectable": rounded(figure.adjusted_difference, decimals),
        "cuped_detectable_relative": rounded(
            figure.relative(figure.adjusted_difference), _SHARE_DECIMALS
        ),
        "customers_needed": figure.needed,
        "cuped_customers_needed": figure.adjusted_needed,
        "variance_removed": rounded(figure.variance_removed, _SHARE_DECIMALS),
    }
