"""The write-ahead ledger: what was about to be sent, and what was answered.

A mark is on the disk before a request goes out, and again when it was answered. Holds
sequence numbers, states, error codes and the destination's own ids, never a key or a value
of a row. The rows' lasting record is in the warehouse (`snapshot`); what is committed there
leaves the ledger.

A lease makes each sync single-file. Its fence number grows with every holder, and every
write names it, so a run that slept through its lease cannot write over its successor.
"""

import contextlib
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import orjson
import sqlalchemy as sa

from reverse_etl.clock import Clock
from reverse_etl.errors import LeaseLostError, SyncBusyError
from reverse_etl.lease_holders import NOBODY, Holder, is_busy, this_process
from reverse_etl.ledger_entries import (
    BatchState,
    Control,
    Lease,
    LedgerBatch,
    LedgerRun,
    Refusal,
    Writing,
)
from reverse_etl.ledger_rows import (
    batch_of,
    batch_row,
    dest_id_row,
    lease_row,
    put_together,
    refusal_row,
)
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

LEASE_TIME = timedelta(minutes=5)
"""How long a lease outlives the last sign of life of a holder on another machine."""

_HEARTBEAT_S = 60.0


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
        kept, removed = put_together(finished)
        if removed:
            self.write(lease, run_id, Writing(batches=kept, removed=removed))

    def settled(self, lease: Lease, run_id: str) -> None:
        """Everything that is final has been recorded in the warehouse."""
        kept, removed = put_together(
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
            return tuple(batch_of(row) for row in connection.execute(query))

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
            connection.execute(self._first_lease, lease_row(sync, NOBODY))
            fence, host, process_id, start, expires_at = connection.execute(find).one()
            holder = Holder(host, process_id, start)
            if is_busy(holder, expires_at, here=self._holder.host, now=now):
                raise SyncBusyError(
                    f"Sync '{sync}' is running in process {process_id} on {host}. Wait "
                    "for it to end. If that machine is gone, its lease ends at "
                    f"{expires_at} UTC."
                )
            lease = Lease(sync, uuid.uuid4().hex, fence + 1)
            row = lease_row(
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
                [batch_row(run_id, batch) for batch in writing.batches],
            )
        if writing.refusals:
            connection.execute(
                self._put_refusals,
                [refusal_row(run_id, refusal) for refusal in writing.refusals],
            )
        if writing.dest_ids:
            connection.execute(
                self._put_dest_ids,
                [
                    dest_id_row(run_id, number, ids)
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
