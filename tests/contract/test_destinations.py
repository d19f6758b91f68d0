"""The promises that every destination keeps. Runs on each line of the registry, unasked.

A new destination gives a harness: how to open it in a test, and how to read back what it
holds. A destination without one fails `test_every_destination_has_a_harness`.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from demo.destination_simulator import running_simulator
from reverse_etl.destinations.memory import MemoryDestination
from reverse_etl.destinations.protocol import Batch, BatchResult, Destination
from reverse_etl.destinations.registry import DESTINATIONS, open_destination
from reverse_etl.errors import FatalDeliveryError, SyncConfigurationError
from reverse_etl.snapshot import RunStatus
from reverse_etl.spec import Mode, SyncSpec
from tests.sync_world import SPEC, SyncWorld, open_sync_world

Records = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Opened:
    """An open destination, and what it holds by key, without nulls."""

    destination: Destination
    held: Callable[[], Records]


@contextlib.contextmanager
def memory(folder: Path) -> Iterator[Opened]:
    destination = MemoryDestination()
    yield Opened(destination, lambda: without_nulls(destination.records))


@contextlib.contextmanager
def files(folder: Path) -> Iterator[Opened]:
    def held() -> Records:
        """What a reader holds who applies every changes file in turn."""
        records: dict[str, Mapping[str, object]] = {}
        outbox = folder / "outbox" / SPEC.name
        runs = sorted(outbox.iterdir(), key=lambda run: run.stat().st_mtime_ns)
        for run in runs:
            for line in (run / "changes.jsonl").read_text("utf-8").splitlines():
                record = json.loads(line)
                operation, key = record.pop("_op"), record.pop(SPEC.key)
                records.pop(key, None)
                if operation != "remove":
                    records[key] = record
        full = {
            record.pop(SPEC.key): record
            for record in map(
                json.loads, (runs[-1] / "full.jsonl").read_text("utf-8").splitlines()
            )
        }
        assert records == full
        return without_nulls(records)

    with open_destination(spec_of("files"), {}, folder) as destination:
        yield Opened(destination, held)


@contextlib.contextmanager
def mailer(folder: Path) -> Iterator[Opened]:
    with (
        running_simulator(folder / "simulator.sqlite") as simulator,
        open_destination(spec_of("mailer"), simulator.environ, folder) as destination,
    ):
        yield Opened(destination, lambda: simulator.records("contacts"))


HARNESSES = {"memory": memory, "files": files, "mailer": mailer}


def spec_of(name: str) -> SyncSpec:
    return replace(SPEC, destination=name)


def without_nulls(records: Records) -> Records:
    return {
        key: {name: value for name, value in fields.items() if value is not None}
        for key, fields in records.items()
    }


class LosingTheAnswer:
    """A line that goes dead after the destination has done its work."""

    def __init__(self, inner: Destination) -> None:
        self._inner = inner
        self.capabilities = inner.capabilities

    @property
    def request_count(self) -> int:
        return self._inner.request_count

    def send(self, batch: Batch) -> BatchResult:
        self._inner.send(batch)
        raise FatalDeliveryError("The answer was lost.", is_in_doubt=True)


@pytest.fixture(params=sorted(HARNESSES))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def opened(name: str, tmp_path: Path) -> Iterator[Opened]:
    with HARNESSES[name](tmp_path) as harness:
        yield harness


@pytest.fixture
def world(name: str, tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path / "world") as created:
        created.change_spec(destination=name)
        yield created


def test_every_destination_has_a_harness():
    assert set(HARNESSES) == {*DESTINATIONS, "memory"}


@pytest.mark.parametrize("registered", sorted(DESTINATIONS))
def test_every_destination_has_a_page(registered, project_root):
    page = project_root / "docs" / "destinations" / f"{registered}.md"

    assert page.is_file()


def test_it_creates_updates_and_removes(world, opened):
    world.have_people(("a", "Ada", 1), ("b", "Bo", 2))
    world.have_consents("a", "b", "c")
    world.run(opened.destination)
    world.have_people(("b", "Bob", 2), ("c", "Cy", None))

    report = world.run(opened.destination)

    assert (report.added, report.changed, report.removed) == (1, 1, 1)
    assert opened.held() == {
        "b": {"first_name": "Bob", "order_count": 2, "list": "people"},
        "c": {"first_name": "Cy", "list": "people"},
    }


def test_it_hears_nothing_of_an_unchanged_model(world, opened):
    world.have_people(("a", "Ada", 1))
    world.have_consents("a")
    world.run(opened.destination)
    before = opened.destination.request_count

    report = world.run(opened.destination)

    assert report.requests == 0
    assert opened.destination.request_count == before


def test_it_hears_nothing_of_an_empty_model(world, opened):
    report = world.run(opened.destination)

    assert (report.status, report.requests) == (RunStatus.SUCCEEDED, 0)
    assert opened.destination.request_count == 0


def test_it_clears_a_field_that_becomes_null(world, opened):
    world.have_people(("a", "Ada", 1))
    world.have_consents("a")
    world.run(opened.destination)
    world.have_people(("a", None, 1))

    world.run(opened.destination)

    assert opened.held() == {"a": {"order_count": 1, "list": "people"}}


@pytest.mark.parametrize(
    "text",
    [
        "x" * 4_000,
        "🧗🏽‍♀️ Åse",
        "\u05e9\u05dc\u05d5\u05dd, \u202e\u05e2\u05d5\u05dc\u05dd",
        'say "hi", twice;\r\n\tthen go',
        "\\N",
        "NULL",
        "=1+1",
        " padded ",
    ],
    ids=range(8),
)
def test_it_keeps_any_text_as_it_is(world, opened, text):
    world.have_people((f"key {text[:20]}", text, 1))
    world.have_consents(f"key {text[:20]}")

    world.run(opened.destination)

    assert opened.held() == {
        f"key {text[:20]}": {"first_name": text, "order_count": 1, "list": "people"}
    }


def test_it_takes_more_rows_than_one_batch_holds(world, opened):
    keys = [f"k{number:04}" for number in range(1_201)]
    world.have_people(*((key, key.upper(), None) for key in keys))
    world.have_consents(*keys)

    report = world.run(opened.destination)

    assert report.added == 1_201
    assert sorted(opened.held()) == keys
    assert opened.held()["k1200"]["first_name"] == "K1200"


def test_an_answer_that_is_lost_does_no_harm(world, opened):
    world.have_people(("a", "Ada", 1), ("b", "Bo", 2))
    world.have_consents("a", "b", "c")
    lost = world.run(LosingTheAnswer(opened.destination))
    world.have_people(("b", "Bob", 2), ("c", "Cy", 3))

    report = world.run(opened.destination)

    assert (lost.status, lost.in_doubt) == (RunStatus.FAILED, 2)
    assert report.status is RunStatus.SUCCEEDED
    assert sorted(opened.held()) == ["b", "c"]
    assert opened.held()["b"]["first_name"] == "Bob"


def test_removing_everything_leaves_nothing(world, opened):
    world.have_people(("a", "Ada", 1), ("b", "Bo", 2))
    world.have_consents("a", "b")
    world.run(opened.destination)
    world.have_people()

    report = world.run(opened.destination)

    assert report.removed == 2
    assert opened.held() == {}


def test_it_does_both_modes(opened):
    assert opened.destination.capabilities.modes == {Mode.MIRROR, Mode.UPSERT}


def test_the_mailer_without_its_environment_names_what_is_missing(tmp_path):
    with (
        pytest.raises(SyncConfigurationError, match="KENNING_MAILER_TOKEN"),
        open_destination(
            spec_of("mailer"), {"KENNING_MAILER_URL": "http://localhost"}, tmp_path
        ),
    ):
        pass
