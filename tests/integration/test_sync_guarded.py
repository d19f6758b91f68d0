"""What gets past a guard, and what a person's decision about a plan is worth."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reverse_etl.destinations.memory import CAPABILITIES, MemoryDestination
from reverse_etl.ledger_entries import Control
from reverse_etl.modes import Mode, Op
from reverse_etl.spec import FieldMapping, Guards, MatchMapping
from tests.sync_world import (
    ANYTHING_GOES,
    LINE_DEAD,
    STOPPED_AFTER,
    SyncWorld,
    memory_destination,
    open_sync_world,
    rows_of,
)

ADA = ("a", "Ada", 3)
BO = ("b", "Bo", 1)
CY = ("c", "Cy", None)
ANOTHER_MAPPING = (FieldMapping("name", column="first_name"),)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path) as opened:
        opened.have_people(ADA, BO, CY)
        opened.have_consents("a", "b", "c")
        yield opened


def have_many(world: SyncWorld, count: int, *, changed: int = 0) -> None:
    world.have_people(
        *[
            (f"p{n:03}", f"{'Max' if n < changed else 'Pat'} {n}", n)
            for n in range(count)
        ]
    )
    world.have_only_consents(*[f"p{n:03}" for n in range(count)])


def test_a_guard_that_holds_a_run_holds_the_whole_of_what_would_be_written_anew(world):
    destination = memory_destination(max_batch_rows=None)
    world.run(destination)
    world.change_spec(guards=Guards(max_remove_rate=0.1, max_consent_drop=1.0))
    world.have_people(ADA, BO)
    world.have_only_consents("a")

    report = world.run(destination)

    assert (report.status, report.requests) == ("held", 0)
    assert list(destination.records) == ["a", "b", "c"]


@pytest.mark.parametrize("fault", [LINE_DEAD, STOPPED_AFTER])
def test_a_run_of_withdrawals_that_is_interrupted_does_not_open_the_guards(
    world, fault
):
    destination = memory_destination()
    world.run(destination)
    world.change_spec(mapping=ANOTHER_MAPPING)
    world.have_only_consents("a", "c")
    destination.faults.append(fault)
    try:
        world.run(destination)
    except KeyboardInterrupt:
        assert fault is STOPPED_AFTER
    destination.batches.clear()

    report = world.run(destination)

    assert report.status == "held"
    assert {op for ((op, _),) in rows_of(destination)} <= {Op.REMOVE}


def test_a_plan_that_was_looked_at_is_sent_with_the_pass_that_follows_from_it(world):
    capabilities = replace(CAPABILITIES, is_membership=True)
    world.change_spec(match=(MatchMapping("name", column="first_name"),))
    destination = MemoryDestination(capabilities)
    world.run(destination)
    world.have_people(ADA, ("b", "Beau", 1), CY)
    held = world.run_with_seal("no such seal", destination)

    report = world.run_with_seal(str(held.seal), destination)

    assert (report.status, report.removed, report.added) == ("succeeded", 1, 1)
    assert destination.members == {"a", "b", "c"}


def test_who_only_changed_identifiers_is_no_growth_when_they_come_back(world):
    capabilities = replace(CAPABILITIES, is_membership=True)
    world.change_spec(match=(MatchMapping("name", column="first_name"),))
    have_many(world, 300)
    destination = MemoryDestination(capabilities)
    world.run(destination)
    world.change_spec(guards=replace(ANYTHING_GOES, max_growth_rate=0.5))
    have_many(world, 300, changed=180)

    report = world.run(destination)

    assert (report.status, report.removed, report.added) == ("succeeded", 180, 180)


def test_an_approval_ends_with_a_run_that_no_guard_holds(world):
    destination = MemoryDestination()
    world.run(destination)
    world.change_spec(guards=Guards())
    world.have_people()
    held = world.run(destination)
    world.ledger.tell("mailer__people", Control.APPROVAL, held.seal, now=world.now)
    world.have_people(ADA, BO, CY)
    unchanged = world.run(destination)
    world.have_people()

    report = world.run(destination)

    assert (unchanged.status, report.status) == ("succeeded", "held")
    assert list(destination.records) == ["a", "b", "c"]


def test_many_withdrawals_among_rows_that_left_the_model_are_held(world):
    world.change_spec(mode=Mode.UPSERT, guards=Guards(max_remove_rate=1.0))
    have_many(world, 200)
    destination = MemoryDestination()
    world.run(destination)
    world.have_people(*[(f"p{n:03}", f"Pat {n}", n) for n in range(100)])
    world.run(destination)
    world.have_only_consents(*[f"p{n:03}" for n in range(100)])

    report = world.run(destination)

    assert (report.status, report.requests) == ("held", 0)
    assert len(destination.records) == 200


def test_a_key_of_another_type_is_a_persons_decision(world):
    world.change_spec(mode=Mode.UPSERT, purpose=None)
    world.have_people(("1", "Ada", 3), ("2", "Bo", 1))
    destination = MemoryDestination()
    world.run(destination)
    world.warehouse.execute(
        "create or replace table activation.sync_mailer__people as "
        "select * replace (cast(person_key as double) as person_key) "
        "from activation.sync_mailer__people"
    )

    report = world.run(destination)

    assert [finding.guard for finding in report.findings] == ["schema_change"]
    assert list(destination.records) == ["1", "2"]
