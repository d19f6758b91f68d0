"""Dagster's own home: run history and settings, in the workspace's data folder.

`python -m orchestration.instance` writes the settings for `dagster dev`.
"""

import os
import sys
from pathlib import Path
from typing import Final

import dagster as dg
import yaml

from orchestration.history import KeptOpenEventLog
from orchestration.workspace import Workspace, find_workspace
from warehouse.errors import KenningError

HOME_VARIABLE = "DAGSTER_HOME"
PROCESS_TAG = "kenning/process_id"

_SERVER_SETTINGS: Final = "dagster.yaml"
_COMMAND_LINE_SETTINGS: Final = "command_line.yaml"

_SHARED: Final[dict[str, object]] = {
    # Customer data tools do not phone home.
    "telemetry": {"enabled": False},
    # DuckDB admits one writing process, so two runs never build at once.
    "concurrency": {"pools": {"granularity": "run", "default_limit": 1}},
    "nux": {"enabled": False},
}
_NO_COMPUTE_LOGS: Final[dict[str, object]] = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}


def write_settings(home: Path) -> None:
    """Write the settings of `dagster dev` where there are none; what someone changed stays."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / _SERVER_SETTINGS
    if not path.exists():
        path.write_text(yaml.safe_dump(_SHARED, sort_keys=False), encoding="utf-8")


def _write_command_line_settings(home: Path) -> None:
    """Write the settings of runs in this process, anew each time: the folder may have moved.

    Such a run writes one log file of its own; capturing each step's output would start two more
    processes per step.
    """
    settings = _SHARED | {
        "compute_logs": _NO_COMPUTE_LOGS,
        "event_log_storage": {
            "module": KeptOpenEventLog.__module__,
            "class": KeptOpenEventLog.__name__,
            "config": {"base_dir": str(home / "history" / "runs")},
        },
    }
    (home / _COMMAND_LINE_SETTINGS).write_text(
        yaml.safe_dump(settings, sort_keys=False), encoding="utf-8"
    )


def open_instance(workspace: Workspace) -> dg.DagsterInstance:
    """The history that `make ui` shows, for a run in this process."""
    home = workspace.dagster_home
    write_settings(home)
    _write_command_line_settings(home)
    os.environ[HOME_VARIABLE] = str(home)
    instance = dg.DagsterInstance.from_config(str(home), _COMMAND_LINE_SETTINGS)
    _close_dead_runs(instance)
    return instance


def _close_dead_runs(instance: dg.DagsterInstance) -> None:
    """Say of runs whose process is gone that they failed, or they count as running for ever."""
    for run in instance.get_runs(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]
        )
    ):
        process_id = run.tags.get(PROCESS_TAG)
        if process_id is not None and not _is_alive(int(process_id)):
            instance.report_run_failed(run, "Its process ended before the run did.")


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main() -> int:
    """Write the settings for `dagster dev`."""
    try:
        write_settings(find_workspace().dagster_home)
    except KenningError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
