"""How long the demo company takes to build and land, and how much memory; prints JSON.

Run from the project's folder: `python -m tests.benchmarks.bench_demo 5000 100000`. Each size
runs in a process of its own, so that its peak memory is its own. Wall time on a busy machine
says little: compare `cpu_seconds` then.
"""

import json
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.landing import land
from demo.world import WorldSpec
from tests.demo_worlds import target
from warehouse.connection import open_warehouse

LIMITS = {100_000: {"seconds": 60, "peak_rss_mb": 2_000}}
"""What a size may take on two cores, by people."""


def measure(people: int) -> dict[str, object]:
    """Land one world in this process, in a folder that is removed afterwards."""
    with TemporaryDirectory(prefix="bench-demo-") as folder:
        started = time.perf_counter()
        with (
            open_warehouse(
                target(Path(folder) / "raw.duckdb", threads="2")
            ) as warehouse,
            open_warehouse(target(Path(folder) / "truth.duckdb")) as truth,
        ):
            row_counts = land(WorldSpec(people=people), warehouse, truth)
        seconds = time.perf_counter() - started
        megabytes = (Path(folder) / "raw.duckdb").stat().st_size / 1e6
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found: dict[str, object] = {
        "people": people,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_rss_mb": round(usage.ru_maxrss / 1024),
        "rows": sum(row_counts.values()),
        "file_mb": round(megabytes),
    }
    limits = LIMITS.get(people, {})
    return found | {
        f"{name}_to_limit": round(float(str(found[name])) / limit, 2)
        for name, limit in limits.items()
    }


def main(sizes: list[int]) -> None:
    """Measure each size and print all of them."""
    runs = [
        json.loads(
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "tests.benchmarks.bench_demo",
                    "--one",
                    str(size),
                ],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for size in sizes
    ]
    report = {
        "runs": runs,
        "versions": {
            "python": platform.python_version(),
            "duckdb": version("duckdb"),
        },
    }
    sys.stdout.write(f"{json.dumps(report, indent=2)}\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        sys.stdout.write(json.dumps(measure(int(sys.argv[2]))))
    else:
        main([int(size) for size in sys.argv[1:]] or [5_000, 100_000])
