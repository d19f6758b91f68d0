"""A destination that keeps its records in dictionaries: the smallest true one, for tests.

It does what it is told to by script: refuse rows and batches, lose answers, throttle, run
out of quota, take jobs. Nothing of it is real but the state that it is left in.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Idempotency,
    Record,
    RejectedRow,
)
from reverse_etl.errors import (
    BatchRefusedError,
    JobLostError,
    RetryableDeliveryError,
)
from reverse_etl.modes import Action, Mode, Op, Removal
from warehouse.manifest import Json

CAPABILITIES = Capabilities(
    modes=frozenset(Mode),
    removals=frozenset(Removal) - {Removal.NOTHING},
    max_batch_rows=500,
)


class Moment(StrEnum):
    """When a scripted fault strikes: before anything is applied, or after all of it."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call of `send` instead of an answer.

    Attributes:
        error: Raised.
        moment: See `Moment`.
    """

    error: BaseException
    moment: Moment = Moment.BEFORE


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A batch as it came in: its action, its rows, its key and its run."""

    action: Action
    rows: tuple[tuple[Op, str], ...]
    idempotency_key: str
    run_id: str


@dataclass
class MemoryDestination:
    """Holds records by key.

    Attributes:
        capabilities: What it says of itself.
        refused_keys: Rows that are rejected one by one, as a real tool refuses a bad
            address.
        busy_keys: Rows that are rejected as many times, and then taken.
        poisoned_keys: Rows that make the whole batch refused.
        faults: Taken one for each call of `send`; None for a call that goes well.
        max_bytes: A batch whose fields take more is too large.
        job_looks: Looks at a job before it is done, where it is asynchronous.
        lost_jobs: As many jobs are not known any more when they are asked for.
        uncounted: Rows of each batch that fail without being named.
        records: What it holds, by key.
        members: What is in its list.
        archived: What is archived.
        events: What was appended, in order.
        batches: What came in, in the order in which it was taken.
    """

    capabilities: Capabilities = CAPABILITIES
    refused_keys: frozenset[str] = frozenset()
    busy_keys: dict[str, int] = field(default_factory=dict)
    poisoned_keys: frozenset[str] = frozenset()
    faults: deque[Fault | None] = field(default_factory=deque)
    max_bytes: int | None = None
    job_looks: int = 1
    lost_jobs: int = 0
    uncounted: int = 0
    before_answer: Callable[[Batch], None] = lambda _: None
    records: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    archived: set[str] = field(default_factory=set)
    events: list[str] = field(default_factory=list)
    batches: list[SentBatch] = field(default_factory=list)
    request_count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _jobs: dict[str, tuple[int, BatchResult]] = field(default_factory=dict)
    _keys_seen: dict[str, BatchResult] = field(default_factory=dict)

    def send(self, batch: Batch) -> BatchResult:
        """Apply every record that is not refused."""
        records = tuple(batch.records)
        with self._lock:
            self.request_count += 1
            fault = self.faults.popleft() if self.faults else None
            if fault is not None and fault.moment is Moment.BEFORE:
                raise fault.error
            self._check(records)
            result = self._take(batch, records)
        if batch.wanted is not None:
            self.records = {each.key: each.fields for each in batch.wanted()}
        self.before_answer(batch)
        if fault is not None:
            raise fault.error
        return result

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """Tell the result once it was looked at often enough."""
        with self._lock:
            self.request_count += 1
            if job not in self._jobs or self.lost_jobs:
                self.lost_jobs = max(0, self.lost_jobs - 1)
                raise JobLostError("There is no such job.", is_in_doubt=True)
            looks, result = self._jobs[job]
            self._jobs[job] = (looks - 1, result)
            del batch
            return result if looks <= 0 else None

    def _check(self, records: tuple[Record, ...]) -> None:
        size = sum(len(str(record.fields)) for record in records)
        if self.max_bytes is not None and size > self.max_bytes:
            raise BatchRefusedError("The batch is too large.", is_too_large=True)
        if any(record.key in self.poisoned_keys for record in records):
            raise BatchRefusedError("The batch was refused.", code="poisoned")

    def _take(self, batch: Batch, records: tuple[Record, ...]) -> BatchResult:
        self.batches.append(
            SentBatch(
                batch.action,
                tuple((record.op, record.key) for record in records),
                batch.idempotency_key,
                batch.run_id,
            )
        )
        known = self._keys_seen.get(batch.idempotency_key)
        is_keyed_by_header = self.capabilities.idempotency is Idempotency.HEADER
        if known is not None and is_keyed_by_header:
            return known
        result = self._apply(batch.action, records)
        self._keys_seen[batch.idempotency_key] = result
        if not self.capabilities.is_async:
            return result
        job = f"job-{len(self._jobs) + 1}"
        self._jobs[job] = (self.job_looks, result)
        return BatchResult(job=job)

    def _apply(self, action: Action, records: Iterable[Record]) -> BatchResult:
        rejected: list[RejectedRow] = []
        dest_ids: dict[int, str] = {}
        for position, record in enumerate(records):
            if record.key in self.refused_keys:
                rejected.append(RejectedRow(position, "INVALID_FIELD", code="refused"))
            elif self.busy_keys.get(record.key, 0) > 0:
                self.busy_keys[record.key] -= 1
                rejected.append(
                    RejectedRow(position, "CONFLICT", code="busy", is_retryable=True)
                )
            elif action is Action.CREATE and record.key in self.records:
                rejected.append(RejectedRow(position, "CONFLICT", code="exists"))
            else:
                self._apply_one(action, record)
                dest_ids[position] = f"id-{record.key}"
        return BatchResult(
            tuple(rejected),
            dest_ids if self.capabilities.gives_ids else {},
            uncounted_failures=self.uncounted,
        )

    def _apply_one(self, action: Action, record: Record) -> None:
        is_removal = record.op is Op.REMOVE
        match action:
            case Action.RUN if is_removal:
                self.records.pop(record.key, None)
            case Action.DELETE | Action.ERASE:
                self.records.pop(record.key, None)
                self.members.discard(record.key)
            case Action.ARCHIVE:
                self.records.pop(record.key, None)
                self.archived.add(record.key)
            case Action.ADD:
                self.members.add(record.key)
                self.records[record.key] = record.fields
            case Action.REMOVE:
                self.members.discard(record.key)
                self.records.pop(record.key, None)
            case Action.APPEND:
                self.events.append(record.event_id)
                self.records[record.key] = record.fields
            case Action.UPDATE if is_removal:
                self.records.pop(record.key, None)
            case Action.UPDATE if record.key not in self.records:
                return
            case _:
                self.records[record.key] = record.fields


def lost_answer() -> Fault:
    """All of a batch is applied, and nobody hears of it."""
    return Fault(
        RetryableDeliveryError("The answer was lost.", is_in_doubt=True), Moment.AFTER
    )


def no_answer() -> Fault:
    """Nothing of a batch is applied, for certain."""
    return Fault(RetryableDeliveryError("Nobody answers."))
