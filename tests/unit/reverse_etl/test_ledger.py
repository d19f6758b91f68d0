"""The ledger: leases, fences, and what it still knows after a crash. On both databases."""

import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from reverse_etl.errors import LeaseLostError, LedgerError, SyncBusyError
from reverse_etl.lease_holders import Holder, this_process
from reverse_etl.ledger import LEASE_TIME, Ledger, open_ledger
from reverse_etl.ledger_entries import (
    BatchState,
    Control,
    LedgerBatch,
    LedgerRun,
    Refusal,
    Writing,
    idempotency_key,
)
from reverse_etl.ledger_tables import METADATA, Place, ledger_place
from reverse_etl.modes import Action
from reverse_etl.spans import Span
from tests.postgres_server import running_postgres
from tests.sync_world import NOW

RUN = LedgerRun("run 1", "s", "fingerprint", datetime(2026, 6, 30, 12))
ELSEWHERE = Holder("elsewhere", 7, "1")


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with running_postgres() as url:
        yield url.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return tmp_path / "data" / "ledger.sqlite"
    url = request.getfixturevalue("postgres")
    engine = sa.create_engine(url)
    METADATA.drop_all(engine)
    engine.dispose()
    return url


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    with open_ledger(place) as opened:
        yield opened


def now() -> datetime:
    return NOW


def later(**passed: float):
    return lambda: NOW + timedelta(**passed)


def batch(number: int, first: int, last: int, **named: object) -> LedgerBatch:
    named.setdefault("state", BatchState.PLANNED)
    return LedgerBatch(number, Action.UPSERT, (Span(first, last),), **named)


def test_a_run_is_remembered_after_the_process_is_gone(place):
    sending = LedgerBatch(
        2, Action.REMOVE, (Span(3, 3), Span(7, 9)), BatchState.SENDING, is_in_doubt=True
    )
    submitted = batch(3, 10, 12, state=BatchState.SUBMITTED, job="job 7")
    refusal = Refusal(2, "INVALID_FIELD", "bad", "email", is_retryable=True)
    with open_ledger(place) as before, before.lease("s", now=now) as lease:
        before.begin_run(lease, RUN)
        before.write(lease, "run 1", Writing([batch(1, 1, 2), sending, submitted]))
        before.write(
            lease,
            "run 1",
            Writing(
                [batch(1, 1, 2, state=BatchState.ACKED)],
                refusals=[refusal],
                dest_ids={1: {1: "id 1"}},
            ),
        )

    with open_ledger(place) as after:
        assert after.open_runs("s") == (RUN,)
        assert after.batches("run 1") == (
            batch(1, 1, 2, state=BatchState.ACKED),
            sending,
            submitted,
        )
        assert list(after.refusals("run 1", most=10)) == [[refusal]]
        assert list(after.dest_ids("run 1", most=10)) == [{1: "id 1"}]


def test_a_writing_is_made_whole_or_not_at_all(ledger):
    with ledger.lease("s", now=now) as lease:
        ledger.begin_run(lease, RUN)

        with pytest.raises(LedgerError):
            ledger.write(
                lease,
                "run 1",
                Writing([batch(1, 1, 2)], refusals=[Refusal(None, "OTHER")]),
            )

    assert ledger.batches("run 1") == ()


def test_each_mark_is_on_the_disk(tmp_path):
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        with ledger.database.reading() as connection:
            mode = connection.exec_driver_sql("pragma journal_mode").scalar()
            level = connection.exec_driver_sql("pragma synchronous").scalar()
        limits = ledger.database.without_waiting_for_the_disk()
        with limits.reading() as connection:
            level_of_limits = connection.exec_driver_sql("pragma synchronous").scalar()
        limits.close()

    assert (mode, level, level_of_limits) == ("wal", 2, 1)


def test_a_divided_batch_is_replaced_by_its_halves_in_one_writing(ledger):
    with ledger.lease("s", now=now) as lease:
        ledger.begin_run(lease, RUN)
        ledger.write(lease, "run 1", Writing([batch(1, 1, 4)]))

        ledger.write(
            lease, "run 1", Writing([batch(2, 1, 2), batch(3, 3, 4)], removed=[1])
        )

    assert [each.number for each in ledger.batches("run 1")] == [2, 3]


def test_finished_batches_of_the_same_fate_become_one_and_others_stay(ledger):
    with ledger.lease("s", now=now) as lease:
        ledger.begin_run(lease, RUN)
        ledger.write(
            lease,
            "run 1",
            Writing(
                [
                    batch(1, 1, 2, state=BatchState.ACKED, uncounted=1),
                    batch(2, 3, 4, state=BatchState.REFUSED, error_class="BATCH"),
                    batch(3, 5, 6, state=BatchState.ACKED, row_tries=2, uncounted=2),
                    batch(4, 7, 8, state=BatchState.SENDING),
                    batch(5, 9, 9, state=BatchState.ACKED, is_in_doubt=True),
                ]
            ),
        )

        ledger.compact(lease, "run 1")

    assert [
        (each.number, each.spans, each.state, each.uncounted)
        for each in ledger.batches("run 1")
    ] == [
        (2, ((3, 4),), "refused", 0),
        (3, ((1, 2), (5, 6)), "acked", 3),
        (4, ((7, 8),), "sending", 0),
        (5, ((9, 9),), "acked", 0),
    ]


def test_what_is_settled_stays_as_one_batch_without_refusals_and_ids(ledger):
    with ledger.lease("s", now=now) as lease:
        ledger.begin_run(lease, RUN)
        ledger.write(
            lease,
            "run 1",
            Writing(
                [
                    batch(1, 1, 2, state=BatchState.ACKED),
                    batch(2, 3, 4, state=BatchState.HELD, is_in_doubt=True),
                    batch(3, 5, 6),
                ],
                refusals=[Refusal(1, "OTHER")],
                dest_ids={1: {2: "id"}},
            ),
        )

        ledger.settled(lease, "run 1")

    assert ledger.batches("run 1") == (
        batch(2, 1, 4, state=BatchState.SETTLED),
        batch(3, 5, 6),
    )
    assert list(ledger.refusals("run 1", most=10)) == []
    assert list(ledger.dest_ids("run 1", most=10)) == []


def test_a_closed_run_is_forgotten_with_everything_of_it(ledger):
    with ledger.lease("s", now=now) as lease:
        ledger.begin_run(lease, RUN)
        ledger.write(
            lease,
            "run 1",
            Writing(
                [batch(1, 1, 2)],
                refusals=[Refusal(1, "OTHER")],
                dest_ids={1: {2: "id"}},
            ),
        )

        ledger.close_run(lease, "run 1")

    assert ledger.open_runs("s") == ()
    assert ledger.batches("run 1") == ()
    assert list(ledger.refusals("run 1", most=10)) == []


def test_a_run_that_waits_for_quota_is_remembered_with_its_moment(ledger):
    moment = datetime(2026, 7, 1)
    with ledger.lease("s", now=now) as lease:
        ledger.begin_run(lease, RUN)

        ledger.resume_at(lease, "run 1", moment)
        waiting = ledger.open_runs("s")[0].resume_at
        ledger.resume_at(lease, "run 1", None)

    assert waiting == moment
    assert ledger.open_runs("s")[0].resume_at is None


def test_a_second_run_of_the_same_sync_is_refused(place, ledger):
    with (
        ledger.lease("s", now=now),
        open_ledger(place) as other,
        pytest.raises(SyncBusyError) as caught,
        other.lease("s", now=now),
    ):
        pass

    assert f"running in process {os.getpid()}" in str(caught.value)


def test_two_syncs_run_at_once(place, ledger):
    with (
        ledger.lease("s", now=now),
        open_ledger(place) as other,
        other.lease("t", now=now) as lease,
    ):
        assert lease.sync == "t"


def test_of_many_that_come_at_once_one_gets_the_lease(place):
    came = threading.Barrier(8)
    left = threading.Barrier(8)
    got: list[int] = []
    refused: list[Exception] = []

    def come() -> None:
        with open_ledger(place) as own:
            came.wait()
            try:
                with own.lease("s", now=now) as lease:
                    got.append(lease.fence)
                    left.wait()
            except SyncBusyError as error:
                refused.append(error)
                left.wait()

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == [1]
    assert len(refused) == 7


def test_a_lease_is_free_again_when_its_run_is_over(ledger):
    with ledger.lease("s", now=now):
        pass

    with ledger.lease("s", now=now) as lease:
        assert lease.fence == 2


def test_a_lease_is_free_again_when_its_run_failed(ledger):
    with pytest.raises(ValueError, match="bug"), ledger.lease("s", now=now):
        raise ValueError("bug")

    with ledger.lease("s", now=now) as lease:
        assert lease.fence == 2


def held_by(place: Place, holder: Holder) -> None:
    """Leave a lease behind that was never given back."""
    with open_ledger(place, holder=holder) as other:
        other._acquire("s", NOW)


def test_the_lease_of_a_dead_process_is_followed_at_once(place, ledger):
    dead = os.fork()
    if dead == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    held_by(place, Holder(socket.gethostname(), dead, "1"))

    with ledger.lease("s", now=now) as lease:
        assert lease.fence == 2


def test_the_lease_of_a_process_whose_number_came_round_is_followed_at_once(
    place, ledger
):
    here = this_process()
    held_by(place, Holder(here.host, here.process_id, "12345"))

    with ledger.lease("s", now=now) as lease:
        assert lease.fence == 2


def test_the_lease_of_a_live_process_is_not_followed_whatever_the_clock_says(
    place, ledger
):
    held_by(place, this_process())

    with pytest.raises(SyncBusyError), ledger.lease("s", now=later(days=400)):
        pass


def test_the_lease_of_another_machine_is_followed_when_it_has_expired(place, ledger):
    held_by(place, ELSEWHERE)

    with pytest.raises(SyncBusyError, match="elsewhere"), ledger.lease("s", now=now):
        pass
    with ledger.lease("s", now=lambda: NOW + LEASE_TIME) as lease:
        assert lease.fence == 2


def test_a_run_that_slept_through_its_lease_writes_nothing_more(place):
    with (
        open_ledger(place, holder=ELSEWHERE) as slept,
        slept.lease("s", now=now) as old,
    ):
        slept.begin_run(old, RUN)
        with open_ledger(place) as other, other.lease("s", now=later(hours=1)):
            for write in (
                lambda: slept.write(old, "run 1", Writing([batch(1, 1, 2)])),
                lambda: slept.settled(old, "run 1"),
                lambda: slept.resume_at(old, "run 1", None),
                lambda: slept.close_run(old, "run 1"),
            ):
                with pytest.raises(LeaseLostError):
                    write()
            assert other.open_runs("s") == (RUN,)
            assert other.batches("run 1") == ()


def test_what_a_person_decided_holds_until_it_is_taken_back(ledger):
    ledger.tell("s", Control.PAUSE, "audit", now=NOW)
    ledger.tell("s", Control.APPROVAL, "seal 1", now=NOW)
    ledger.tell("s", Control.APPROVAL, "seal 2", now=NOW)
    paused = ledger.told("s", Control.PAUSE)
    ledger.tell("s", Control.PAUSE, None, now=NOW)

    assert paused == "audit"
    assert ledger.told("s", Control.PAUSE) is None
    assert ledger.told("s", Control.APPROVAL) == "seal 2"
    assert ledger.told("t", Control.APPROVAL) is None


def test_a_damaged_ledger_says_what_moving_it_away_means(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)

    with pytest.raises(LedgerError, match="move it away"), open_ledger(path):
        pass


def test_a_ledger_of_a_newer_version_is_not_touched(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with open_ledger(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("update kenning_ledger_version set version = 99")

    with (
        pytest.raises(LedgerError, match=r"version 99, this one knows 2"),
        open_ledger(path),
    ):
        pass


@pytest.mark.parametrize(
    "url",
    ["no url at all: secret", "nosuchdatabase://user:secret@host/x"],
)
def test_an_address_that_is_none_is_refused_without_its_password(url):
    with pytest.raises(LedgerError) as caught, open_ledger(url):
        pass

    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_told_without_its_password():
    url = "postgresql+psycopg://kenning:secret@127.0.0.1:1/kenning"

    with pytest.raises(LedgerError, match="cannot be used") as caught, open_ledger(url):
        pass

    assert "secret" not in str(caught.value)


def test_several_that_make_the_file_at_once_all_open_it(tmp_path: Path):
    opened: list[int] = []
    for attempt in range(20):
        start = threading.Barrier(8)

        def come_first(path: Path, start: threading.Barrier = start) -> None:
            start.wait()
            with open_ledger(path) as ledger:
                opened.append(len(ledger.open_runs("s")))

        path = tmp_path / f"ledger {attempt}.sqlite"
        threads = [threading.Thread(target=come_first, args=(path,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(opened) == 160


def test_the_ledger_is_where_the_environment_says():
    path = Path("data/ledger.sqlite")

    assert ledger_place({}, path) == path
    assert ledger_place({"KENNING_LEDGER_URL": "postgresql://x"}, path) == (
        "postgresql://x"
    )


def test_idempotency_key_differs_by_sync_run_and_batch():
    keys = {
        idempotency_key(sync="s", run_id="r", number=0),
        idempotency_key(sync="t", run_id="r", number=0),
        idempotency_key(sync="s", run_id="q", number=0),
        idempotency_key(sync="s", run_id="r", number=1),
    }

    assert len(keys) == 4
    assert idempotency_key(sync="s", run_id="r", number=0) in keys
