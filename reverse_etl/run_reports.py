"""What a run did, in rows. Pure.

Not here: what a plan would do (`plan`), and what runs did before (`history`).
"""

from dataclasses import dataclass, replace
from datetime import datetime

from reverse_etl.counts import Counts
from reverse_etl.guards import GuardFinding
from reverse_etl.run_outcomes import RunStatus


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did, in rows; with what it continued of an earlier one.

    The rows of its plan are conserved: planned = added + changed + removed + rejected +
    in_doubt + cancelled + left, and only a run that failed or was paused leaves some.
    `message` says why a run was held or failed, and what to do. `uncounted` rows failed
    without being named; they are among the others.
    """

    sync: str
    run_id: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime
    planned: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    rejected: int = 0
    in_doubt: int = 0
    cancelled: int = 0
    uncounted: int = 0
    unchanged: int = 0
    waiting: int = 0
    invalid: int = 0
    skipped_no_consent: int = 0
    held: int = 0
    requests: int = 0
    findings: tuple[GuardFinding, ...] = ()
    message: str | None = None
    seal: str | None = None
    resume_at: datetime | None = None

    @property
    def left(self) -> int:
        """Rows of the plan that the next run goes on with."""
        return self.planned - (
            self.added
            + self.changed
            + self.removed
            + self.rejected
            + self.in_doubt
            + self.cancelled
        )


def with_counts(report: RunReport, counts: Counts) -> RunReport:
    """The report with the rows that a plan found and left where they are."""
    return replace(
        report,
        unchanged=counts.unchanged,
        waiting=counts.waiting,
        invalid=counts.invalid,
        skipped_no_consent=counts.skipped_no_consent,
    )


def together(first: RunReport, second: RunReport) -> RunReport:
    """One report of an invocation that took several passes: what was sent adds up."""
    return replace(
        second,
        planned=first.planned + second.planned,
        added=first.added + second.added,
        changed=first.changed + second.changed,
        removed=first.removed + second.removed,
        rejected=first.rejected + second.rejected,
        in_doubt=first.in_doubt + second.in_doubt,
        cancelled=first.cancelled + second.cancelled,
        uncounted=first.uncounted + second.uncounted,
        requests=first.requests + second.requests,
    )
