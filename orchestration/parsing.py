"""Parses the dbt project when a file of it changed, and not otherwise.

Knows dbt's command line and nothing of Dagster, so that a command that only reads the manifest
starts at once.
"""

import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orchestration.errors import ProjectError
from orchestration.workspace import Workspace

_INPUTS = ("dbt_project.yml", "profiles.yml", "models", "macros", "seeds", "tests/dbt")
_SIGNATURE_FILE = "manifest.signature"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CLOCK_TIME = re.compile(r"^\d{2}:\d{2}:\d{2}\s+")


def dbt_executable() -> Path:
    """The dbt that is installed beside this Python; whatever is on PATH may be another."""
    return Path(sys.executable).parent / "dbt"


@dataclass(frozen=True, slots=True)
class Parsing:
    """A `dbt parse` under way, so that something else can be done meanwhile.

    As a context: what is left unfinished is stopped at its end.
    """

    process: "subprocess.Popen[str] | None"
    workspace: Workspace
    signature: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def finish(self) -> None:
        """Wait for it.

        Raises:
            ProjectError: dbt cannot parse the project; the message is dbt's own.
        """
        if self.process is None:
            return
        output, _ = self.process.communicate()
        if self.process.returncode != 0:
            raise ProjectError(
                f"dbt cannot parse the project in {self.workspace.project_dir}: "
                f"{plain_text(output)} Correct it, then run again."
            )
        _signature_path(self.workspace).write_text(self.signature, encoding="utf-8")


def start_parsing(workspace: Workspace) -> Parsing:
    """Begin to parse the project, unless the manifest is of these very files."""
    signature = _signature(workspace)
    kept = _signature_path(workspace)
    if (
        workspace.manifest_path.is_file()
        and kept.is_file()
        and kept.read_text(encoding="utf-8") == signature
    ):
        return Parsing(process=None, workspace=workspace, signature=signature)
    process = subprocess.Popen(
        [
            str(dbt_executable()),
            "--quiet",
            "--no-use-colors",
            "parse",
            "--target",
            workspace.target.name,
        ],
        cwd=workspace.project_dir,
        env={
            **os.environ,
            # The project's own profiles.yml, whatever this user has elsewhere.
            "DBT_PROFILES_DIR": str(workspace.project_dir),
            "DBT_TARGET_PATH": str(workspace.dbt_target_dir),
            "DBT_LOG_PATH": str(workspace.logs_dir / "dbt"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Parsing(process=process, workspace=workspace, signature=signature)


def prepare_manifest(workspace: Workspace) -> None:
    """Parse the project now if it changed.

    Raises:
        ProjectError: dbt cannot parse it.
    """
    with start_parsing(workspace) as parsing:
        parsing.finish()


def plain_text(dbt_output: str) -> str:
    """What dbt printed, as one line without colours and clock times."""
    lines = (
        _CLOCK_TIME.sub("", _COLOURS.sub("", line)).strip()
        for line in dbt_output.splitlines()
    )
    return " ".join(line for line in lines if line)


def _signature_path(workspace: Workspace) -> Path:
    return workspace.dbt_target_dir / _SIGNATURE_FILE


def _signature(workspace: Workspace) -> str:
    digest = hashlib.sha256()
    digest.update(importlib.metadata.version("dbt-core").encode())
    digest.update(workspace.target.name.encode())
    for root in _INPUTS:
        start = workspace.project_dir / root
        files = [start] if start.is_file() else sorted(start.rglob("*"))
        for file in files:
            if file.is_file():
                status = file.stat()
                name = file.relative_to(workspace.project_dir)
                digest.update(
                    f"{name} {status.st_mtime_ns} {status.st_size}\n".encode()
                )
    return digest.hexdigest()
