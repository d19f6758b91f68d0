"""A sync whose configuration changes while a destination holds what it sent before."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reverse_etl.destinations.memory import CAPABILITIES, MemoryDestination
from reverse_etl.errors import SyncConfigurationError
from reverse_etl.ledger_entries import Control
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.spec import MatchMapping
from tests.sync_world import (
    STOPPED_AFTER,
    SyncWorld,
    memory_destination,
    open_sync_world,
    rows_of,
)

ADA = ("a", "Ada", 3)
BO = ("b", "Bo", 1)
CY = ("c", "Cy", None)

LIST = replace(
    CAPABILITIES, is_membership=True, settings=("list_id",), optional_settings=("note",)
)
BY_NAME = (MatchMapping("name", column="first_name"),)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path) as opened:
        opened.have_people(ADA, BO, CY)
        opened.have_consents("a", "b", "c")
        yield opened


def approve_what_holds(world: SyncWorld, destination: MemoryDestination) -> None:
    held = world.run(destination)
    world.ledger.tell(world.spec.name, Control.APPROVAL, held.seal, now=world.now)


def test_a_sync_that_now_means_another_list_is_refused(world):
    world.change_spec(settings={"list_id": "12"})
    world.run(MemoryDestination(LIST))
    world.change_spec(settings={"list_id": "13"})
    destination = MemoryDestination(LIST)

    with pytest.raises(SyncConfigurationError, match="list_id 12"):
        world.run(destination)

    assert destination.request_count == 0


def test_a_setting_that_does_not_say_where_rows_are_may_change(world):
    world.change_spec(settings={"list_id": "12", "note": "one"})
    destination = MemoryDestination(LIST)
    world.run(destination)
    world.change_spec(settings={"list_id": "12", "note": "two"})

    report = world.run(destination)

    assert [finding.guard for finding in report.findings] == ["mapping_change"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Mode.MIRROR, Mode.REMOVE),
        (Mode.REMOVE, Mode.MIRROR),
        (Mode.ADD, Mode.REMOVE),
        (Mode.ARCHIVE, Mode.UPSERT),
        (Mode.UPSERT, Mode.APPEND),
        (Mode.APPEND, Mode.MIRROR),
    ],
)
def test_a_mode_to_which_held_rows_mean_something_else_is_refused(world, before, after):
    world.change_spec(mode=before)
    world.run(MemoryDestination())
    world.change_spec(mode=after)
    destination = MemoryDestination()

    with pytest.raises(SyncConfigurationError, match="kenning sync reset"):
        world.run(destination)

    assert destination.request_count == 0


@pytest.mark.parametrize("after", [Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.ADD])
def test_modes_that_keep_records_there_follow_each_other(world, after):
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(mode=after)

    report = world.run(destination)

    assert (report.status, report.unchanged) == ("succeeded", 3)


def point_elsewhere(world: SyncWorld, account: str) -> None:
    world.options = replace(world.options, account_fingerprint=account)


def test_another_account_of_the_same_name_is_a_persons_decision(world):
    point_elsewhere(world, "one")
    world.run(MemoryDestination())
    point_elsewhere(world, "two")
    world.have_only_consents("a", "b")
    destination = MemoryDestination()

    report = world.run(destination)

    assert [finding.guard for finding in report.findings] == ["account_change"]
    assert destination.request_count == 0


def test_a_plan_for_another_account_is_not_continued(world):
    point_elsewhere(world, "one")
    with pytest.raises(KeyboardInterrupt):
        world.run(memory_destination(None, STOPPED_AFTER))
    point_elsewhere(world, "two")
    destination = memory_destination()

    report = world.run(destination)

    assert (report.status, destination.request_count) == ("held", 0)


def test_a_gentler_removal_is_heeded_by_the_run_that_follows_an_interrupted_one(world):
    world.change_spec(on_removal=Removal.DELETE)
    destination = memory_destination()
    world.run(destination)
    world.have_people(ADA)
    destination.faults.append(STOPPED_AFTER)
    with pytest.raises(KeyboardInterrupt):
        world.run(destination)
    destination.batches.clear()
    world.change_spec(on_removal=Removal.ARCHIVE)

    world.run(destination)

    assert {batch.action for batch in destination.batches} == {Action.ARCHIVE}


@pytest.mark.parametrize(
    "changes",
    [
        {"on_removal": Removal.DELETE},
        {"on_withdrawal": Removal.DELETE},
        {"purpose": "ads"},
    ],
)
def test_a_plan_that_was_looked_at_is_another_when_what_it_does_is(world, changes):
    world.have_consents("a", "b", "c", purpose="ads")
    world.run(MemoryDestination())
    world.have_people(ADA, BO)
    before = world.plan().seal
    world.change_spec(**changes)

    assert world.plan().seal != before


def test_a_record_sent_by_its_key_leaves_by_its_key_after_another_match(world):
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(match=BY_NAME)
    world.have_people(ADA, BO)

    approve_what_holds(world, destination)
    report = world.run(destination)

    assert (report.removed, report.rejected) == (1, 0)
    assert list(destination.records) == ["a", "b"]


def test_a_record_that_nobody_can_name_any_more_is_not_taken_for_gone(world):
    world.change_spec(match=BY_NAME)
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(match=())
    world.have_people(ADA, BO)

    approve_what_holds(world, destination)
    report = world.run(destination)

    assert (report.removed, report.rejected) == (0, 1)
    assert list(world.snapshot()) == ["a", "b", "c"]


def test_identifiers_change_though_nobody_knows_whether_the_old_ones_left(world):
    capabilities = replace(CAPABILITIES, is_membership=True, max_batch_rows=1)
    world.change_spec(match=BY_NAME)
    destination = MemoryDestination(capabilities)
    world.run(destination)
    world.warehouse.execute(
        "update retl.sync_snapshot set row_hash = null, state = 'unknown' "
        "where key = 'b'"
    )
    destination.batches.clear()
    world.have_people(ADA, ("b", "Beau", 1), CY)

    world.run(destination)

    assert rows_of(destination) == [((Op.REMOVE, "b"),), ((Op.ADD, "b"),)]


def test_in_a_list_old_identifiers_leave_when_rows_are_only_ever_put_there(world):
    capabilities = replace(CAPABILITIES, is_membership=True, max_batch_rows=1)
    world.change_spec(match=BY_NAME, mode=Mode.UPSERT)
    destination = MemoryDestination(capabilities)
    world.run(destination)
    destination.batches.clear()
    world.have_people(ADA, ("b", "Beau", 1), CY)

    world.run(destination)

    assert rows_of(destination) == [((Op.REMOVE, "b"),), ((Op.ADD, "b"),)]
