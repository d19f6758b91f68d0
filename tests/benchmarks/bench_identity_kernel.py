"""How fast solve_components is, beside other ways to solve connected components; prints JSON.

`python -m tests.benchmarks.bench_identity_kernel` takes graphs of up to ten million edges, with
`100m` one of a hundred million. The kernel runs as it does for a user: in a dbt run, with the
project's own macro file, on a DuckDB file. Each run is a process of its own on a fresh copy of the
graph, started when the machine is quiet; the contenders take turns, and a figure is the median of
its runs. Every partition is compared with scipy's, node by node.

`others_cores` is how many cores other processes used during a run. A run that was disturbed is repeated,
and counts only where no run was quiet.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import duckdb
import psutil

from tests.benchmarks.identity_contenders import MEMORY_LIMIT

ROOT = Path(__file__).parents[2]
KERNEL = ROOT / "macros" / "identity" / "component_kernel.sql"
THREADS = min(2, os.cpu_count() or 1)
QUIET_CORES = 0.2
LONGEST_WAIT_S = 30
MOST_TRIES = 2
Run = dict[str, object]

PROJECT = """\
name: kenning
profile: bench
config-version: 2
flags: {send_anonymous_usage_stats: false}
"""
PROFILE = """\
bench:
  target: duckdb
  outputs:
    duckdb:
      type: duckdb
      path: "{database}"
      threads: {threads}
      config_options: {{memory_limit: {memory}, threads: {threads}, temp_directory: "{database}.spill"}}
"""
MATERIALIZATION = """\
{% materialization solved, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set solved = solve_components('bench', sql) -%}
    {% call statement('main') -%}
        {{ create_table_as(False, target_relation, 'select node_id, component_id from ' ~ solved) }}
    {%- endcall %}
    {%- do drop_scratch(solved) -%}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
"""
MODEL = """\
{{ config(materialized='solved') }}
select left_node_id, right_node_id from main.edges
"""


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph, who solves it, and how often."""

    shape: str
    edges: int
    contenders: tuple[str, ...]
    repeats: int = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise: one figure divided by another is at most, or at least, so much."""

    name: str
    upper: tuple[str, str]
    lower: tuple[str, str]
    at_most: float | None = None
    at_least: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call measures."""

    graphs: Mapping[str, Graph]
    bars: tuple[Bar, ...]
    peak_rss_mb: Mapping[str, int]


PLANS = {
    "10m": Plan(
        graphs={
            "cdp_10m": Graph(
                "cdp_like", 10_000_000, ("kernel", "scipy", "splink", "labelled_edges")
            ),
            "star_10m": Graph("star", 10_000_000, ("kernel",)),
            "cdp_1m": Graph("cdp_like", 1_000_000, ("kernel", "scipy", "splink")),
            "chain_1m": Graph("chain", 1_000_000, ("kernel", "scipy")),
            "chain_in_path_order_1m": Graph(
                "chain_in_path_order", 1_000_000, ("kernel", "scipy")
            ),
        },
        bars=(
            Bar(
                "kernel to scipy",
                ("cdp_10m", "kernel"),
                ("cdp_10m", "scipy"),
                at_most=2.0,
            ),
            Bar(
                "splink to kernel",
                ("cdp_10m", "splink"),
                ("cdp_10m", "kernel"),
                at_least=2.5,
            ),
            Bar(
                "labelled edges to kernel",
                ("cdp_10m", "labelled_edges"),
                ("cdp_10m", "kernel"),
                at_least=10,
            ),
            Bar(
                "chain to customers",
                ("chain_1m", "kernel"),
                ("cdp_1m", "kernel"),
                at_most=2.5,
            ),
            Bar(
                "star to customers",
                ("star_10m", "kernel"),
                ("cdp_10m", "kernel"),
                at_most=2.0,
            ),
            Bar(
                "chain in path order to customers",
                ("chain_in_path_order_1m", "kernel"),
                ("cdp_1m", "kernel"),
                at_most=5.0,
            ),
        ),
        peak_rss_mb={},
    ),
    "100m": Plan(
        graphs={
            "cdp_100m": Graph(
                "cdp_like", 100_000_000, ("kernel", "union_find", "splink"), repeats=1
            ),
        },
        bars=(
            Bar(
                "kernel to union-find",
                ("cdp_100m", "kernel"),
                ("cdp_100m", "union_find"),
                at_most=5.0,
            ),
            Bar(
                "splink to kernel",
                ("cdp_100m", "splink"),
                ("cdp_100m", "kernel"),
                at_least=2.5,
            ),
        ),
        peak_rss_mb={"cdp_100m": 12_000},
    ),
}


def measure(plan: Plan, folder: Path) -> dict[str, object]:
    """Measure every graph of a plan, and judge it."""
    graphs = {
        name: _measure_graph(name, graph, folder) for name, graph in plan.graphs.items()
    }
    seconds = {
        (name, contender): run["seconds"]
        for name, found in graphs.items()
        for contender, run in found["runs"].items()
    }
    bars = [_judge(bar, seconds) for bar in plan.bars]
    bars += [
        {
            "name": f"peak memory of the kernel on {name}, MB",
            "value": graphs[name]["runs"]["kernel"]["peak_rss_mb"],
            "at_most": limit,
            "holds": graphs[name]["runs"]["kernel"]["peak_rss_mb"] <= limit,
        }
        for name, limit in plan.peak_rss_mb.items()
    ]
    return {
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("duckdb", "dbt-core", "dbt-duckdb")}
        | {name: version(name) for name in ("numba", "numpy", "scipy", "splink")},
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "threads": THREADS,
        },
        "graphs": graphs,
        "bars": bars,
        "all_hold": all(bar["holds"] for bar in bars),
    }


def _measure_graph(name: str, graph: Graph, folder: Path) -> dict[str, object]:
    database = folder / f"{name}.duckdb"
    _say(f"{name}: generating")
    parquet = folder / f"{name}.parquet"
    arguments = [graph.shape, str(graph.edges), str(parquet)]
    _python("identity_graphs", arguments)
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"create table edges as from '{parquet}'")
    parquet.unlink()
    truth = folder / f"{name}.truth.duckdb"
    shutil.copy(database, truth)
    _python("identity_contenders", ["scipy", str(truth), str(THREADS)])

    # Taking turns, so that what disturbs the machine for a minute disturbs all of them.
    runs: dict[str, list[Run]] = {each: [] for each in graph.contenders}
    for turn in range(graph.repeats * MOST_TRIES):
        for contender, found in runs.items():
            if turn >= graph.repeats and len(_quiet(found)) >= graph.repeats:
                continue
            with TemporaryDirectory(dir=folder) as scratch:
                copy = Path(scratch) / "graph.duckdb"
                shutil.copy(database, copy)
                run = _run(contender, copy)
                run["correct"] = _is_same_partition(copy, truth)
            _say(f"{name}: {contender} {run}")
            found.append(run)
    sizes = _sizes(truth)
    database.unlink()
    truth.unlink()
    return sizes | {"runs": {one: _summary(found) for one, found in runs.items()}}


def _run(contender: str, database: Path) -> Run:
    """Run one contender to its end; seconds are its own clock's."""
    if contender == "kernel":
        return _run_kernel(database)
    command = [sys.executable, "-m", "tests.benchmarks.identity_contenders"]
    run, output = _process([*command, contender, str(database), str(THREADS)], ROOT)
    return {"seconds": round(json.loads(output)["seconds"], 3)} | run


def _run_kernel(database: Path) -> Run:
    """One dbt run; seconds are the model's execution time as dbt reports it."""
    project = database.parent
    (project / "macros").mkdir()
    (project / "models").mkdir()
    shutil.copy(KERNEL, project / "macros" / KERNEL.name)
    (project / "macros" / "solved.sql").write_text(MATERIALIZATION)
    (project / "models" / "components.sql").write_text(MODEL)
    (project / "dbt_project.yml").write_text(PROJECT)
    (project / "profiles.yml").write_text(
        PROFILE.format(database=database, threads=THREADS, memory=MEMORY_LIMIT)
    )
    dbt = [str(Path(sys.executable).with_name("dbt")), "--log-format-file", "json"]
    run, _ = _process([*dbt, "run"], project)
    results = json.loads((project / "target" / "run_results.json").read_text())
    statements = _statement_seconds(project / "logs" / "dbt.log")
    return {
        "seconds": round(results["results"][0]["execution_time"], 3),
        "statements": len(statements),
        "statements_seconds": round(sum(statements), 3),
    } | run


def _statement_seconds(log: Path) -> list[float]:
    """How long each of the model's statements took, as dbt logs it."""
    events = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        event["data"]["elapsed"]
        for event in events
        if event["info"]["name"] == "SQLQueryStatus"
        and event["data"].get("node_info", {}).get("node_name") == "components"
    ]


def _process(command: Sequence[str], folder: Path) -> tuple[Run, str]:
    """Run a process in a quiet moment: its memory, its CPU time and what the others took."""
    _wait_for_quiet()
    busy, started = _busy_seconds(), time.perf_counter()
    with TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        sys.stderr.write(text)
        raise subprocess.CalledProcessError(process.returncode, command)
    own = usage.ru_utime + usage.ru_stime
    return {
        "cpu_seconds": round(own, 2),
        "peak_rss_mb": round(usage.ru_maxrss / 1024),
        "others_cores": round(max(0.0, _busy_seconds() - busy - own) / elapsed, 2),
    }, text


def _python(module: str, arguments: Sequence[str]) -> None:
    subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq


def _wait_for_quiet() -> None:
    until = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < until:
        busy = _busy_seconds()
        time.sleep(1)
        if _busy_seconds() - busy < QUIET_CORES:
            return


def _is_same_partition(database: Path, truth: Path) -> bool:
    """Whether both files' components put the same nodes together, whatever the labels."""
    with duckdb.connect(str(truth), config={"memory_limit": "8GB"}) as connection:
        connection.execute(f"attach '{database}' as solved (read_only)")
        found = connection.execute(
            """
            with pairs as (
                select truth.component_id as truth_id, solved.component_id as solved_id, count(*) as nodes
                from components as truth
                full join solved.components as solved on truth.node_id = solved.node_id
                group by all
            )
            select
                count(*) = count(distinct truth_id) and count(*) = count(distinct solved_id),
                sum(nodes) = (select count(*) from components)
            from pairs
            """
        ).fetchone()
    return found == (True, True)


def _sizes(truth: Path) -> dict[str, object]:
    with duckdb.connect(str(truth), read_only=True) as connection:
        found = connection.execute(
            """
            select (select count(*) from edges), sum(nodes), count(*), max(nodes)
            from (select count(*) as nodes from components group by component_id)
            """
        ).fetchone()
    names = ("edges", "nodes", "components", "largest_component")
    return dict(zip(names, map(int, found or ()), strict=True))


def _quiet(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if float(str(run["others_cores"])) <= QUIET_CORES]


def _summary(runs: Sequence[Run]) -> Run:
    """Medians of the quiet runs, of all where none was quiet; correct when all runs were."""
    counted = _quiet(runs) or runs
    return {
        name: round(statistics.median(float(str(run[name])) for run in counted), 3)
        for name in runs[0]
        if name != "correct"
    } | {
        "correct": all(run["correct"] for run in runs),
        "quiet_runs": len(_quiet(runs)),
        "seconds_each": [run["seconds"] for run in runs],
        "others_cores_each": [run["others_cores"] for run in runs],
    }


def _judge(bar: Bar, seconds: Mapping[tuple[str, str], float]) -> dict[str, object]:
    ratio = seconds[bar.upper] / seconds[bar.lower]
    promise = {"at_most": bar.at_most, "at_least": bar.at_least}
    holds = (bar.at_most is None or ratio <= bar.at_most) and (
        bar.at_least is None or ratio >= bar.at_least
    )
    return {
        "name": bar.name,
        "ratio": round(ratio, 2),
        **{name: limit for name, limit in promise.items() if limit is not None},
        "holds": holds,
    }


def _processor() -> str:
    """The processor's name; platform's where /proc does not tell."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [
        line.partition(":")[2].strip()
        for line in lines
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main(size: str) -> None:
    """Measure one plan and print it; whether its promises hold is in what it prints."""
    with TemporaryDirectory(prefix="kenning-bench-") as folder:
        found = measure(PLANS[size], Path(folder))
    sys.stdout.write(f"{json.dumps(found, indent=2)}\n")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "10m")
