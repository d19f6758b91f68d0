"""How long the whole demo takes, twice in a row, and how much memory it holds; prints JSON.

Everything happens in a temporary folder. Seconds are wall-clock. Memory is the greatest sum
over a run's processes, seen five times a second; only Linux tells it, elsewhere it is null.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
KENNING = str(Path(sys.executable).parent / "kenning")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
SAMPLE_S = 0.2


def main() -> int:
    """Measure both runs; one that fails ends it with that run's exit code."""
    results: dict[str, object] = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
    exit_code = 0
    with tempfile.TemporaryDirectory(prefix="kenning-bench-") as folder:
        warehouse = {"KENNING_DUCKDB_PATH": str(Path(folder) / "kenning.duckdb")}
        for name in ("first_run", "second_run"):
            sys.stderr.write(f"demo, {name} ...\n")
            measured = measure([KENNING, "demo"], os.environ | warehouse)
            results[name] = measured
            exit_code = int(measured["exit_code"] or 0)
            if exit_code:
                break
    print(json.dumps(results, indent=2))
    return exit_code


def measure(
    command: Sequence[str], environ: Mapping[str, str]
) -> dict[str, float | None]:
    """Run a command to its end and say what it took."""
    peak = 0
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(environ), stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            peak = max(peak, resident_bytes(process.pid))
            time.sleep(SAMPLE_S)
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "peak_memory_mib": round(peak / 2**20) if peak else None,
        "exit_code": process.returncode,
    }


def resident_bytes(process_id: int) -> int:
    """Memory of a process and its descendants; 0 where /proc does not tell."""
    pages: dict[int, int] = {}
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        number = int(stat.parent.name)
        parents[number], pages[number] = int(fields[1]), int(fields[21])
    family = {process_id}
    grew = True
    while grew:
        children = {child for child, parent in parents.items() if parent in family}
        grew = not children <= family
        family |= children
    return sum(pages.get(member, 0) for member in family) * PAGE_BYTES


if __name__ == "__main__":
    raise SystemExit(main())
