"""Sends several syncs at once, each on a thread of its own, after their checks were green.

Inside a Dagster run steps follow one another, because DuckDB admits one writing process. It
admits many connections of that process, though, and a sync waits for its destination most of
the time. So the checks are a Dagster run, the syncs go beside each other, and what came of
each is told to Dagster as an event of its asset.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg

from orchestration.instance import open_instance
from orchestration.progress import Progress, Tell
from orchestration.summary import Failure, RunSummary
from orchestration.sync_assets import CHECK, check_result, run_metadata, sync_key
from orchestration.sync_progress import STAGE
from orchestration.sync_retention import purge_syncs
from orchestration.sync_runs import SyncRun, send_sync
from orchestration.workspace import Workspace
from reverse_etl.retl_tables import create_missing
from reverse_etl.spec import SyncSpec
from warehouse.connection import open_warehouse
from warehouse.errors import EXIT_DATA_PROBLEM, KenningError


@dataclass(frozen=True, slots=True)
class _Came:
    """What came of one sync: a run, or the error that it could not begin for."""

    spec: SyncSpec
    run: SyncRun | None
    error: KenningError | None = None


def send_at_once(
    workspace: Workspace,
    specs: Sequence[SyncSpec],
    *,
    at_once: int,
    checked: RunSummary,
    tell: Tell,
) -> RunSummary:
    """Send syncs beside each other, and forget what is past its time.

    Args:
        workspace: Where.
        specs: Whose checks were green.
        at_once: Most syncs under way.
        checked: What came of the checks.
        tell: Hears the progress, one thread at a time.

    Returns:
        The summary of checks and syncs together.

    Raises:
        KeyboardInterrupt: A person stopped it. Every sync stops with its next answer, and
            its next run goes on from there.
    """
    if not specs:
        return checked
    with open_warehouse(workspace.target) as warehouse:
        # Two that make the same tables at once would be in each other's way.
        create_missing(warehouse)
    crowd = _Crowd(len(specs), tell, checked.log_path)
    with ThreadPoolExecutor(at_once, thread_name_prefix="sync") as threads:
        futures = [
            threads.submit(_sent, workspace, spec, crowd.tell, crowd.log)
            for spec in specs
        ]
        try:
            came = _all_of(futures)
        except BaseException:
            crowd.stop()
            threads.shutdown(cancel_futures=True)
            raise
    _tell_dagster(workspace, came)
    purge_syncs(workspace)
    failures = [failure for each in came if (failure := _failure(each)) is not None]
    return replace(
        checked,
        failures=(*checked.failures, *failures),
        sync_counts={
            each.spec.name: {
                name: value.value
                for name, value in run_metadata(each.run).items()
                if isinstance(value, dg.IntMetadataValue) and value.value is not None
            }
            for each in came
            if each.run is not None
        },
    )


class _Crowd:
    """Puts what several threads tell into one line, and stops them."""

    def __init__(self, size: int, tell: Tell, log_path: Path) -> None:
        self._size = size
        self._tell = tell
        self._log_path = log_path
        self._lock = threading.Lock()
        self._done = 0
        self._is_stopped = False

    def tell(self, progress: Progress) -> None:
        if self._is_stopped:
            # Ends the run that tells; its plan stays and is gone on with.
            raise KeyboardInterrupt
        with self._lock:
            if progress.is_done:
                self._done += 1
                self._tell(progress)
            else:
                message = f"{self._done} of {self._size} done; {progress.message}"
                self._tell(Progress(STAGE, message))

    def log(self, line: str) -> None:
        with self._lock, self._log_path.open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")

    def stop(self) -> None:
        self._is_stopped = True


def _all_of(futures: Sequence[Future[_Came]]) -> list[_Came]:
    return [future.result() for future in futures]


def _sent(
    workspace: Workspace, spec: SyncSpec, tell: Tell, log: Callable[[str], None]
) -> _Came:
    try:
        return _Came(spec, send_sync(workspace, spec, tell=tell, log=log))
    except KenningError as error:
        return _Came(spec, None, error)


def _failure(came: _Came) -> Failure | None:
    step = sync_key(came.spec).to_python_identifier()
    if came.error is not None:
        return Failure(step, str(came.error), came.error.exit_code)
    run = came.run
    if run is None or run.report is None or not run.is_failed:
        return None
    message = f"Sync '{came.spec.name}' was {run.report.status}: {run.report.message}"
    return Failure(step, message, EXIT_DATA_PROBLEM)


def _tell_dagster(workspace: Workspace, came: Sequence[_Came]) -> None:
    """Let the assets of the syncs show what was sent."""
    with open_instance(workspace) as instance:
        for each in came:
            if each.run is None or each.run.is_failed:
                continue
            key = sync_key(each.spec)
            check = check_result(each.run)
            instance.report_runless_asset_event(
                dg.AssetMaterialization(key, metadata=run_metadata(each.run))
            )
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(
                    asset_key=key,
                    check_name=CHECK,
                    passed=check.passed,
                    metadata=check.metadata,
                    severity=check.severity,
                    description=check.description,
                )
            )
