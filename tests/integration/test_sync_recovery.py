"""A run that did not come to its end: the next one goes on with its plan, or closes it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reverse_etl.destinations.memory import CAPABILITIES, MemoryDestination
from reverse_etl.destinations.protocol import Idempotency
from reverse_etl.errors import LedgerError
from reverse_etl.events import BatchAnswered, SyncEvent
from reverse_etl.ledger import open_ledger
from reverse_etl.ledger_entries import Control
from reverse_etl.modes import Mode, Op
from reverse_etl.spec import Guards, InDoubt, MatchMapping
from tests.sync_world import (
    LINE_DEAD,
    LINE_DEAD_AFTER,
    STOPPED_AFTER,
    SyncWorld,
    memory_destination,
    open_sync_world,
    rows_of,
)

ADA = ("a", "Ada", 3)
BO = ("b", "Bo", 1)
CY = ("c", None, None)

NOT_REPEATABLE = replace(CAPABILITIES, idempotency=Idempotency.NONE, max_batch_rows=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path) as opened:
        opened.have_people(ADA, BO, CY)
        opened.have_consents("a", "b", "c")
        yield opened


def interrupt(world: SyncWorld, *, after: int = 1, **named: object) -> None:
    """Run until the process stops, after so many answers and one batch more."""
    destination = memory_destination(*[None] * after, STOPPED_AFTER, **named)
    with pytest.raises(KeyboardInterrupt):
        world.run(destination)


def test_what_was_answered_before_a_refusal_stays_and_the_rest_goes_next_time(world):
    report = world.run(memory_destination(None, LINE_DEAD))
    snapshot = list(world.snapshot())
    destination = MemoryDestination()

    again = world.run(destination)

    assert (report.status, report.message) == ("failed", "The line went dead.")
    assert (report.added, report.left) == (1, 2)
    assert snapshot == ["a"]
    assert (again.planned, again.added, again.left) == (3, 3, 0)
    assert list(destination.records) == ["b", "c"]


def test_a_failed_run_shows_in_the_warehouse_with_what_it_did(world):
    world.run(memory_destination(None, LINE_DEAD))

    assert world.rows(
        "select status, is_open, planned_count, added_count, message "
        "from retl.sync_runs"
    ) == [("failed", True, 3, 1, "The line went dead.")]
    assert world.rows("select seq, status from retl.sync_outcomes") == [(1, "ok")]


def test_a_batch_whose_answer_was_lost_is_sent_again_with_the_same_key(world):
    capabilities = replace(
        CAPABILITIES, idempotency=Idempotency.HEADER, max_batch_rows=1
    )
    destination = memory_destination(None, LINE_DEAD_AFTER, capabilities=capabilities)
    world.run(destination)

    again = world.run(destination)

    keys = [batch.idempotency_key for batch in destination.batches]
    assert rows_of(destination) == [((Op.ADD, key),) for key in "abbc"]
    assert keys[1] == keys[2]
    assert len(set(keys)) == 3
    assert (again.added, again.in_doubt) == (3, 0)


def test_the_plan_of_an_interrupted_run_is_continued_under_its_own_name(world):
    interrupt(world)
    world.lines.clear()
    destination = MemoryDestination()

    report = world.run(destination)

    runs = world.rows(
        "select run_id, status, planned_count, added_count, in_doubt_count, is_open "
        "from retl.sync_runs order by planned_count desc"
    )
    assert rows_of(destination) == [((Op.ADD, "b"),), ((Op.ADD, "c"),)]
    assert [run[1:] for run in runs] == [
        ("succeeded", 3, 3, 0, False),
        ("succeeded", 0, 0, 0, False),
    ]
    assert world.lines[0] == (
        f"run {runs[0][0]} is continued; 1 of its rows were in doubt"
    )
    assert (report.added, report.planned) == (3, 3)


def test_after_a_continued_plan_the_model_is_compared_anew(world):
    interrupt(world)
    world.have_people(ADA, ("c", "Cy", 9), ("d", "Di", 1))
    world.have_consents("d")
    destination = MemoryDestination()

    world.run(destination)

    assert rows_of(destination) == [
        ((Op.ADD, "b"),),
        ((Op.ADD, "c"),),
        ((Op.REMOVE, "b"),),
        ((Op.CHANGE, "c"), (Op.ADD, "d")),
    ]
    assert list(world.snapshot()) == ["a", "c", "d"]


def test_who_withdrew_since_the_plan_is_not_sent_by_the_run_that_continues_it(world):
    interrupt(world)
    world.have_only_consents("a", "b")
    destination = MemoryDestination()

    report = world.run(destination)

    assert list(destination.records) == ["b"]
    assert report.cancelled == 1
    assert world.rows(
        "select error_class from retl.sync_outcomes where status = 'cancelled'"
    ) == [("CONSENT",)]


def test_who_withdrew_while_the_answer_was_lost_is_removed_and_never_sent_again(world):
    interrupt(world)
    world.have_only_consents("a", "c")
    destination = MemoryDestination()

    report = world.run(destination)

    assert rows_of(destination) == [((Op.ADD, "c"),), ((Op.REMOVE, "b"),)]
    assert (report.in_doubt, report.removed) == (1, 1)
    assert list(world.snapshot()) == ["a", "c"]


def test_who_withdrew_while_a_long_run_sends_is_left_out_and_removed_in_the_same_run(
    world,
):
    world.have_people(ADA, BO, CY, ("d", "Di", 1))
    world.have_consents("d")
    hours = iter(range(0, 10_000_000, 3_600))
    world.options = replace(world.options, clock=lambda: float(next(hours)))
    destination = memory_destination()

    def withdraw(event: SyncEvent) -> None:
        if isinstance(event, BatchAnswered):
            world.have_only_consents("a")

    report = world.run(destination, tell=withdraw)

    assert list(destination.records) == ["a"]
    assert ((Op.ADD, "d"),) not in rows_of(destination)
    assert (report.status, report.left) == ("succeeded", 0)
    assert report.cancelled >= 1


def test_a_plan_is_closed_when_the_sync_is_configured_differently(world):
    interrupt(world)
    world.change_spec(mode=Mode.UPSERT)
    destination = MemoryDestination()

    world.run(destination)

    assert rows_of(destination) == [((Op.CHANGE, "b"), (Op.ADD, "c"))]
    assert world.rows(
        "select status, message, added_count, in_doubt_count, cancelled_count "
        "from retl.sync_runs order by planned_count desc, status"
    )[0] == (
        "interrupted",
        "The next run closed it, since the sync is configured differently now.",
        1,
        1,
        1,
    )


@pytest.mark.parametrize("hours", [25, -25])
def test_a_plan_of_another_day_is_closed_whatever_the_clock_did(world, hours):
    interrupt(world)
    world.later(hours=hours)
    destination = MemoryDestination()

    report = world.run(destination)

    assert rows_of(destination) == [((Op.CHANGE, "b"), (Op.ADD, "c"))]
    assert (report.changed, report.added) == (1, 1)
    assert any("its plan is too old" in line for line in world.lines)


def test_rows_in_doubt_of_a_closed_plan_do_not_break_the_change_guard(world):
    world.change_spec(guards=Guards(max_change_rate=0.0, max_growth_rate=100))
    world.run(memory_destination(LINE_DEAD_AFTER))
    world.later(hours=25)

    report = world.run(MemoryDestination())

    assert report.status == "succeeded"


def test_a_removal_in_doubt_is_tried_again(world):
    destination = MemoryDestination()
    world.run(destination)
    world.have_people(ADA, BO)
    world.run(memory_destination(LINE_DEAD_AFTER))

    world.run(destination)

    assert list(destination.records) == ["a", "b"]
    assert list(world.snapshot()) == ["a", "b"]


def test_a_removal_in_doubt_of_a_closed_plan_is_tried_again(world):
    destination = MemoryDestination()
    world.run(destination)
    world.have_people(ADA, BO)
    world.run(memory_destination(LINE_DEAD_AFTER))
    world.later(hours=25)

    world.run(destination)

    assert list(destination.records) == ["a", "b"]
    assert list(world.snapshot()) == ["a", "b"]


def test_when_the_ledger_is_lost_what_was_not_settled_is_sent_again(world, tmp_path):
    interrupt(world)
    destination = MemoryDestination()

    with open_ledger(tmp_path / "new.sqlite") as new_ledger:
        world.ledger = new_ledger
        report = world.run(destination)

    assert (report.changed, report.added) == (3, 0)
    assert list(destination.records) == ["a", "b", "c"]


def test_when_the_ledger_is_lost_what_was_settled_stays(world, tmp_path):
    world.run(memory_destination(None, LINE_DEAD))
    destination = MemoryDestination()

    with open_ledger(tmp_path / "new.sqlite") as new_ledger:
        world.ledger = new_ledger
        report = world.run(destination)

    assert list(destination.records) == ["b", "c"]
    assert report.changed == 2


def test_when_the_ledger_is_lost_what_is_not_repeatable_is_held(world, tmp_path):
    interrupt(world, capabilities=NOT_REPEATABLE)
    destination = MemoryDestination(NOT_REPEATABLE)

    with open_ledger(tmp_path / "new.sqlite") as new_ledger:
        world.ledger = new_ledger
        world.run(destination)

    assert destination.request_count == 0
    assert world.rows("select distinct state from retl.sync_snapshot") == [
        ("in_doubt",)
    ]


def test_when_the_plan_of_an_interrupted_run_is_gone_nothing_is_sent(world):
    interrupt(world)
    world.warehouse.execute('drop table retl."plan__mailer__people"')
    destination = MemoryDestination()

    with pytest.raises(LedgerError, match=r"set its is_open in retl\.sync_runs"):
        world.run(destination)

    assert destination.request_count == 0


def test_a_run_that_only_the_ledger_knows_is_forgotten(world):
    with pytest.raises(KeyboardInterrupt):
        interrupt_commit(world)
    destination = MemoryDestination()

    world.run(destination)

    assert list(destination.records) == ["a", "b", "c"]
    assert world.ledger.open_runs("mailer__people") == ()


def interrupt_commit(world: SyncWorld) -> None:
    """Stop after the run is in the ledger and before its plan is in the warehouse."""

    inner = world.ledger

    class Stopping:
        def __getattr__(self, name):
            return getattr(inner, name)

        def begin_run(self, lease, run):
            inner.begin_run(lease, run)
            raise KeyboardInterrupt

    world.ledger = Stopping()
    try:
        world.run(MemoryDestination())
    finally:
        world.ledger = inner


@pytest.mark.parametrize(
    ("policy", "sent", "state"),
    [
        (InDoubt.HOLD, ["c"], "in_doubt"),
        (InDoubt.SKIP, ["c"], "acked"),
        (InDoubt.RESEND, ["b", "c"], "acked"),
    ],
)
def test_what_is_not_repeatable_goes_as_the_sync_says(world, policy, sent, state):
    world.change_spec(in_doubt=policy)
    interrupt(world, capabilities=NOT_REPEATABLE)
    destination = MemoryDestination(NOT_REPEATABLE)

    world.run(destination)
    again = world.run(destination)

    assert list(destination.records) == sent
    assert again.requests == 0
    assert world.rows("select state from retl.sync_snapshot where key = 'b'") == [
        (state,)
    ]


def test_what_is_held_in_doubt_does_not_stop_the_rest(world):
    destination = memory_destination(None, LINE_DEAD_AFTER, capabilities=NOT_REPEATABLE)
    world.run(destination)

    report = world.run(destination)

    assert rows_of(destination) == [((Op.ADD, key),) for key in "abc"]
    assert (report.status, report.added, report.in_doubt) == ("succeeded", 2, 1)


def test_a_whole_run_in_doubt_is_closed_and_written_anew(world):
    world.run(memory_destination(LINE_DEAD_AFTER, max_batch_rows=None))
    destination = memory_destination(max_batch_rows=None)

    report = world.run(destination)

    assert list(destination.records) == ["a", "b", "c"]
    assert (report.changed, report.added) == (3, 0)


def test_a_whole_run_that_failed_tells_what_it_came_to_at_once(world):
    report = world.run(memory_destination(LINE_DEAD, max_batch_rows=None))

    assert (report.status, report.cancelled, report.left) == ("failed", 3, 0)
    assert not world.ledger.open_runs("mailer__people")


def test_a_paused_sync_sends_nothing_until_it_is_resumed(world):
    world.ledger.tell("mailer__people", Control.PAUSE, "audit", now=world.now)
    destination = MemoryDestination()
    paused = world.run(destination)
    world.ledger.tell("mailer__people", Control.PAUSE, None, now=world.now)

    resumed = world.run(destination)

    assert (paused.status, paused.requests) == ("held", 0)
    assert "is paused: audit" in str(paused.message)
    assert resumed.added == 3


def test_a_held_run_goes_once_it_is_approved_and_only_with_the_same_numbers(world):
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(guards=Guards())
    world.have_people(ADA)
    held = world.run(destination)
    world.ledger.tell("mailer__people", Control.APPROVAL, held.seal, now=world.now)
    world.have_people()
    drifted = world.run(destination)
    world.have_people(ADA)

    approved = world.run(destination)
    world.have_people(BO)
    afterwards = world.run(destination)

    assert (held.status, drifted.status) == ("held", "held")
    assert (approved.status, approved.removed) == ("succeeded", 2)
    assert afterwards.status == "held"


def test_a_run_with_another_seal_than_the_one_looked_at_sends_nothing(world):
    seal = world.plan().seal
    world.have_people(ADA, BO)
    world.options = replace(world.options, seal=seal)
    destination = MemoryDestination()

    report = world.run(destination)

    assert (report.status, report.requests) == ("held", 0)
    assert "is not what it was when its plan was looked at" in str(report.message)


def test_a_held_run_still_removes_who_withdrew_consent(world):
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(guards=Guards(max_consent_drop=1.0))
    world.have_people(ADA, BO)
    world.have_only_consents("a", "c")

    report = world.run(destination)

    assert (report.status, report.removed, report.held) == ("held", 1, 1)
    assert list(destination.records) == ["a", "c"]


def test_records_whose_identifiers_change_leave_a_list_and_come_back(world):
    capabilities = replace(CAPABILITIES, is_membership=True)
    world.change_spec(
        mode=Mode.MIRROR, match=(MatchMapping("name", column="first_name"),)
    )
    world.have_people(ADA, BO)
    destination = MemoryDestination(capabilities)
    world.run(destination)
    destination.batches.clear()
    world.have_people(ADA, ("b", "Beau", 1))

    report = world.run(destination)

    assert rows_of(destination) == [((Op.REMOVE, "b"),), ((Op.ADD, "b"),)]
    assert (report.removed, report.added) == (1, 1)
