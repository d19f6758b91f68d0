"""What happens around a sync: full disks, locked files, calls that fail, a second run."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest

from reverse_etl.destinations.memory import MemoryDestination
from reverse_etl.engine import run_sync
from reverse_etl.errors import LedgerError, SyncBusyError
from reverse_etl.events import BatchAnswered
from reverse_etl.ledger import open_ledger
from tests.sync_kills import Counted
from tests.sync_world import (
    SyncWorld,
    memory_destination,
    open_sync_world,
    target,
)
from warehouse.connection import open_warehouse
from warehouse.errors import WarehouseError, WarehouseFullError, WarehouseLockedError

KEYS = [f"k{number:02}" for number in range(1, 11)]
STEP = int(os.environ.get("KENNING_KILL_STEP", "3"))


def have_source(world: SyncWorld, keys: list[str], name: str) -> None:
    world.have_people(*[(key, name, 1) for key in keys])
    world.have_only_consents(*keys)


class CallFailsError(Exception):
    """Stands for whatever a database can raise."""


def run_with_failing_call(
    world: SyncWorld,
    destination: MemoryDestination,
    number: int,
    error: Exception,
    *,
    after: bool,
) -> bool:
    """Run; one call to ledger or warehouse fails, before or after it did its work.

    Returns:
        Whether there was a call of that number.
    """
    calls = 0

    def around(call: Callable[[], object]) -> object:
        nonlocal calls
        calls += 1
        if calls == number and not after:
            raise error
        result = call()
        if calls == number:
            raise error
        return result

    ledger, warehouse = world.ledger, world.warehouse
    world.ledger = Counted(ledger, around)
    world.warehouse = Counted(warehouse, around)
    try:
        world.run(destination)
    except type(error):
        return True
    finally:
        world.ledger, world.warehouse = ledger, warehouse
    return calls >= number


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_whichever_call_fails_the_next_run_makes_it_right(tmp_path, after):
    destination = memory_destination(max_batch_rows=3)
    failed = 0
    with open_sync_world(tmp_path) as world:
        for number in range(1, 200, STEP):
            keys = KEYS[: 6 + number % 5]
            have_source(world, keys, f"name {number}")
            if not run_with_failing_call(
                world, destination, number, CallFailsError(), after=after
            ):
                break
            failed += 1

            report = world.run(destination)

            assert report.left == 0
            assert sorted(destination.records) == keys
            assert {
                fields["first_name"] for fields in destination.records.values()
            } == {f"name {number}"}
            assert sorted(world.snapshot()) == keys

    assert failed > 20 / STEP


def test_without_room_for_the_ledger_nothing_is_sent(tmp_path):
    def send_on_a_full_disk() -> int:
        destination = memory_destination(max_batch_rows=1)
        with (
            open_sync_world(tmp_path) as world,
            open_ledger(tmp_path / "full" / "ledger.sqlite") as ledger,
        ):
            have_source(world, KEYS, "Ada")
            world.ledger = ledger
            size = max(path.stat().st_size for path in (tmp_path / "full").iterdir())
            # Nothing may grow beyond what is there; the signal would end the process.
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            try:
                world.run(destination)
            except (LedgerError, WarehouseError):
                return destination.request_count
        return -1

    assert in_a_child(send_on_a_full_disk) == 0


def in_a_child(work: Callable[[], int]) -> int:
    """What the work returns, done in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    told = os.read(reading, 100).decode()
    os.close(reading)
    os.waitpid(child, 0)
    return int(told or "-2")


def test_a_warehouse_without_room_leaves_a_plan_that_is_continued(tmp_path):
    destination = memory_destination(max_batch_rows=1)
    with open_sync_world(tmp_path) as world:
        have_source(world, KEYS, "Ada")
        inner = world.warehouse.execute
        statements: list[str] = []

        def execute(statement):
            text = statement if isinstance(statement, str) else statement.sql()
            statements.append(text)
            if text.startswith("INSERT INTO") and "sync_outcomes" in text:
                raise WarehouseFullError("No room left on the disk.")
            return inner(statement)

        world.warehouse.execute = execute
        with pytest.raises(WarehouseFullError):
            world.run(destination)
        world.warehouse.execute = inner
        before = destination.request_count

        report = world.run(destination)

    assert before == len(KEYS)
    assert destination.request_count == before
    assert (report.status, report.added) == ("succeeded", len(KEYS))


def test_a_warehouse_that_another_program_has_open_is_left_alone(tmp_path):
    with open_sync_world(tmp_path) as world:
        have_source(world, KEYS, "Ada")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(
                f"""
                import duckdb, sys
                held = duckdb.connect({str(tmp_path / "test.duckdb")!r})
                print("open", flush=True)
                sys.stdin.read()
                """
            ),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "open\n"
        with (
            pytest.raises(WarehouseLockedError, match=f"process {holder.pid}"),
            open_warehouse(target(tmp_path)),
        ):
            pass
    finally:
        holder.communicate("")


def test_a_second_run_meanwhile_is_refused_and_sends_nothing(tmp_path):
    second = MemoryDestination()
    refusals: list[SyncBusyError] = []
    with open_sync_world(tmp_path) as world:
        have_source(world, KEYS, "Ada")

        def come_second(event: object) -> None:
            if not isinstance(event, BatchAnswered):
                return
            with (
                open_sync_world(tmp_path / "other") as other,
                open_ledger(tmp_path / "ledger.sqlite") as same_ledger,
            ):
                have_source(other, KEYS, "Eve")
                try:
                    run_sync(
                        other.spec,
                        warehouse=other.warehouse,
                        ledger=same_ledger,
                        destination=second,
                        now=lambda: other.now,
                        log=lambda _: None,
                    )
                except SyncBusyError as error:
                    refusals.append(error)

        report = world.run(memory_destination(max_batch_rows=5), tell=come_second)

    assert report.added == len(KEYS)
    assert refusals
    assert second.request_count == 0


def test_a_clock_that_jumps_while_a_run_sends_changes_nothing(tmp_path):
    destination = memory_destination(max_batch_rows=1)
    with open_sync_world(tmp_path) as world:
        have_source(world, KEYS, "Ada")

        def jump(_event: object) -> None:
            world.later(days=-300 if world.now.year > 2025 else 600)

        report = world.run(destination, tell=jump)
        again = world.run(destination)

    assert (report.status, report.added) == ("succeeded", len(KEYS))
    assert (again.status, again.requests) == ("succeeded", 0)
