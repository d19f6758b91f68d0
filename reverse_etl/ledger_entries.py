"""What a ledger holds of a run: batches, refusals, leases, and what people told it. Pure.

How it is kept is in `ledger`, in which tables in `ledger_tables`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reverse_etl.modes import Action
from reverse_etl.spans import Span


class BatchState(StrEnum):
    """How far a batch came.

    PLANNED is still to be sent (again). SENDING was sent, or was about to be: nobody knows
    whether it was applied. SUBMITTED is a job of the destination's. ACKED was answered for
    every row, and all but the refused ones are applied. REFUSED was not taken as a whole.
    HELD may have been applied, and a person decides; SKIPPED may have been, and is not sent
    again. CANCELLED is not sent by this run. SETTLED is recorded in the warehouse.
    """

    PLANNED = "planned"
    SENDING = "sending"
    SUBMITTED = "submitted"
    ACKED = "acked"
    REFUSED = "refused"
    HELD = "held"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    SETTLED = "settled"


FINAL_STATES = frozenset(
    {
        BatchState.ACKED,
        BatchState.REFUSED,
        BatchState.HELD,
        BatchState.SKIPPED,
        BatchState.CANCELLED,
    }
)
"""States that a run leaves as they are; only settling moves a batch on."""


@dataclass(frozen=True, slots=True)
class LedgerBatch:
    """One batch as the ledger knows it.

    Attributes:
        number: Its name within the run; never used twice.
        action: What it asks of the destination.
        spans: Its rows, in order.
        state: See `BatchState`.
        row_tries: How often its rows were refused for a reason that may pass.
        give_ups: How often sending it was given up.
        is_in_doubt: An attempt at it may have been applied without an answer.
        job: The destination's name for it, once it is SUBMITTED.
        uncounted: Rows that failed without being named.
        error_class: Why all of it was refused or cancelled.
        error_code: The destination's own code for that.
        is_retryable: Whether what is REFUSED may be taken later as it is.
    """

    number: int
    action: Action
    spans: tuple[Span, ...]
    state: BatchState
    row_tries: int = 0
    give_ups: int = 0
    is_in_doubt: bool = False
    job: str | None = None
    uncounted: int = 0
    error_class: str | None = None
    error_code: str | None = None
    is_retryable: bool = False

    @property
    def row_count(self) -> int:
        """Rows in it."""
        return sum(span.row_count for span in self.spans)

    @property
    def is_finished(self) -> bool:
        """Whether the run is done with it."""
        return self.state in FINAL_STATES or self.state is BatchState.SETTLED


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was refused, by its sequence number in the plan."""

    seq: int
    error_class: str
    code: str | None = None
    field: str | None = None
    is_retryable: bool = False


@dataclass(frozen=True, slots=True)
class LedgerRun:
    """A run that was begun and not closed. Moments are UTC without a zone.

    `resume_at` is when a run that ran out of quota may go on.
    """

    run_id: str
    sync: str
    fingerprint: str
    planned_at: datetime
    resume_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run one sync, until another holder gets a higher fence."""

    sync: str
    holder: str
    fence: int


@dataclass(frozen=True, slots=True)
class Writing:
    """What one transaction writes about a run.

    Attributes:
        batches: Written over those of the same number.
        removed: Numbers of batches that others have taken the place of.
        refusals: Rows that were refused.
        dest_ids: The destination's own id by sequence number, by the number of the batch
            that was answered.
    """

    batches: Sequence[LedgerBatch] = ()
    removed: Sequence[int] = ()
    refusals: Sequence[Refusal] = ()
    dest_ids: Mapping[int, Mapping[int, str]] = field(default_factory=dict, repr=False)


class Control(StrEnum):
    """What a person told a sync. PAUSE has the reason, the others a plan's seal."""

    PAUSE = "pause"
    APPROVAL = "approval"
    REJECTION = "rejection"
    SEAL = "seal"


def idempotency_key(*, sync: str, run_id: str, number: int) -> str:
    """The key of a batch: the same for every attempt at it, and for no other batch."""
    text = "\n".join((sync, run_id, str(number)))
    return hashlib.sha256(text.encode()).hexdigest()
