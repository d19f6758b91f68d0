"""The profile tables of the demo company, from landed raw tables to the end of core; prints JSON.

Run from the project's folder: `python -m tests.benchmarks.bench_profiles 10000 100000 1000000`; the arguments
are how many people, 10,000 and 100,000 without any. For each size a company is landed by the demo generator
in a folder of its own, and the models of staging, identity and core are run on it as a user's `dbt run` would,
each phase in a process of its own:
  full     everything, from nothing
  day      a day later: tests/benchmarks/profile_day.py says what happened to one customer in a hundred
  nothing  the same again
Then the public tables are published, and some customers are looked up as a person would: a process of its own
for each, Python's start included.

Seconds are those from the first model's start to the last one's end; wall_seconds has dbt's own start in it,
and cpu_seconds says more on a busy machine. Memory is the most that the process held; the engine is given
`memory_limit` 6 GB and told where to spill, so that 8 GB hold everything.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import yaml

from demo.landing import land
from demo.world import WorldSpec
from tests.benchmarks.dbt_phases import run_dbt, run_phase
from tests.benchmarks.profile_day import live_through
from tests.demo_worlds import target
from warehouse.connection import open_warehouse
from warehouse.publish import publish
from warehouse.target import STORAGE_VERSION

ROOT = Path(__file__).parents[2]
SIZES = (10_000, 100_000)
BARS: dict[int, dict[str, float]] = {
    10_000: {},
    100_000: {"full_seconds": 120.0, "day_share": 0.15, "lookup_seconds": 1.0},
    1_000_000: {"peak_memory_gb": 8.0},
}
MEMORY_LIMIT = "6GB"
FIRST_INSTANT = WorldSpec().as_of
NEXT_INSTANT = FIRST_INSTANT + timedelta(days=1)
SELECTION = (
    "--select",
    "path:models/staging",
    "path:models/identity",
    "path:models/core",
)
PROJECT_PARTS = ("models", "macros", "seeds", "tests/dbt")


def main(sizes: list[int]) -> None:
    """Measure each size and print all of them."""
    report = {
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "cores": os.cpu_count(),
        "memory_limit": MEMORY_LIMIT,
        "sizes": [measure(people) for people in sizes],
    }
    sys.stdout.write(f"{json.dumps(report, indent=2)}\n")


def measure(people: int) -> dict[str, Any]:
    """Land one company, run the phases, and say what they took."""
    with TemporaryDirectory(prefix="kenning-profiles-") as name:
        folder = Path(name)
        warehouse = folder / "kenning.duckdb"
        tell(people, "landing")
        sizes = {"raw_rows": land_company(folder, warehouse, people)}
        make_project(folder, warehouse)
        run_dbt(folder, "seed", environ=_at(FIRST_INSTANT))
        tell(people, "full")
        phases = {"full": run_phase(folder, *SELECTION, environ=_at(FIRST_INSTANT))}
        sizes |= built_sizes(warehouse)
        day = live_through(warehouse, FIRST_INSTANT)
        before = latest_run(warehouse)
        tell(people, "a day later")
        phases["day"] = run_phase(folder, *SELECTION, environ=_at(NEXT_INSTANT))
        day |= {"reworked_customer_share": reworked_share(warehouse, before)}
        tell(people, "nothing new")
        phases["nothing"] = run_phase(folder, *SELECTION, environ=_at(NEXT_INSTANT))
        sizes["warehouse_mb"] = round(warehouse.stat().st_size / 1e6)
        tell(people, "publishing")
        published = publish_tables(folder, warehouse)
        tell(people, "looking customers up")
        lookup = look_up(folder, warehouse)
    full, later = phases["full"], phases["day"]
    found = {
        "full_seconds": full["seconds"],
        "day_share": round(later["seconds"] / full["seconds"], 3),
        "peak_memory_gb": max(phase["peak_memory_gb"] for phase in phases.values()),
        "lookup_seconds": lookup["seconds"],
    }
    return {
        "people": people,
        "sizes": sizes,
        "day": day,
        "phases": phases,
        "published": published,
        "lookup": lookup,
        **found,
        "day_cpu_share": round(later["cpu_seconds"] / full["cpu_seconds"], 3),
        "bars": {
            name: {"bar": bar, "found": found[name], "holds": found[name] <= bar}
            for name, bar in BARS.get(people, {}).items()
        },
    }


def land_company(folder: Path, warehouse: Path, people: int) -> int:
    """Write the raw tables. Returns how many rows they have."""
    with (
        open_warehouse(target(warehouse, threads="2")) as raw,
        open_warehouse(target(folder / "truth.duckdb")) as truth,
    ):
        row_counts = land(WorldSpec(people=people), raw, truth)
    (folder / "truth.duckdb").unlink()
    return sum(row_counts.values())


def make_project(folder: Path, warehouse: Path) -> None:
    """A copy of the dbt project, so that a run lasts whatever is edited meanwhile."""
    for part in PROJECT_PARTS:
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "dbt_project.yml", folder)
    (folder / "profiles.yml").write_text(
        yaml.safe_dump(
            {
                "kenning": {
                    "target": "duckdb",
                    "outputs": {
                        "duckdb": {
                            "type": "duckdb",
                            "path": str(warehouse),
                            "schema": "main",
                            "threads": 2,
                            "config_options": {
                                "storage_compatibility_version": STORAGE_VERSION,
                                "temp_directory": str(folder / "spilled"),
                            },
                            "settings": {
                                "timezone": "UTC",
                                "preserve_insertion_order": False,
                                "checkpoint_threshold": "1GB",
                                "memory_limit": MEMORY_LIMIT,
                            },
                        }
                    },
                }
            }
        )
    )


def built_sizes(warehouse: Path) -> dict[str, int]:
    """Rows of the tables that say how large the company is."""
    tables = {
        "staged_rows": "core.int_core__records",
        "identifiers": "identity.identity_map",
        "customers": "core.dim_customers",
        "events": "core.fct_customer_events",
        "orders": "core.fct_orders",
    }
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {
            name: connection.execute(f"select count(*) from {table}").fetchall()[0][0]
            for name, table in tables.items()
        }


def latest_run(warehouse: Path) -> int:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        [(run,)] = connection.execute(
            "select max(run_id) from core.int_core__runs"
        ).fetchall()
    return int(run)


def reworked_share(warehouse: Path, run: int) -> float:
    """Share of the customers of whom a row came, went or changed after this run."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        [(share,)] = connection.execute(
            "select count(distinct customer_id) / (select count(*) from core.dim_customers) "
            "from core.int_core__records where changed_run > ?",
            [run],
        ).fetchall()
    return round(float(share), 4)


def publish_tables(folder: Path, warehouse: Path) -> dict[str, float]:
    path = folder / "published" / "kenning.duckdb"
    before = time.perf_counter()
    publish(target(warehouse, memory_limit=MEMORY_LIMIT), path)
    return {
        "seconds": round(time.perf_counter() - before, 2),
        "mb": round(path.stat().st_size / 1e6),
    }


def look_up(folder: Path, warehouse: Path) -> dict[str, float]:
    """The median of several customers, each shown once before so that the file is in the system's cache."""
    with duckdb.connect(
        str(folder / "published" / "kenning.duckdb"), read_only=True
    ) as connection:
        emails = connection.execute(
            "select email from core.dim_customers where email is not null "
            "order by hash(customer_id) limit 7"
        ).fetchall()
    environ = {**os.environ, "KENNING_DUCKDB_PATH": str(warehouse)}
    taken = []
    for (email,) in emails * 2:
        before = time.perf_counter()
        subprocess.run(
            [
                Path(sys.executable).with_name("kenning"),
                "profile",
                "show",
                email,
                "--json",
            ],
            cwd=folder,
            env=environ,
            check=True,
            capture_output=True,
        )
        taken.append(time.perf_counter() - before)
    again = taken[len(emails) :]
    return {
        "seconds": round(statistics.median(again), 2),
        "slowest_seconds": round(max(again), 2),
    }


def _at(as_of: datetime) -> dict[str, str]:
    return {"KENNING_AS_OF": as_of.isoformat()}


def tell(people: int, phase: str) -> None:
    sys.stderr.write(f"profiles of {people:,} people: {phase} ...\n")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
