"""The ledger: leases, fences, and what it still knows after a crash."""

import os
import socket
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from reverse_etl.errors import LeaseLostError, LedgerError, SyncBusyError
from reverse_etl.ledger import (
    LEASE_TIME,
    BatchRecord,
    BatchState,
    Rejection,
    idempotency_key,
    open_ledger,
)
from reverse_etl.plan import cut_batches
from tests.sync_world import NOW

SPANS = cut_batches(remove_count=2, upsert_count=3, max_rows=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path):
    with open_ledger(path) as opened:
        yield opened


def test_a_run_is_remembered_after_the_process_is_gone(path):
    with open_ledger(path) as before, before.lease("s", now=NOW) as lease:
        before.begin_run(lease, "run 1", SPANS)
        before.mark_sending(lease, "run 1", 0, now=NOW)
        before.mark_acked(
            lease, "run 1", 0, [Rejection(2, "INVALID_FIELD", "bad", "email")]
        )
        before.mark_sending(lease, "run 1", 1, now=NOW)

    with open_ledger(path) as after:
        assert after.open_runs("s") == ("run 1",)
        assert after.batches("run 1") == (
            BatchRecord(0, 1, 2, BatchState.ACKED),
            BatchRecord(1, 3, 4, BatchState.SENDING),
            BatchRecord(2, 5, 5, BatchState.PLANNED),
        )
        assert after.rejections("run 1") == (
            Rejection(2, "INVALID_FIELD", "bad", "email"),
        )


def test_the_ledger_writes_each_mark_to_the_disk(path, ledger):
    ((mode,),) = ledger._connection.execute("pragma journal_mode").fetchall()
    ((level,),) = ledger._connection.execute("pragma synchronous").fetchall()

    assert (mode, level) == ("wal", 2)


def test_a_closed_run_is_forgotten_with_its_batches_and_rejections(ledger):
    with ledger.lease("s", now=NOW) as lease:
        ledger.begin_run(lease, "run 1", SPANS)
        ledger.mark_acked(lease, "run 1", 0, [Rejection(1, "OTHER", None, None)])

        ledger.close_run(lease, "run 1")

    assert ledger.open_runs("s") == ()
    assert ledger.batches("run 1") == ()
    assert ledger.rejections("run 1") == ()


def test_a_second_run_of_the_same_sync_is_refused(path, ledger):
    with (
        ledger.lease("s", now=NOW),
        open_ledger(path) as other,
        pytest.raises(SyncBusyError) as caught,
        other.lease("s", now=NOW),
    ):
        pass

    assert f"running in process {os.getpid()}" in str(caught.value)


def test_two_syncs_run_at_once(path, ledger):
    with (
        ledger.lease("s", now=NOW),
        open_ledger(path) as other,
        other.lease("t", now=NOW) as lease,
    ):
        assert lease.sync == "t"


def test_a_lease_is_free_again_when_its_run_is_over(ledger):
    with ledger.lease("s", now=NOW):
        pass

    with ledger.lease("s", now=NOW) as lease:
        assert lease.fence == 2


def test_a_lease_is_free_again_when_its_run_failed(ledger):
    with pytest.raises(ValueError, match="bug"), ledger.lease("s", now=NOW):
        raise ValueError("bug")

    with ledger.lease("s", now=NOW) as lease:
        assert lease.fence == 2


def test_the_lease_of_a_dead_process_is_followed_at_once(path, ledger):
    with ledger.lease("s", now=NOW):
        pass
    dead = os.fork()
    if dead == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    _steal(path, process_id=dead, expires_at="2099-01-01 00:00:00")

    with ledger.lease("s", now=NOW) as lease:
        assert lease.fence == 2


def test_the_lease_of_a_process_whose_number_came_round_is_followed_at_once(
    path, ledger
):
    with ledger.lease("s", now=NOW):
        pass
    _steal(path, process_id=os.getpid(), expires_at="2099-01-01 00:00:00")
    with sqlite3.connect(path) as connection:
        connection.execute("update lease set process_start = '12345'")

    with ledger.lease("s", now=NOW) as lease:
        assert lease.fence == 2


def test_the_lease_of_another_machine_is_followed_when_it_has_expired(path, ledger):
    with ledger.lease("s", now=NOW):
        pass
    _steal(path, host="elsewhere", expires_at="2026-06-30 12:10:00")

    with pytest.raises(SyncBusyError, match="elsewhere"), ledger.lease("s", now=NOW):
        pass
    with ledger.lease("s", now=NOW + timedelta(minutes=10)) as lease:
        assert lease.fence == 2


def test_a_run_that_slept_through_its_lease_may_not_go_on(path, ledger):
    with ledger.lease("s", now=NOW) as slept:
        ledger.begin_run(slept, "run 1", SPANS)
        with (
            open_ledger(path) as other,
            other.lease("s", now=NOW + LEASE_TIME),
            pytest.raises(LeaseLostError),
        ):
            ledger.mark_sending(slept, "run 1", 0, now=NOW + LEASE_TIME)

    assert ledger.batches("run 1")[0].state is BatchState.PLANNED


def test_marking_a_batch_as_sending_renews_the_lease(path, ledger):
    later = NOW + timedelta(minutes=9)
    with ledger.lease("s", now=NOW) as lease:
        ledger.begin_run(lease, "run 1", SPANS)
        ledger.mark_sending(lease, "run 1", 0, now=later)

        with (
            open_ledger(path) as other,
            pytest.raises(SyncBusyError),
            other.lease("s", now=NOW + LEASE_TIME),
        ):
            pass


def test_a_batch_that_the_ledger_does_not_know_stops_the_run(ledger):
    with ledger.lease("s", now=NOW) as lease:
        ledger.begin_run(lease, "run 1", SPANS)

        with pytest.raises(LedgerError, match="no batch 7 of run run 1"):
            ledger.mark_failed(lease, "run 1", 7)


def test_a_damaged_ledger_says_what_moving_it_away_means(path):
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)

    with pytest.raises(LedgerError, match="move it away"), open_ledger(path):
        pass


def test_a_ledger_of_a_newer_version_is_not_touched(path):
    with open_ledger(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("pragma user_version = 99")

    with (
        pytest.raises(LedgerError, match=r"version 99, this one knows 1"),
        open_ledger(path),
    ):
        pass


def test_idempotency_key_differs_by_sync_run_and_batch():
    keys = {
        idempotency_key(sync="s", run_id="r", batch_index=0),
        idempotency_key(sync="t", run_id="r", batch_index=0),
        idempotency_key(sync="s", run_id="q", batch_index=0),
        idempotency_key(sync="s", run_id="r", batch_index=1),
    }

    assert len(keys) == 4
    assert idempotency_key(sync="s", run_id="r", batch_index=0) in keys


def _steal(
    path: Path,
    *,
    host: str = "",
    process_id: int = 1,
    expires_at: str,
) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "update lease set host = ?, process_id = ?, expires_at = ?",
            (host or socket.gethostname(), process_id, expires_at),
        )
