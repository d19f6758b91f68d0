"""Whole syncs into a real database and into a folder.

The promises that the contract suite proves on simulated tools, for destinations without
one: what should be there is there, once, after every lost answer.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from reverse_etl.destinations.protocol import Batch, BatchResult, Destination
from reverse_etl.destinations.registry import open_destination
from reverse_etl.errors import FatalDeliveryError
from reverse_etl.modes import Mode, Removal
from reverse_etl.run_outcomes import RunStatus
from reverse_etl.transport import HttpOptions
from tests.sync_world import SyncWorld, open_sync_world

Held = Mapping[str, Mapping[str, object]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path / "world") as created:
        yield created


class LosingTheAnswer:
    """A line that goes dead after the destination has done its work."""

    def __init__(self, inner: Destination) -> None:
        self._inner = inner
        self.capabilities = inner.capabilities
        self.request_count = 0

    def send(self, batch: Batch) -> BatchResult:
        self._inner.send(batch)
        raise FatalDeliveryError("The answer was lost.", is_in_doubt=True)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        return self._inner.poll(job, batch)


@contextlib.contextmanager
def opened(
    world: SyncWorld, folder: Path, environ: Mapping[str, str] | None = None
) -> Iterator[Destination]:
    with open_destination(
        world.spec,
        {"KENNING_ALLOW_PRIVATE_ADDRESSES": "1", **(environ or {})},
        folder,
        HttpOptions(sleep=lambda seconds: None),
    ) as destination:
        yield destination


@pytest.fixture
def table(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "create table people (person_key text primary key, first_name text,"
            " order_count integer, list text)"
        )
        yield connection


def held(table: psycopg.Connection) -> list[tuple[object, ...]]:
    return table.execute("select * from people order by person_key").fetchall()


def into_postgres(world: SyncWorld, **changes: object) -> None:
    world.change_spec(
        destination="postgres",
        object="people",
        on_removal=Removal.DELETE,
        on_withdrawal=Removal.DELETE,
        **changes,
    )


def test_a_table_follows_its_model(world, table, postgres_url, tmp_path):
    into_postgres(world)
    environ = {"KENNING_POSTGRES_URL": postgres_url}
    world.have_people(("a", "Ada", 1), ("b", "Bo", 2), ("c", "x" * 9, 2**40))
    world.have_consents("a", "b", "c", "d")

    with opened(world, tmp_path, environ) as destination:
        first = world.run(destination)
        world.have_people(("b", None, 3), ("d", "Di", None))
        second = world.run(destination)
        third = world.run(destination)

    assert (first.added, first.rejected) == (2, 1)
    assert (second.added, second.changed, second.removed) == (1, 1, 1)
    assert third.planned == 0
    assert held(table) == [("b", None, 3, "people"), ("d", "Di", None, "people")]


@pytest.mark.parametrize("mode", [Mode.UPSERT, Mode.APPEND, Mode.INSERT])
def test_a_batch_whose_answer_is_lost_is_in_the_table_once(
    world, table, postgres_url, tmp_path, mode
):
    into_postgres(world, mode=mode)
    table.execute("alter table people drop constraint people_pkey")
    if mode is Mode.UPSERT:
        table.execute("create unique index on people (person_key)")
    environ = {"KENNING_POSTGRES_URL": postgres_url}
    world.have_people(("a", "Ada", 1), ("b", "Bo", 2))
    world.have_consents("a", "b")

    with opened(world, tmp_path, environ) as destination:
        lost = world.run(LosingTheAnswer(destination))
        report = world.run(destination)

    assert lost.status is RunStatus.FAILED
    assert (report.status, report.rejected) == (RunStatus.SUCCEEDED, 0)
    assert held(table) == [("a", "Ada", 1, "people"), ("b", "Bo", 2, "people")]


def replayed(runs: list[Path]) -> Held:
    """What a reader holds who applies every changes file in turn."""
    records: dict[str, Mapping[str, object]] = {}
    for run in runs:
        for line in (run / "changes.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            operation, key = row.pop("_op"), row.pop("person_key")
            records.pop(key, None)
            if operation != "remove":
                records[key] = row
    return records


def test_who_applies_every_changes_file_holds_what_the_last_full_one_has(
    world, tmp_path
):
    world.change_spec(
        destination="files",
        on_removal=Removal.REMOVE,
        on_withdrawal=Removal.REMOVE,
        settings={"format": "csv,jsonl,parquet"},
    )
    world.have_consents("a", "b", "c")
    with opened(world, tmp_path) as destination:
        world.have_people(("a", "Ada", 1), ("b", "Bo", 2))
        lost = world.run(LosingTheAnswer(destination))
        world.later(minutes=1)
        world.have_people(("b", "Bob", 2), ("c", "Cy", None))
        report = world.run(destination)

    runs = sorted((tmp_path / "outbox" / world.spec.name).iterdir())
    assert (lost.status, report.status) == (RunStatus.FAILED, RunStatus.SUCCEEDED)
    full = {
        row.pop("person_key"): row
        for row in map(
            json.loads, (runs[-1] / "full.jsonl").read_text("utf-8").splitlines()
        )
    }
    assert replayed(runs) == full
    assert full == {
        "b": {"first_name": "Bob", "order_count": 2, "list": "people"},
        "c": {"first_name": "Cy", "order_count": None, "list": "people"},
    }
    assert (runs[-1] / "full.parquet").is_file()
