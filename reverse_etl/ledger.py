"""The write-ahead ledger: what was about to be sent, and what was answered.

SQLite in WAL mode with full synchronisation: a mark is on the disk before the request goes
out, at about a millisecond a batch. Holds sequence numbers, states and error codes, never
a key or a value of a row. The rows' lasting record is in the warehouse (`snapshot`); once
that is committed, the run leaves the ledger.

A lease makes each sync single-file. Its fence number grows with every holder, and every
write names it, so a run that slept through its lease cannot write over its successor.
"""

import contextlib
import hashlib
import os
import socket
import sqlite3
import sys
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from reverse_etl.clock import as_utc
from reverse_etl.errors import LeaseLostError, LedgerError, SyncBusyError
from reverse_etl.plan import BatchSpan

LEASE_TIME = timedelta(minutes=10)
"""Longer than one batch may take with all its retries; renewed with every batch."""

_SCHEMA_VERSION = 1
_BUSY_TIMEOUT_S = 30.0

_SCHEMA = """
create table if not exists lease (
    sync_name text primary key,
    fence integer not null,
    holder text not null,
    host text not null,
    process_id integer not null,
    process_start text not null,
    expires_at text not null
) strict;
create table if not exists run (
    run_id text primary key,
    sync_name text not null,
    fence integer not null
) strict;
create table if not exists batch (
    run_id text not null references run (run_id) on delete cascade,
    batch_index integer not null,
    first_seq integer not null,
    last_seq integer not null,
    state text not null check (state in ('planned', 'sending', 'acked', 'failed')),
    primary key (run_id, batch_index)
) strict, without rowid;
create table if not exists rejection (
    run_id text not null references run (run_id) on delete cascade,
    seq integer not null,
    error_class text not null,
    code text,
    field text,
    primary key (run_id, seq)
) strict, without rowid;
"""


class BatchState(StrEnum):
    """How far a batch came.

    PLANNED was never sent. SENDING was sent, or was about to be: nobody knows whether it
    was applied. ACKED was answered for every row. FAILED certainly was not applied.
    """

    PLANNED = "planned"
    SENDING = "sending"
    ACKED = "acked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One batch as the ledger knows it."""

    index: int
    first_seq: int
    last_seq: int
    state: BatchState


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that the destination refused, by its sequence number in the plan."""

    seq: int
    error_class: str
    code: str | None
    field: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run one sync, until another holder gets a higher fence."""

    sync: str
    holder: str
    fence: int


def idempotency_key(*, sync: str, run_id: str, batch_index: int) -> str:
    """The key of a batch: the same for every attempt at it, and for no other batch."""
    text = "\n".join((sync, run_id, str(batch_index)))
    return hashlib.sha256(text.encode()).hexdigest()


class Ledger:
    """An open ledger. Made by `open_ledger`; for one thread."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @contextlib.contextmanager
    def lease(self, sync: str, *, now: datetime) -> Iterator[Lease]:
        """Hold a sync for the length of a run.

        A holder whose process is dead on this machine is followed at once; one elsewhere
        when its lease has expired.

        Raises:
            SyncBusyError: Another run holds it.
        """
        lease = self._acquire(sync, now)
        try:
            yield lease
        finally:
            # A lease that cannot be given back ends with this process.
            with contextlib.suppress(LedgerError):
                self._release(lease)

    def begin_run(self, lease: Lease, run_id: str, spans: Iterable[BatchSpan]) -> None:
        """Write a run's batches down as planned, all or none."""
        with self._transaction():
            self._check(lease)
            self._connection.execute(
                "insert into run (run_id, sync_name, fence) values (?, ?, ?)",
                (run_id, lease.sync, lease.fence),
            )
            self._connection.executemany(
                "insert into batch (run_id, batch_index, first_seq, last_seq, state) "
                "values (?, ?, ?, ?, 'planned')",
                ((run_id, span.index, span.first, span.last) for span in spans),
            )

    def mark_sending(
        self, lease: Lease, run_id: str, batch_index: int, *, now: datetime
    ) -> None:
        """The last thing on the disk before a batch goes out. Renews the lease."""
        with self._transaction():
            self._check(lease)
            self._connection.execute(
                "update lease set expires_at = ? where sync_name = ?",
                (_text(now + LEASE_TIME), lease.sync),
            )
            self._set_state(run_id, batch_index, BatchState.SENDING)

    def mark_acked(
        self,
        lease: Lease,
        run_id: str,
        batch_index: int,
        rejections: Iterable[Rejection],
    ) -> None:
        """The destination answered for every row; all but `rejections` are applied."""
        with self._transaction():
            self._check(lease)
            self._connection.executemany(
                "insert into rejection (run_id, seq, error_class, code, field) "
                "values (?, ?, ?, ?, ?)",
                (
                    (run_id, row.seq, row.error_class, row.code, row.field)
                    for row in rejections
                ),
            )
            self._set_state(run_id, batch_index, BatchState.ACKED)

    def mark_failed(self, lease: Lease, run_id: str, batch_index: int) -> None:
        """Nothing of the batch was applied, for certain."""
        with self._transaction():
            self._check(lease)
            self._set_state(run_id, batch_index, BatchState.FAILED)

    def close_run(self, lease: Lease, run_id: str) -> None:
        """Forget a run whose outcomes are committed in the warehouse."""
        with self._transaction():
            self._check(lease)
            self._connection.execute("delete from run where run_id = ?", (run_id,))

    def open_runs(self, sync: str) -> tuple[str, ...]:
        """Runs of a sync that were begun and not closed, oldest first."""
        rows = self._read(
            "select run_id from run where sync_name = ? order by run_id", sync
        )
        return tuple(str(run_id) for (run_id,) in rows)

    def batches(self, run_id: str) -> tuple[BatchRecord, ...]:
        """A run's batches in order; empty when the ledger does not know the run."""
        rows = self._read(
            "select batch_index, first_seq, last_seq, state from batch "
            "where run_id = ? order by batch_index",
            run_id,
        )
        return tuple(
            BatchRecord(index, first, last, BatchState(state))
            for index, first, last, state in rows
        )

    def rejections(self, run_id: str) -> tuple[Rejection, ...]:
        """The rows of a run that the destination refused, in plan order."""
        rows = self._read(
            "select seq, error_class, code, field from rejection "
            "where run_id = ? order by seq",
            run_id,
        )
        return tuple(
            Rejection(seq, error_class, code, field)
            for seq, error_class, code, field in rows
        )

    def _acquire(self, sync: str, now: datetime) -> Lease:
        with self._transaction():
            row = self._connection.execute(
                "select fence, host, process_id, process_start, expires_at from lease "
                "where sync_name = ?",
                (sync,),
            ).fetchone()
            fence, host, process_id, start, expires_at = row or (0, "", 0, "", "")
            if _text(now) < expires_at and _may_be_alive(host, process_id, start):
                raise SyncBusyError(
                    f"Sync '{sync}' is running in process {process_id} on {host}. Wait "
                    "for it to end. If that machine is gone, its lease ends at "
                    f"{expires_at} UTC."
                )
            lease = Lease(sync, uuid.uuid4().hex, fence + 1)
            self._connection.execute(
                "insert or replace into lease "
                "(sync_name, fence, holder, host, process_id, process_start, "
                "expires_at) values (?, ?, ?, ?, ?, ?, ?)",
                (
                    sync,
                    lease.fence,
                    lease.holder,
                    socket.gethostname(),
                    os.getpid(),
                    _process_start(os.getpid()),
                    _text(now + LEASE_TIME),
                ),
            )
        return lease

    def _release(self, lease: Lease) -> None:
        # The row stays, so that the fence goes on growing.
        with self._transaction():
            self._connection.execute(
                "update lease set expires_at = '' where sync_name = ? and holder = ?",
                (lease.sync, lease.holder),
            )

    def _check(self, lease: Lease) -> None:
        row = self._connection.execute(
            "select holder from lease where sync_name = ? and fence = ?",
            (lease.sync, lease.fence),
        ).fetchone()
        if row != (lease.holder,):
            raise LeaseLostError(
                f"Another run of sync '{lease.sync}' took over while this one was paused. "
                "This one stopped before it sent anything more; the other goes on."
            )

    def _set_state(self, run_id: str, batch_index: int, state: BatchState) -> None:
        changed = self._connection.execute(
            "update batch set state = ? where run_id = ? and batch_index = ?",
            (state.value, run_id, batch_index),
        ).rowcount
        if changed != 1:
            raise LedgerError(
                f"{self._path} has no batch {batch_index} of run {run_id}. It was changed "
                "from outside. Run the sync again: what was sent and not recorded is sent "
                "once more."
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._connection.execute("begin immediate")
            try:
                yield
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("rollback")
                raise
            self._connection.execute("commit")
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from None

    def _read(self, query: str, *parameters: str) -> list[Any]:
        try:
            return self._connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from None


@contextlib.contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Open the ledger, making it when it is not there.

    Raises:
        LedgerError: The file cannot be made or read, or a newer version wrote it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_S, isolation_level=None
        )
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from None
    with contextlib.closing(connection):
        try:
            _prepare(connection, path)
        except sqlite3.Error as error:
            raise _unusable(path, error) from None
        yield Ledger(connection, path)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("pragma foreign_keys = on")
    (version,) = connection.execute("pragma user_version").fetchone()
    if version > _SCHEMA_VERSION:
        raise LedgerError(
            f"{path} was written by a newer Kenning (ledger version {version}, this one "
            f"knows {_SCHEMA_VERSION}). Update Kenning."
        )
    connection.executescript(
        f"begin immediate; {_SCHEMA} pragma user_version = {_SCHEMA_VERSION}; commit;"
    )


def _unusable(path: Path, error: Exception) -> LedgerError:
    return LedgerError(
        f"The ledger {path} cannot be used ({error}). Check the folder's rights and the "
        "disk's space. If the file is damaged, move it away: what was sent and not yet "
        "recorded in the warehouse is then sent once more."
    )


def _may_be_alive(host: str, process_id: int, start: str) -> bool:
    if host != socket.gethostname() or sys.platform == "win32":
        return True
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # Numbers of processes come round again, soonest of all in a container.
    return start == _process_start(process_id)


def _process_start(process_id: int) -> str:
    """When a process of this machine was started, where the system tells; else empty."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The name, in brackets, may hold anything; the start is the 20th word after it.
    return status.rpartition(")")[2].split()[19]


def _text(moment: datetime) -> str:
    return as_utc(moment).isoformat(sep=" ", timespec="seconds")
