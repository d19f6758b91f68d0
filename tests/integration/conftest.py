"""Two companies, built once for the tests that share them.

A tiny Nordvik, run end to end twice as a user would; and a project of five models with one sync.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from orchestration.run import RunSummary
    from orchestration.workspace import Workspace

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class DemoRuns:
    """A workspace after `kenning demo` ran in it twice, and what each run printed."""

    folder: Path
    environ: Mapping[str, str]
    first: str
    second: str

    @property
    def warehouse(self) -> Path:
        return self.folder / "kenning.duckdb"

    @property
    def published(self) -> Path:
        return self.folder / "published" / "kenning.duckdb"

    def kenning(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return _kenning(arguments, self.environ)


def _kenning(
    arguments: tuple[str, ...], environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=PROJECT,
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def demo_runs(tmp_path_factory: pytest.TempPathFactory) -> DemoRuns:
    folder = tmp_path_factory.mktemp("nordvik")
    environ = {
        **os.environ,
        "KENNING_DUCKDB_PATH": str(folder / "kenning.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
    }
    printed = []
    for _ in range(2):
        run = _kenning(("demo", "--people", "400"), environ)
        assert run.returncode == 0, run.stdout + run.stderr
        printed.append(run.stdout)
    return DemoRuns(folder, environ, *printed)


@pytest.fixture(scope="session")
def green(
    tmp_path_factory: pytest.TempPathFactory, project_root: Path
) -> "tuple[Path, RunSummary]":
    """The folder of the project after one green run, and what came of that."""
    # Dagster takes seconds to import, and most of these tests do without.
    from tests.integration.tiny_company import build_in

    folder = tmp_path_factory.mktemp("tiny") / "project"
    return folder, build_in(folder, project_root)


@pytest.fixture
def workspace(
    green: "tuple[Path, RunSummary]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> "Workspace":
    """A copy of it that the test may change."""
    from tests.integration.tiny_company import workspace_in

    folder = shutil.copytree(green[0], tmp_path / "project")
    return workspace_in(folder, monkeypatch)
