"""How a run may stand, and what became of its rows, in counts. Pure.

They are read and written in `snapshot`.
"""

from dataclasses import dataclass
from enum import StrEnum

from warehouse.values import Value


class RunStatus(StrEnum):
    """How a run stands.

    HELD sent nothing (or only who withdrew consent), until a person approves it; REJECTED
    is one that a person refused. FAILED and PAUSED_QUOTA keep their plan, and the next run
    goes on with it. INTERRUPTED was ended by the next run.
    """

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    HELD = "held"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    PAUSED_QUOTA = "paused_quota"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the rows of a plan; when it is over they add up to it."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    rejected: int = 0
    in_doubt: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        """Every row that has an outcome."""
        return (
            self.added
            + self.changed
            + self.removed
            + self.rejected
            + self.in_doubt
            + self.cancelled
        )


def outcome_columns(outcomes: Outcomes) -> dict[str, Value]:
    """The counts as columns of `retl.sync_runs`."""
    return {
        "added_count": outcomes.added,
        "changed_count": outcomes.changed,
        "removed_count": outcomes.removed,
        "rejected_count": outcomes.rejected,
        "in_doubt_count": outcomes.in_doubt,
        "cancelled_count": outcomes.cancelled,
    }
