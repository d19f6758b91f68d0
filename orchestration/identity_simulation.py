"""Tries rules of identity on a copy of the warehouse, and says what they would change.

The real file is opened for reading only. The copy, with whatever dbt leaves beside it, lies in a
temporary folder (TMPDIR says where) that only this user reads and that is gone when it is over.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import yaml

from identity.comparison import Comparison
from identity.errors import ProposalError
from identity.proposal import Proposal, parse_proposal, proposed_variables
from identity.sample import copy_sample, identifier_sources
from identity.sandbox import (
    add_rows,
    compare,
    last_instant,
    remember,
    waiting_rules,
)
from orchestration.errors import BuildError
from orchestration.parsing import dbt_executable, plain_text, prepare_manifest
from orchestration.progress import Progress, Tell, keep_silent
from orchestration.workspace import (
    AS_OF_VARIABLE,
    Workspace,
    format_instant,
    read_manifest,
)
from warehouse.connection import open_warehouse
from warehouse.errors import KenningError, safe_reason
from warehouse.manifest import project_variables
from warehouse.target import Target

STAGE = "simulation"
GRAPH = ("path:models/identity",)
EVERYTHING_AFTER = ("path:models/core", "path:models/audiences")

_NAMED_ERROR = re.compile(
    r"(?P<kind>Binder|Catalog|Parser|Compilation|Dependency) Error"
)
_REASON_LENGTH = 600


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came of it.

    Attributes:
        comparison: Before and after.
        as_of: What both took for now, UTC.
        sample_size: Customers that were chosen; None when all were looked at.
        waiting_rules: Ids of link rules that were written since the last build. They are among what
            is tried.
    """

    comparison: Comparison
    as_of: datetime | None
    sample_size: int | None
    waiting_rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sandbox:
    """A copy of the warehouse and the settings with which dbt works in it."""

    workspace: Workspace
    folder: Path
    target: Target
    as_of: datetime | None


def simulate(
    workspace: Workspace,
    rules_path: Path,
    *,
    sample_size: int | None = None,
    tell: Tell = keep_silent,
) -> Simulation:
    """Build the graph once more in a copy, by proposed rules, and compare.

    Args:
        workspace: Whose warehouse; nothing in it is written.
        rules_path: The proposal; `identity.proposal` says what may stand in it.
        sample_size: Choose so many customers, and leave audiences out; everybody otherwise.
        tell: Hears the progress.

    Raises:
        ProposalError: The file is missing, or says something that no model understands.
        NotBuiltError: The graph is not there yet.
        BuildError: dbt cannot build by these rules; the message is its own.
    """
    proposal = _read(rules_path)
    variables = project_variables(workspace.project_dir)
    with tempfile.TemporaryDirectory(prefix="kenning-simulation-") as folder:
        tell(Progress(STAGE, "copying the warehouse"))
        sandbox = _make_sandbox(workspace, Path(folder))
        if sample_size is None:
            _copy_file(workspace.target, sandbox.target)
        else:
            _copy_sample(workspace, sandbox, variables, sample_size)
            tell(Progress(STAGE, "building the sample by the rules as they are"))
            _run_dbt(sandbox, GRAPH, variables={})
        with open_warehouse(sandbox.target) as warehouse:
            remember(warehouse)
            waiting = waiting_rules(warehouse)
            add_rows(warehouse, proposal)
        changed = proposed_variables(proposal, variables)
        tell(Progress(STAGE, "building identity by the proposed rules"))
        _run_dbt(sandbox, GRAPH, variables=changed)
        if sample_size is None:
            tell(Progress(STAGE, "building profiles and audiences"))
            _run_dbt(sandbox, EVERYTHING_AFTER, variables=changed)
        with open_warehouse(sandbox.target) as warehouse:
            comparison = compare(warehouse, with_audiences=sample_size is None)
    tell(Progress(STAGE, "compared, and the copy is deleted", is_done=True))
    return Simulation(
        comparison=comparison,
        as_of=sandbox.as_of,
        sample_size=sample_size,
        waiting_rules=waiting,
    )


def _read(path: Path) -> Proposal:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ProposalError(
            f"{path} cannot be read ({reason}). Give --rules a YAML file; "
            "docs/how-to/review-identity.md has an example."
        ) from None
    return parse_proposal(text, where=str(path))


def _make_sandbox(workspace: Workspace, folder: Path) -> _Sandbox:
    with open_warehouse(workspace.target, read_only=True) as warehouse:
        as_of = last_instant(warehouse)
    # Of the same name, because views name the database that they were made in.
    target = replace(workspace.target, path=folder / workspace.target.path.name)
    _write_profiles(workspace, target, folder)
    return _Sandbox(workspace, folder, target, as_of)


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


def _copy_file(original: Target, copy: Target) -> None:
    """The whole file with its log, while nobody writes to it."""
    with open_warehouse(original, read_only=True):
        for suffix in ("", ".wal"):
            path = original.path.with_name(original.path.name + suffix)
            if path.exists():
                shutil.copyfile(path, copy.path.with_name(copy.path.name + suffix))


def _copy_sample(
    workspace: Workspace,
    sandbox: _Sandbox,
    variables: Mapping[str, object],
    size: int,
) -> None:
    prepare_manifest(workspace)
    relations = {
        model.name: model.relation for model in read_manifest(workspace).models.values()
    }
    with open_warehouse(sandbox.target) as warehouse:
        copy_sample(
            warehouse,
            workspace.target.path,
            identifier_sources(variables, relations),
            size=size,
        )


def _run_dbt(
    sandbox: _Sandbox, select: Sequence[str], *, variables: Mapping[str, object]
) -> None:
    target_dir = sandbox.folder / "target"
    (target_dir / "run_results.json").unlink(missing_ok=True)
    instant = {AS_OF_VARIABLE: format_instant(sandbox.as_of)} if sandbox.as_of else {}
    run = subprocess.run(
        [
            str(dbt_executable()),
            "--quiet",
            "--no-use-colors",
            "run",
            "--select",
            *select,
            "--vars",
            json.dumps(variables),
            "--target",
            sandbox.target.name,
            "--profiles-dir",
            str(sandbox.folder),
            "--target-path",
            str(target_dir),
            "--log-path",
            str(sandbox.folder / "logs"),
        ],
        cwd=sandbox.workspace.project_dir,
        env={**os.environ, **instant, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise _failure(target_dir, run.stdout + run.stderr)


def _failure(target_dir: Path, output: str) -> KenningError:
    """What dbt complains of, whole when it names settings, models and columns, masked otherwise."""
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
    text = plain_text(messages[0] if messages else output)
    named = _NAMED_ERROR.search(text)
    if named is None:
        reason = safe_reason(text)
    else:
        reason, _, _ = text[named.start() :].partition(" > in macro ")
    kind = ProposalError if named and named["kind"] == "Compilation" else BuildError
    return kind(
        f"dbt cannot build by the proposed rules: {reason[:_REASON_LENGTH].rstrip('. ')}. The "
        "warehouse is as it was and the copy is deleted. Correct the file that --rules names; if "
        "models have changed since the last build, run `kenning build` first. Then try again."
    )
