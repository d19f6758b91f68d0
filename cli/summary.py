"""What came of a run as text. Pure."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestration.summary import RunSummary


def render_summary(summary: "RunSummary") -> str:
    """What was built, or why it was not: one message per failed step."""
    if summary.is_green:
        checks = summary.checks
        seconds = sum(summary.stage_seconds.values())
        return (
            f"{summary.table_count:,} tables built; {checks.passed:,} checks passed, "
            f"{checks.warned:,} warned; {seconds:.1f} s"
        )
    lines = [f"kenning: {failure.message}" for failure in summary.failures]
    if summary.skipped_steps:
        lines.append(f"Not executed: {', '.join(summary.skipped_steps)}.")
    return "\n".join([*lines, f"The run's log is {summary.log_path}."])
