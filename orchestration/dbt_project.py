"""The dbt project as Dagster sees it: which executable, which manifest, which key each node has.

Parses the project when a file of it changed and not otherwise. What the models say is dbt's.
"""

import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
)
from packaging.version import Version

from orchestration.errors import ProjectError
from orchestration.workspace import Workspace

RAW_LAYER = "raw"
"""First part of the asset key of every raw table, so that a source and a destination of the same
name (stripe/customer) never meet."""

_INPUTS = ("dbt_project.yml", "profiles.yml", "models", "macros", "seeds", "tests/dbt")
_SIGNATURE_FILE = "manifest.signature"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CLOCK_TIME = re.compile(r"^\d{2}:\d{2}:\d{2}\s+")


def dbt_executable() -> Path:
    """The dbt that is installed beside this Python; whatever is on PATH may be another."""
    return Path(sys.executable).parent / "dbt"


class InstalledDbt(DbtCliResource):
    """The dbt command line, without asking it for its version first.

    `DbtCliResource` starts `dbt --version` once per run, which took 4 s of the 2-core budget
    (dagster-dbt 0.29, dbt 1.12, 2026-11). The package's metadata says the same at once.
    """

    @property
    def _cli_version(self) -> Version:
        return Version(importlib.metadata.version("dbt-core"))


class KenningTranslator(DagsterDbtTranslator):
    """Names dbt nodes in Dagster: [layer, model], and [raw, source, table]."""

    def __init__(self) -> None:
        super().__init__(
            settings=DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True)
        )

    def get_asset_spec(
        self,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetSpec:
        """The node as an asset; group and owners are those of its dbt group."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        properties = self.get_resource_props(manifest, unique_id)
        return spec.replace_attributes(key=_asset_key(properties))


def raw_key(source_name: str, table_name: str) -> dg.AssetKey:
    """The asset of one raw table."""
    return dg.AssetKey([RAW_LAYER, source_name, table_name])


def model_key(layer: str, model_name: str) -> dg.AssetKey:
    """The asset of one model."""
    return dg.AssetKey([layer, model_name])


def _asset_key(properties: Mapping[str, Any]) -> dg.AssetKey:
    name = str(properties["name"])
    if properties["resource_type"] == "source":
        return raw_key(str(properties["source_name"]), name)
    if properties["resource_type"] == "seed":
        return dg.AssetKey([str(properties["schema"]), name])
    folders = properties["fqn"][1:-1]
    return model_key(str(folders[0]) if folders else str(properties["schema"]), name)


def dagster_project(workspace: Workspace) -> DbtProject:
    """The project with the target that this workspace means."""
    return DbtProject(
        project_dir=workspace.project_dir,
        target_path=workspace.dbt_target_dir,
        target=workspace.target.name,
    )


@dataclass(frozen=True, slots=True)
class Parsing:
    """A `dbt parse` under way, so that something else can be done meanwhile."""

    process: "subprocess.Popen[str] | None"
    workspace: Workspace
    signature: str

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


def start_parsing(workspace: Workspace, *, as_of: str = "") -> Parsing:
    """Begin to parse the project, unless the manifest is of these very files.

    Args:
        workspace: Whose project.
        as_of: Value of the variable that the following build passes. dbt keeps a parsed project
            only for the same variables, so parsing with another value would be done twice.
    """
    signature = _signature(workspace, as_of=as_of)
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
            *dbt_arguments(workspace, as_of=as_of),
        ],
        cwd=workspace.project_dir,
        env={
            **os.environ,
            "DBT_TARGET_PATH": str(workspace.dbt_target_dir),
            "DBT_LOG_PATH": str(workspace.logs_dir / "dbt"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Parsing(process=process, workspace=workspace, signature=signature)


def prepare_manifest(workspace: Workspace, *, as_of: str = "") -> None:
    """Parse the project now if it changed.

    Raises:
        ProjectError: dbt cannot parse it.
    """
    start_parsing(workspace, as_of=as_of).finish()


def dbt_arguments(workspace: Workspace, *, as_of: str) -> list[str]:
    """The options that every dbt command of a run shares."""
    return [
        "--target",
        workspace.target.name,
        "--vars",
        json.dumps({"as_of": as_of} if as_of else {}),
    ]


def plain_text(dbt_output: str) -> str:
    """What dbt printed, as one line without colours and clock times."""
    lines = (
        _CLOCK_TIME.sub("", _COLOURS.sub("", line)).strip()
        for line in dbt_output.splitlines()
    )
    return " ".join(line for line in lines if line)


def _signature_path(workspace: Workspace) -> Path:
    return workspace.dbt_target_dir / _SIGNATURE_FILE


def _signature(workspace: Workspace, *, as_of: str) -> str:
    digest = hashlib.sha256()
    digest.update(importlib.metadata.version("dbt-core").encode())
    digest.update(json.dumps([workspace.target.name, as_of]).encode())
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
