"""Every dbt unit test of the project passes, and there is one for each model with a branch.

Run on the tiny company, because dbt takes the types of a unit test's rows from the tables that exist.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.integration.conftest import PROJECT, DemoRuns

# Models of a materialization of their own have none: dbt cannot unit-test those, and their branches stand
# in macros (test_connected_components.py compares with union-find).
BRANCH = re.compile(r"\b(case|coalesce|row_number)\b", re.IGNORECASE)


def test_every_dbt_unit_test_passes(demo_runs: DemoRuns, tmp_path: Path) -> None:
    shutil.copy(demo_runs.warehouse, tmp_path / "kenning.duckdb")

    run = subprocess.run(
        [
            Path(sys.executable).with_name("dbt"),
            "test",
            "--select=test_type:unit",
            f"--project-dir={PROJECT}",
            f"--profiles-dir={PROJECT}",
            f"--target-path={tmp_path / 'target'}",
            f"--log-path={tmp_path / 'logs'}",
        ],
        env={
            **demo_runs.environ,
            "KENNING_DUCKDB_PATH": str(tmp_path / "kenning.duckdb"),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout[-4000:]
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())[
        "results"
    ]
    assert len(results) >= 100
    assert {result["status"] for result in results} == {"pass"}


def test_every_public_or_identity_model_with_a_branch_has_a_unit_test(
    demo_runs: DemoRuns,
) -> None:
    manifest = json.loads((demo_runs.folder / "target" / "manifest.json").read_text())
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    branching = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["fqn"][1] in ("identity", "core", "activation", "audiences", "quality")
        and BRANCH.search(node["raw_code"])
    }

    assert branching - tested == set()
