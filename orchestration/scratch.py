"""A copy of the warehouse in which dbt tries something, and what it complains of there.

The real file is opened for reading only. The copy, with whatever dbt leaves beside it, lies in a
temporary folder (TMPDIR says where) that only this user reads and that is gone when it is over.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import yaml

from orchestration.parsing import dbt_executable, plain_text
from orchestration.workspace import AS_OF_VARIABLE, Workspace, format_instant
from warehouse.connection import open_warehouse
from warehouse.errors import safe_reason
from warehouse.target import Target

_NAMED_ERROR = re.compile(
    r"(?P<kind>Binder|Catalog|Parser|Compilation|Dependency) Error"
)
_REASON_LENGTH = 600


@dataclass(frozen=True, slots=True)
class Scratch:
    """An empty place for a warehouse, and the settings with which dbt works in it.

    Attributes:
        project_dir: Where the models are; nothing is written there.
        folder: Where everything lies.
        target: The copy.
        as_of: What dbt takes for now, UTC; None when the environment decides.
    """

    project_dir: Path
    folder: Path
    target: Target
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Complaint:
    """What dbt complains of.

    Attributes:
        reason: Whole when it names settings, models and columns, masked otherwise; no full stop.
        is_compilation: Whether a model did not even compile.
    """

    reason: str
    is_compilation: bool


@contextmanager
def open_scratch(
    workspace: Workspace, *, purpose: str, as_of: datetime | None
) -> Iterator[Scratch]:
    """An empty place; it is gone at the end.

    Args:
        workspace: Whose project and settings dbt is to use.
        purpose: A word for the folder's name.
        as_of: What dbt is to take for now, UTC.
    """
    with tempfile.TemporaryDirectory(prefix=f"kenning-{purpose}-") as name:
        folder = Path(name)
        # Of the same name, because views name the database that they were made in.
        target = replace(workspace.target, path=folder / workspace.target.path.name)
        _write_profiles(workspace, target, folder)
        yield Scratch(workspace.project_dir, folder, target, as_of)


def copy_warehouse(original: Target, copy: Target) -> None:
    """The whole file with its log, while nobody writes to it."""
    with open_warehouse(original, read_only=True):
        for suffix in ("", ".wal"):
            path = original.path.with_name(original.path.name + suffix)
            if path.exists():
                shutil.copyfile(path, copy.path.with_name(copy.path.name + suffix))


def run_dbt(
    scratch: Scratch,
    select: Sequence[str],
    *,
    variables: Mapping[str, object] | None = None,
    is_full_refresh: bool = False,
) -> Complaint | None:
    """Run models in the copy.

    Returns:
        None when all of them ran.
    """
    target_dir = scratch.folder / "target"
    (target_dir / "run_results.json").unlink(missing_ok=True)
    instant = {AS_OF_VARIABLE: format_instant(scratch.as_of)} if scratch.as_of else {}
    run = subprocess.run(
        [
            str(dbt_executable()),
            "--quiet",
            "--no-use-colors",
            "run",
            *(["--full-refresh"] if is_full_refresh else []),
            "--select",
            *select,
            "--vars",
            json.dumps(variables or {}),
            "--target",
            scratch.target.name,
            "--profiles-dir",
            str(scratch.folder),
            "--target-path",
            str(target_dir),
            "--log-path",
            str(scratch.folder / "logs"),
        ],
        cwd=scratch.project_dir,
        env={**os.environ, **instant, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    return None if run.returncode == 0 else _complaint(target_dir, run)


def _write_profiles(workspace: Workspace, target: Target, folder: Path) -> None:
    """The project's own profile, with the path of the copy; `load_target` found both files well."""
    project, profiles = (
        yaml.safe_load((workspace.project_dir / name).read_text(encoding="utf-8"))
        for name in ("dbt_project.yml", "profiles.yml")
    )
    profile = profiles[project["profile"]]
    profile["target"] = target.name
    profile["outputs"][target.name]["path"] = str(target.path)
    text = yaml.safe_dump({project["profile"]: profile})
    (folder / "profiles.yml").write_text(text, encoding="utf-8")


def _complaint(target_dir: Path, run: "subprocess.CompletedProcess[str]") -> Complaint:
    results_path = target_dir / "run_results.json"
    results = (
        json.loads(results_path.read_text(encoding="utf-8"))["results"]
        if results_path.is_file()
        else []
    )
    messages = [
        f"{str(result['unique_id']).split('.')[2]}: {result['message']}"
        for result in results
        if result["status"] == "error"
    ]
    text = plain_text(messages[0] if messages else run.stdout + run.stderr)
    named = _NAMED_ERROR.search(text)
    if named is None:
        reason = safe_reason(text)
    else:
        reason, _, _ = text[named.start() :].partition(" > in macro ")
    return Complaint(
        reason=reason[:_REASON_LENGTH].rstrip(". "),
        is_compilation=named is not None and named["kind"] == "Compilation",
    )
