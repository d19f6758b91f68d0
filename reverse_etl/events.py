"""What a run tells while it goes: one frozen value per event, for progress bars and Dagster.

Counts, names and moments; never a key or a value of a row. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from reverse_etl.modes import Action


@dataclass(frozen=True, slots=True)
class SendingBegan:
    """The rows of a plan begin to go. `answered` is above 0 when a plan is continued."""

    sync: str
    run_id: str
    planned: int
    answered: int


@dataclass(frozen=True, slots=True)
class BatchAnswered:
    """A batch has its answer. `answered` of `planned` rows now have theirs."""

    sync: str
    run_id: str
    action: Action
    rows: int
    refused: int
    answered: int
    planned: int


@dataclass(frozen=True, slots=True)
class BatchTroubled:
    """A batch did not go through: divided, tried again, given up or held.

    `reason` is an error class, and `fate` what happens with the batch.
    """

    sync: str
    run_id: str
    action: Action
    rows: int
    reason: str
    fate: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing can be sent for so many seconds, because of `reason`."""

    sync: str
    run_id: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class RunPaused:
    """The account's quota is used up; the plan goes on at `resume_at` (UTC)."""

    sync: str
    run_id: str
    resume_at: datetime


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over; `status` is a `RunStatus`."""

    sync: str
    run_id: str
    status: str
    seconds: float


SyncEvent: TypeAlias = (
    SendingBegan | BatchAnswered | BatchTroubled | Waiting | RunPaused | RunEnded
)

Tell: TypeAlias = Callable[[SyncEvent], None]
"""Takes each event of a run, in order, on the thread that runs it."""


def tell_nobody(event: SyncEvent) -> None:
    """For a run that nobody watches."""
    del event
