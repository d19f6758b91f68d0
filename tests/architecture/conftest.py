"""The project as dbt parses it, once for all architecture tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.project import Project, read_project


@pytest.fixture(scope="session")
def project(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    target = tmp_path_factory.mktemp("parsed")
    outcome = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"),
            "parse",
            "--target-path",
            str(target),
            "--log-path",
            str(target),
        ],
        cwd=project_root,
        env=os.environ | {"DBT_PROFILES_DIR": str(project_root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout[-2000:]
    return read_project(json.loads((target / "manifest.json").read_text("utf-8")))
