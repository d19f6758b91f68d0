"""What a person does about a sync beside running it, and what can be asked of it.

On a real warehouse and ledger; the destination is in memory.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reverse_etl import operations
from reverse_etl.destinations.memory import CAPABILITIES, MemoryDestination
from reverse_etl.destinations.protocol import Idempotency
from reverse_etl.history import row_history, sync_status
from reverse_etl.invocations import RunOptions
from reverse_etl.modes import Mode, Op
from reverse_etl.operations import InDoubt, NothingToDecideError, UnfinishedRunError
from reverse_etl.row_outlook import RowOutlook, row_outlook
from reverse_etl.spec import Cast, FieldMapping, Guards
from tests.sync_world import (
    LINE_DEAD,
    LINE_DEAD_AFTER,
    SyncWorld,
    memory_destination,
    open_sync_world,
    rows_of,
)

ADA = ("a", "Ada", 3)
BO = ("b", "Bo", 1)
CY = ("c", None, None)
STRICT = Guards(max_remove_rate=0.1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path) as opened:
        opened.have_people(ADA, BO, CY)
        opened.have_consents("a", "b", "c")
        yield opened


def retry(world: SyncWorld, in_doubt: InDoubt | None = None) -> operations.Retried:
    return operations.retry(
        world.spec,
        warehouse=world.warehouse,
        ledger=world.ledger,
        now=lambda: world.now,
        in_doubt=in_doubt,
    )


def reset(world: SyncWorld, *, as_sent: bool) -> operations.Reset:
    return operations.reset(
        world.spec,
        CAPABILITIES,
        warehouse=world.warehouse,
        ledger=world.ledger,
        now=lambda: world.now,
        as_sent=as_sent,
    )


def resend(world: SyncWorld, *keys: str) -> int:
    return operations.resend(
        world.spec,
        warehouse=world.warehouse,
        ledger=world.ledger,
        now=lambda: world.now,
        keys=keys or None,
    )


def outlook(world: SyncWorld, key: str) -> RowOutlook:
    return row_outlook(
        world.spec,
        CAPABILITIES,
        key,
        warehouse=world.warehouse,
        ledger=world.ledger,
        now=lambda: world.now,
        options=RunOptions(),
    )


def status(world: SyncWorld):
    return sync_status(
        world.spec, warehouse=world.warehouse, ledger=world.ledger, now=world.now
    )


def be_held(world: SyncWorld) -> MemoryDestination:
    """Let a sent sync lose two of three rows, which its guard does not let through."""
    destination = MemoryDestination()
    world.run(destination)
    destination.batches.clear()
    world.change_spec(guards=STRICT)
    world.have_people(ADA)
    return destination


# Decisions


def test_an_approved_plan_goes_with_the_next_run_and_only_once(world):
    destination = be_held(world)
    plan = world.plan()
    operations.approve(
        world.spec, plan, ledger=world.ledger, now=world.now, seal=plan.seal
    )
    approved = status(world).approved

    report = world.run(destination)

    assert (approved, status(world).approved) == (plan.seal, None)
    assert (report.status, report.removed) == ("succeeded", 2)


def test_a_plan_that_changed_since_it_was_looked_at_is_not_approved(world):
    be_held(world)
    seal = world.plan().seal
    world.have_people()

    with pytest.raises(NothingToDecideError, match=f"no longer {seal}"):
        operations.approve(
            world.spec, world.plan(), ledger=world.ledger, now=world.now, seal=seal
        )


def test_there_is_nothing_to_decide_about_a_plan_that_no_guard_holds(world):
    with pytest.raises(NothingToDecideError, match="No guard holds"):
        operations.reject(
            world.spec, world.plan(), ledger=world.ledger, now=world.now, seal=None
        )


def test_a_plan_that_was_put_away_is_not_asked_about_until_its_numbers_change(world):
    destination = be_held(world)
    operations.reject(
        world.spec, world.plan(), ledger=world.ledger, now=world.now, seal=None
    )

    away = world.run(destination)
    world.have_people()
    asked_again = world.run(destination)

    assert (away.status, asked_again.status) == ("rejected", "held")
    assert "A person rejected this plan" in str(away.message)
    assert destination.batches == []


def test_approving_takes_a_rejection_back(world):
    destination = be_held(world)
    for decide in (operations.reject, operations.approve):
        decide(world.spec, world.plan(), ledger=world.ledger, now=world.now, seal=None)

    assert world.run(destination).status == "succeeded"


def test_a_pause_is_told_with_its_reason_and_ended_once(world):
    operations.pause(world.spec, ledger=world.ledger, now=world.now, reason="audit")
    paused = status(world).paused

    ended = [
        operations.resume(world.spec, ledger=world.ledger, now=world.now)
        for _ in range(2)
    ]

    assert (paused, ended, status(world).paused) == ("audit", [True, False], None)


# What is held


def test_a_reset_sync_begins_anew(world):
    destination = MemoryDestination()
    world.run(destination)
    destination.batches.clear()

    done = reset(world, as_sent=False)
    report = world.run(destination)

    assert (done.forgotten, done.taken_as_sent) == (3, 0)
    assert (report.added, len(destination.batches)) == (3, 1)


def test_a_reset_as_sent_sends_only_what_changes_from_there(world):
    destination = MemoryDestination()
    world.run(destination)
    destination.batches.clear()
    world.have_people(ADA, ("b", "Beau", 1), CY)

    done = reset(world, as_sent=True)
    idle = world.run(destination)
    world.have_people(ADA, ("b", "Beau", 2), CY)
    busy = world.run(destination)

    assert (done.forgotten, done.taken_as_sent) == (0, 3)
    assert (idle.requests, busy.changed) == (0, 1)
    assert rows_of(destination) == [((Op.CHANGE, "b"),)]


def test_a_reset_as_sent_lets_a_changed_mapping_through_without_sending(world):
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(
        mapping=(FieldMapping("name", column="first_name"),), guards=Guards()
    )
    held = world.run(destination)
    world.later(minutes=1)

    reset(world, as_sent=True)

    assert held.status == "held"
    idle = world.run(destination)
    assert (idle.status, idle.requests) == ("succeeded", 0)


def test_a_reset_as_sent_takes_a_destination_that_others_have_filled(world):
    destination = MemoryDestination()

    done = reset(world, as_sent=True)
    idle = world.run(destination)

    assert (done.taken_as_sent, idle.requests) == (3, 0)


def test_a_reset_as_sent_forgets_nobody_who_is_to_leave(world):
    destination = MemoryDestination()
    world.run(destination)
    world.have_people(ADA, BO)
    world.have_only_consents("a")

    reset(world, as_sent=True)
    report = world.run(destination)

    assert (report.removed, list(destination.records)) == (2, ["a"])


def test_a_reset_as_sent_does_not_take_what_was_refused_or_never_sent(world):
    destination = MemoryDestination(refused_keys=frozenset({"b"}))
    world.have_people(ADA, BO)
    world.run(destination)
    destination.refused_keys = frozenset()
    world.have_people(ADA, BO, CY)
    world.change_spec(mapping=(FieldMapping("name", column="first_name"),))
    world.later(minutes=1)

    reset(world, as_sent=True)
    report = world.run(destination)

    assert (report.added, report.changed) == (2, 0)
    assert list(destination.records) == ["a", "b", "c"]


def test_a_reset_as_sent_leaves_what_is_in_doubt_to_a_person(world):
    once = replace(CAPABILITIES, idempotency=Idempotency.NONE, max_batch_rows=1)
    world.run(memory_destination(LINE_DEAD_AFTER, capabilities=once))
    world.run(MemoryDestination(once))

    reset(world, as_sent=True)

    assert status(world).in_doubt == 1


def test_a_removal_that_arrived_by_a_persons_word_is_not_sent_again(world):
    once = replace(CAPABILITIES, idempotency=Idempotency.NONE, max_batch_rows=1)
    destination = MemoryDestination(once)
    world.run(destination)
    world.have_people(ADA, BO)
    destination.faults.append(LINE_DEAD_AFTER)
    world.run(destination)
    world.run(destination)
    destination.batches.clear()

    done = retry(world, InDoubt.DELIVERED)
    world.run(destination)

    assert (done.in_doubt, rows_of(destination)) == (1, [])
    assert list(world.snapshot()) == ["a", "b"]


def test_nothing_that_is_held_changes_under_a_run_that_is_not_over(world):
    world.run(memory_destination(None, LINE_DEAD))

    for change in (
        lambda: reset(world, as_sent=False),
        lambda: resend(world),
        lambda: retry(world),
    ):
        with pytest.raises(UnfinishedRunError, match="kenning sync run"):
            change()


def test_rows_that_are_named_are_sent_again_and_no_others(world):
    destination = MemoryDestination()
    world.run(destination)
    destination.batches.clear()

    found = resend(world, "b", "nobody")
    report = world.run(destination)

    assert (found, report.changed) == (1, 1)
    assert rows_of(destination) == [((Op.CHANGE, "b"),)]


def test_all_rows_are_sent_again_without_waking_the_guard_of_changes(world):
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(guards=Guards())

    assert resend(world) == 3
    assert world.run(destination).changed == 3


def test_a_refused_row_is_tried_again_when_a_person_says_so(world):
    destination = MemoryDestination(refused_keys=frozenset({"b"}))
    world.run(destination)
    destination.refused_keys = frozenset()
    waiting = world.run(destination)

    done = retry(world)
    report = world.run(destination)

    assert (waiting.waiting, waiting.requests) == (1, 0)
    assert (done.rejected, report.added) == (1, 1)


@pytest.mark.parametrize(
    ("decision", "sent"), [(InDoubt.RESEND, ["a"]), (InDoubt.DELIVERED, [])]
)
def test_a_person_decides_about_rows_whose_answer_was_lost(world, decision, sent):
    once = replace(CAPABILITIES, idempotency=Idempotency.NONE, max_batch_rows=1)
    world.change_spec(mode=Mode.UPSERT)
    world.run(memory_destination(LINE_DEAD_AFTER, capabilities=once))
    destination = MemoryDestination(once)
    world.run(destination)
    destination.batches.clear()
    held = status(world).in_doubt

    done = retry(world, decision)
    world.run(destination)

    assert (held, done.in_doubt, status(world).in_doubt) == (1, 1, 0)
    assert [key for ((_, key),) in rows_of(destination)] == sent


# What is told


def test_status_counts_what_is_held_refused_and_dead(world):
    world.run(MemoryDestination(refused_keys=frozenset({"b"})))
    fresh = status(world)
    world.later(days=8)
    old = status(world)

    assert (fresh.held, dict(fresh.refused), fresh.dead) == (2, {"INVALID_FIELD": 1}, 0)
    assert fresh.last_run is not None
    assert (fresh.last_run.status, fresh.last_run.planned) == ("succeeded", 3)
    assert old.dead == 1


def test_status_before_the_first_run_says_that_there_was_none(world):
    found = status(world)

    assert (found.last_run, found.held) == (None, 0)


def test_everything_that_happened_to_a_row_is_told_oldest_first(world):
    destination = MemoryDestination(refused_keys=frozenset({"b"}))
    world.run(destination)
    destination.refused_keys = frozenset()
    world.later(hours=1)
    world.have_people(ADA, ("b", "Beau", 1), CY)
    world.run(destination)
    world.later(hours=1)
    world.have_people(ADA, CY)
    world.run(destination)

    told = row_history(world.spec, "b", warehouse=world.warehouse)

    assert [(event.op, event.status, event.error_class) for event in told.events] == [
        ("add", "rejected", "INVALID_FIELD"),
        ("add", "ok", None),
        ("remove", "ok", None),
    ]
    times = [event.at for event in told.events]
    assert times == sorted(times)
    assert (told.state, told.refusal) == (None, None)


def test_the_open_refusal_of_a_row_is_told(world):
    world.run(MemoryDestination(refused_keys=frozenset({"b"})))

    refusal = row_history(world.spec, "b", warehouse=world.warehouse).refusal

    assert refusal is not None
    assert (refusal.error_class, refusal.attempts) == ("INVALID_FIELD", 1)
    assert refusal.next_retry_at is None


def test_history_of_a_row_that_nobody_knows_is_empty(world):
    told = row_history(world.spec, "x", warehouse=world.warehouse)

    assert (told.events, told.state) == ((), None)


@pytest.mark.parametrize("key", ["a", "b", "c"])
def test_before_the_first_run_every_row_would_be_sent(world, key):
    assert outlook(world, key) == RowOutlook("add", is_in_model=True)


def test_what_the_next_run_would_do_with_a_row_is_told(world):
    world.change_spec(mode=Mode.MIRROR)
    world.have_people(ADA, BO, CY, ("d", "Di", 1))
    world.have_consents("d")
    world.run(MemoryDestination(refused_keys=frozenset({"d"})))
    world.have_people(ADA, ("b", "Beau", 1), ("d", "Di", 1), ("e", "Ed", 1))

    assert outlook(world, "a") == RowOutlook("unchanged", is_in_model=True)
    assert outlook(world, "b") == RowOutlook("change", is_in_model=True)
    assert outlook(world, "c") == RowOutlook("absent")
    assert outlook(world, "d") == RowOutlook("waiting", is_in_model=True)
    assert outlook(world, "e") == RowOutlook("skipped", is_in_model=True)
    assert outlook(world, "x") == RowOutlook("nowhere")


def test_a_row_that_left_a_sync_that_keeps_it_is_kept(world):
    world.change_spec(mode=Mode.UPSERT)
    world.run(MemoryDestination())
    world.have_people(ADA)

    assert outlook(world, "b") == RowOutlook("kept")


def test_a_row_whose_value_cannot_go_names_its_field(world):
    world.change_spec(
        mapping=(FieldMapping("since", column="first_name", cast=Cast.DATE),)
    )

    found = outlook(world, "a")

    assert (found.finding, found.fault) == ("faulty", "since")


def test_a_row_that_a_guard_holds_says_so_and_one_that_withdrew_does_not(world):
    be_held(world)
    world.change_spec(guards=replace(STRICT, max_consent_drop=1.0))
    world.have_people(ADA)
    world.have_only_consents("b", "c")

    assert outlook(world, "b").is_held_back
    assert outlook(world, "a") == RowOutlook("withdraw", is_in_model=True)


def test_a_row_of_an_approved_plan_is_not_held_back(world):
    be_held(world)
    before = outlook(world, "b")
    operations.approve(
        world.spec, world.plan(), ledger=world.ledger, now=world.now, seal=None
    )

    assert (before.is_held_back, outlook(world, "b").is_held_back) == (True, False)


def test_a_row_of_a_paused_sync_says_so(world):
    operations.pause(world.spec, ledger=world.ledger, now=world.now, reason="audit")

    assert outlook(world, "a").is_paused


# Suppression


def test_a_suppressed_customer_never_leaves_and_is_removed_where_it_is_held(world):
    destination = MemoryDestination()
    world.run(destination)
    world.warehouse.execute(
        "create table core.suppressed_customers as select 'customer of b' as customer_id"
    )
    report = world.run(destination)
    world.have_people(ADA, ("b", "Beau", 1), CY)

    again = world.run(destination)

    assert (report.removed, sorted(destination.records)) == (1, ["a", "c"])
    assert (again.skipped_no_consent, again.planned) == (1, 0)
    assert outlook(world, "b").finding == "skipped"


def test_nothing_of_a_row_is_in_what_is_told(world):
    world.run(MemoryDestination(refused_keys=frozenset({"a"})))
    world.later(days=30)
    told = (
        status(world),
        row_history(world.spec, "a", warehouse=world.warehouse),
        outlook(world, "a"),
    )

    assert "Ada" not in repr(told)
