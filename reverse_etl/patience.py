"""How much a run still puts up with: troubles, divisions, the size of batches, and its stop.

Judges no answer: that is done in `verdicts`. Counts what came of the answers.
"""

from reverse_etl.errands import SendPolicy
from reverse_etl.errors import BatchRefusedError, DeliveryError
from reverse_etl.ledger_entries import LedgerBatch
from reverse_etl.verdicts import Stop, StopReason


class Patience:
    """What one run has left to spend on trouble.

    Args:
        policy: See `SendPolicy`.
        planned: Rows of the plan.
        max_batch_rows: Of the destination; None where it takes all at once.

    Attributes:
        most_rows: Of the batches that are cut next.
        stop: Why the run ends early; None while it goes on.
    """

    def __init__(
        self, policy: SendPolicy, *, planned: int, max_batch_rows: int | None
    ) -> None:
        self.most_rows = max_batch_rows or planned
        self.stop: Stop | None = None
        self._max_troubles = policy.max_troubles
        self._divisions_left = max(
            policy.min_divisions,
            int(policy.divide_share * planned / max(1, self.most_rows)),
        )
        self._troubles = 0
        self._answered_batches = 0
        self._first_trouble: dict[int, int] = {}

    @property
    def may_divide(self) -> bool:
        """Whether another refused batch may be divided."""
        return self._divisions_left > 0

    def is_alone(self, batch: LedgerBatch) -> bool:
        """Whether no other batch went through since this one was given up first."""
        first = self._first_trouble.get(batch.number, 0)
        return self._answered_batches <= first

    def went_through(self, batch: LedgerBatch, row_count: int) -> None:
        """A batch was answered."""
        self._troubles = 0
        self._answered_batches += 1
        self._first_trouble.pop(batch.number, None)
        # After a batch that was too large, the largest that was not is the measure.
        self.most_rows = max(self.most_rows, row_count)

    def was_refused(self, error: BatchRefusedError, row_count: int) -> None:
        """A batch was refused as a whole, which is an answer: the destination is there."""
        self._troubles = 0
        if error.is_too_large and row_count > 1:
            self.most_rows = min(self.most_rows, row_count // 2)

    def was_divided(self) -> None:
        """A refused batch is tried in halves."""
        self._divisions_left -= 1

    def was_given_up(self, batch: LedgerBatch) -> None:
        """A batch had no answer."""
        self._first_trouble.setdefault(batch.number, self._answered_batches)

    def count_trouble(self, error: DeliveryError) -> None:
        """Something had no answer; too many of these in a row stop the run."""
        self._troubles += 1
        if self._troubles >= self._max_troubles:
            self.halt(
                Stop(
                    StopReason.FAILED,
                    f"{self._troubles} batches in a row had no answer. {error}",
                )
            )

    def halt(self, stop: Stop | None) -> None:
        """End the run early. A failure outranks a pause, the later pause the earlier."""
        if stop is None:
            return
        current = self.stop
        if current is None or (
            current.reason is StopReason.PAUSED and stop.reason is StopReason.FAILED
        ):
            self.stop = stop
        elif stop.resume_at is not None and current.resume_at is not None:
            self.stop = max(current, stop, key=lambda each: str(each.resume_at))
