"""How fast and how careful syncs are, beside another reverse ETL; prints JSON.

`python -m tests.benchmarks.bench_sync` takes ten million rows of twelve columns, and with
`--rows 100000` few. Everything is sent to one sink on this machine, which answers at once; each
contender runs in a process of its own, when the machine is quiet. `others_cores` is how many cores
other processes used during a run.

Seconds are those of a whole run: comparing, planning, rendering, sending, reading answers, ledger
and snapshot. drt-core's are those of its run, which has no ledger and no snapshot.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.sync_processes import (
    LONGEST_WAIT_S,
    Found,
    begun,
    machine,
    run,
    say,
    told,
)
from tests.benchmarks.sync_rows import (
    COLUMNS,
    THREADS,
    change_one_in_a_hundred,
    make_rows,
)
from tests.benchmarks.sync_sink import RunningSink, running_sink

MEMORY_GB = 4
REPEATS = 3
WINDOW_REQUESTS = 50
RATE_SECONDS = 40
WAREHOUSE = "warehouse.duckdb"


class Bench:
    """A folder with rows, and a sink."""

    def __init__(self, folder: Path, sink: RunningSink, patience_s: float) -> None:
        self._folder = folder
        self._patience_s = patience_s
        self.sink = sink

    def rows(self, count: int) -> Path:
        """A warehouse with so many rows, not to be written to."""
        path = self._folder / f"{count}.duckdb"
        if not path.exists():
            say(f"{count:,} rows are made")
            make_rows(path, count)
        return path

    @contextmanager
    def world(self, count: int) -> Iterator[Path]:
        """A folder of its own for a contender, with a warehouse of so many rows."""
        base = self.rows(count)
        with TemporaryDirectory(dir=self._folder) as name:
            shutil.copy(base, Path(name) / WAREHOUSE)
            yield Path(name)

    def kenning(self, world: Path, *arguments: object) -> Found:
        """One run of ours."""
        memory = ("--memory", f"{MEMORY_GB}GB")
        return self._run("sync_kenning", world, *memory, *arguments)

    def drt(self, world: Path, *arguments: object) -> Found:
        """One run of drt-core's."""
        return self._run("sync_drt", world, *arguments)

    def _run(self, module: str, world: Path, *arguments: object) -> Found:
        found = run(
            module,
            world,
            self.sink.url,
            *arguments,
            helpers=(self.sink.process_id,),
            patience_s=self._patience_s,
        )
        say(f"{module} {' '.join(map(str, arguments))}: {found}")
        return found


def measure(arguments: argparse.Namespace, bench: Bench) -> dict[str, object]:
    """Measure every part that was asked for."""
    rows, peer_rows = arguments.rows, min(arguments.rows, arguments.peer_rows)
    parts = {
        "large": lambda: _large(bench, rows),
        "streaming": lambda: _streaming(bench, peer_rows),
        "rate_limit": lambda: _rate_limit(bench),
        "rest_api": lambda: _rest_api(bench, peer_rows),
        "hubspot": lambda: _hubspot(bench, peer_rows),
        "refusals": lambda: _refusals(bench, peer_rows),
        "kill": lambda: _kill(bench, peer_rows),
    }
    wanted = arguments.parts or parts
    results = {name: parts[name]() for name in wanted}
    bars = [bar for part in results.values() for bar in part.pop("bars", [])]
    return {
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("duckdb", "httpx", "orjson", "sqlalchemy")}
        | {"drt-core": version("drt-core")},
        "machine": machine() | {"threads": THREADS, "duckdb_memory_gb": MEMORY_GB},
        "sizes": {"rows": rows, "peer_rows": peer_rows, "columns": len(COLUMNS)},
        **results,
        "bars": bars,
        "all_hold": all(bar["holds"] for bar in bars),
    }


def _large(bench: Bench, rows: int) -> dict[str, object]:
    """A first load, a run over nothing new, and one over one changed row in a hundred."""
    bench.sink.begin()
    with bench.world(rows) as world:
        first = bench.kenning(world)
        idle = bench.kenning(world)
        idle_requests = bench.sink.told()["requests"] - first["requests"]
        change_one_in_a_hundred(world / WAREHOUSE)
        changed = bench.kenning(world)
    compare_s = idle["parts"]["plan"]["seconds"]
    plan_s = changed["parts"]["plan"]["seconds"]
    return {
        "first_load": _with_rate(first),
        "nothing_changed": {**idle, "requests_at_the_sink": idle_requests},
        "one_percent_changed": changed,
        "bars": [
            _at_most("diff with nothing changed, s", compare_s, 10),
            _at_most("diff and plan with 1 % changed, s", plan_s, 15),
            _at_most("requests of a run with nothing changed", idle_requests, 0),
            _at_least(f"first load of {rows:,}, rows/s", _rate(first), 150_000),
            _memory(rows, first),
        ],
    }


def _streaming(bench: Bench, rows: int) -> dict[str, object]:
    """The first load with and without a ledger, in turns."""
    found: dict[str, list[Found]] = {"with_ledger": [], "without_ledger": []}
    for _ in range(REPEATS):
        for name, runs in found.items():
            bench.sink.begin()
            with bench.world(rows) as world:
                options = () if name == "with_ledger" else ("--no-ledger",)
                runs.append(bench.kenning(world, *options))
    seconds = {name: _median(runs) for name, runs in found.items()}
    overhead = seconds["with_ledger"] / seconds["without_ledger"] - 1
    return {
        "runs": found,
        "rows_per_second": round(rows / seconds["with_ledger"]),
        "ledger_overhead": round(overhead, 3),
        "bars": [
            _at_least(
                f"first load of {rows:,}, rows/s",
                rows / seconds["with_ledger"],
                150_000,
            ),
            _at_most("time that the ledger adds, share", overhead, 0.25),
            _memory(rows, *found["with_ledger"]),
        ],
    }


def _rate_limit(bench: Bench) -> dict[str, object]:
    """Two processes with one ledger, at a sink that refuses what is too fast."""
    batch_rows = 10
    rows = RATE_SECONDS * WINDOW_REQUESTS * batch_rows // 2
    bench.sink.begin(window_s=1.0, most=WINDOW_REQUESTS)
    with bench.world(rows) as world, bench.world(rows) as other:
        processes = [
            begun(
                "sync_kenning",
                each,
                bench.sink.url,
                *("--name", f"sink__{place}", "--ledger", world / "shared.sqlite"),
                *("--most", WINDOW_REQUESTS, "--batch-rows", batch_rows),
            )
            for place, each in enumerate((world, other))
        ]
        runs = [told(process) for process in processes]
    came = bench.sink.told()
    taken = came["requests"] - came["throttled"]
    # The first window's worth is sent at once, so it does not count as time that was used.
    share = (taken - WINDOW_REQUESTS) / (WINDOW_REQUESTS * came["seconds"])
    return {
        "limit": {"requests": WINDOW_REQUESTS, "window_s": 1.0},
        "processes": runs,
        "came": came,
        "share_used": round(share, 4),
        "bars": [
            _at_least("rate limit used, share", share, 0.95),
            _below(
                "throttled answers, share", came["throttled"] / came["requests"], 0.001
            ),
        ],
    }


def _rest_api(bench: Bench, rows: int) -> dict[str, object]:
    """The same rows to the same sink, a thousand to a request; then once more.

    drt-core's `batch_size: 1000` makes a connection for each request. `drt_tuned` takes more rows
    at a time and divides them, so that fifty requests share one.
    """
    contenders: dict[str, Callable[[Path], Found]] = {
        "kenning": bench.kenning,
        "drt": bench.drt,
        "drt_tuned": lambda world: bench.drt(world, "--tuned"),
    }
    runs: dict[str, list[Found]] = {name: [] for name in contenders}
    again: dict[str, Found] = {}
    for turn in range(REPEATS):
        for name, contender in contenders.items():
            bench.sink.begin()
            with bench.world(rows) as world:
                runs[name].append(contender(world))
                if turn == REPEATS - 1:
                    again[name] = _once_more(bench, world, contender)

    def incremental(world: Path) -> Found:
        return bench.drt(world, "--tuned", "--incremental")

    bench.sink.begin()
    with bench.world(rows) as world:
        incremental(world)
        again["drt_incremental"] = _once_more(bench, world, incremental)
    seconds = {name: _median(found) for name, found in runs.items()}
    return {
        **runs,
        "rows_per_second": {name: round(rows / each) for name, each in seconds.items()},
        "tuned_ratio": round(seconds["drt_tuned"] / seconds["kenning"], 2),
        "second_run": again,
        "bars": [
            _at_least(
                "drt-core's rest_api to ours, time",
                seconds["drt"] / seconds["kenning"],
                4,
            )
        ],
    }


def _once_more(
    bench: Bench, world: Path, contender: Callable[[Path], Found]
) -> dict[str, object]:
    before = bench.sink.told()["requests"]
    found = contender(world)
    requests = bench.sink.told()["requests"] - before
    return {**found, "requests_at_the_sink": requests}


def _hubspot(bench: Bench, rows: int) -> dict[str, object]:
    """HubSpot connectors, one request a row against batches of a hundred.

    The bar is for HubSpot's own limits, which the sink keeps and each contender respects in
    its own way. What they do where nobody limits them is told beside it.
    """
    counts = {
        "unpaced": {"kenning": min(rows, 400_000), "drt": min(rows, 3_000)},
        "paced": {"kenning": min(rows, 60_000), "drt": min(rows, 120)},
    }
    found: dict[str, dict[str, Found]] = {}
    ratios = {}
    for pace, rows_of in counts.items():
        options = ("--hubspot", *(("--paced",) if pace == "paced" else ()))
        found[pace] = {}
        for name, contender in (("kenning", bench.kenning), ("drt", bench.drt)):
            bench.sink.begin()
            with bench.world(rows_of[name]) as world:
                result = contender(world, *options)
            came = bench.sink.told()
            found[pace][name] = {
                **_with_rate(result),
                "rows": came["rows"],
                "requests_at_the_sink": came["requests"],
            }
        ratios[pace] = (
            found[pace]["kenning"]["rows_per_second"]
            / found[pace]["drt"]["rows_per_second"]
        )
    return {
        **found,
        "ratios": ratios,
        "bars": [
            _at_least("ours to drt-core's HubSpot, rows/s, paced", ratios["paced"], 30)
        ],
    }


def _refusals(bench: Bench, rows: int) -> dict[str, object]:
    """A sink that refuses one row in a hundred: who is told of it, and what a second run does.

    It says so in an answer of 200 with the rows, and for drt-core's own way also in a 422 with
    an entry for each row.
    """
    rows = min(rows, 200_000)
    found: dict[str, object] = {}
    for name, contender, options in (
        ("kenning", bench.kenning, ()),
        ("drt", bench.drt, ()),
        ("drt_strict", bench.drt, ("--strict",)),
    ):
        bench.sink.begin(keeps=True, refuses=True)
        with bench.world(rows) as world:
            result = contender(world, *options)
            came = bench.sink.told()
            contender(world, *options)
        known = result.get("rejected", result.get("failed"))
        found[name] = {
            "rows": rows,
            "refused_by_the_sink": came["refused"],
            "known_as_refused": known,
            "told_as_delivered_but_not": came["refused"] - known,
            "requests_of_a_second_run": bench.sink.told()["requests"]
            - came["requests"],
            "rows_sent_twice_by_it": bench.sink.told()["twice"],
        }
    return {
        **found,
        "bars": [
            _at_most(
                "rows told as delivered that were refused",
                found["kenning"]["told_as_delivered_but_not"],
                0,
            )
        ],
    }


def _kill(bench: Bench, rows: int) -> dict[str, object]:
    """A process that is killed when half of the rows have come; then another run."""
    found: dict[str, object] = {}
    for name, module in (("kenning", "sync_kenning"), ("drt", "sync_drt")):
        bench.sink.begin(keeps=True)
        with bench.world(rows) as world:
            process = begun(module, world, bench.sink.url)
            while bench.sink.told()["rows"] < rows // 2:
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            killed_at = bench.sink.told()["rows"]
            again = run(module, world, bench.sink.url)
        came = bench.sink.told()
        found[name] = {
            "rows": rows,
            "came_before_the_kill": killed_at,
            "lost": rows - came["distinct"],
            "sent_twice": came["twice"],
            "seconds_of_the_second_run": again["seconds"],
        }
        say(f"kill {name}: {found[name]}")
    return {
        **found,
        "bars": [_at_most("rows lost by a kill", found["kenning"]["lost"], 0)],
    }


def _with_rate(found: Found) -> dict[str, object]:
    return {**found, "rows_per_second": round(_rate(found), 1)}


def _rate(found: Found) -> float:
    return float(found["sent"]) / max(0.01, float(found["seconds"]))


def _median(runs: list[Found]) -> float:
    return statistics.median(float(each["seconds"]) for each in runs)


def _memory(rows: int, *runs: Found) -> dict[str, object]:
    most = max(int(each["peak_rss_mb"]) for each in runs)
    beyond = most - MEMORY_GB * 1000_000_000 / 2**20
    return _at_most(f"memory beyond DuckDB's limit at {rows:,} rows, MB", beyond, 500)


def _at_most(name: str, value: float, limit: float) -> dict[str, object]:
    return _bar(name, value, "at_most", limit, holds=value <= limit)


def _below(name: str, value: float, limit: float) -> dict[str, object]:
    return _bar(name, value, "below", limit, holds=value < limit)


def _at_least(name: str, value: float, limit: float) -> dict[str, object]:
    return _bar(name, value, "at_least", limit, holds=value >= limit)


def _bar(
    name: str, value: float, kind: str, limit: float, *, holds: bool
) -> dict[str, object]:
    return {"name": name, "value": round(value, 4), kind: limit, "holds": holds}


def main() -> None:
    """Measure, and print; whether the promises hold is in what is printed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help="only these parts")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--peer-rows", type=int, default=1_000_000)
    parser.add_argument(
        "--patience",
        type=float,
        default=LONGEST_WAIT_S,
        help="most seconds to wait for a quiet moment before each run",
    )
    parser.add_argument("--folder", help="where the rows are made, and kept")
    arguments = parser.parse_args()
    with (
        TemporaryDirectory(prefix="kenning-bench-") as name,
        running_sink() as sink,
    ):
        folder = Path(arguments.folder or name)
        folder.mkdir(exist_ok=True)
        found = measure(arguments, Bench(folder, sink, arguments.patience))
    sys.stdout.write(f"{json.dumps(found, indent=2)}\n")


if __name__ == "__main__":
    main()
