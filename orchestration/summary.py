"""What came of a run, read from its events.

The events are what the UI shows too, so the two cannot tell different stories.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from orchestration.dbt_assets import MODELS_STEP
from orchestration.dbt_assets import STAGE as MODELS_STAGE
from orchestration.dbt_project import RAW_LAYER
from orchestration.failures import EXIT_CODE_METADATA
from orchestration.publish import PUBLISHED_KEY
from orchestration.publish import STAGE as PUBLISH_STAGE
from orchestration.quality.outbound_checks import CHECK as OUTBOUND_CHECK
from orchestration.quality.outbound_checks import STAGE as OUTBOUND_STAGE
from orchestration.raw_inputs import RAW_STEP, ROW_COUNT
from orchestration.raw_inputs import STAGE as RAW_STAGE
from orchestration.retention_asset import RETENTION_KEY
from orchestration.retention_asset import STAGE as RETENTION_STAGE
from orchestration.sync_assets import SYNC_NAME
from orchestration.sync_progress import STAGE as SYNC_STAGE
from warehouse.errors import EXIT_DATA_PROBLEM

_STAGES = {
    RAW_STEP: RAW_STAGE,
    MODELS_STEP: MODELS_STAGE,
    PUBLISHED_KEY.to_python_identifier(): PUBLISH_STAGE,
    RETENTION_KEY.to_python_identifier(): RETENTION_STAGE,
}
_INTERRUPTED = "DagsterExecutionInterruptedError"
_STOPPED = (
    "The run was stopped from outside (Ctrl-C). What was sent is on record, and the next run "
    "goes on from there."
)
_HELD_BACK = (
    "Everything downstream was held back; what was built and sent before is as it was. Look at the "
    "rows and rules that are named, correct the data, then run again."
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one step failed, in one message."""

    step: str
    message: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class CheckCounts:
    """Checks of a run: dbt's tests and the suites of Great Expectations."""

    passed: int
    failed: int
    warned: int


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What came of a run.

    Attributes:
        run_id: Dagster's.
        failures: One per failed step; none when the run is green.
        skipped_steps: Steps that were not executed because something upstream failed.
        checks: How many checks were green, red, amber.
        raw_row_counts: Rows by raw table ("source.table"), of the tables that were looked at.
        table_count: dbt nodes built.
        sync_counts: Rows by what happened to them, by sync.
        stage_seconds: How long each stage took, by the name that the progress calls it.
        log_path: What Dagster and dbt said.
    """

    run_id: str
    failures: tuple[Failure, ...]
    skipped_steps: tuple[str, ...]
    checks: CheckCounts
    raw_row_counts: Mapping[str, int]
    table_count: int
    sync_counts: Mapping[str, Mapping[str, int]]
    stage_seconds: Mapping[str, float]
    log_path: Path

    @property
    def is_green(self) -> bool:
        """Whether every step succeeded."""
        return not self.failures


def summarise(result: dg.ExecuteInProcessResult, *, log_path: Path) -> RunSummary:
    """Read a run's events."""
    events = result.all_events
    evaluations = [
        (str(event.step_key), event.asset_check_evaluation_data)
        for event in events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    red = [
        (step, evaluation)
        for step, evaluation in evaluations
        if not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR
    ]
    passed_count = sum(evaluation.passed for _, evaluation in evaluations)
    begun = {event.step_key for event in events if event.is_step_start}
    materializations = [
        (str(event.step_key), event.asset_key, event.materialization.metadata)
        for event in events
        if event.is_step_materialization and event.asset_key is not None
    ]
    return RunSummary(
        run_id=result.run_id,
        failures=tuple(
            _failure(event, red) for event in events if event.is_step_failure
        ),
        skipped_steps=tuple(
            sorted(node.name for node in result.job_def.nodes if node.name not in begun)
        ),
        checks=CheckCounts(
            passed=passed_count,
            failed=len(red),
            warned=len(evaluations) - passed_count - len(red),
        ),
        raw_row_counts={
            ".".join(key.path[1:]): _integers(metadata)[ROW_COUNT]
            for _, key, metadata in materializations
            if key.path[0] == RAW_LAYER
        },
        table_count=sum(step == MODELS_STEP for step, _, _ in materializations),
        sync_counts={
            str(metadata[SYNC_NAME].value): _integers(metadata)
            for metadata in [
                *(metadata for _, _, metadata in materializations),
                *(
                    event.step_failure_data.user_failure_data.metadata
                    for event in events
                    if event.is_step_failure
                    and event.step_failure_data.user_failure_data
                ),
            ]
            if SYNC_NAME in metadata
        },
        stage_seconds=_stage_seconds(events),
        log_path=log_path,
    )


def _stage_seconds(events: Sequence[dg.DagsterEvent]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for event in events:
        if event.is_step_success:
            stage = _stage(str(event.step_key))
            seconds = event.step_success_data.duration_ms / 1000
            sums[stage] = sums.get(stage, 0.0) + seconds
    return sums


def _stage(step: str) -> str:
    if step in _STAGES:
        return _STAGES[step]
    return OUTBOUND_STAGE if step.endswith(f"_{OUTBOUND_CHECK}") else SYNC_STAGE


def _failure(
    event: dg.DagsterEvent, red: Sequence[tuple[str, dg.AssetCheckEvaluation]]
) -> Failure:
    """One message for a failed step: ours, else that of its red checks, else the error's own."""
    step = str(event.step_key)
    data = event.step_failure_data
    told = data.user_failure_data
    if told is not None and told.description:
        exit_code = _integers(told.metadata).get(EXIT_CODE_METADATA, EXIT_DATA_PROBLEM)
        return Failure(step=step, message=told.description, exit_code=exit_code)
    own_red = [
        _check_text(evaluation) for of_step, evaluation in red if of_step == step
    ]
    if own_red:
        message = f"{len(own_red):,} checks are red: {'; '.join(own_red)}."
        return Failure(step, f"{message} {_HELD_BACK}", EXIT_DATA_PROBLEM)
    error = data.error
    cause = (error.cause or error) if error else None
    if cause is not None and cause.cls_name == _INTERRUPTED:
        return Failure(step, _STOPPED, EXIT_DATA_PROBLEM)
    text = " ".join(cause.message.split()) if cause else "It failed without a word."
    return Failure(step, text, EXIT_DATA_PROBLEM)


def _check_text(evaluation: dg.AssetCheckEvaluation) -> str:
    where = "/".join(evaluation.asset_key.path)
    why = f" ({evaluation.description})" if evaluation.description else ""
    return f"{evaluation.check_name} of {where}{why}"


def _integers(metadata: Mapping[str, dg.MetadataValue]) -> dict[str, int]:
    return {
        name: value.value
        for name, value in metadata.items()
        if isinstance(value, dg.IntMetadataValue) and value.value is not None
    }
