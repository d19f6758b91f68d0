"""A sync that is killed at any moment loses nothing and ends where it should.

Real processes, real SIGKILL, the real simulator over HTTP. After each kill the sync is run
again; then the tool holds exactly the rows that it should, and every run adds up.

KENNING_KILL_STEP=1 kills around every call to ledger, destination and warehouse, instead
of around every fourth.
"""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.destination_simulator import Simulator, running_simulator
from tests.sync_world import Person, open_sync_world

KEYS = [f"k{number:02}" for number in range(14)]
RANDOM_KILLS = 8
KILL_STEP = int(os.environ.get("KENNING_KILL_STEP", "4"))


class Killer:
    """The process that runs and kills the sync."""

    def __init__(self, folder: Path, simulator: Simulator, root: Path) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.sync_kills",
                str(folder),
                simulator.url,
                simulator.token,
            ],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n"

    def tell(self, command: str) -> str:
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with running_simulator(tmp_path / "simulator.sqlite") as running:
        yield running


@pytest.fixture
def killer(
    tmp_path: Path, simulator: Simulator, project_root: Path
) -> Iterator[Killer]:
    started = Killer(tmp_path, simulator, project_root)
    yield started
    started.close()


def new_source(folder: Path, chance: random.Random) -> dict[str, dict[str, object]]:
    """Let the model and the consents be others; returns what the tool should hold."""
    people: list[Person] = [
        (key, chance.choice(["Ada", "Bo", None]), chance.choice([1, 2, None]))
        for key in KEYS
        if chance.random() < 0.8
    ]
    consenting = [key for key in KEYS if chance.random() < 0.8]
    with open_sync_world(folder) as world:
        world.have_people(*people)
        world.have_only_consents(*consenting)
    wanted = {
        key: {"first_name": name, "order_count": count, "list": "people"}
        for key, name, count in people
        if key in consenting
    }
    return {
        key: {name: value for name, value in fields.items() if value is not None}
        for key, fields in wanted.items()
    }


def check_record(folder: Path, wanted_keys: set[str]) -> None:
    with open_sync_world(folder) as world:
        assert set(world.snapshot()) == wanted_keys
        assert None not in world.snapshot().values()
        assert world.ledger.open_runs("mailer__people") == ()
        assert ("retl", "plan__mailer__people") not in world.warehouse.tables()
        assert (
            world.rows(
                "select run_id from retl.sync_runs where status = 'running' "
                "or planned_count <> added_count + changed_count + removed_count "
                "+ rejected_count + in_doubt_count + cancelled_count"
            )
            == []
        )
        assert (
            world.rows(
                "select runs.run_id from retl.sync_runs as runs left join ("
                "  select run_id, count(*) as row_count from retl.sync_outcomes "
                "  group by run_id) as outcomes on runs.run_id = outcomes.run_id "
                "where runs.planned_count <> coalesce(outcomes.row_count, 0)"
            )
            == []
        )


def test_killed_around_its_calls_it_ends_where_it_should(tmp_path, simulator, killer):
    chance = random.Random(1)
    wanted = new_source(tmp_path, chance)
    kill_count = 0
    for call in range(1, 200, KILL_STEP):
        wanted = new_source(tmp_path, chance)
        answer = killer.tell(f"at {call} {chance.choice(['before', 'after'])}")
        if answer != "killed":
            break
        kill_count += 1
        assert killer.tell("run").startswith("done")
        assert simulator.records("contacts") == wanted
    check_record(tmp_path, set(wanted))

    assert kill_count > 30 / KILL_STEP


def test_killed_again_and_again_at_random_moments_it_ends_where_it_should(
    tmp_path, simulator, killer
):
    chance = random.Random(2)
    kill_count = 0
    wanted: dict[str, dict[str, object]] = {}
    for _ in range(RANDOM_KILLS):
        wanted = new_source(tmp_path, chance)
        while killer.tell(f"in {chance.uniform(0.02, 0.3)}") == "killed":
            kill_count += 1
            if kill_count % 4 == 0:
                break
    assert killer.tell("run").startswith("done")

    assert simulator.records("contacts") == wanted
    check_record(tmp_path, set(wanted))
    assert kill_count >= RANDOM_KILLS
