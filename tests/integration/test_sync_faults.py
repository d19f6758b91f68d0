"""What a destination can do wrong, and what comes of it: nothing lost, nothing guessed."""

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reverse_etl.destinations.memory import (
    CAPABILITIES,
    Fault,
    MemoryDestination,
    Moment,
    lost_answer,
    no_answer,
)
from reverse_etl.destinations.protocol import BatchResult, Idempotency, RejectedRow
from reverse_etl.errands import SendPolicy
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    LedgerError,
    QuotaExhaustedError,
    RetryableDeliveryError,
)
from reverse_etl.events import BatchAnswered, RunEnded, RunPaused, SendingBegan
from reverse_etl.ledger_entries import BatchState
from reverse_etl.modes import Action, Mode, Op, Removal
from tests.sync_world import SyncWorld, memory_destination, open_sync_world, rows_of

KEYS = [f"k{number:02}" for number in range(1, 17)]
ASYNC = replace(CAPABILITIES, is_async=True, max_batch_rows=4)
MIDNIGHT = datetime(2026, 7, 1, tzinfo=UTC)
QUOTA = Fault(QuotaExhaustedError("Nothing more today.", resume_at=MIDNIGHT))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path) as opened:
        opened.have_people(*[(key, "Ada", 1) for key in KEYS])
        opened.have_consents(*KEYS)
        yield opened


def rejected(world: SyncWorld, *columns: str) -> list[tuple[object, ...]]:
    names = ", ".join(columns)
    return list(
        world.rows(f"select {names} from retl.sync_rejected order by key_sha256")
    )


def test_of_a_batch_that_is_refused_for_one_row_all_others_arrive(world):
    destination = memory_destination(
        max_batch_rows=16, poisoned_keys=frozenset({"k07"})
    )

    report = world.run(destination)

    assert (report.status, report.added, report.rejected) == ("succeeded", 15, 1)
    assert sorted(destination.records) == [key for key in KEYS if key != "k07"]
    assert rejected(world, "error_class", "error_code", "next_retry_at") == [
        ("OTHER", "poisoned", None)
    ]
    # Dividing sixteen rows down to one takes four steps of two requests.
    assert report.requests == 1 + 2 * 4


def test_each_part_of_a_divided_batch_has_a_key_of_its_own(world):
    destination = memory_destination(
        max_batch_rows=16, poisoned_keys=frozenset({"k07"})
    )

    world.run(destination)

    keys = [batch.idempotency_key for batch in destination.batches]
    assert len(set(keys)) == len(keys)


def test_with_no_divisions_left_the_rows_of_a_refused_batch_wait_for_a_later_run(world):
    world.change_policy(min_divisions=1, divide_share=0.0)
    destination = memory_destination(
        max_batch_rows=16, poisoned_keys=frozenset({"k07"})
    )

    report = world.run(destination)

    assert (report.added, report.rejected) == (8, 8)
    assert set(rejected(world, "error_class", "next_retry_at")) == {
        ("BATCH", datetime(2026, 6, 30, 13))
    }


def test_after_a_batch_that_is_too_large_the_next_ones_are_smaller(world):
    destination = memory_destination(max_batch_rows=16)
    world.run(destination)
    size = sum(len(str(fields)) for fields in destination.records.values()) // 16
    tight = memory_destination(max_batch_rows=8, max_bytes=4 * size + 4)
    world.have_people(*[(key, "Bob", 1) for key in KEYS])

    report = world.run(tight)

    assert (report.changed, report.rejected) == (16, 0)
    assert [len(rows) for rows in rows_of(tight)] == [4, 4, 4, 4]
    # The first batch of eight was too large, and the one that was read ahead.
    assert report.requests <= 4 + 2


def test_one_giant_row_does_not_make_all_other_batches_small(world):
    world.have_people(
        *[(key, "x" * 5_000 if key == "k02" else "Ada", 1) for key in KEYS]
    )
    destination = memory_destination(max_batch_rows=4, max_bytes=1_000)

    report = world.run(destination)

    assert (report.added, report.rejected) == (15, 1)
    assert rejected(world, "error_class") == [("TOO_LARGE",)]
    assert [len(rows) for rows in rows_of(destination)][-1] >= 2


def test_rows_that_are_busy_are_tried_again_in_the_same_run_and_alone(world):
    destination = memory_destination(max_batch_rows=8, busy_keys={"k03": 2, "k12": 1})

    report = world.run(destination)

    assert (report.added, report.rejected) == (16, 0)
    assert sorted(len(rows) for rows in rows_of(destination)) == [1, 1, 1, 8, 8]


def test_a_run_waits_for_what_is_to_be_tried_again_before_it_ends(world):
    world.change_policy(row_waits_s=(0.05,), batch_waits_s=(0.05,))
    destination = memory_destination(
        no_answer(), max_batch_rows=16, busy_keys={"k03": 1}
    )

    report = world.run(destination)

    assert (report.status, report.added, report.cancelled) == ("succeeded", 16, 0)


def test_a_run_that_forgets_rows_fails_loudly(world):
    inner = world.ledger.write

    def forgetful(lease, run_id, writing):
        kept = [each for each in writing.batches if each.state != "acked"]
        inner(lease, run_id, replace(writing, batches=kept))

    world.ledger.write = forgetful

    with pytest.raises(LedgerError, match="planned 16 rows and knows what became of 0"):
        world.run(memory_destination(max_batch_rows=4))


def test_a_doubt_stays_when_a_later_attempt_did_nothing_for_certain(world):
    world.change_policy(max_troubles=2)
    destination = memory_destination(lost_answer(), no_answer(), max_batch_rows=16)
    world.run(destination)
    world.later(hours=25)
    world.have_people()

    report = world.run(destination)

    assert destination.records == {}
    assert report.removed == 16


def test_rows_that_stay_busy_wait_longer_from_run_to_run(world):
    destination = memory_destination(max_batch_rows=16, busy_keys={"k03": 100})
    waits = []
    for hours in (0, 1, 4, 24):
        world.later(hours=hours)
        report = world.run(destination)
        ((retry_at,),) = rejected(world, "next_retry_at")
        waits.append((retry_at - world.now.replace(tzinfo=None)).total_seconds() / 3600)
        assert report.rejected == 1
        assert world.run(destination).requests == 0

    assert waits == [1, 4, 24, 24]
    assert rejected(world, "error_class", "attempt_count") == [("CONFLICT", 4)]
    # The batch, then the row three times more; later the row alone, four times each.
    assert destination.request_count == 4 * 4


def test_a_row_that_was_refused_for_good_goes_again_only_when_it_changes(world):
    destination = memory_destination(max_batch_rows=16, refused_keys=frozenset({"k03"}))
    world.run(destination)
    world.later(days=30)

    again = world.run(destination)

    assert (again.requests, again.waiting) == (0, 1)


def test_a_batch_that_nobody_answers_goes_again_and_arrives(world):
    destination = memory_destination(no_answer(), lost_answer(), max_batch_rows=16)

    report = world.run(destination)

    assert (report.status, report.added, report.in_doubt) == ("succeeded", 16, 0)
    keys = {batch.idempotency_key for batch in destination.batches}
    assert len(keys) == 1


def test_a_batch_that_never_goes_through_is_set_aside_when_others_do(world):
    class Poison(MemoryDestination):
        def send(self, batch):
            if any(record.key == "k01" for record in batch.rows):
                raise RetryableDeliveryError("500 again and again.", code="500")
            return super().send(batch)

    destination = Poison(replace(CAPABILITIES, max_batch_rows=4))

    report = world.run(destination)

    assert (report.status, report.added, report.rejected) == ("succeeded", 12, 4)
    assert set(rejected(world, "error_class", "error_code", "next_retry_at")) == {
        ("TRANSIENT", "500", datetime(2026, 6, 30, 13))
    }


def test_a_batch_in_doubt_that_is_set_aside_is_not_taken_for_absent(world):
    class Poison(MemoryDestination):
        def send(self, batch):
            result = super().send(batch)
            if any(record.key == "k01" for record in batch.rows):
                raise RetryableDeliveryError("Reset.", is_in_doubt=True)
            return result

    destination = Poison(replace(CAPABILITIES, max_batch_rows=4))
    world.run(destination)
    world.have_people()

    world.run(destination)

    assert destination.records == {}


def test_when_no_batch_goes_through_the_run_stops_and_the_next_one_goes_on(world):
    destination = memory_destination(*[no_answer()] * 3, max_batch_rows=4)
    world.change_policy(max_troubles=3)

    stopped = world.run(destination)
    went_on = world.run(destination)

    assert (stopped.status, stopped.added, stopped.left) == ("failed", 0, 16)
    assert "3 batches in a row had no answer" in str(stopped.message)
    assert (went_on.status, went_on.added) == ("succeeded", 16)


def test_a_plan_of_one_batch_stops_too_when_nobody_answers(world):
    destination = memory_destination(*[no_answer()] * 50, max_batch_rows=16)

    report = world.run(destination)

    assert (report.status, report.left) == ("failed", 16)
    assert len(destination.faults) >= 50 - 3


def test_an_exhausted_quota_pauses_the_run_until_it_is_there_again(world):
    destination = memory_destination(None, QUOTA, max_batch_rows=4)

    paused = world.run(destination)
    too_early = world.run(destination)
    world.now = MIDNIGHT
    went_on = world.run(destination)

    assert (paused.status, paused.added, paused.left) == ("paused_quota", 4, 12)
    assert paused.resume_at == MIDNIGHT
    assert (too_early.status, too_early.requests) == ("paused_quota", 0)
    assert (went_on.status, went_on.added) == ("succeeded", 16)
    assert RunPaused("mailer__people", paused.run_id, MIDNIGHT) in world.events


@pytest.mark.parametrize(
    "error_class", [ErrorClass.AUTH, ErrorClass.PERMISSION, ErrorClass.CONFIG]
)
def test_what_would_fail_every_batch_stops_the_run_with_its_plan(world, error_class):
    fault = Fault(FatalDeliveryError("Refused.", error_class=error_class))
    destination = memory_destination(None, fault, max_batch_rows=4)

    stopped = world.run(destination)
    went_on = world.run(destination)

    assert (stopped.status, stopped.added, stopped.left) == ("failed", 4, 12)
    assert stopped.requests <= 2
    assert (went_on.added, went_on.left) == (16, 0)


def test_an_answer_about_rows_that_were_not_sent_stops_the_run(world):
    class Wrong(MemoryDestination):
        def send(self, batch):
            super().send(batch)
            return BatchResult((RejectedRow(99, "OTHER"),))

    report = world.run(Wrong(replace(CAPABILITIES, max_batch_rows=4)))

    assert (report.status, report.added, report.left) == ("failed", 0, 16)
    assert "names rows that were not in the batch" in str(report.message)


def test_a_fault_of_the_connector_stops_the_run_and_quotes_nobody(world, caplog):
    class Broken(MemoryDestination):
        def send(self, batch):
            raise KeyError("ada@example.com")

    with caplog.at_level(logging.DEBUG):
        report = world.run(Broken(replace(CAPABILITIES, max_batch_rows=4)))

    assert report.status == "failed"
    assert "KeyError in send" in str(report.message)
    assert "ada@example.com" not in f"{report}{caplog.text}{world.lines}"


def test_jobs_are_asked_for_until_they_are_done(world):
    destination = memory_destination(
        capabilities=ASYNC, job_looks=3, refused_keys=frozenset({"k03"})
    )

    report = world.run(destination)

    assert (report.status, report.added, report.rejected) == ("succeeded", 15, 1)


def test_a_job_of_a_run_that_was_stopped_is_asked_for_and_not_sent_again(world):
    destination = memory_destination(
        None, Fault(FatalDeliveryError("Down.")), capabilities=ASYNC, job_looks=2
    )
    world.run(destination)
    states = [
        batch.state
        for run in world.ledger.open_runs("mailer__people")
        for batch in world.ledger.batches(run.run_id)
    ]

    report = world.run(destination)

    assert BatchState.SUBMITTED in states
    assert (report.status, report.added) == ("succeeded", 16)
    assert sorted(len(rows) for rows in rows_of(destination)) == [4, 4, 4, 4]


def test_who_withdrew_is_still_in_the_answer_of_a_job_that_is_asked_for_later(world):
    destination = memory_destination(
        None,
        Fault(FatalDeliveryError("Down.")),
        capabilities=ASYNC,
        job_looks=2,
        refused_keys=frozenset({"k03"}),
    )
    world.run(destination)
    world.have_only_consents(*[key for key in KEYS if key != "k02"])

    report = world.run(destination)

    assert rejected(world, "error_code") == [("refused",)]
    assert "k02" not in destination.records
    assert "k04" in world.snapshot()
    assert "k03" not in world.snapshot()
    assert (report.removed, report.rejected) == (1, 1)


def test_a_job_that_is_lost_is_sent_again_where_that_is_the_same_as_once(world):
    destination = memory_destination(capabilities=ASYNC, lost_jobs=1)

    report = world.run(destination)

    assert (report.status, report.added) == ("succeeded", 16)
    assert len(destination.batches) == 5


def test_a_job_that_is_lost_is_held_where_it_is_not(world):
    capabilities = replace(ASYNC, idempotency=Idempotency.NONE)
    destination = memory_destination(capabilities=capabilities, lost_jobs=1)

    report = world.run(destination)

    assert (report.added, report.in_doubt) == (12, 4)
    assert len(destination.batches) == 4


def test_a_job_that_failed_for_certain_is_sent_again_even_where_it_is_not(world):
    class Failing(MemoryDestination):
        failed = False

        def poll(self, job, batch):
            if not Failing.failed:
                Failing.failed = True
                raise JobLostError("The job failed.")
            return super().poll(job, batch)

    destination = Failing(replace(ASYNC, idempotency=Idempotency.NONE))

    report = world.run(destination)

    assert (report.added, report.in_doubt) == (16, 0)


def test_rows_that_fail_without_a_name_fail_the_run_when_they_are_many(world):
    few = world.run(memory_destination(max_batch_rows=16, uncounted=1))
    world.have_people(*[(key, "Bob", 1) for key in KEYS])
    many = world.run(memory_destination(max_batch_rows=4, uncounted=1))

    assert (few.status, few.uncounted) == ("succeeded", 1)
    assert (many.status, many.uncounted, many.changed) == ("failed", 4, 16)
    assert "4 of 16 rows failed there without being named" in str(many.message)
    assert world.ledger.open_runs("mailer__people") == ()


def test_ids_that_a_destination_gives_come_back_with_later_changes(world):
    seen: list[str | None] = []

    class Remembering(MemoryDestination):
        def send(self, batch):
            seen.extend(record.dest_id for record in batch.rows)
            return super().send(batch)

    capabilities = replace(CAPABILITIES, gives_ids=True, max_batch_rows=4)
    destination = Remembering(capabilities)
    world.run(destination)
    world.have_people(*[(key, "Bob", 1) for key in KEYS[1:]])

    world.run(destination)

    assert seen[:16] == [None] * 16
    assert seen[16:] == [f"id-{key}" for key in KEYS]


def test_a_conflict_of_a_creation_in_doubt_says_that_it_went_through(world):
    world.change_spec(mode=Mode.INSERT)
    destination = memory_destination(lost_answer(), max_batch_rows=4)

    report = world.run(destination)

    assert (report.added, report.rejected) == (16, 0)


def test_all_that_leave_are_gone_before_anybody_arrives(world):
    world.change_policy(max_workers=4)
    destination = memory_destination(max_batch_rows=2)
    world.run(destination)
    destination.batches.clear()
    destination.busy_keys["k03"] = 3
    destination.faults = deque([None, no_answer(), lost_answer()])
    world.have_people(*[(f"n{key}", "Ada", 1) for key in KEYS])
    world.have_consents(*[f"n{key}" for key in KEYS])

    world.run(destination)

    ops = [op for rows in rows_of(destination) for op, _ in rows]
    assert ops == sorted(ops, key=[Op.REMOVE, Op.ADD].index)
    assert sorted(destination.records) == [f"n{key}" for key in KEYS]


def test_several_workers_send_every_row_once(world):
    world.change_policy(max_workers=4)
    destination = memory_destination(max_batch_rows=1)

    report = world.run(destination)

    sent = sorted(key for rows in rows_of(destination) for _, key in rows)
    assert sent == KEYS
    assert report.requests == 16


def test_a_long_run_is_settled_on_the_way(world):
    world.change_policy(settle_every_s=0.0)
    seen: list[int] = []

    def look(event):
        if isinstance(event, BatchAnswered):
            ((count,),) = world.rows("select count(*) from retl.sync_outcomes")
            seen.append(count)

    report = world.run(memory_destination(max_batch_rows=4), tell=look)

    assert seen[-1] > 0
    assert (report.added, len(world.snapshot())) == (16, 16)
    assert world.rows("select count(*) from retl.sync_outcomes") == [(16,)]


def test_refusals_that_were_settled_on_the_way_count_once(world):
    world.change_policy(settle_every_s=0.0)
    destination = memory_destination(
        max_batch_rows=4, refused_keys=frozenset({"k01", "k15"})
    )

    world.run(destination)

    assert rejected(world, "error_code", "attempt_count") == [("refused", 1)] * 2


def test_a_ledger_that_cannot_be_written_stops_the_run_before_the_next_batch(world):
    destination = memory_destination(max_batch_rows=1)
    writes = 0
    inner = world.ledger.write

    def write(*given):
        nonlocal writes
        writes += 1
        if writes == 4:
            raise OSError("No space left")
        inner(*given)

    world.ledger.write = write
    with pytest.raises(OSError, match="No space"):
        world.run(destination)
    world.ledger.write = inner
    sent_before = destination.request_count

    report = world.run(destination)

    assert sent_before == 3
    assert sorted(destination.records) == KEYS
    assert report.left == 0


def test_what_happens_is_told_in_order(world):
    world.run(memory_destination(max_batch_rows=8))

    kinds = [type(event) for event in world.events]
    answered = [
        event.answered for event in world.events if isinstance(event, BatchAnswered)
    ]
    assert kinds == [SendingBegan, BatchAnswered, BatchAnswered, RunEnded]
    assert answered == [8, 16]


def test_default_waits_are_not_those_of_tests():
    policy = SendPolicy()

    assert policy.row_waits_s == (1.0, 5.0, 25.0)
    assert policy.batch_waits_s == (5.0, 30.0)
    assert policy.max_troubles == 20


def test_a_refused_whole_run_fails_and_none_of_its_rows_waits(world):
    fault = Fault(BatchRefusedError("Refused."), Moment.BEFORE)

    report = world.run(memory_destination(fault, max_batch_rows=None))

    assert (report.status, report.cancelled, report.left) == ("failed", 16, 0)
    assert rejected(world, "error_class") == []


def test_an_update_clears_what_leaves_where_the_sync_says_so(world):
    world.change_spec(on_removal=Removal.CLEAR)
    destination = memory_destination(max_batch_rows=8)
    world.run(destination)
    world.have_people(("k01", "Bob", 1))

    world.run(destination)

    actions = [batch.action for batch in destination.batches]
    assert actions[-3:] == [Action.UPDATE, Action.UPDATE, Action.UPSERT]
