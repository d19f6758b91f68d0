"""The dbt tests of the tables that syncs keep their record in: quiet when there is nothing, loud when broken."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.workspace import Workspace
from tests.integration.tiny_company import AS_OF, change_raw

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ERRORS = {
    "assert_every_key_is_held_once",
    "assert_every_outcome_has_its_run",
    "assert_every_planned_row_has_one_outcome",
    "assert_every_refused_row_is_listed_once",
}
WARNINGS = {
    "assert_no_plan_outlives_its_run",
    "assert_no_row_is_refused_for_long",
    "assert_no_run_stays_open",
}
NAMES = "run_id, sync_name, is_open, status, planned_count, added_count, started_at"


@pytest.fixture
def project(workspace: Workspace, project_root: Path) -> Workspace:
    """The workspace with the tests and what they call."""
    for source in ("macros/as_of.sql", "macros/activation/retl_table.sql"):
        shutil.copy2(project_root / source, workspace.project_dir / "macros")
    shutil.copytree(project_root / "tests/dbt/retl", workspace.project_dir / "tests")
    return workspace


def results(project: Workspace, tmp_path: Path) -> dict[str, tuple[str, int]]:
    """Status and rows of each test, by its name."""
    run = subprocess.run(
        [
            Path(sys.executable).with_name("dbt"),
            "test",
            "--select=test_type:singular",
            f"--project-dir={project.project_dir}",
            f"--profiles-dir={project.project_dir}",
            f"--target-path={tmp_path / 'target'}",
            f"--log-path={tmp_path / 'logs'}",
            f"--vars={{as_of: '{AS_OF.isoformat()}'}}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    path = tmp_path / "target" / "run_results.json"
    assert path.exists(), run.stdout[-3000:]
    found = json.loads(path.read_text(encoding="utf-8"))["results"]
    return {
        each["unique_id"].split(".")[2]: (each["status"], each["failures"])
        for each in found
    }


def test_tables_that_a_run_left_pass(project, tmp_path):
    found = results(project, tmp_path)

    assert found.keys() == ERRORS | WARNINGS
    assert {status for status, _ in found.values()} == {"pass"}


def test_before_the_first_sync_there_is_nothing_to_test(project, tmp_path):
    change_raw(project, "drop schema retl cascade")

    found = results(project, tmp_path)

    assert found.keys() == ERRORS | WARNINGS
    assert {status for status, _ in found.values()} == {"pass"}


def test_every_way_in_which_a_record_can_be_wrong_is_found(project, tmp_path):
    change_raw(
        project,
        # Two rows planned, three told; and two planned of which one has an outcome.
        f"insert into retl.sync_runs ({NAMES}) values "
        "('r1', 's', false, 'succeeded', 2, 3, timestamp '2026-06-29'), "
        "('r2', 's', false, 'succeeded', 2, 2, timestamp '2026-06-29'), "
        # Open for two days; and open since today.
        "('r3', 's', true, 'failed', 2, 0, timestamp '2026-06-28'), "
        "('r4', 's', true, 'failed', 2, 0, timestamp '2026-06-30')",
        "insert into retl.sync_outcomes (run_id, sync_name, seq, status) values "
        "('r2', 's', 1, 'ok'), ('gone', 's', 1, 'ok')",
        "insert into retl.sync_snapshot (sync_name, key) values ('s', 'k'), ('s', 'k')",
        "insert into retl.sync_rejected "
        "(sync_name, key_sha256, attempt_count, first_rejected_at) values "
        "('s', 'twice', 1, timestamp '2026-06-29'), "
        "('s', 'twice', 1, timestamp '2026-06-29'), "
        "('s', 'often', 5, timestamp '2026-06-29'), "
        "('s', 'long', 1, timestamp '2026-06-20'), "
        "('t', 'twice', 1, timestamp '2026-06-29')",
        "create table retl.plan__files__customers as select 1 as seq",
    )

    assert results(project, tmp_path) == {
        "assert_every_key_is_held_once": ("fail", 1),
        "assert_every_outcome_has_its_run": ("fail", 1),
        "assert_every_planned_row_has_one_outcome": ("fail", 2),
        "assert_every_refused_row_is_listed_once": ("fail", 1),
        "assert_no_plan_outlives_its_run": ("warn", 1),
        "assert_no_row_is_refused_for_long": ("warn", 2),
        "assert_no_run_stays_open": ("warn", 1),
    }


def test_outcomes_that_were_forgotten_in_time_are_not_missed(project, tmp_path):
    change_raw(
        project,
        f"insert into retl.sync_runs ({NAMES}) values "
        "('r1', 's', false, 'succeeded', 2, 2, timestamp '2026-01-01')",
        "update retl.sync_runs set planned_count = 3, in_doubt_count = 1 "
        "where run_id = 'r1'",
        "insert into retl.sync_outcomes (run_id, sync_name, seq, status) values "
        "('r1', 's', 3, 'in_doubt')",
    )

    assert results(project, tmp_path)["assert_every_planned_row_has_one_outcome"] == (
        "pass",
        0,
    )
