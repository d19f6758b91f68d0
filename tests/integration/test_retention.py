"""What of earlier runs is forgotten in time, and what stays because it is still needed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reverse_etl.destinations.memory import CAPABILITIES, MemoryDestination
from reverse_etl.destinations.protocol import Idempotency
from reverse_etl.operations import InDoubt, retry
from reverse_etl.retention import Purged, purge
from reverse_etl.spec import Guards
from tests.sync_world import (
    LINE_DEAD,
    LINE_DEAD_AFTER,
    STOPPED_AFTER,
    SyncWorld,
    memory_destination,
    open_sync_world,
)

ADA = ("a", "Ada", 3)
BO = ("b", "Bo", 1)
DAYS = 90


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path) as opened:
        opened.have_people(ADA, BO)
        opened.have_consents("a", "b")
        yield opened


def purged(world: SyncWorld, days: int = DAYS) -> Purged:
    return purge(
        warehouse=world.warehouse,
        ledger=world.ledger,
        now=lambda: world.now,
        days=days,
    )


def count(world: SyncWorld, table: str) -> int:
    [(rows,)] = world.rows(f"select count(*) from retl.{table}")
    return int(str(rows))


def plan_columns(world: SyncWorld) -> set[str]:
    return {
        column.name
        for column in world.warehouse.columns("retl", "plan__mailer__people")
    }


def test_before_anything_was_sent_there_is_nothing_to_forget(world):
    assert purged(world).is_nothing
    assert ("retl", "sync_runs") not in world.warehouse.tables()


def test_outcomes_are_kept_for_their_time_and_not_a_day_longer(world):
    world.run(MemoryDestination())
    world.later(days=89)
    kept = purged(world), count(world, "sync_outcomes")
    world.later(days=2)

    assert kept == (Purged(), 2)
    assert purged(world) == Purged(outcomes=2)
    assert count(world, "sync_outcomes") == 0


def test_a_run_whose_rows_are_still_held_stays_and_one_that_nothing_needs_goes(world):
    destination = MemoryDestination()
    world.run(destination)
    for _ in range(3):
        world.later(hours=1)
        world.run(destination)
    world.later(days=100)

    found = purged(world)

    # The first run holds both rows; the last is the newest. The idle two between go.
    assert found == Purged(outcomes=2, runs=2)
    assert [row[0] for row in world.rows("select added_count from retl.sync_runs")] == [
        2,
        0,
    ]


def test_what_the_guards_compare_with_stays_behind_a_row_of_held_runs(world):
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(guards=Guards(max_remove_rate=0.1))
    world.have_people(ADA)
    for _ in range(3):
        world.later(hours=1)
        world.run(destination)
    world.warehouse.execute("delete from retl.sync_snapshot")
    world.later(days=100)

    purged(world)

    statuses = world.rows("select status from retl.sync_runs order by run_id")
    assert statuses == [("succeeded",), ("held",)]


def test_a_sync_goes_on_as_before_after_a_purge(world):
    destination = MemoryDestination()
    world.run(destination)
    world.later(days=100)
    purged(world)
    requests = destination.request_count

    idle = world.run(destination)
    world.have_people(ADA)
    busy = world.run(destination)

    assert (idle.status, destination.request_count) == ("succeeded", requests + 1)
    assert busy.removed == 1


def test_the_outcome_of_a_row_in_doubt_stays_until_a_person_has_decided(world):
    once = replace(CAPABILITIES, idempotency=Idempotency.NONE, max_batch_rows=1)
    world.run(memory_destination(LINE_DEAD_AFTER, capabilities=once))
    destination = MemoryDestination(once)
    world.run(destination)
    world.later(days=100)

    purged(world)
    left = world.rows("select status from retl.sync_outcomes")
    retry(
        world.spec,
        warehouse=world.warehouse,
        ledger=world.ledger,
        now=lambda: world.now,
        in_doubt=InDoubt.DELIVERED,
    )
    again = world.run(destination)

    assert left == [("in_doubt",)]
    assert again.requests == 0
    assert purged(world).outcomes == 1


def test_a_plan_whose_run_is_over_is_dropped(world):
    world.run(MemoryDestination())
    world.warehouse.execute("create table retl.plan__mailer__people as select 1 as seq")

    assert purged(world) == Purged(plans=1)
    assert ("retl", "plan__mailer__people") not in world.warehouse.tables()


def test_a_plan_that_is_to_be_continued_is_left_whole(world):
    world.run(memory_destination(None, LINE_DEAD))
    world.later(hours=24)

    assert purged(world).is_nothing
    assert "field_1" in plan_columns(world)


def test_a_plan_too_old_to_be_continued_loses_its_values_and_can_still_be_closed(world):
    world.run(memory_destination(None, LINE_DEAD))
    world.later(hours=26)

    found = purged(world)
    left = plan_columns(world)
    again = purged(world)
    destination = MemoryDestination()
    report = world.run(destination)

    assert (found, again) == (Purged(payloads=1), Purged())
    assert left >= {"seq", "key", "row_hash", "match_text"}
    assert not [name for name in left if name.startswith(("field_", "assoc_"))]
    assert report.status == "succeeded"
    assert sorted(destination.records) == ["b"]


def test_the_plan_of_a_run_under_way_is_left_alone_however_old(world):
    with pytest.raises(KeyboardInterrupt):
        world.run(memory_destination(STOPPED_AFTER))
    world.later(hours=26)

    with world.ledger.lease("mailer__people", now=lambda: world.now):
        assert purged(world).is_nothing

    assert purged(world) == Purged(payloads=1)


def test_runs_of_a_sync_that_is_no_longer_configured_are_forgotten_too(world):
    world.run(MemoryDestination())
    world.warehouse.execute("update retl.sync_outcomes set sync_name = 'gone'")
    world.warehouse.execute("update retl.sync_runs set sync_name = 'gone'")
    world.later(days=100)

    assert purged(world).outcomes == 2


def test_an_outcome_of_a_run_that_nobody_knows_goes_by_its_own_time(world):
    world.run(MemoryDestination())
    world.warehouse.execute("delete from retl.sync_runs")
    world.later(days=89)
    kept = purged(world)
    world.later(days=2)

    assert (kept, purged(world)) == (Purged(), Purged(outcomes=2))


def test_an_open_run_is_never_forgotten(world):
    world.run(memory_destination(None, LINE_DEAD))
    world.later(days=100)

    found = purged(world)

    assert (found.outcomes, found.runs) == (0, 0)
