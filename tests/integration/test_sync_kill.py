"""A sync that is killed at any moment loses nothing and ends where it should.

Real processes, real SIGKILL, destinations that outlive them. After each kill the sync is
run again; then the destination holds exactly the rows that it should, every run adds up,
and what cannot be repeated was never sent twice.

KENNING_KILL_STEP=1 kills around every call to ledger, destination and warehouse, instead of
around every eighth. KENNING_KILLS=1000 kills so often at random moments.
"""

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from demo.destination_simulator import Simulator, running_simulator
from tests.sync_world import Person, open_sync_world

KEYS = [f"k{number:02}" for number in range(14)]
KILL_STEP = int(os.environ.get("KENNING_KILL_STEP", "8"))
KILLS = int(os.environ.get("KENNING_KILLS", "24"))
MANY_KILLS = max(KILLS, 200)

Wanted = dict[str, dict[str, object]]


class Killer:
    """The process that runs and kills the sync, and what its destination holds."""

    def __init__(self, folder: Path, kind: str, root: Path, simulator: Simulator):
        self.folder = folder
        self.kind = kind
        self._simulator = simulator
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.sync_kills",
                str(folder),
                kind,
                simulator.url_of("mailer"),
                simulator.token_of("mailer"),
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

    def check(self, wanted: Wanted) -> None:
        """The destination holds what it should, and the record says so."""
        if self.kind == "log":
            self._check_log(wanted)
        elif self.kind == "jobs":
            assert without_nulls(self._job_records()) == wanted
        else:
            records = self._simulator.hold("mailer").collection("contacts")
            assert {
                key: without_null(record) for key, record in records.items()
            } == wanted
        check_record(self.folder, None if self.kind == "log" else set(wanted))

    def _job_records(self) -> Wanted:
        return {
            path.name: orjson.loads(path.read_bytes())
            for path in (self.folder / "records").iterdir()
            if not path.suffix
        }

    def _check_log(self, wanted: Wanted) -> None:
        lines = (self.folder / "log.jsonl").read_bytes().splitlines()
        rows = [orjson.loads(line) for line in lines]
        times = Counter(event_id for event_id, _, _ in rows)
        last = {key: without_null(fields) for _, key, fields in rows}
        with open_sync_world(self.folder) as world:
            held = {
                key
                for (key,) in world.rows(
                    "select key from retl.sync_snapshot where state = 'in_doubt'"
                )
            }
        assert set(times.values()) == {1}
        assert {key for key in wanted if last.get(key) != wanted[key]} <= held


def without_null(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def without_nulls(records: Wanted) -> Wanted:
    return {key: without_null(fields) for key, fields in records.items()}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=["mailer"]) as running:
        yield running


@pytest.fixture(params=["mailer", "log", "jobs"])
def killer(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    simulator: Simulator,
    project_root: Path,
) -> Iterator[Killer]:
    simulator.reset("mailer")
    started = Killer(tmp_path, request.param, project_root, simulator)
    yield started
    started.close()


def new_source(killer: Killer, chance: random.Random) -> Wanted:
    """Let the model and the consents be others; returns what should be held."""
    people: list[Person] = [
        (key, chance.choice(["Ada", "Bo", None]), chance.choice([1, 2, None]))
        for key in KEYS
        if chance.random() < 0.8
    ]
    if killer.kind == "log":
        # A row that changes back is the same event, and would go a second time.
        people = [(key, name, chance.randrange(10**9)) for key, name, _ in people]
    consenting = [key for key in KEYS if chance.random() < 0.8]
    with open_sync_world(killer.folder) as world:
        world.have_people(*people)
        world.have_only_consents(*consenting)
    return {
        key: without_null({"first_name": name, "order_count": count, "list": "people"})
        for key, name, count in people
        if key in consenting
    }


def check_record(folder: Path, wanted_keys: set[str] | None) -> None:
    with open_sync_world(folder) as world:
        if wanted_keys is not None:
            assert set(world.snapshot()) == wanted_keys
            assert None not in world.snapshot().values()
        assert world.ledger.open_runs("mailer__people") == ()
        assert ("retl", "plan__mailer__people") not in world.warehouse.tables()
        assert (
            world.rows(
                "select run_id from retl.sync_runs where status <> 'succeeded' "
                "or is_open "
                "or planned_count <> added_count + changed_count + removed_count "
                "+ rejected_count + in_doubt_count + cancelled_count"
            )
            == []
        )
        assert (
            world.rows(
                "select runs.run_id from retl.sync_runs as runs left join ("
                "  select run_id, count(*) as row_count, "
                "  count(distinct seq) as seq_count, count(distinct key_sha256) as key_count "
                "  from retl.sync_outcomes group by run_id"
                ") as outcomes on runs.run_id = outcomes.run_id "
                "where runs.planned_count <> coalesce(outcomes.row_count, 0) "
                "or outcomes.row_count <> outcomes.seq_count "
                "or outcomes.row_count <> outcomes.key_count"
            )
            == []
        )


def test_killed_around_its_calls_it_ends_where_it_should(killer):
    chance = random.Random(1)
    kill_count = 0
    for call in range(1, 400, KILL_STEP):
        wanted = new_source(killer, chance)
        moment = chance.choice(["before", "after"])
        if killer.tell(f"at {call} {moment}") != "killed":
            break
        kill_count += 1
        assert killer.tell("run").startswith("done")
        killer.check(wanted)

    assert kill_count > 30 / KILL_STEP


def kill_at_random(killer: Killer, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    kill_count = 0
    while kill_count < kills:
        wanted = new_source(killer, chance)
        for _ in range(chance.randrange(1, 5)):
            # Recoveries are killed as well.
            if killer.tell(f"in {chance.uniform(0.02, 0.5)}") == "killed":
                kill_count += 1
        assert killer.tell("run").startswith("done")
        killer.check(wanted)


def test_killed_again_and_again_at_random_moments_it_ends_where_it_should(killer):
    kill_at_random(killer, KILLS // 3 + 1, seed=2)


@pytest.mark.exhaustive
def test_killed_two_hundred_times_at_random_moments_it_ends_where_it_should(killer):
    kill_at_random(killer, MANY_KILLS // 3 + 1, seed=random.randrange(10**6))
