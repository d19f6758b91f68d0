"""One dbt run in a process of its own, and what it took. What is run, and what that shows, is the benchmarks'."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

SLOWEST = 25


def run_phase(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """One `dbt run` of the project in a folder, and what it took.

    Returns:
        seconds from the first model's start to the last one's end, what `run_dbt` measures, how many
        models ran, and the seconds of the slowest.
    """
    measured = run_dbt(folder, "run", *arguments, environ=environ)
    results = json.loads((folder / "target" / "run_results.json").read_text())[
        "results"
    ]
    times = [
        datetime.fromisoformat(timing[moment])
        for result in results
        for timing in result["timing"]
        for moment in ("started_at", "completed_at")
    ]
    models = sorted(results, key=lambda result: -result["execution_time"])
    return {
        "seconds": round((max(times) - min(times)).total_seconds(), 2),
        **measured,
        "models": len(models),
        "slowest_models": {
            result["unique_id"].split(".")[-1]: round(result["execution_time"], 2)
            for result in models[:SLOWEST]
        },
    }


def run_dbt(
    folder: Path,
    command: str,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """One dbt command: wall_seconds with dbt's own start, cpu_seconds, and the most memory it held."""
    before = time.perf_counter()
    with subprocess.Popen(
        [
            Path(sys.executable).with_name("dbt"),
            command,
            "--profiles-dir",
            ".",
            "--quiet",
            *arguments,
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "DBT_TARGET_PATH": "target",
            "DBT_LOG_PATH": "logs",
            **(environ or {}),
        },
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"dbt {command} failed:\n{printed}")
    return {
        "wall_seconds": round(time.perf_counter() - before, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_memory_gb": round(peak_bytes(usage) / 2**30, 2),
    }


def peak_bytes(usage: resource.struct_rusage) -> int:
    """The most memory that a process held, in bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
