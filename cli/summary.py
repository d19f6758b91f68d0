"""What came of a run as text. Pure."""

from orchestration.summary import RunSummary


def render_summary(summary: RunSummary) -> str:
    """Counts of a run, and each failure as one message."""
    checks = summary.checks
    total = sum(summary.step_seconds.values())
    lines = [
        (
            f"{summary.table_count:,} tables built; {checks.passed:,} checks passed, "
            f"{checks.failed:,} failed, {checks.warned:,} warned; {total:.1f} s"
        ),
    ]
    lines += [f"Failed: {failure.message}" for failure in summary.failures]
    if summary.failures:
        if summary.skipped_steps:
            lines.append(f"Not executed: {', '.join(summary.skipped_steps)}")
        lines.append(f"Log: {summary.log_path}")
    return "\n".join(lines)
