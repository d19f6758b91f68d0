"""Small worlds of the demo company in files of the test, for the tests of demo/."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.landing import BLOCK_PEOPLE, land
from demo.world import WorldSpec
from warehouse.connection import Warehouse, open_warehouse
from warehouse.target import STORAGE_VERSION, Target


@dataclass(frozen=True)
class Landed:
    """An open world: its raw tables, its truth, and what landing it returned."""

    warehouse: Warehouse
    truth: Warehouse
    row_counts: dict[str, int]


def target(path: Path, **settings: str) -> Target:
    """A DuckDB file."""
    return Target(
        name="test",
        engine="duckdb",
        path=path,
        config={"storage_compatibility_version": STORAGE_VERSION},
        settings={"timezone": "UTC"} | settings,
    )


@contextmanager
def landed(
    folder: Path, spec: WorldSpec, *, block_people: int = BLOCK_PEOPLE, threads: int = 2
) -> Iterator[Landed]:
    """Land a world in an empty folder."""
    with (
        open_warehouse(
            target(folder / "raw.duckdb", threads=str(threads))
        ) as warehouse,
        open_warehouse(target(folder / "truth.duckdb")) as truth,
    ):
        row_counts = land(spec, warehouse, truth, block_people=block_people)
        yield Landed(warehouse, truth, row_counts)


@contextmanager
def with_truth(folder: Path) -> Iterator[Warehouse]:
    """A landed world with its truth beside it, as no model ever sees them."""
    with open_warehouse(target(folder / "raw.duckdb")) as warehouse:
        warehouse.execute(f"attach '{folder / 'truth.duckdb'}' as known (read_only)")
        yield warehouse


def fingerprints(warehouse: Warehouse, tables: list[str]) -> dict[str, tuple[str, str]]:
    """Row count and a sum over the rows' hashes per table, whatever the order of rows."""
    return {
        table: tuple(
            str(value)
            for value in warehouse.query(
                f"select count(*), sum(hash(t)::hugeint) from {table} as t"
            )[0]
        )
        for table in tables
    }
