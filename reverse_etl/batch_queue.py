"""Which batch of a plan goes next: one that is tried again, or the next piece of the plan.

Batches are cut when their turn comes, so memory is constant. How they are sent is in
`sending`; when one is tried again is judged in `verdicts`.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reverse_etl.errands import Segment, SendPolicy
from reverse_etl.ledger_entries import BatchState, LedgerBatch
from reverse_etl.ledger_page import LedgerPage
from reverse_etl.patience import Patience
from reverse_etl.plan_rows import PlanRows, Reading
from reverse_etl.spans import Span


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """A batch with its rows."""

    batch: LedgerBatch
    reading: Reading


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A batch that goes (again) at `due`; with others first, where it was given up."""

    batch: LedgerBatch
    due: float
    lets_others_go: bool = False


class BatchQueue:
    """The batches of one stretch of the plan after the other.

    Args:
        rows: Reads the plan.
        page: Gives numbers, and forgets batches that are put together.
        patience: Knows how large batches are cut.
        policy: See `SendPolicy`.
        covered: Last row of the plan that is in a batch of the ledger.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        rows: PlanRows,
        *,
        page: LedgerPage,
        patience: Patience,
        policy: SendPolicy,
        covered: int,
        clock: Callable[[], float],
    ) -> None:
        self._rows = rows
        self._page = page
        self._patience = patience
        self._policy = policy
        self._covered = covered
        self._clock = clock
        self._cursor = 1
        self._ready: deque[ReadBatch] = deque()
        self._waiting: list[_Waiting] = []

    def enter(self, segment: Segment) -> None:
        """Begin with a stretch of the plan."""
        self._cursor = max(segment.span.first, self._covered + 1)
        self._ready.clear()

    def is_empty(self, segment: Segment) -> bool:
        """Whether every row of the stretch was taken, and none waits."""
        return (
            self._cursor > segment.span.last and not self._ready and not self._waiting
        )

    def put_back(
        self, batch: LedgerBatch, due: float, *, lets_others_go: bool = False
    ) -> None:
        """Let a batch go (again) at `due`; after others, where it was given up."""
        self._waiting.append(_Waiting(batch, due, lets_others_go))

    def dues(self) -> Iterator[float]:
        """When the batches go that wait."""
        return (each.due for each in self._waiting)

    def take(self, segment: Segment) -> ReadBatch | None:
        """The batch that goes next; None when none may go now."""
        again = self._due_batch(segment)
        if again is not None:
            return ReadBatch(again, self._rows.read(again.spans))
        if self._ready:
            return self._ready.popleft()
        return self._cut(segment)

    def read_ahead(
        self, segment: Segment, most: int, *, may_go_on: Callable[[], bool]
    ) -> None:
        """Read up to `most` batches before their turn, as long as there is time for it."""
        while len(self._ready) < most and may_go_on():
            found = self._cut(segment)
            if found is None:
                return
            self._ready.append(found)

    def _due_batch(self, segment: Segment) -> LedgerBatch | None:
        """A batch whose time has come; rows that are tried again go together."""
        now = self._clock()
        are_others = bool(self._ready) or self._may_cut(segment)
        due = [
            each
            for each in self._waiting
            if each.due <= now
            and not (
                each.lets_others_go
                and are_others
                and self._patience.is_alone(each.batch)
            )
        ]
        if not due:
            return None
        first = due[0].batch
        alike = [first]
        if first.row_tries and not first.is_in_doubt:
            rows = first.row_count
            for each in due[1:]:
                batch = each.batch
                is_fit = batch.row_tries and not batch.is_in_doubt
                if is_fit and rows + batch.row_count <= self._patience.most_rows:
                    alike.append(batch)
                    rows += batch.row_count
        taken = {batch.number for batch in alike}
        self._waiting = [
            each for each in self._waiting if each.batch.number not in taken
        ]
        if len(alike) == 1:
            return first
        together = LedgerBatch(
            self._page.new_number(),
            first.action,
            tuple(sorted(span for batch in alike for span in batch.spans)),
            BatchState.PLANNED,
            row_tries=max(batch.row_tries for batch in alike),
            give_ups=max(batch.give_ups for batch in alike),
        )
        for batch in alike:
            self._page.remove(batch.number)
        return together

    def _may_cut(self, segment: Segment) -> bool:
        if self._cursor > segment.span.last:
            return False
        waiting = sum(each.batch.row_count for each in self._waiting)
        return waiting <= self._policy.max_waiting_rows

    def _cut(self, segment: Segment) -> ReadBatch | None:
        if not self._may_cut(segment):
            return None
        last = min(self._cursor + self._patience.most_rows - 1, segment.span.last)
        batch = LedgerBatch(
            self._page.new_number(),
            segment.action,
            (Span(self._cursor, last),),
            BatchState.PLANNED,
        )
        reading = self._rows.read(batch.spans, is_next=True)
        self._cursor = last + 1
        return ReadBatch(batch, reading)
