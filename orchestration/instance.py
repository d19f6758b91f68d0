"""Dagster's own home: run history and settings, in the workspace's data folder.

`python -m orchestration.instance` writes the settings for `dagster dev`.
"""

import os
import sqlite3
import sys
from pathlib import Path
from typing import Final

import dagster as dg
import sqlalchemy
import yaml

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
_COMMAND_LINE: Final[dict[str, object]] = {
    # A run started by `kenning` writes one log file of its own; capturing each step's output would
    # start two more processes per step.
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    },
}


def write_settings(home: Path) -> None:
    """Write Dagster's settings where there are none; what someone changed stays."""
    home.mkdir(parents=True, exist_ok=True)
    for name, settings in (
        (_SERVER_SETTINGS, _SHARED),
        (_COMMAND_LINE_SETTINGS, _SHARED | _COMMAND_LINE),
    ):
        path = home / name
        if not path.exists():
            path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def open_instance(workspace: Workspace) -> dg.DagsterInstance:
    """The history that `make ui` shows, for a run in this process."""
    home = workspace.dagster_home
    write_settings(home)
    os.environ[HOME_VARIABLE] = str(home)
    _hurry_history()
    instance = dg.DagsterInstance.from_config(str(home), _COMMAND_LINE_SETTINGS)
    _close_dead_runs(instance)
    return instance


def _hurry_history() -> None:
    """Let SQLite leave the writing of Dagster's history to the operating system.

    A run of 360 tests is about 1,500 events, and Dagster opens, commits and closes a file for each:
    60 ms an event with a disk sync, 8 ms without (dagster 1.13, 2026-11). After a power cut the
    history may lack its last run; the warehouse and the ledger do not go this way.
    """
    if not sqlalchemy.event.contains(
        sqlalchemy.Engine, "connect", _leave_sync_to_system
    ):
        sqlalchemy.event.listen(sqlalchemy.Engine, "connect", _leave_sync_to_system)


def _leave_sync_to_system(connection: object, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = off")


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
