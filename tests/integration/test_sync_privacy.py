"""No personal value in a log, a report, an error, or a table that is not for values.

A canary stands in every place where a person's value may be: key, field, wrong address.
"""

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from reverse_etl.destinations.memory import MemoryDestination
from reverse_etl.destinations.protocol import BatchResult, Destination, RejectedRow
from reverse_etl.destinations.registry import open_destination
from reverse_etl.errors import SyncBusyError
from reverse_etl.events import BatchAnswered
from reverse_etl.modes import Removal
from reverse_etl.transport import HttpOptions, RetryPolicy
from tests.sync_world import SPEC, SyncWorld, open_sync_world
from warehouse.errors import WarehouseError

CANARY = "canary.ada@example.com"
TOKEN = "token-canary"

PLACES_FOR_KEYS = {"sync_snapshot"}


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with running_simulator(vendors=["mailer"], token=TOKEN) as running:
        yield running


@pytest.fixture
def destination(simulator: Simulator, tmp_path: Path) -> Iterator[Destination]:
    http = HttpOptions(
        policy=RetryPolicy(max_attempts=2, first_wait_s=0.0),
        allow_private_addresses=True,
    )
    spec = dataclasses.replace(SPEC, on_removal=Removal.DELETE)
    with open_destination(
        spec, simulator.environ_of("mailer"), tmp_path, http
    ) as mailer:
        yield mailer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path) as opened:
        opened.change_spec(
            on_removal=Removal.DELETE,
            mapping=(
                dataclasses.replace(opened.spec.mapping[0], field="email"),
                *opened.spec.mapping[1:],
            ),
        )
        opened.have_people((CANARY, f"{CANARY} is no address", 1), ("b", CANARY, 2))
        opened.have_consents(CANARY, "b")
        yield opened


def test_a_run_with_a_refused_row_tells_nobody_who_it_was(
    world, destination, caplog, tmp_path
):
    with caplog.at_level(logging.DEBUG):
        report = world.run(destination)

    assert report.rejected == 1
    told = "\n".join([*world.lines, caplog.text, repr(report), repr(world.spec)])
    assert CANARY not in told
    assert TOKEN not in told


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.STATUS, status=400),
        Fault(FaultKind.STATUS, status=500),
        Fault(FaultKind.DROP_AFTER),
        Fault(FaultKind.GARBAGE),
        Fault(FaultKind.SHORT),
    ],
    ids=lambda fault: f"{fault.kind.value}-{fault.status}",
)
def test_a_run_that_fails_tells_nobody_who_was_in_it(
    world, destination, simulator, caplog, fault
):
    simulator.script("mailer", *[fault] * 50)

    with caplog.at_level(logging.DEBUG):
        report = world.run(destination)

    told = "\n".join([*world.lines, caplog.text, repr(report), str(report.message)])
    assert report.status == "failed" or report.rejected > 0
    assert CANARY not in told
    assert TOKEN not in told


def test_only_the_snapshot_keeps_a_key_and_nothing_keeps_a_field(world, destination):
    world.run(destination)
    world.have_people(("b", CANARY, 2))
    world.run(destination)

    tables = sorted(
        name for schema, name in world.warehouse.tables() if schema == "retl"
    )
    holding = {
        name
        for name in tables
        if any(CANARY in str(row) for row in world.rows(f"select * from retl.{name}"))
    }
    assert tables == ["sync_outcomes", "sync_rejected", "sync_runs", "sync_snapshot"]
    assert holding <= PLACES_FOR_KEYS


def test_the_ledger_holds_no_value_while_a_run_is_under_way(
    world, destination, simulator, tmp_path
):
    seen: list[bytes] = []

    def look(_event: object) -> None:
        seen.extend(file.read_bytes() for file in tmp_path.glob("ledger.sqlite*"))

    world.run(destination, tell=look)
    look(None)

    assert b"mailer__people" in b"".join(seen)
    assert CANARY.encode() not in b"".join(seen)


@pytest.mark.parametrize("value", [CANARY, "31612345678", "tel:316-123-45678"])
def test_a_code_or_field_that_quotes_a_value_is_not_kept(world, value):
    class Quoting(MemoryDestination):
        def send(self, batch):
            return BatchResult((RejectedRow(0, "OTHER", code=value, field=value),))

    report = world.run(Quoting())

    assert report.rejected == 1
    assert world.rows(
        "select error_code, error_field from retl.sync_outcomes "
        "where status = 'rejected'"
    ) == [(None, None)]


def test_errors_of_warehouse_and_lease_hold_no_value(world, destination):
    world.warehouse.execute(
        "alter table activation.sync_mailer__people alter order_count type text"
    )
    world.warehouse.execute(
        f"update activation.sync_mailer__people set order_count = '{CANARY}'"
    )
    world.warehouse.execute(
        "create or replace view activation.wrong as "
        "select *, cast(order_count as bigint) as number "
        "from activation.sync_mailer__people"
    )
    relation = dataclasses.replace(world.spec.relation, name="wrong")
    world.change_spec(relation=relation)
    world.change_spec(
        mapping=(dataclasses.replace(world.spec.mapping[1], column="number"),)
    )

    with pytest.raises(WarehouseError) as caught:
        world.run(destination)

    assert CANARY not in f"{caught.value} {caught.value.__cause__}"


def test_a_second_run_meanwhile_is_refused_without_a_value(world, destination):
    refusals: list[str] = []

    def come_second(event: object) -> None:
        if isinstance(event, BatchAnswered):
            with pytest.raises(SyncBusyError) as caught:
                world.run(destination)
            refusals.append(str(caught.value))

    report = world.run(destination, tell=come_second)

    assert refusals
    assert CANARY not in "".join(refusals)
    assert report.added == 1
