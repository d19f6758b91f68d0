"""The whole demo: makes the company, runs the job against the simulator, scores the result.

The one caller of `demo/` besides its tests. A warehouse that is not a demo's is never touched.
"""

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from demo.destination_simulator import Simulator, running_simulator
from demo.landing import land
from demo.score import score
from demo.world import WORLD_VERSION, WorldSpec
from orchestration.demo_report import (
    DemoReport,
    SyncLine,
    keep_report,
    read_report,
)
from orchestration.errors import NotADemoError
from orchestration.parsing import start_parsing
from orchestration.progress import Progress, Tell, keep_silent
from orchestration.quality.validation import load_library
from orchestration.workspace import (
    Workspace,
    format_instant,
    read_manifest,
    set_clock,
)
from reverse_etl.accounts import ALLOW_PRIVATE_VARIABLE
from reverse_etl.destinations.files import OUTBOX
from reverse_etl.spec import SyncSpec
from reverse_etl.spec_reading import sync_specs
from warehouse.connection import Warehouse, open_warehouse
from warehouse.manifest import Manifest, Relation

if TYPE_CHECKING:
    from orchestration.summary import RunSummary

STAGE = "demo company"
READY_STAGE = "getting ready"
CUSTOMERS = Relation("core", "dim_customers")
IDENTITY_MAP = Relation("identity", "identity_map")
NORMALISATION = Relation("quality", "quality_normalisation")

_AUDIENCE_PREFIX = "audience_"
_NO_AUDIENCES = ("audience_memberships", "audience_sizes")
_FULL_FILE = "full.csv"
_MARKER = "demo.json"
_SIMULATOR_STORE = "simulator.sqlite"
_DATABASE_SUFFIXES = ("", ".wal", "-wal", "-shm")
"""A database file and what DuckDB or SQLite may keep beside it."""


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """What a demo run came to.

    Attributes:
        summary: Of the job.
        report: None when the job was not green.
        previous: Report of the run before in the same workspace.
        example_email: An address of the demo company's data, to look a profile up by.
    """

    summary: "RunSummary"
    report: DemoReport | None
    previous: DemoReport | None
    example_email: str | None


def run_demo(
    workspace: Workspace, spec: WorldSpec, *, tell: Tell = keep_silent
) -> DemoOutcome:
    """Make the company of `spec`, run everything on it, and score what came out.

    Another spec than the run before had is another company: it starts with nothing built and
    nothing sent.

    Raises:
        NotADemoError: The warehouse holds tables that no demo made. Nothing was changed.
        KenningError: The company could not be made, or the run could not begin.
    """
    started_at = time.monotonic()
    seconds: dict[str, float] = {}
    _claim(workspace, spec, tell)
    # dbt parses on one core while the company is made on the other.
    with start_parsing(workspace) as parsing:
        with _timed(seconds, STAGE):
            row_counts = _land(workspace, spec, tell)
        with _timed(seconds, READY_STAGE):
            tell(Progress(READY_STAGE, "dbt parses the project"))
            # Dagster and Great Expectations take 12 s to import, which dbt's parsing hides.
            from orchestration.run import run_refresh

            load_library()
            parsing.finish()
            tell(Progress(READY_STAGE, "dbt has parsed the project", is_done=True))
    set_clock(workspace, spec.as_of)
    specs = sync_specs(read_manifest(workspace))
    with running_simulator(
        workspace.data_dir / _SIMULATOR_STORE, vendors=("mailer",)
    ) as simulator:
        with _environment({**simulator.environ, ALLOW_PRIVATE_VARIABLE: "1"}):
            summary = run_refresh(workspace, as_of=spec.as_of, tell=tell)
        held = {spec.name: _held(spec, simulator, workspace) for spec in specs}
    seconds |= summary.stage_seconds
    previous = read_report(workspace.report_path)
    if not summary.is_green:
        return DemoOutcome(summary, None, previous, None)
    with _timed(seconds, "score"):
        tell(Progress("score", "comparing with the truth"))
        report, example = _report(
            workspace, spec, summary, row_counts=row_counts, held=held, specs=specs
        )
    seconds["total"] = time.monotonic() - started_at
    report = replace(report, seconds=seconds)
    keep_report(report, workspace.report_path)
    return DemoOutcome(summary, report, previous, example)


def _claim(workspace: Workspace, spec: WorldSpec, tell: Tell) -> None:
    """Make sure that the warehouse is a demo's, and of this company."""
    world = {
        "people": spec.people,
        "seed": spec.seed,
        "as_of": format_instant(spec.as_of),
        "version": WORLD_VERSION,
    }
    marker = workspace.data_dir / _MARKER
    with open_warehouse(workspace.target) as warehouse:
        table_count = len(warehouse.tables())
    if not marker.is_file() and table_count:
        raise NotADemoError(
            f"The warehouse {workspace.target.path} holds {table_count:,} tables that no demo "
            "made, and the demo would replace them. Set KENNING_DUCKDB_PATH to a file of its own."
        )
    if marker.is_file() and json.loads(marker.read_text(encoding="utf-8")) != world:
        tell(Progress(STAGE, "another company: starting anew", is_done=True))
        _forget(workspace)
    marker.write_text(json.dumps(world), encoding="utf-8")


def _forget(workspace: Workspace) -> None:
    """Remove the company that was there: its tables, what was sent, what was reported."""
    for path in (
        workspace.target.path,
        workspace.truth_path,
        workspace.ledger_path,
        workspace.data_dir / _SIMULATOR_STORE,
    ):
        for suffix in _DATABASE_SUFFIXES:
            path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
    workspace.report_path.unlink(missing_ok=True)
    for folder in (workspace.data_dir / OUTBOX, workspace.published_path.parent):
        shutil.rmtree(folder, ignore_errors=True)


def _land(workspace: Workspace, spec: WorldSpec, tell: Tell) -> dict[str, int]:
    def progress(doing: str, done: float) -> None:
        tell(Progress(STAGE, f"{done:4.0%} {doing}"))

    truth_target = replace(workspace.target, path=workspace.truth_path)
    with (
        open_warehouse(workspace.target) as warehouse,
        open_warehouse(truth_target) as truth,
    ):
        row_counts = land(spec, warehouse, truth, progress=progress)
    total = sum(row_counts.values())
    tell(
        Progress(
            STAGE,
            f"{spec.people:,} people, {total:,} rows in {len(row_counts):,} tables",
            is_done=True,
        )
    )
    return row_counts


def _held(spec: SyncSpec, simulator: Simulator, workspace: Workspace) -> int:
    """Rows that the destination holds, read back from it."""
    if spec.destination == "mailer":
        return len(simulator.hold("mailer").collection(spec.object))
    folders = sorted((workspace.data_dir / OUTBOX / spec.name).glob("*/manifest.json"))
    if not folders:
        return 0
    files = json.loads(folders[-1].read_text(encoding="utf-8"))["files"]
    return next(int(file["rows"]) for file in files if file["name"] == _FULL_FILE)


def _report(
    workspace: Workspace,
    spec: WorldSpec,
    summary: "RunSummary",
    *,
    row_counts: Mapping[str, int],
    held: Mapping[str, int],
    specs: Sequence[SyncSpec],
) -> tuple[DemoReport, str | None]:
    truth_target = replace(workspace.target, path=workspace.truth_path)
    manifest = read_manifest(workspace)
    with (
        open_warehouse(workspace.target, read_only=True) as warehouse,
        open_warehouse(truth_target, read_only=True) as truth,
    ):
        found = score(warehouse, truth)
        report = DemoReport(
            people=spec.people,
            seed=spec.seed,
            as_of=format_instant(spec.as_of),
            landed=_by_source(row_counts),
            unreadable_values=_unreadable(warehouse),
            identifiers=_count(warehouse, IDENTITY_MAP),
            customers=_count(warehouse, CUSTOMERS),
            scored_people=found.person_count,
            scored_customers=found.customer_count,
            precision=found.precision,
            recall=found.recall,
            audiences=_audience_sizes(warehouse, manifest),
            syncs={
                spec.name: _sync_line(
                    spec, summary.sync_counts[spec.name], held[spec.name]
                )
                for spec in specs
            },
            checks_passed=summary.checks.passed,
            checks_failed=summary.checks.failed,
            checks_warned=summary.checks.warned,
            seconds={},
        )
        return report, _example_email(warehouse)


def _sync_line(spec: SyncSpec, counts: Mapping[str, int], held: int) -> SyncLine:
    return SyncLine(
        destination=spec.destination,
        added=counts["added"],
        changed=counts["changed"],
        removed=counts["removed"],
        rejected=counts["rejected"],
        unchanged=counts["unchanged"],
        held_at_destination=held,
    )


def _by_source(row_counts: Mapping[str, int]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for table, count in row_counts.items():
        sums[table.split(".", maxsplit=1)[0]] += count
    return dict(sums)


def _audience_sizes(warehouse: Warehouse, manifest: Manifest) -> dict[str, int]:
    return {
        model.name.removeprefix(_AUDIENCE_PREFIX): _count(warehouse, model.relation)
        for model in sorted(manifest.models.values(), key=lambda model: model.name)
        if model.layer == "audiences"
        and model.name.startswith(_AUDIENCE_PREFIX)
        and "customer_id" in model.columns
        and model.name not in _NO_AUDIENCES
    }


def _unreadable(warehouse: Warehouse) -> int:
    return _integer(
        warehouse,
        exp.select(exp.func("coalesce", exp.Sum(this=exp.column("invalid_count")), 0))
        .from_(NORMALISATION.to_table())
        .where(exp.column("reason").eq("not readable")),
    )


def _example_email(warehouse: Warehouse) -> str | None:
    """An address of somebody who ordered often, so that the profile has something to show."""
    rows = warehouse.query(
        exp.select("email")
        .from_(CUSTOMERS.to_table())
        .where(exp.column("email").is_(exp.null()).not_())
        .order_by(exp.column("order_count").desc(), "customer_id")
        .limit(1)
    )
    return str(rows[0][0]) if rows else None


def _count(warehouse: Warehouse, relation: Relation) -> int:
    query = exp.select(exp.Count(this=exp.Star())).from_(relation.to_table())
    return _integer(warehouse, query)


def _integer(warehouse: Warehouse, query: exp.Query) -> int:
    return int(str(warehouse.query(query)[0][0]))


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started_at = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - started_at


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Let the syncs of this process find the simulator, and nothing after them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
