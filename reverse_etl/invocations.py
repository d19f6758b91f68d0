"""What one invocation of a sync works with, and what one plan of it came to.

Holds things together and does nothing; the engine and its parts hand it on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reverse_etl.clock import Clock
from reverse_etl.destinations.protocol import Capabilities, Destination, RateLimit
from reverse_etl.errands import SendPolicy
from reverse_etl.events import Tell
from reverse_etl.ledger import Ledger
from reverse_etl.ledger_entries import Lease
from reverse_etl.plan import SyncPlan
from reverse_etl.plan_rows import CONSENT_TTL_S
from reverse_etl.records import RecordReader
from reverse_etl.recovery import PLAN_TTL
from reverse_etl.run_outcomes import Outcomes, RunStatus
from reverse_etl.run_reports import RunReport, with_counts
from reverse_etl.snapshot import SyncRecord
from reverse_etl.spec import SyncSpec
from reverse_etl.verdicts import Rules
from warehouse.connection import Warehouse

Log = Callable[[str], None]
"""Takes one line of progress about the sync: counts, never a value of a row."""


MAX_UNCOUNTED_RATE = 0.1
"""Share of a run's rows that may fail without being named before the run counts as failed."""


_POLICY = SendPolicy()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is done, beyond the sync itself.

    Attributes:
        policy: See `SendPolicy`.
        seal: The plan that a person looked at: a run of another is refused. None runs
            whatever is found.
        account_fingerprint: Which account it is; None where nobody says.
        limits: The account's limits, to tell how long a plan takes.
        requests_left: Of the account's day; None without a daily quota.
        plan_ttl: How old a plan may be when it is continued.
        consent_ttl_s: How old the look at the consents may be when a row goes.
        max_uncounted_rate: See `MAX_UNCOUNTED_RATE`.
        clock: Seconds that only grow.
    """

    policy: SendPolicy = _POLICY
    seal: str | None = None
    account_fingerprint: str | None = None
    limits: tuple[RateLimit, ...] = ()
    requests_left: int | None = None
    plan_ttl: timedelta = PLAN_TTL
    consent_ttl_s: float = CONSENT_TTL_S
    max_uncounted_rate: float = MAX_UNCOUNTED_RATE
    clock: Callable[[], float] = time.monotonic


DEFAULT_OPTIONS = RunOptions()


@dataclass(frozen=True, slots=True)
class Invocation:
    """Everything that an invocation works with."""

    spec: SyncSpec
    warehouse: Warehouse
    ledger: Ledger
    lease: Lease
    destination: Destination
    record: SyncRecord
    reader: RecordReader
    rules: Rules
    options: RunOptions
    now: Clock
    log: Log
    tell: Tell
    started_at: datetime

    @property
    def capabilities(self) -> Capabilities:
        """Of the destination's object."""
        return self.destination.capabilities

    @property
    def is_whole(self) -> bool:
        """Whether the destination takes a whole run as one batch."""
        return self.capabilities.max_batch_rows is None


@dataclass(slots=True)
class Done:
    """What one plan came to."""

    run_id: str
    planned: int
    status: RunStatus = RunStatus.SUCCEEDED
    outcomes: Outcomes = field(default_factory=Outcomes)
    withdrawn: int = 0
    uncounted: int = 0
    requests: int = 0
    message: str | None = None
    resume_at: datetime | None = None


def empty_report(
    run: Invocation, run_id: str, status: RunStatus, message: str | None
) -> RunReport:
    """The report of a run that has done nothing yet."""
    return RunReport(
        sync=run.spec.name,
        run_id=run_id,
        status=status,
        started_at=run.started_at,
        finished_at=run.now(),
        message=message,
    )


def report_of(run: Invocation, done: Done, plan: SyncPlan | None = None) -> RunReport:
    """The report of what a plan came to; with the numbers that only planning knows."""
    outcomes = done.outcomes
    report = replace(
        empty_report(run, done.run_id, done.status, done.message),
        planned=done.planned,
        added=outcomes.added,
        changed=outcomes.changed,
        removed=outcomes.removed,
        rejected=outcomes.rejected,
        in_doubt=outcomes.in_doubt,
        cancelled=outcomes.cancelled,
        uncounted=done.uncounted,
        requests=done.requests,
        resume_at=done.resume_at,
        seal=None if plan is None else plan.seal,
    )
    return report if plan is None else with_counts(report, plan.counts)
