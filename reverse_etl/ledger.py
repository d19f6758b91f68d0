"""The write-ahead ledger: what was about to be sent, and what was answered.

A mark is on the disk before a request goes out, and again when it was answered. Holds
sequence numbers, states, error codes and the destination's own ids, never a key or a value
of a row. The rows' lasting record is in the warehouse (`snapshot`); what is committed there
leaves the ledger.

A lease makes each sync single-file. Its fence number grows with every holder, and every
write names it, so a run that slept through its lease cannot write over its successor.
"""

import contextlib
import hashlib
import os
import socket
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import orjson
import sqlalchemy as sa

from reverse_etl.clock import Clock
from reverse_etl.errors import LeaseLostError, SyncBusyError
from reverse_etl.ledger_tables import (
    BATCHES,
    CONTROLS,
    DEST_IDS,
    LEASES,
    REFUSALS,
    RUNS,
    LedgerDatabase,
    Place,
    moment_text,
    open_database,
    text_moment,
)
from reverse_etl.modes import Action
from reverse_etl.spans import Span, joined, spans_from_text, spans_text

LEASE_TIME = timedelta(minutes=5)
"""How long a lease outlives the last sign of life of a holder on another machine."""

_HEARTBEAT_S = 60.0
_MOST_SPANS_TOGETHER = 1_000


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


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that may hold a lease: where it is, and how it is known again there."""

    host: str
    process_id: int
    process_start: str


_NOBODY = Holder("", 0, "")


def this_process() -> Holder:
    """The process that runs."""
    return Holder(socket.gethostname(), os.getpid(), _process_start(os.getpid()))


def idempotency_key(*, sync: str, run_id: str, number: int) -> str:
    """The key of a batch: the same for every attempt at it, and for no other batch."""
    text = "\n".join((sync, run_id, str(number)))
    return hashlib.sha256(text.encode()).hexdigest()


class Ledger:
    """An open ledger. Made by `open_ledger`."""

    def __init__(self, database: LedgerDatabase, holder: Holder) -> None:
        self._database = database
        self._holder = holder
        self._put_batches = database.upsert(BATCHES)
        self._put_refusals = database.upsert(REFUSALS)
        self._put_dest_ids = database.upsert(DEST_IDS)
        self._put_control = database.upsert(CONTROLS)
        self._put_lease = database.upsert(LEASES)
        self._first_lease = database.insert_missing(LEASES)
        self._find_lease = (
            sa.select(LEASES.c.holder)
            .where(LEASES.c.sync_name == sa.bindparam("sync"))
            .where(LEASES.c.fence == sa.bindparam("fence"))
            .with_for_update()
        )

    @property
    def database(self) -> LedgerDatabase:
        """What it is kept in, for the rate limits beside it."""
        return self._database

    @contextlib.contextmanager
    def lease(self, sync: str, *, now: Clock) -> Iterator[Lease]:
        """Hold a sync for the length of a run; a sign of life is given all the while.

        A holder whose process is dead on this machine is followed at once, and one that is
        alive here never; one elsewhere when its lease has expired.

        Raises:
            SyncBusyError: Another run holds it.
        """
        lease = self._acquire(sync, now())
        ended = threading.Event()
        keeper = threading.Thread(
            target=self._keep, args=(lease, now, ended), name="lease", daemon=True
        )
        keeper.start()
        try:
            yield lease
        finally:
            ended.set()
            keeper.join()
            # A lease that cannot be given back ends with this process.
            with contextlib.suppress(Exception):
                self._release(lease)

    def begin_run(self, lease: Lease, run: LedgerRun) -> None:
        """Write a run down, before it has sent anything."""
        with self._writing(lease) as connection:
            connection.execute(
                sa.insert(RUNS).values(
                    run_id=run.run_id,
                    sync_name=run.sync,
                    fingerprint=run.fingerprint,
                    planned_at=moment_text(run.planned_at),
                )
            )

    def resume_at(self, lease: Lease, run_id: str, moment: datetime | None) -> None:
        """Note when a run without quota may go on; None lets it go on at once."""
        text = None if moment is None else moment_text(moment)
        with self._writing(lease) as connection:
            connection.execute(
                sa.update(RUNS).where(RUNS.c.run_id == run_id).values(resume_at=text)
            )

    def write(self, lease: Lease, run_id: str, writing: Writing) -> None:
        """Write what is to be sent and what was answered, all or none."""
        with self._writing(lease) as connection:
            self._put(connection, run_id, writing)

    def compact(self, lease: Lease, run_id: str) -> None:
        """Put finished batches of the same fate together, so that few remain."""
        finished = [batch for batch in self.batches(run_id) if batch.is_finished]
        kept, removed = _together(finished)
        if removed:
            self.write(lease, run_id, Writing(batches=kept, removed=removed))

    def settled(self, lease: Lease, run_id: str) -> None:
        """Everything that is final has been recorded in the warehouse."""
        kept, removed = _together(
            [
                LedgerBatch(
                    batch.number,
                    batch.action,
                    batch.spans,
                    BatchState.SETTLED,
                    uncounted=batch.uncounted,
                )
                for batch in self.batches(run_id)
                if batch.is_finished
            ]
        )
        with self._writing(lease) as connection:
            for table in (REFUSALS, DEST_IDS):
                connection.execute(sa.delete(table).where(table.c.run_id == run_id))
            self._put(connection, run_id, Writing(batches=kept, removed=removed))

    def close_run(self, lease: Lease, run_id: str) -> None:
        """Forget a run whose outcomes are committed in the warehouse."""
        with self._writing(lease) as connection:
            for table in (DEST_IDS, REFUSALS, BATCHES, RUNS):
                connection.execute(sa.delete(table).where(table.c.run_id == run_id))

    def open_runs(self, sync: str) -> tuple[LedgerRun, ...]:
        """Runs of a sync that were begun and not closed, oldest first."""
        query = (
            sa.select(
                RUNS.c.run_id, RUNS.c.fingerprint, RUNS.c.planned_at, RUNS.c.resume_at
            )
            .where(RUNS.c.sync_name == sync)
            .order_by(RUNS.c.run_id)
        )
        with self._database.reading() as connection:
            return tuple(
                LedgerRun(
                    run_id,
                    sync,
                    fingerprint,
                    text_moment(planned_at),
                    None if resume_at is None else text_moment(resume_at),
                )
                for run_id, fingerprint, planned_at, resume_at in connection.execute(
                    query
                )
            )

    def batches(self, run_id: str) -> tuple[LedgerBatch, ...]:
        """A run's batches by number; few, when it is compacted now and then."""
        query = (
            sa.select(*BATCHES.c)
            .where(BATCHES.c.run_id == run_id)
            .order_by(BATCHES.c.number)
        )
        with self._database.reading() as connection:
            return tuple(_batch(row) for row in connection.execute(query))

    def refusals(self, run_id: str, *, most: int) -> Iterator[Sequence[Refusal]]:
        """The refused rows of a run in plan order, at most so many at a time."""
        query = (
            sa.select(
                REFUSALS.c.seq,
                REFUSALS.c.error_class,
                REFUSALS.c.error_code,
                REFUSALS.c.error_field,
                REFUSALS.c.is_retryable,
            )
            .where(REFUSALS.c.run_id == run_id)
            .order_by(REFUSALS.c.seq)
        )
        with self._database.reading() as connection:
            for rows in connection.execute(query).partitions(most):
                yield [Refusal(*row) for row in rows]

    def dest_ids(self, run_id: str, *, most: int) -> Iterator[Mapping[int, str]]:
        """The destination's ids by sequence number, of so many answers at a time.

        In the order of the answers: a later one is right where two name the same row.
        """
        query = (
            sa.select(DEST_IDS.c.seqs, DEST_IDS.c.ids)
            .where(DEST_IDS.c.run_id == run_id)
            .order_by(DEST_IDS.c.number)
        )
        with self._database.reading() as connection:
            for rows in connection.execute(query).partitions(most):
                yield {
                    seq: dest_id
                    for seqs, ids in rows
                    for seq, dest_id in zip(
                        orjson.loads(seqs), orjson.loads(ids), strict=True
                    )
                }

    def tell(
        self, sync: str, control: Control, text: str | None, *, now: datetime
    ) -> None:
        """Note what a person decided about a sync, or with None that it no longer holds."""
        with self._database.writing() as connection:
            if text is None:
                connection.execute(
                    sa.delete(CONTROLS)
                    .where(CONTROLS.c.sync_name == sync)
                    .where(CONTROLS.c.control == control.value)
                )
                return
            row = {
                "sync_name": sync,
                "control": control.value,
                "text": text,
                "noted_at": moment_text(now),
            }
            connection.execute(self._put_control, [row])

    def told(self, sync: str, control: Control) -> str | None:
        """What was decided about a sync; None when nothing was."""
        query = (
            sa.select(CONTROLS.c.text)
            .where(CONTROLS.c.sync_name == sync)
            .where(CONTROLS.c.control == control.value)
        )
        with self._database.reading() as connection:
            text = connection.execute(query).scalar()
        return None if text is None else str(text)

    def _acquire(self, sync: str, now: datetime) -> Lease:
        find = (
            sa.select(
                LEASES.c.fence,
                LEASES.c.host,
                LEASES.c.process_id,
                LEASES.c.process_start,
                LEASES.c.expires_at,
            )
            .where(LEASES.c.sync_name == sync)
            .with_for_update()
        )
        with self._database.writing() as connection:
            # Somebody who comes at the same moment waits for this row, so it is there first.
            connection.execute(self._first_lease, _lease_row(sync, _NOBODY))
            fence, host, process_id, start, expires_at = connection.execute(find).one()
            holder = Holder(host, process_id, start)
            if _is_busy(holder, expires_at, here=self._holder.host, now=now):
                raise SyncBusyError(
                    f"Sync '{sync}' is running in process {process_id} on {host}. Wait "
                    "for it to end. If that machine is gone, its lease ends at "
                    f"{expires_at} UTC."
                )
            lease = Lease(sync, uuid.uuid4().hex, fence + 1)
            row = _lease_row(
                sync,
                self._holder,
                fence=lease.fence,
                token=lease.holder,
                expires_at=moment_text(now + LEASE_TIME),
            )
            connection.execute(self._put_lease, [row])
        return lease

    def _keep(self, lease: Lease, now: Clock, ended: threading.Event) -> None:
        while not ended.wait(_HEARTBEAT_S):
            # A sign of life that fails is no matter: the next write finds out.
            with contextlib.suppress(Exception):
                self._expire(lease, moment_text(now() + LEASE_TIME))

    def _release(self, lease: Lease) -> None:
        # The row stays, so that the fence goes on growing.
        self._expire(lease, "")

    def _expire(self, lease: Lease, at: str) -> None:
        with self._database.writing() as connection:
            connection.execute(
                sa.update(LEASES)
                .where(LEASES.c.sync_name == lease.sync)
                .where(LEASES.c.holder == lease.holder)
                .values(expires_at=at)
            )

    def _put(self, connection: sa.Connection, run_id: str, writing: Writing) -> None:
        if writing.removed:
            connection.execute(
                sa.delete(BATCHES)
                .where(BATCHES.c.run_id == run_id)
                .where(BATCHES.c.number.in_(writing.removed))
            )
        if writing.batches:
            connection.execute(
                self._put_batches,
                [_batch_row(run_id, batch) for batch in writing.batches],
            )
        if writing.refusals:
            connection.execute(
                self._put_refusals,
                [_refusal_row(run_id, refusal) for refusal in writing.refusals],
            )
        if writing.dest_ids:
            connection.execute(
                self._put_dest_ids,
                [
                    _dest_id_row(run_id, number, ids)
                    for number, ids in writing.dest_ids.items()
                ],
            )

    @contextlib.contextmanager
    def _writing(self, lease: Lease) -> Iterator[sa.Connection]:
        with self._database.writing() as connection:
            holder = connection.execute(
                self._find_lease, {"sync": lease.sync, "fence": lease.fence}
            ).scalar()
            if holder != lease.holder:
                raise LeaseLostError(
                    f"Another run of sync '{lease.sync}' took over while this one was "
                    "paused. This one stopped before it sent anything more; the other "
                    "goes on."
                )
            yield connection


@contextlib.contextmanager
def open_ledger(place: Place, *, holder: Holder | None = None) -> Iterator[Ledger]:
    """Open the ledger, making it when it is not there.

    Args:
        place: A file, or the URL of a database that several machines share.
        holder: Who takes leases; this process unless a test says otherwise.

    Raises:
        LedgerError: It cannot be made or read, or a newer version wrote it.
    """
    with open_database(place) as database:
        yield Ledger(database, holder or this_process())


def _together(
    batches: Sequence[LedgerBatch],
) -> tuple[list[LedgerBatch], list[int]]:
    """Finished batches with those of the same fate as one; and the numbers that it frees.

    The highest number of each stays, since the next one is counted from it.
    """
    kept: list[LedgerBatch] = []
    removed: list[int] = []
    place_of_fate: dict[LedgerBatch, int] = {}
    for batch in batches:
        fate = replace(
            batch, number=0, spans=(), row_tries=0, give_ups=0, uncounted=0, job=None
        )
        place = place_of_fate.get(fate)
        if place is None or len(kept[place].spans) > _MOST_SPANS_TOGETHER:
            place_of_fate[fate] = len(kept)
            kept.append(batch)
            continue
        earlier = kept[place]
        removed.append(earlier.number)
        kept[place] = replace(
            batch,
            spans=joined([*earlier.spans, *batch.spans]),
            uncounted=earlier.uncounted + batch.uncounted,
        )
    return kept, removed


def _batch_row(run_id: str, batch: LedgerBatch) -> dict[str, str | int | bool | None]:
    return {
        "run_id": run_id,
        "number": batch.number,
        "action": batch.action.value,
        "state": batch.state.value,
        "spans": spans_text(batch.spans),
        "row_tries": batch.row_tries,
        "give_ups": batch.give_ups,
        "is_in_doubt": batch.is_in_doubt,
        "job": batch.job,
        "uncounted": batch.uncounted,
        "error_class": batch.error_class,
        "error_code": batch.error_code,
        "is_retryable": batch.is_retryable,
    }


def _batch(row: sa.Row[tuple[object, ...]]) -> LedgerBatch:
    values = row._mapping  # noqa: SLF001  its documented accessor
    return LedgerBatch(
        number=values["number"],
        action=Action(values["action"]),
        spans=spans_from_text(values["spans"]),
        state=BatchState(values["state"]),
        row_tries=values["row_tries"],
        give_ups=values["give_ups"],
        is_in_doubt=values["is_in_doubt"],
        job=values["job"],
        uncounted=values["uncounted"],
        error_class=values["error_class"],
        error_code=values["error_code"],
        is_retryable=values["is_retryable"],
    )


def _refusal_row(run_id: str, refusal: Refusal) -> dict[str, str | int | bool | None]:
    return {
        "run_id": run_id,
        "seq": refusal.seq,
        "error_class": refusal.error_class,
        "error_code": refusal.code,
        "error_field": refusal.field,
        "is_retryable": refusal.is_retryable,
    }


def _dest_id_row(
    run_id: str, number: int, ids: Mapping[int, str]
) -> dict[str, str | int]:
    return {
        "run_id": run_id,
        "number": number,
        "seqs": orjson.dumps(list(ids)).decode(),
        "ids": orjson.dumps(list(ids.values())).decode(),
    }


def _lease_row(
    sync: str, holder: Holder, *, fence: int = 0, token: str = "", expires_at: str = ""
) -> dict[str, str | int]:
    return {
        "sync_name": sync,
        "fence": fence,
        "holder": token,
        "host": holder.host,
        "process_id": holder.process_id,
        "process_start": holder.process_start,
        "expires_at": expires_at,
    }


def _is_busy(holder: Holder, expires_at: str, *, here: str, now: datetime) -> bool:
    if not expires_at:
        return False
    if holder.host == here and sys.platform != "win32":
        # Whatever the clock says: a process that is alive has not let go of its lease.
        return is_alive(holder)
    return moment_text(now) < expires_at


def is_alive(holder: Holder) -> bool:
    """Whether a process of this machine still runs."""
    try:
        os.kill(holder.process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # Numbers of processes come round again, soonest of all in a container.
    return holder.process_start == _process_start(holder.process_id)


def _process_start(process_id: int) -> str:
    """When a process of this machine was started, where the system tells; else empty."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The name, in brackets, may hold anything; the start is the 20th word after it.
    return status.rpartition(")")[2].split()[19]
