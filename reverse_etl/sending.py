"""Sends the rows of a plan: batch by batch, several at once, each marked before it goes.

One thread reads the plan, writes the ledger and decides; workers do nothing but speak to
the destination. Answers and the marks of the batches that follow share one commit. Memory
is constant: batches are cut when their turn comes.

All batches of one action are answered before the next action begins, so that who leaves is
gone before anybody arrives. A key is in a plan once, so batches may pass each other.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from reverse_etl.batch_queue import BatchQueue, ReadBatch
from reverse_etl.connector_faults import broken, for_good, without_answer
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Destination,
    Idempotency,
    Record,
)
from reverse_etl.errands import Errand, Segment, SendPolicy
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
from reverse_etl.ledger import Ledger
from reverse_etl.ledger_entries import (
    FINAL_STATES,
    BatchState,
    Lease,
    LedgerBatch,
    Refusal,
    idempotency_key,
)
from reverse_etl.ledger_page import LedgerPage
from reverse_etl.modes import Action
from reverse_etl.patience import Patience
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

_POLLERS = 2
_LONGEST_SLEEP_S = 60.0
_SHORTEST_WAIT_TOLD_S = 1.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a worker comes back with. Neither result nor error: the job is under way."""

    number: int
    result: BatchResult | None = None
    error: BaseException | None = None


@dataclass(slots=True)
class _Job:
    batch: LedgerBatch
    reading: Reading | None
    look_at: float
    wait_s: float
    is_asked: bool = False


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
        self._page = LedgerPage(
            ledger,
            lease,
            errand.run_id,
            last_number=max((batch.number for batch in batches), default=0),
        )
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
        self._answered_rows = sum(
            batch.row_count for batch in batches if batch.is_finished
        )
        self._under_way: dict[int, ReadBatch] = {}
        self._jobs: dict[int, _Job] = {}
        self._answers: SimpleQueue[_Answer] = SimpleQueue()
        self._patience = Patience(
            policy,
            planned=errand.planned,
            max_batch_rows=self._capabilities.max_batch_rows,
        )
        self._queue = BatchQueue(
            rows,
            page=self._page,
            patience=self._patience,
            policy=policy,
            covered=max(
                (span.last for batch in batches for span in batch.spans), default=0
            ),
            clock=clock,
        )
        self._settled_at = clock()
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
                    if self._patience.stop is not None:
                        break
            except KeyboardInterrupt:
                self._take_last_answers()
                raise
        return self._patience.stop

    def send_whole_run(
        self, wanted: Callable[[], Iterable[Record]] | None
    ) -> Stop | None:
        """Send the plan as one batch, streamed. Returns why it failed, or None."""
        errand = self._errand
        batch = LedgerBatch(
            self._page.new_number(),
            Action.RUN,
            (Span(1, errand.planned),),
            BatchState.SENDING,
        )
        self._page.put(batch)
        self._page.write()
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
            answer = replace(answer, error=for_good(answer.error))
        refused = {refusal.seq for refusal in refusals}
        seqs = (
            [seq for seq in range(1, errand.planned + 1) if seq not in refused]
            if refused
            else range(1, errand.planned + 1)
        )
        self._take(ReadBatch(batch, Reading((), seqs, tuple(refusals))), answer)
        self._page.write()
        return self._patience.stop

    def _send_segment(
        self, segment: Segment, pool: ThreadPoolExecutor, workers: int
    ) -> None:
        self._enter(segment)
        while True:
            started = [] if self._patience.stop else self._startable(segment, workers)
            self._page.write([each.batch for each in started])
            for each in started:
                message = self._message(each.batch, each.reading.records)
                self._under_way[each.batch.number] = each
                pool.submit(self._work, each.batch.number, message)
            if self._patience.stop is None:
                self._ask_for_jobs(pool)
            is_busy = bool(self._under_way) or any(
                job.is_asked for job in self._jobs.values()
            )
            if not is_busy and (
                self._patience.stop is not None
                or (self._queue.is_empty(segment) and not self._jobs)
            ):
                return
            if self._patience.stop is None:
                self._queue.read_ahead(segment, workers, may_go_on=self._answers.empty)
            for answer in self._next_answers(workers, is_busy=is_busy):
                self._take_answer(answer)
            self._settle_now_and_then()

    def _take_last_answers(self) -> None:
        """Wait for what is under way, so that nothing of it is in doubt."""
        self._patience.halt(Stop(StopReason.FAILED, "The run was interrupted."))
        with contextlib.suppress(Empty):
            while self._under_way:
                self._take_answer(self._answers.get(timeout=_LONGEST_SLEEP_S))
        self._page.write()

    def _enter(self, segment: Segment) -> None:
        self._queue.enter(segment)
        now = self._clock()
        for batch in self._left_over:
            if not segment.span.first <= batch.spans[0].first <= segment.span.last:
                continue
            if batch.state is BatchState.SUBMITTED:
                self._jobs[batch.number] = _Job(
                    batch, None, now, self._policy.job_waits_s[0]
                )
            else:
                self._queue.put_back(batch, now)

    def _startable(self, segment: Segment, workers: int) -> list[ReadBatch]:
        started: list[ReadBatch] = []
        while len(self._under_way) + len(started) < workers and self._has_room():
            found = self._queue.take(segment)
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

    def _prepared(self, found: ReadBatch) -> ReadBatch | None:
        """The batch without who withdrew consent; None when nobody is left to send."""
        batch, reading = found.batch, found.reading
        if reading.withdrawn:
            self._page.put(
                LedgerBatch(
                    self._page.new_number(),
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
                self._page.remove(batch.number)
                return None
            batch = replace(batch, spans=rest)
            if batch.is_in_doubt and self._capabilities.idempotency is (
                Idempotency.HEADER
            ):
                # Its key stands for other rows now, and a new one might do it twice.
                self._page.put(unrepeatable(batch, self._rules))
                self._count_answered(batch.row_count)
                return None
        if not reading.records:
            self._page.put(replace(batch, state=BatchState.ACKED))
            self._page.refuse(reading.refusals)
            self._count_answered(batch.row_count)
            return None
        return ReadBatch(replace(batch, state=BatchState.SENDING), reading)

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
        if self._patience.stop is None:
            if len(self._under_way) < workers and self._has_room():
                dues += self._queue.dues()
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
                self._patience.count_trouble(answer.error)
            return
        if is_over and isinstance(answer.error, DeliveryError):
            # The job stays where it is, and the next run asks for it.
            self._patience.halt(on_stop(job.batch, answer.error, self._rules).stop)
            return
        del self._jobs[answer.number]
        assert job.reading is not None  # noqa: S101  read before it was asked for
        self._take(ReadBatch(job.batch, job.reading), answer)

    def _take(self, under_way: ReadBatch, answer: _Answer) -> None:
        batch = under_way.batch
        verdict = self._verdict(under_way, answer)
        for changed in verdict.batches:
            self._page.put(changed)
            if changed.state is BatchState.PLANNED:
                self._queue.put_back(
                    changed,
                    self._due(changed, verdict.again),
                    lets_others_go=verdict.again is When.LATER,
                )
            elif changed.state is BatchState.SUBMITTED:
                wait_s = self._policy.job_waits_s[0]
                self._jobs[changed.number] = _Job(
                    changed, under_way.reading, self._clock() + wait_s, wait_s
                )
        for number in verdict.removed:
            self._page.remove(number)
        self._page.refuse(verdict.refusals)
        if any(changed.state in FINAL_STATES for changed in verdict.batches):
            self._page.refuse(under_way.reading.refusals)
        if verdict.dest_ids:
            self._page.name(batch.number, verdict.dest_ids)
        self._tell_of(batch, verdict)
        if verdict.stop is not None:
            self._patience.halt(verdict.stop)

    def _verdict(self, under_way: ReadBatch, answer: _Answer) -> Verdict:
        batch, reading = under_way.batch, under_way.reading
        error = answer.error
        if error is None:
            if answer.result is None:
                error = without_answer()
            else:
                try:
                    verdict = on_answer(
                        batch,
                        reading,
                        answer.result,
                        self._rules,
                        self._page.new_number,
                    )
                except FatalDeliveryError as wrong:
                    return on_stop(batch, wrong, self._rules)
                self._patience.went_through(batch, len(reading.seqs))
                return verdict
        if not isinstance(error, Exception):
            raise error
        if isinstance(error, BatchRefusedError):
            return self._divided(batch, reading, error)
        if isinstance(error, RetryableDeliveryError | JobLostError):
            self._patience.was_given_up(batch)
            verdict = on_trouble(
                batch,
                error,
                self._rules,
                others_went_through=not self._patience.is_alone(batch),
            )
            self._patience.count_trouble(error)
            return verdict
        if isinstance(error, DeliveryError):
            return on_stop(batch, error, self._rules)
        return on_stop(batch, broken(error), self._rules)

    def _divided(
        self, batch: LedgerBatch, reading: Reading, error: BatchRefusedError
    ) -> Verdict:
        patience = self._patience
        patience.was_refused(error, len(reading.seqs))
        verdict = on_refusal(
            batch,
            reading,
            error,
            self._rules,
            self._page.new_number,
            may_divide=patience.may_divide and batch.action is not Action.RUN,
        )
        if verdict.removed:
            patience.was_divided()
        return verdict

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

    def _settle_now_and_then(self) -> None:
        if self._clock() - self._settled_at < self._policy.settle_every_s:
            return
        self._page.write()
        self._checkpoint()
        self._rows.interrupted()
        self._settled_at = self._clock()
