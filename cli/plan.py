"""A sync's plan as text. Pure."""

from reverse_etl.plan import SyncPlan
from reverse_etl.spec import SyncSpec


def render_plan(spec: SyncSpec, plan: SyncPlan) -> str:
    """What a run would send, what it would leave, and what holds it."""
    counts = plan.counts
    lines = [
        (
            f"{spec.name} -> {spec.destination}/{spec.object} ({spec.mode}, "
            f"purpose {spec.purpose or 'none'})"
        ),
        (
            f"  would send     {counts.add:,} added, {counts.change:,} changed, "
            f"{counts.remove:,} removed"
        ),
        (
            f"  would leave    {counts.unchanged:,} unchanged, {counts.skipped_no_consent:,} "
            f"without consent, {counts.invalid:,} with an invalid key, {counts.waiting:,} rejected "
            "before"
        ),
        f"  holds now      {counts.held:,} by our record",
    ]
    if plan.has_unfinished_run:
        lines.append(
            "  unfinished     an earlier run was killed; the next one settles it first"
        )
    lines += [
        f"  held back      {finding.guard}: {finding.message}"
        for finding in plan.findings
    ]
    if plan.is_held:
        lines.append(
            f"                 A run would send nothing. Check {spec.model}; if the numbers are "
            f"right, raise the guard in {spec.path}."
        )
    return "\n".join(lines)
