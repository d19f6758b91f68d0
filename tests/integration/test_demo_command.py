"""`kenning demo` and the commands after it, as a person meets them.

Not here: whether the numbers are right (test_whole_job.py).
"""

import json
import re

import duckdb
import pytest

from cli.main import main
from tests.integration.conftest import DemoRuns
from warehouse.connection import open_warehouse
from warehouse.target import Target


def test_destinations_hold_what_the_sync_models_hold(demo_runs: DemoRuns):
    report = json.loads((demo_runs.folder / "report.json").read_text(encoding="utf-8"))
    with duckdb.connect(str(demo_runs.warehouse), read_only=True) as connection:
        counts = connection.execute("""
            select
                (select count(*) from activation.sync_files__lapsed_high_value),
                (select count(*) from activation.sync_mailer__cart_abandoners)
        """).fetchone()

    assert counts == (
        report["syncs"]["files__lapsed_high_value"]["held_at_destination"],
        report["syncs"]["mailer__cart_abandoners"]["held_at_destination"],
    )
    assert min(counts) > 0


def test_progress_comes_first_and_where_to_look_next_comes_last(demo_runs: DemoRuns):
    lines = demo_runs.first.splitlines()

    assert re.fullmatch(
        r" +[\d.]+ s  demo company      400 people, [\d,]+ rows in 42 tables", lines[0]
    )
    assert "Next" in lines
    assert re.fullmatch(r"  \S*kenning profile show \S+@\S+ +one customer", lines[-1])


def test_nothing_that_dagster_dbt_or_a_library_says_is_printed(demo_runs: DemoRuns):
    printed = demo_runs.first.replace("runs in Dagster", "")

    assert not re.search(r"dagster|RUN_SUCCESS|Warning|fqn:", printed)


def test_nothing_is_planned_after_a_run(demo_runs: DemoRuns):
    planned = demo_runs.kenning("sync", "plan", "mailer__cart_abandoners")

    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.startswith(
        "mailer__cart_abandoners -> mailer/contacts (mirror, purpose email_marketing)\n"
        "  would send     0 added, 0 changed, 0 removed\n"
    )


def test_plan_of_an_unknown_sync_names_the_nearest(demo_runs: DemoRuns):
    planned = demo_runs.kenning("sync", "plan", "mailer__cart_abandoner")

    assert planned.returncode == 2
    assert planned.stderr == (
        "kenning: There is no sync 'mailer__cart_abandoner'. "
        "Did you mean 'mailer__cart_abandoners'? "
        "Known: files__lapsed_high_value, mailer__cart_abandoners.\n"
    )


def test_warehouse_that_is_not_a_demos_is_not_touched(tmp_path, monkeypatch, capsys):
    company = Target(name="t", engine="duckdb", path=tmp_path / "company.duckdb")
    monkeypatch.setenv("KENNING_DUCKDB_PATH", str(company.path))
    with open_warehouse(company) as warehouse:
        warehouse.execute("create schema shopify")
        warehouse.execute("create table shopify.customer as select 1 as id")

    exit_code = main(["demo", "--people", "12"])

    assert exit_code == 2
    assert "holds 1 tables that no demo made" in capsys.readouterr().err
    with open_warehouse(company, read_only=True) as warehouse:
        assert warehouse.query("select id from shopify.customer") == [(1,)]


@pytest.mark.parametrize("suite", ["raw_inputs", "outbound_rows"])
def test_results_of_both_suites_are_kept(demo_runs: DemoRuns, suite: str):
    with duckdb.connect(str(demo_runs.warehouse), read_only=True) as connection:
        kept = connection.execute(
            "select count(distinct run_id), bool_and(success) "
            "from quality.expectation_results where suite = ?",
            [suite],
        ).fetchone()

    assert kept == (2, True)
