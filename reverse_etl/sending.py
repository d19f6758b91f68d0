"""Sends the rows of a plan: batch by batch, several at once, each marked before it goes.

One thread reads the plan, writes the ledger and decides; workers do nothing but speak to
the destination. Answers and the marks of the batches that follow share one commit. Memory
is constant: batches are cut when their turn comes.

All batches of one action are answered before the next action begins, so that who leaves is
gone before anybody arrives. A key is in a plan once, so batches may pass each other.
"""

import contextlib
import random
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Destination,
    Idempotency,
    Record,
    Settings,
)
from reverse_etl.errors import (
    BatchRefusedError,
    DeliveryError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    QuotaExhaustedError,
    RetryableDeliveryError,
)
from reverse_etl.events import (
    BatchAnswered,
    BatchTroubled,
    SendingBegan,
    SyncEvent,
    Tell,
    Waiting,
)
from reverse_etl.garbage import patient_collector
from reverse_etl.ledger import (
    FINAL_STATES,
    BatchState,
    Lease,
    Ledger,
    LedgerBatch,
    Refusal,
    Writing,
    idempotency_key,
)
from reverse_etl.modes import Action
from reverse_etl.plan_rows import PlanRows, Reading, refusal_of
from reverse_etl.records import Unsendable
from reverse_etl.spans import Span, spans_of, without
from reverse_etl.verdicts import (
    Rules,
    Stop,
    StopReason,
    Verdict,
    When,
    on_answer,
    on_refusal,
    on_stop,
    on_trouble,
    unrepeatable,
)

_RANDOM = random.SystemRandom()
_POLLERS = 2
_COMPACT_EVERY = 500
_LONGEST_SLEEP_S = 60.0
_SHORTEST_WAIT_TOLD_S = 1.0


@dataclass(frozen=True, slots=True)
class SendPolicy:
    """How much trouble a run puts up with. Times in seconds.

    Attributes:
        max_workers: Most batches under way at once; the destination may allow fewer.
        row_waits_s: Before rows are tried again that were refused for what may pass.
        batch_waits_s: Before a batch is tried again that was given up.
        max_troubles: As many batches in a row without an answer stop the run.
        divide_share: Requests that dividing refused batches may cost, as a share of the
            batches of the plan.
        min_divisions: As many are allowed in any case.
        job_waits_s: Between two looks at a job: the first, and the longest.
        max_jobs: Most jobs under way.
        max_job_rows: Most rows in them.
        max_waiting_rows: With more rows waiting to be tried again, none are begun.
        settle_every_s: So often what was answered is recorded in the warehouse.
        jitter: A number from 0 to 1, for the waits.
    """

    max_workers: int = 4
    row_waits_s: tuple[float, ...] = (1.0, 5.0, 25.0)
    batch_waits_s: tuple[float, ...] = (5.0, 30.0)
    max_troubles: int = 20
    divide_share: float = 0.2
    min_divisions: int = 200
    job_waits_s: tuple[float, float] = (1.0, 30.0)
    max_jobs: int = 30
    max_job_rows: int = 100_000
    max_waiting_rows: int = 50_000
    settle_every_s: float = 600.0
    jitter: Callable[[], float] = _RANDOM.random


@dataclass(frozen=True, slots=True)
class Errand:
    """What is sent, and as what.

    Attributes:
        sync: Name of the sync.
        object: What its records are called at the destination.
        settings: The sync's settings for it.
        run_id: The run.
        key_name: Name of the key, for files.
        field_names: Mapped fields, for files.
        planned: Rows of the plan.
    """

    sync: str
    object: str
    settings: Settings
    run_id: str
    key_name: str
    field_names: tuple[str, ...]
    planned: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the plan with one action, which is done before the next begins."""

    action: Action
    span: Span


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a worker comes back with. Neither result nor error: the job is under way."""

    number: int
    result: BatchResult | None = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _UnderWay:
    batch: LedgerBatch
    reading: Reading


@dataclass(slots=True)
class _Job:
    batch: LedgerBatch
    reading: Reading | None
    look_at: float
    wait_s: float
    is_asked: bool = False


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A batch that goes (again) at `due`; with others first, where it was given up."""

    batch: LedgerBatch
    due: float
    lets_others_go: bool = False


@dataclass(slots=True)
class _Unwritten:
    """What the next commit writes."""

    batches: dict[int, LedgerBatch] = field(default_factory=dict)
    removed: list[int] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    dest_ids: dict[int, dict[int, str]] = field(default_factory=dict)


class Sender:
    """Sends one plan, from its beginning or from where an earlier run got to.

    Args:
        errand: What is sent.
        segments: The plan's stretches, in order.
        rows: Reads the plan.
        ledger: Open.
        lease: Held.
        destination: Open.
        rules: How answers are judged.
        policy: See `SendPolicy`.
        batches: What the ledger has of the run; none is SENDING any more.
        checkpoint: Records in the warehouse what is final so far.
        tell: Takes the events.
        clock: Seconds that only grow.

    Attributes:
        withdrawn_rows: Rows that were left out because their consent was gone.
    """

    def __init__(
        self,
        errand: Errand,
        segments: Sequence[Segment],
        *,
        rows: PlanRows,
        ledger: Ledger,
        lease: Lease,
        destination: Destination,
        rules: Rules,
        policy: SendPolicy,
        batches: Sequence[LedgerBatch],
        checkpoint: Callable[[], None],
        tell: Tell,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._errand = errand
        self._segments = segments
        self._rows = rows
        self._ledger = ledger
        self._lease = lease
        self._destination = destination
        self._capabilities = destination.capabilities
        self._rules = rules
        self._policy = policy
        self._checkpoint = checkpoint
        self._tell = tell
        self._clock = clock
        self._left_over = [
            batch
            for batch in batches
            if batch.state in (BatchState.PLANNED, BatchState.SUBMITTED)
        ]
        self._last_number = max((batch.number for batch in batches), default=0)
        self._covered = max(
            (span.last for batch in batches for span in batch.spans), default=0
        )
        self._answered_rows = sum(
            batch.row_count for batch in batches if batch.is_finished
        )
        self._cursor = 1
        self._ready: deque[_UnderWay] = deque()
        self._waiting: list[_Waiting] = []
        self._under_way: dict[int, _UnderWay] = {}
        self._jobs: dict[int, _Job] = {}
        self._answers: SimpleQueue[_Answer] = SimpleQueue()
        self._unwritten = _Unwritten()
        self._commits = 0
        self._most_rows = self._capabilities.max_batch_rows or errand.planned
        self._divisions_left = max(
            policy.min_divisions,
            int(policy.divide_share * errand.planned / max(1, self._most_rows)),
        )
        self._troubles = 0
        self._answered_batches = 0
        self._first_trouble: dict[int, int] = {}
        self._settled_at = clock()
        self._stop: Stop | None = None
        self.withdrawn_rows = 0

    def send(self) -> Stop | None:
        """Send what is left of the plan. Returns why it ended early, or None.

        Raises:
            LedgerError: The ledger cannot be written; nothing was sent after that.
            WarehouseError: The plan cannot be read.
        """
        self._tell(
            SendingBegan(
                self._errand.sync,
                self._errand.run_id,
                self._errand.planned,
                self._answered_rows,
            )
        )
        workers = min(self._policy.max_workers, self._capabilities.max_workers)
        pollers = _POLLERS if self._capabilities.is_async else 0
        with (
            patient_collector(),
            ThreadPoolExecutor(workers + pollers, thread_name_prefix="send") as pool,
        ):
            try:
                for segment in self._segments:
                    self._send_segment(segment, pool, workers)
                    if self._stop is not None:
                        break
            except KeyboardInterrupt:
                self._take_last_answers()
                raise
        return self._stop

    def send_whole_run(
        self, wanted: Callable[[], Iterable[Record]] | None
    ) -> Stop | None:
        """Send the plan as one batch, streamed. Returns why it failed, or None."""
        errand = self._errand
        batch = LedgerBatch(
            self._new_number(),
            Action.RUN,
            (Span(1, errand.planned),),
            BatchState.SENDING,
        )
        self._unwritten.batches[batch.number] = batch
        self._write()
        refusals: list[Refusal] = []

        def records() -> Iterator[Record]:
            for seq, record in self._rows.stream(errand.planned):
                if isinstance(record, Unsendable):
                    refusals.append(refusal_of(seq, record))
                else:
                    yield record

        message = self._message(batch, records(), wanted)
        answer = self._deliver(batch.number, lambda: self._destination.send(message))
        if isinstance(answer.error, DeliveryError):
            # There is no part of it to try again alone, and nothing that goes after it.
            answer = replace(answer, error=_for_good(answer.error))
        refused = {refusal.seq for refusal in refusals}
        seqs = (
            [seq for seq in range(1, errand.planned + 1) if seq not in refused]
            if refused
            else range(1, errand.planned + 1)
        )
        self._take(_UnderWay(batch, Reading((), seqs, tuple(refusals))), answer)
        self._write()
        return self._stop

    def _send_segment(
        self, segment: Segment, pool: ThreadPoolExecutor, workers: int
    ) -> None:
        self._enter(segment)
        while True:
            started = [] if self._stop else self._startable(segment, workers)
            self._write(started)
            for each in started:
                message = self._message(each.batch, each.reading.records)
                self._under_way[each.batch.number] = each
                pool.submit(self._work, each.batch.number, message)
            if self._stop is None:
                self._ask_for_jobs(pool)
            is_busy = bool(self._under_way) or any(
                job.is_asked for job in self._jobs.values()
            )
            if not is_busy and (self._stop is not None or self._is_done(segment)):
                return
            if self._stop is None:
                self._read_ahead(segment, workers)
            for answer in self._next_answers(workers, is_busy=is_busy):
                self._take_answer(answer)
            self._settle_now_and_then()

    def _take_last_answers(self) -> None:
        """Wait for what is under way, so that nothing of it is in doubt."""
        self._halt(Stop(StopReason.FAILED, "The run was interrupted."))
        with contextlib.suppress(Empty):
            while self._under_way:
                self._take_answer(self._answers.get(timeout=_LONGEST_SLEEP_S))
        self._write()

    def _enter(self, segment: Segment) -> None:
        self._cursor = max(segment.span.first, self._covered + 1)
        self._ready.clear()
        now = self._clock()
        for batch in self._left_over:
            if not segment.span.first <= batch.spans[0].first <= segment.span.last:
                continue
            if batch.state is BatchState.SUBMITTED:
                self._jobs[batch.number] = _Job(
                    batch, None, now, self._policy.job_waits_s[0]
                )
            else:
                self._waiting.append(_Waiting(batch, now))

    def _is_done(self, segment: Segment) -> bool:
        return (
            self._cursor > segment.span.last
            and not self._ready
            and not self._waiting
            and not self._jobs
        )

    def _startable(self, segment: Segment, workers: int) -> list[_UnderWay]:
        started: list[_UnderWay] = []
        while len(self._under_way) + len(started) < workers and self._has_room():
            found = self._next_batch(segment)
            if found is None:
                break
            prepared = self._prepared(found)
            if prepared is not None:
                started.append(prepared)
        return started

    def _has_room(self) -> bool:
        if not self._jobs:
            return True
        rows = sum(job.batch.row_count for job in self._jobs.values())
        return (
            len(self._jobs) + len(self._under_way) < self._policy.max_jobs
            and rows < self._policy.max_job_rows
        )

    def _next_batch(self, segment: Segment) -> _UnderWay | None:
        again = self._due_batch(segment)
        if again is not None:
            return _UnderWay(again, self._rows.read(again.spans))
        if self._ready:
            return self._ready.popleft()
        return self._cut(segment)

    def _due_batch(self, segment: Segment) -> LedgerBatch | None:
        """A batch whose time has come; rows that are tried again go together."""
        now = self._clock()
        are_others = bool(self._ready) or self._may_cut(segment)
        due = [
            each
            for each in self._waiting
            if each.due <= now
            and not (each.lets_others_go and are_others and self._is_alone(each.batch))
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
                if is_fit and rows + batch.row_count <= self._most_rows:
                    alike.append(batch)
                    rows += batch.row_count
        taken = {batch.number for batch in alike}
        self._waiting = [
            each for each in self._waiting if each.batch.number not in taken
        ]
        if len(alike) == 1:
            return first
        together = LedgerBatch(
            self._new_number(),
            first.action,
            tuple(sorted(span for batch in alike for span in batch.spans)),
            BatchState.PLANNED,
            row_tries=max(batch.row_tries for batch in alike),
            give_ups=max(batch.give_ups for batch in alike),
        )
        for batch in alike:
            self._remove(batch.number)
        return together

    def _is_alone(self, batch: LedgerBatch) -> bool:
        """Whether no other batch went through since this one was given up first."""
        first = self._first_trouble.get(batch.number, 0)
        return self._answered_batches <= first

    def _may_cut(self, segment: Segment) -> bool:
        if self._cursor > segment.span.last:
            return False
        waiting = sum(each.batch.row_count for each in self._waiting)
        return waiting <= self._policy.max_waiting_rows

    def _cut(self, segment: Segment) -> _UnderWay | None:
        if not self._may_cut(segment):
            return None
        last = min(self._cursor + self._most_rows - 1, segment.span.last)
        batch = LedgerBatch(
            self._new_number(),
            segment.action,
            (Span(self._cursor, last),),
            BatchState.PLANNED,
        )
        reading = self._rows.read(batch.spans, is_next=True)
        self._cursor = last + 1
        return _UnderWay(batch, reading)

    def _prepared(self, found: _UnderWay) -> _UnderWay | None:
        """The batch without who withdrew consent; None when nobody is left to send."""
        batch, reading = found.batch, found.reading
        if reading.withdrawn:
            self._unwrite(
                LedgerBatch(
                    self._new_number(),
                    batch.action,
                    spans_of(reading.withdrawn),
                    BatchState.CANCELLED,
                    is_in_doubt=batch.is_in_doubt,
                    error_class=ErrorClass.CONSENT.value,
                )
            )
            self.withdrawn_rows += len(reading.withdrawn)
            self._count_answered(len(reading.withdrawn))
            rest = without(batch.spans, reading.withdrawn)
            if not rest:
                self._remove(batch.number)
                return None
            batch = replace(batch, spans=rest)
            if batch.is_in_doubt and self._capabilities.idempotency is (
                Idempotency.HEADER
            ):
                # Its key stands for other rows now, and a new one might do it twice.
                self._unwrite(unrepeatable(batch, self._rules))
                self._count_answered(batch.row_count)
                return None
        if not reading.records:
            self._unwrite(replace(batch, state=BatchState.ACKED))
            self._unwritten.refusals += reading.refusals
            self._count_answered(batch.row_count)
            return None
        return _UnderWay(replace(batch, state=BatchState.SENDING), reading)

    def _read_ahead(self, segment: Segment, workers: int) -> None:
        while len(self._ready) < workers and self._answers.empty():
            found = self._cut(segment)
            if found is None:
                return
            self._ready.append(found)

    def _message(
        self,
        batch: LedgerBatch,
        records: Iterable[Record],
        wanted: Callable[[], Iterable[Record]] | None = None,
    ) -> Batch:
        errand = self._errand
        return Batch(
            sync=errand.sync,
            object=errand.object,
            settings=errand.settings,
            run_id=errand.run_id,
            idempotency_key=idempotency_key(
                sync=errand.sync, run_id=errand.run_id, number=batch.number
            ),
            action=batch.action,
            records=records,
            key_name=errand.key_name,
            field_names=errand.field_names,
            wanted=wanted,
        )

    def _work(self, number: int, message: Batch) -> None:
        self._answers.put(
            self._deliver(number, lambda: self._destination.send(message))
        )

    def _look(self, number: int, job: str, message: Batch) -> None:
        self._answers.put(
            self._deliver(number, lambda: self._destination.poll(job, message))
        )

    def _deliver(self, number: int, call: Callable[[], BatchResult | None]) -> _Answer:
        try:
            return _Answer(number, result=call())
        except BaseException as error:  # noqa: BLE001 - judged by the thread that decides
            return _Answer(number, error=error)

    def _ask_for_jobs(self, pool: ThreadPoolExecutor) -> None:
        now = self._clock()
        asked = sum(job.is_asked for job in self._jobs.values())
        for number, job in self._jobs.items():
            if job.is_asked or job.look_at > now or asked >= _POLLERS:
                continue
            if job.reading is None:
                job.reading = self._rows.read(job.batch.spans, asks_consent=False)
            job.is_asked = True
            asked += 1
            pool.submit(
                self._look,
                number,
                str(job.batch.job),
                self._message(job.batch, job.reading.records),
            )

    def _next_answers(self, workers: int, *, is_busy: bool) -> list[_Answer]:
        """Answers that are there, after waiting for one or for the next thing to do."""
        timeout_s = self._seconds_to_next(workers)
        if not is_busy and timeout_s > _SHORTEST_WAIT_TOLD_S:
            self._tell(
                Waiting(
                    self._errand.sync,
                    self._errand.run_id,
                    timeout_s,
                    ErrorClass.TRANSIENT.value,
                )
            )
        answers: list[_Answer] = []
        try:
            answers.append(self._answers.get(timeout=timeout_s))
            while True:
                answers.append(self._answers.get_nowait())
        except Empty:
            return answers

    def _seconds_to_next(self, workers: int) -> float:
        """Until a batch or a job is due that could be begun or asked for."""
        now = self._clock()
        dues = [now + _LONGEST_SLEEP_S]
        if self._stop is None:
            if len(self._under_way) < workers and self._has_room():
                dues += [each.due for each in self._waiting]
            if sum(job.is_asked for job in self._jobs.values()) < _POLLERS:
                dues += [job.look_at for job in self._jobs.values() if not job.is_asked]
        return max(min(dues) - now, 0.001)

    def _take_answer(self, answer: _Answer) -> None:
        under_way = self._under_way.pop(answer.number, None)
        if under_way is not None:
            self._take(under_way, answer)
            return
        job = self._jobs[answer.number]
        job.is_asked = False
        is_unreachable = isinstance(
            answer.error, RetryableDeliveryError
        ) and not isinstance(answer.error, JobLostError)
        is_over = isinstance(answer.error, FatalDeliveryError | QuotaExhaustedError)
        if (answer.result is None and answer.error is None) or is_unreachable:
            # Nothing is known of it yet: it goes on, and is asked for again.
            job.look_at = self._clock() + job.wait_s
            job.wait_s = min(job.wait_s * 2, self._policy.job_waits_s[1])
            if isinstance(answer.error, DeliveryError):
                self._count_trouble(answer.error)
            return
        if is_over and isinstance(answer.error, DeliveryError):
            # The job stays where it is, and the next run asks for it.
            self._halt(on_stop(job.batch, answer.error, self._rules).stop)
            return
        del self._jobs[answer.number]
        assert job.reading is not None  # noqa: S101  read before it was asked for
        self._take(_UnderWay(job.batch, job.reading), answer)

    def _take(self, under_way: _UnderWay, answer: _Answer) -> None:
        batch = under_way.batch
        verdict = self._verdict(under_way, answer)
        for changed in verdict.batches:
            self._unwrite(changed)
            if changed.state is BatchState.PLANNED:
                self._waiting.append(
                    _Waiting(
                        changed,
                        self._due(changed, verdict.again),
                        lets_others_go=verdict.again is When.LATER,
                    )
                )
            elif changed.state is BatchState.SUBMITTED:
                wait_s = self._policy.job_waits_s[0]
                self._jobs[changed.number] = _Job(
                    changed, under_way.reading, self._clock() + wait_s, wait_s
                )
        for number in verdict.removed:
            self._remove(number)
        self._unwritten.refusals += verdict.refusals
        if any(changed.state in FINAL_STATES for changed in verdict.batches):
            self._unwritten.refusals += under_way.reading.refusals
        if verdict.dest_ids:
            self._unwritten.dest_ids[batch.number] = dict(verdict.dest_ids)
        self._tell_of(batch, verdict)
        if verdict.stop is not None:
            self._halt(verdict.stop)

    def _verdict(self, under_way: _UnderWay, answer: _Answer) -> Verdict:
        batch, reading = under_way.batch, under_way.reading
        error = answer.error
        if error is None:
            if answer.result is None:
                error = _without_answer()
            else:
                try:
                    verdict = on_answer(
                        batch, reading, answer.result, self._rules, self._new_number
                    )
                except FatalDeliveryError as wrong:
                    return on_stop(batch, wrong, self._rules)
                self._went_through(batch, len(reading.seqs))
                return verdict
        if not isinstance(error, Exception):
            raise error
        if isinstance(error, BatchRefusedError):
            return self._divided(batch, reading, error)
        if isinstance(error, RetryableDeliveryError | JobLostError):
            self._first_trouble.setdefault(batch.number, self._answered_batches)
            verdict = on_trouble(
                batch,
                error,
                self._rules,
                others_went_through=not self._is_alone(batch),
            )
            self._count_trouble(error)
            return verdict
        if isinstance(error, DeliveryError):
            return on_stop(batch, error, self._rules)
        return on_stop(batch, _broken(error), self._rules)

    def _divided(
        self, batch: LedgerBatch, reading: Reading, error: BatchRefusedError
    ) -> Verdict:
        # A refusal is an answer: the destination is there.
        self._troubles = 0
        row_count = len(reading.seqs)
        if error.is_too_large and row_count > 1:
            self._most_rows = min(self._most_rows, row_count // 2)
        verdict = on_refusal(
            batch,
            reading,
            error,
            self._rules,
            self._new_number,
            may_divide=self._divisions_left > 0 and batch.action is not Action.RUN,
        )
        if verdict.removed:
            self._divisions_left -= 1
        return verdict

    def _went_through(self, batch: LedgerBatch, row_count: int) -> None:
        self._troubles = 0
        self._answered_batches += 1
        self._first_trouble.pop(batch.number, None)
        # After a batch that was too large, the largest that was not is the measure.
        self._most_rows = max(self._most_rows, row_count)

    def _count_trouble(self, error: DeliveryError) -> None:
        self._troubles += 1
        if self._troubles >= self._policy.max_troubles:
            self._halt(
                Stop(
                    StopReason.FAILED,
                    f"{self._troubles} batches in a row had no answer. {error}",
                )
            )

    def _halt(self, stop: Stop | None) -> None:
        if stop is None:
            return
        current = self._stop
        if current is None or (
            current.reason is StopReason.PAUSED and stop.reason is StopReason.FAILED
        ):
            self._stop = stop
        elif stop.resume_at is not None and current.resume_at is not None:
            self._stop = max(current, stop, key=lambda each: str(each.resume_at))

    def _due(self, batch: LedgerBatch, again: When) -> float:
        if again is When.AT_ONCE:
            return self._clock()
        policy = self._policy
        if again is When.LATER:
            waits_s, turn = policy.batch_waits_s, batch.give_ups
        else:
            waits_s, turn = policy.row_waits_s, batch.row_tries
        wait_s = waits_s[min(turn, len(waits_s)) - 1]
        return self._clock() + wait_s * (0.5 + policy.jitter() / 2)

    def _tell_of(self, batch: LedgerBatch, verdict: Verdict) -> None:
        errand = self._errand
        final = [each for each in verdict.batches if each.state in FINAL_STATES]
        self._count_answered(sum(each.row_count for each in final))
        event: SyncEvent
        if verdict.fate:
            event = BatchTroubled(
                errand.sync,
                errand.run_id,
                batch.action,
                batch.row_count,
                verdict.reason,
                verdict.fate,
            )
            self._tell(event)
        if final:
            self._tell(
                BatchAnswered(
                    errand.sync,
                    errand.run_id,
                    batch.action,
                    sum(each.row_count for each in final),
                    len(verdict.refusals)
                    + sum(
                        each.row_count
                        for each in final
                        if each.state is BatchState.REFUSED
                    ),
                    self._answered_rows,
                    errand.planned,
                )
            )

    def _count_answered(self, row_count: int) -> None:
        self._answered_rows += row_count

    def _new_number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _unwrite(self, batch: LedgerBatch) -> None:
        self._unwritten.batches[batch.number] = batch

    def _remove(self, number: int) -> None:
        self._unwritten.batches.pop(number, None)
        self._unwritten.removed.append(number)

    def _write(self, started: Sequence[_UnderWay] = ()) -> None:
        for each in started:
            self._unwrite(each.batch)
        unwritten = self._unwritten
        if not unwritten.batches and not unwritten.removed:
            return
        self._ledger.write(
            self._lease,
            self._errand.run_id,
            Writing(
                tuple(unwritten.batches.values()),
                tuple(unwritten.removed),
                tuple(unwritten.refusals),
                unwritten.dest_ids,
            ),
        )
        self._unwritten = _Unwritten()
        self._commits += 1
        if self._commits % _COMPACT_EVERY == 0:
            self._ledger.compact(self._lease, self._errand.run_id)

    def _settle_now_and_then(self) -> None:
        if self._clock() - self._settled_at < self._policy.settle_every_s:
            return
        self._write()
        self._checkpoint()
        self._rows.interrupted()
        self._settled_at = self._clock()


def _broken(error: Exception) -> FatalDeliveryError:
    """What a fault of the connector itself becomes. Its text may quote somebody's value."""
    places = traceback.extract_tb(error.__traceback__)
    place = (
        f"{places[-1].name}, line {places[-1].lineno}" if places else "no place known"
    )
    return FatalDeliveryError(
        f"The destination's own code failed ({type(error).__name__} in {place}). The sync "
        "stopped. This is a fault of the connector; please report it.",
        is_in_doubt=True,
        error_class=ErrorClass.INTERNAL,
    )


def _for_good(error: DeliveryError) -> DeliveryError:
    """The error of a whole run: it ends there, whatever would be tried of a batch."""
    if isinstance(error, FatalDeliveryError | QuotaExhaustedError):
        return error
    return FatalDeliveryError(
        str(error),
        is_in_doubt=error.is_in_doubt,
        error_class=error.error_class,
        code=error.code,
    )


def _without_answer() -> FatalDeliveryError:
    return FatalDeliveryError(
        "The destination's own code gave no answer for a batch. The sync stopped. This is "
        "a fault of the connector; please report it.",
        is_in_doubt=True,
        error_class=ErrorClass.INTERNAL,
    )
