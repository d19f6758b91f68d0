"""What the next run does with a run that has not come to its end. Pure.

Its plan is continued while it still says what should be at the destination: the sync is
configured as it was, and the plan is not old. Otherwise it is closed, and the comparison
finds again what was not sent.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reverse_etl.clock import as_utc
from reverse_etl.ledger_entries import LedgerRun
from reverse_etl.normalising import NORMALISERS
from reverse_etl.spec import SyncSpec, mapping_fingerprint

PLAN_TTL = timedelta(hours=24)
"""A plan that is older is not continued."""


class Course(StrEnum):
    """What happens with an unfinished run: WAIT is for a quota that comes back."""

    CONTINUE = "continue"
    CLOSE = "close"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Decision:
    """A course, and why, for people."""

    course: Course
    reason: str = ""
    resume_at: datetime | None = None


def plan_fingerprint(spec: SyncSpec, account_fingerprint: str | None = None) -> str:
    """What must be the same for a plan to be continued: target, mapping, what is done."""
    head = mapping_fingerprint(
        spec, {name: each.version for name, each in NORMALISERS.items()}
    )
    parts = (
        spec.destination,
        str(account_fingerprint),
        spec.object,
        spec.key,
        spec.mode.value,
        str(spec.on_removal),
        str(spec.on_withdrawal),
        str(spec.purpose),
        str(spec.relation),
        head,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def decide(
    run: LedgerRun | None,
    *,
    fingerprint: str,
    is_whole_run: bool,
    now: datetime,
    plan_ttl: timedelta = PLAN_TTL,
) -> Decision:
    """What to do with an unfinished run.

    Args:
        run: As the ledger has it; None when it has lost it.
        fingerprint: Of the sync as it is configured now.
        is_whole_run: Whether its destination takes a run as one batch. There is then
            nothing to go on from: it took all, or nobody knows.
        now: The present moment.
        plan_ttl: See `PLAN_TTL`.
    """
    if run is None:
        return Decision(Course.CLOSE, "the ledger does not know it")
    if run.fingerprint != fingerprint:
        return Decision(Course.CLOSE, "the sync is configured differently now")
    age = as_utc(now) - run.planned_at
    # A clock that was set back makes a plan seem to come from the future.
    if abs(age) > plan_ttl:
        return Decision(Course.CLOSE, "its plan is too old")
    if is_whole_run:
        return Decision(Course.CLOSE, "its destination takes a run as a whole")
    if run.resume_at is not None and as_utc(now) < run.resume_at:
        return Decision(Course.WAIT, resume_at=run.resume_at)
    return Decision(Course.CONTINUE)
