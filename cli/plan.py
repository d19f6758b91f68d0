"""A sync's plan as text. Pure."""

from collections.abc import Iterable, Mapping

from orchestration.sync_progress import duration
from reverse_etl.plan import Sample, SyncPlan
from reverse_etl.spec import SyncSpec
from reverse_etl.wording import counted

_LABEL_WIDTH = 15


def render_plan(spec: SyncSpec, plan: SyncPlan) -> str:
    """What a run would send, what it would leave, what it costs, and what holds it."""
    counts = plan.counts
    lines = [
        (
            f"{spec.name} -> {spec.destination}/{spec.object} ({spec.mode}, "
            f"purpose {spec.purpose or 'none'})"
        ),
        _line(
            "would send",
            f"{counts.add:,} added, {counts.change:,} changed, {counts.remove:,} removed",
        ),
        *_details(plan),
        _line(
            "would leave",
            _listed(
                {
                    "unchanged": counts.unchanged,
                    "without consent": counts.skipped_no_consent,
                    "invalid": counts.invalid,
                    "rejected before": counts.waiting,
                }
            ),
        ),
        *_left(plan),
        _line("holds now", f"{counts.held:,} by our record"),
    ]
    if plan.has_unfinished_run:
        lines.append(
            _line(
                "unfinished",
                "an earlier run is not over; the next one settles it first",
            )
        )
    if counts.planned:
        lines.append(_line("requests", _cost(plan)))
    lines += [
        _line(
            "converts" if position == 0 else "",
            f"{what}, {counted(rows, 'row', 'rows')}",
        )
        for position, (what, rows) in enumerate(plan.conversions.items())
    ]
    lines += [
        _line("held back", f"{finding.guard}: {finding.message}")
        for finding in plan.findings
    ]
    if counts.planned or plan.is_held:
        lines.append(_line("seal", plan.seal))
    lines += _samples(plan.samples)
    lines += _next_steps(spec, plan)
    return "\n".join(lines)


def _details(plan: SyncPlan) -> Iterable[str]:
    counts = plan.counts
    if counts.remove:
        yield _line(
            "",
            "removed: "
            + _listed(
                {
                    "left the model": counts.absent,
                    "withdrew consent": counts.withdraw,
                    "come back with other identifiers": counts.rematch,
                },
                only_present=True,
            ),
        )
    if counts.unknown_change:
        yield _line(
            "",
            f"changed: {counted(counts.unknown_change, 'is', 'are')} sent again: asked for, or "
            "an answer was lost",
        )


def _left(plan: SyncPlan) -> Iterable[str]:
    counts = plan.counts
    rest = {
        "with a value that cannot go": counts.faulty,
        "in doubt, waiting for a person": counts.in_doubt,
        "no longer in the model and kept": counts.kept,
    }
    if any(rest.values()):
        yield _line("", _listed(rest, only_present=True))


def _cost(plan: SyncPlan) -> str:
    if plan.seconds <= 0:
        return f"about {plan.requests:,}, no limit slows them"
    return f"about {plan.requests:,}, at least {duration(plan.seconds)} at the account's limit"


def _samples(samples: Iterable[Sample]) -> Iterable[str]:
    for position, sample in enumerate(samples):
        values = " ".join(f"{name}={value}" for name, value in sample.values.items())
        yield _line(
            "samples" if position == 0 else "",
            f"{sample.op:<6}  {sample.key}  {values}".rstrip(),
        )


def _next_steps(spec: SyncSpec, plan: SyncPlan) -> Iterable[str]:
    if plan.is_held:
        sends = (
            "would remove who withdrew consent and nothing else"
            if plan.counts.withdraw
            else "would send nothing"
        )
        yield _line(
            "next", f"A run {sends}. Check {spec.model}. If the numbers are right:"
        )
        yield _line("", f"kenning sync approve {spec.name} --seal {plan.seal}")
        yield _line(
            "",
            f"or raise the guard in {spec.path}; if not: kenning sync reject {spec.name}",
        )
    elif plan.counts.planned:
        yield _line("next", f"kenning sync apply {spec.name} --seal {plan.seal}")


def _listed(counts: Mapping[str, int], *, only_present: bool = False) -> str:
    return ", ".join(
        f"{count:,} {name}"
        for name, count in counts.items()
        if count or not only_present
    )


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}}{text}"
