"""Rows that nobody knows the last answer about, and rows that stand for the same record."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reverse_etl.destinations.memory import (
    CAPABILITIES,
    Fault,
    MemoryDestination,
    Moment,
    lost_answer,
)
from reverse_etl.destinations.protocol import FIRST_ASSOCIATION, Idempotency
from reverse_etl.errors import BatchRefusedError
from reverse_etl.modes import Mode, Op
from reverse_etl.spec import Association, MatchMapping
from tests.sync_world import (
    LINE_DEAD_AFTER,
    STOPPED_AFTER,
    SyncWorld,
    open_sync_world,
    rows_of,
)

ADA = ("a", "Ada", 3)
BO = ("b", "Bo", 1)
CY = ("c", "Cy", None)

BY_NAME = (MatchMapping("name", column="first_name"),)
ONCE = replace(CAPABILITIES, idempotency=Idempotency.NONE, max_batch_rows=1)
BY_HEADER = replace(CAPABILITIES, idempotency=Idempotency.HEADER, max_batch_rows=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path) as opened:
        opened.have_people(ADA, BO, CY)
        opened.have_consents("a", "b", "c")
        yield opened


def states(world: SyncWorld) -> dict[str, str]:
    rows = world.rows("select key, state from retl.sync_snapshot order by key")
    return {str(key): str(state) for key, state in rows}


def interrupt(world: SyncWorld, destination: MemoryDestination) -> None:
    destination.faults.extend([None, STOPPED_AFTER])
    with pytest.raises(KeyboardInterrupt):
        world.run(destination)


@pytest.mark.parametrize("mode", [Mode.MIRROR, Mode.UPSERT])
def test_who_withdraws_while_in_doubt_is_removed_and_waits_for_nobody(world, mode):
    world.change_spec(mode=mode)
    destination = MemoryDestination(ONCE)
    destination.faults.append(LINE_DEAD_AFTER)
    world.run(destination)
    world.run(destination)
    in_doubt = states(world)["a"]
    world.have_only_consents("b", "c")

    report = world.run(destination)

    assert (in_doubt, report.removed) == ("in_doubt", 1)
    assert list(destination.records) == ["b", "c"]


def test_who_leaves_the_model_while_in_doubt_leaves_the_mirror(world):
    destination = MemoryDestination(ONCE)
    destination.faults.append(LINE_DEAD_AFTER)
    world.run(destination)
    world.run(destination)
    world.have_people(BO, CY)

    world.run(destination)

    assert list(destination.records) == ["b", "c"]


def test_a_removal_in_doubt_is_not_repeated_where_twice_is_twice(world):
    destination = MemoryDestination(ONCE)
    world.run(destination)
    world.have_only_consents("b", "c")
    destination.faults.append(LINE_DEAD_AFTER)
    world.run(destination)
    destination.batches.clear()

    world.run(destination)
    world.run(destination)

    assert rows_of(destination) == []
    assert states(world)["a"] == "in_doubt"


def test_what_only_its_key_makes_repeatable_is_held_when_its_plan_is_closed(world):
    world.change_spec(mode=Mode.APPEND)
    destination = MemoryDestination(BY_HEADER)
    interrupt(world, destination)
    world.later(hours=25)

    world.run(destination)
    world.run(destination)

    assert len(destination.events) == len(set(destination.events)) == 3
    assert states(world) == {"a": "acked", "b": "in_doubt", "c": "acked"}


def test_a_refusal_says_nothing_of_a_batch_that_only_its_key_makes_repeatable(world):
    world.change_spec(mode=Mode.APPEND)
    destination = MemoryDestination(replace(BY_HEADER, max_batch_rows=3))
    conflict = BatchRefusedError("There is one with this key.", code="409")
    destination.faults.extend([lost_answer(), Fault(conflict, Moment.BEFORE)])

    world.run(destination)
    world.run(destination)

    assert len(destination.events) == 3
    assert set(states(world).values()) == {"in_doubt"}


def test_what_is_given_up_in_doubt_is_held_where_only_its_key_makes_it_repeatable(
    world,
):
    world.change_spec(mode=Mode.APPEND)
    destination = MemoryDestination(BY_HEADER)
    destination.faults.extend([lost_answer(), None, lost_answer(), lost_answer()])

    world.run(destination)
    world.later(hours=2)
    world.run(destination)

    assert len(destination.events) == 3
    assert states(world) == {"a": "in_doubt", "b": "acked", "c": "acked"}


def test_a_record_stays_while_another_row_stands_for_it(world):
    world.change_spec(match=BY_NAME)
    world.have_people(ADA, ("b", "Ada", 1), CY)
    destination = MemoryDestination()
    world.run(destination)
    world.have_people(ADA, CY)
    destination.batches.clear()

    report = world.run(destination)

    assert (report.status, rows_of(destination)) == ("succeeded", [])
    assert list(world.snapshot()) == ["a", "c"]


def test_a_record_leaves_with_the_last_row_that_stands_for_it(world):
    world.change_spec(match=BY_NAME)
    world.have_people(ADA, ("b", "Ada", 1), CY)
    destination = MemoryDestination()
    world.run(destination)
    world.have_people(CY)
    destination.batches.clear()

    world.run(destination)

    assert rows_of(destination) == [((Op.REMOVE, "a"), (Op.REMOVE, "b"))]


def test_an_address_stays_in_a_list_while_another_row_has_it(world):
    world.change_spec(match=BY_NAME)
    world.have_people(ADA, ("b", "Ada", 1))
    destination = MemoryDestination(replace(CAPABILITIES, is_membership=True))
    world.run(destination)
    world.have_people(ADA, ("b", "Bo", 1))
    destination.batches.clear()

    world.run(destination)

    assert rows_of(destination) == [((Op.CHANGE, "b"),)]


def test_who_withdraws_leaves_though_another_row_stands_for_the_record(world):
    world.change_spec(match=BY_NAME)
    world.have_people(ADA, ("b", "Ada", 1), CY)
    destination = MemoryDestination()
    world.run(destination)
    world.have_only_consents("a", "c")
    destination.batches.clear()

    world.run(destination)

    assert rows_of(destination) == [((Op.REMOVE, "b"),)]


def test_a_shared_key_leaves_once_where_rows_are_sorted_by_what_the_model_says(world):
    capabilities = replace(CAPABILITIES, order_by=FIRST_ASSOCIATION)
    world.change_spec(associations=(Association("company", "first_name"),))
    destination = MemoryDestination(capabilities)
    world.run(destination)
    world.warehouse.execute(
        "insert into activation.sync_mailer__people values ('b', 'stranger', 'Bob', 9)"
    )
    destination.batches.clear()

    report = world.run(destination)

    assert (report.removed, rows_of(destination)) == (1, [((Op.REMOVE, "b"),)])


def test_a_removal_that_is_refused_again_and_again_grows_old(world):
    destination = MemoryDestination()
    world.run(destination)
    destination.refused_keys = frozenset({"b"})
    world.have_only_consents("a", "c")
    world.run(destination)
    world.later(hours=1)

    world.run(destination)

    assert world.rows("select attempt_count from retl.sync_rejected") == [(2,)]
