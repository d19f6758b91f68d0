"""Every dbt model, seed and test, as one step that runs `dbt build`.

dbt decides the order and what a red test skips. A red test or a failed model fails the step, so
nothing downstream of any model runs: nothing is published and nothing leaves.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
from dagster_dbt import DagsterDbtCliRuntimeError, DbtCliResource, dbt_assets

from orchestration.as_of import resolve_as_of
from orchestration.dbt_project import KenningTranslator, dagster_project
from orchestration.errors import BuildError
from orchestration.failures import told_to_dagster
from orchestration.parsing import plain_text
from orchestration.progress import Progress, Tell
from orchestration.workspace import AS_OF_VARIABLE, Workspace, format_instant
from warehouse.errors import safe_reason

WAREHOUSE_POOL = "warehouse"
"""Steps in this pool write to the warehouse; DuckDB admits one writing process."""

MODELS_STEP = "models"
STAGE = "models and tests"

_NAMED_ERRORS = re.compile(
    r"(Binder|Catalog|Parser|Compilation|Dependency|Contract) Error|enforced contract"
)
_DISK_FULL = ("No space left", "File too large")
_MESSAGE_LIMIT = 5
_REASON_LENGTH = 400


@dataclass(slots=True)
class Tally:
    """What dbt has said so far."""

    built_count: int = 0
    passed_count: int = 0
    failed_checks: list[str] = field(default_factory=list)
    warned_checks: list[str] = field(default_factory=list)

    def add(self, event: object) -> None:
        """Count one event of the stream."""
        if isinstance(event, dg.Output):
            self.built_count += 1
        elif isinstance(event, dg.AssetCheckResult):
            name = f"{event.check_name}"
            if event.passed:
                self.passed_count += 1
            elif event.severity == dg.AssetCheckSeverity.WARN:
                self.warned_checks.append(name)
            else:
                self.failed_checks.append(name)

    def __str__(self) -> str:
        text = f"{self.built_count:,} tables built, {self.passed_count:,} tests passed"
        if self.failed_checks:
            text += f", {len(self.failed_checks):,} failed"
        if self.warned_checks:
            text += f", {len(self.warned_checks):,} warned"
        return text


def build_dbt_assets(workspace: Workspace) -> dg.AssetsDefinition:
    """The whole project as one asset definition; needs its manifest to be there."""

    @dbt_assets(
        name=MODELS_STEP,
        manifest=workspace.manifest_path,
        project=dagster_project(workspace),
        dagster_dbt_translator=KenningTranslator(),
        pool=WAREHOUSE_POOL,
    )
    def models(
        context: dg.AssetExecutionContext,
        dbt: DbtCliResource,
        tell: dg.ResourceParam[Tell],
    ) -> Iterator[object]:
        with told_to_dagster():
            as_of = format_instant(resolve_as_of(context, workspace))
            context.log.info("The models read the world as of %s.", as_of)
            yield from _build(context, dbt, workspace, tell, as_of=as_of)

    return models


def _build(
    context: dg.AssetExecutionContext,
    dbt: DbtCliResource,
    workspace: Workspace,
    tell: Tell,
    *,
    as_of: str,
) -> Iterator[object]:
    tally = Tally()
    tell(Progress(STAGE, "dbt starts"))
    run_dir = workspace.dbt_target_dir / "run"
    (run_dir / "run_results.json").unlink(missing_ok=True)
    with _environment(AS_OF_VARIABLE, as_of):
        invocation = dbt.cli(
            # The same code gives the same answer every day: unit tests run where code changes.
            ["build", "--exclude-resource-type", "unit_test"],
            context=context,
            target_path=run_dir,
        )
    try:
        for event in invocation.stream():
            tally.add(event)
            tell(Progress(STAGE, str(tally)))
            yield event
    except DagsterDbtCliRuntimeError as error:
        raise BuildError(what_failed(run_dir, str(error))) from None
    finally:
        tell(Progress(STAGE, str(tally), is_done=True))


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Let a process that is started meanwhile see a variable.

    As a variable of the environment and not of dbt: another value of `--vars` makes dbt parse the
    whole project anew, 10 s more, where this makes it parse the few models that ask.
    """
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def what_failed(run_dir: Path, log: str) -> str:
    """One message about a failed `dbt build`, without a value of any row."""
    results_path = run_dir / "run_results.json"
    results = (
        json.loads(results_path.read_text(encoding="utf-8"))["results"]
        if results_path.is_file()
        else []
    )
    told = [log, *(str(result["message"]) for result in results)]
    if any(sign in text for text in told for sign in _DISK_FULL):
        return (
            "No room left on the disk while dbt built. Tables that it had not finished are as they "
            "were, nothing was published and nothing has left. Free some space, then run again."
        )
    if not results:
        return _did_not_start(log)
    red = [result for result in results if result["status"] == "fail"]
    broken = [result for result in results if result["status"] == "error"]
    skipped_count = sum(result["status"] == "skipped" for result in results)
    sentences = []
    if broken:
        sentences.append(
            f"{len(broken):,} failed: "
            + "; ".join(
                f"{_name(result)} ({_reason(str(result['message']))})"
                for result in broken[:_MESSAGE_LIMIT]
            )
            + _more(broken)
        )
    if red:
        sentences.append(
            f"{len(red):,} tests are red: "
            + "; ".join(
                f"{_name(result)} ({result['failures']:,} rows)"
                for result in red[:_MESSAGE_LIMIT]
            )
            + _more(red)
        )
    return (
        f"The build is red. {'. '.join(sentences)}. {skipped_count:,} nodes after them were "
        "skipped, nothing was published and nothing has left. Correct the model "
        f"or the data, then run again; dbt's log is {run_dir / 'dbt.log'}."
    )


def _did_not_start(log: str) -> str:
    _, _, errors = log.partition("Errors parsed from dbt logs:")
    text = plain_text(errors)
    if "Could not set lock" in text:
        return (
            "The warehouse is open elsewhere, so dbt cannot write to it. Nothing was changed. "
            "Close that program or wait for its run to end, then try again."
        )
    return f"dbt did not start to build: {_reason(text)}. Nothing was changed."


def _reason(text: str) -> str:
    """The engine's complaint: whole when it names tables and columns, masked otherwise."""
    line = plain_text(text)
    return line[:_REASON_LENGTH] if _NAMED_ERRORS.search(line) else safe_reason(line)


def _name(result: Mapping[str, object]) -> str:
    return str(result["unique_id"]).split(".")[2]


def _more(results: Sequence[object]) -> str:
    rest = len(results) - _MESSAGE_LIMIT
    return f"; and {rest:,} more" if rest > 0 else ""
