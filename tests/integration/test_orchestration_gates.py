"""The one job on a project of five models: what runs, what stops it, and what then stays.

Each test starts from a copy of a workspace that one green run has built and sent.
"""

import subprocess
from pathlib import Path

import dagster as dg
import pytest

from orchestration.definitions import build_definitions
from orchestration.errors import SelectionError, UnknownSyncError
from orchestration.instance import PROCESS_TAG, open_instance
from orchestration.run import run_build, run_refresh, run_syncs
from orchestration.workspace import Workspace
from tests.integration.tiny_company import AS_OF, change_model, change_raw, sent_keys
from warehouse.connection import open_warehouse
from warehouse.target import Target

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def published_customers(workspace: Workspace) -> list[tuple[object, ...]]:
    published = Target(name="bi", engine="duckdb", path=workspace.published_path)
    with open_warehouse(published, read_only=True) as copy:
        return copy.query("select customer_id from core.dim_customers order by 1")


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_green_run_builds_checks_publishes_and_sends(green, workspace):
    summary = green[1]

    assert summary.failures == ()
    assert summary.skipped_steps == ()
    assert summary.raw_row_counts == {"shop.customer": 3, "shop.consent": 3}
    assert summary.table_count == 5
    # Six dbt tests, the volumes of two raw tables, the rows about to leave, and those that left.
    assert (summary.checks.passed, summary.checks.failed) == (10, 0)
    assert summary.sync_counts["files__customers"]["added"] == 2
    assert sent_keys(workspace) == ["1", "2"]
    assert published_customers(workspace) == [("1",), ("2",), ("3",)]


def test_green_run_keeps_its_quality_results(workspace):
    with open_warehouse(workspace.target, read_only=True) as warehouse:
        rows = warehouse.query("""
            select suite, asset, count(*), bool_and(success)
            from quality.expectation_results
            group by suite, asset
            order by suite, asset
        """)

    assert [row[:2] for row in rows] == [
        ("outbound_rows", "sync_files__customers"),
        ("raw_inputs", "shop.consent"),
        ("raw_inputs", "shop.customer"),
    ]
    assert all(row[3] for row in rows)


def test_run_is_in_the_history_that_the_ui_reads(green, workspace):
    home = workspace.dagster_home

    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = instance.get_run_by_id(green[1].run_id)
        sent = instance.get_latest_materialization_event(
            dg.AssetKey(["files", "customers"])
        )

    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert run.tags["kenning/as_of"] == "2026-06-30T00:00:00"
    assert sent.asset_materialization.metadata["added"].value == 2


def test_code_location_has_every_raw_table_model_and_sync(workspace):
    definitions = build_definitions(workspace)

    graph = definitions.resolve_asset_graph()
    job_names = {job.name for job in definitions.resolve_all_job_defs()}
    schedule = definitions.resolve_schedule_def("daily_refresh")

    assert {key.to_user_string() for key in graph.executable_asset_keys} == {
        "raw/shop/customer",
        "raw/shop/consent",
        "staging/stg_shop__customers",
        "staging/stg_shop__consents",
        "core/dim_customers",
        "core/customer_consents",
        "activation/sync_files__customers",
        "published/kenning",
        "files/customers",
        "retl/retention",
    }
    assert {"refresh", "build", "send", "send__files__customers"} <= job_names
    assert schedule.job_name == "refresh"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


def test_models_have_their_dbt_groups_and_owners(workspace):
    graph = build_definitions(workspace).resolve_asset_graph()

    node = graph.get(dg.AssetKey(["core", "dim_customers"]))

    assert node.group_name == "core"
    assert node.owners == ["data@nordvik.example"]


def test_run_whose_process_died_does_not_count_as_running(workspace):
    dead = subprocess.Popen(["true"])
    dead.wait()
    with open_instance(workspace) as instance:
        run = instance.create_run_for_job(
            build_definitions(workspace).resolve_job_def("refresh"),
            status=dg.DagsterRunStatus.STARTED,
            tags={PROCESS_TAG: str(dead.pid)},
        )

    with open_instance(workspace) as instance:
        status = instance.get_run_by_id(run.run_id).status

    assert status is dg.DagsterRunStatus.FAILURE


def test_red_test_and_broken_model_leave_the_sync_unexecuted_and_the_last_good_tables(
    workspace,
):
    before = files_below(workspace.data_dir / "outbox")
    change_model(
        workspace,
        "dim_customers",
        "select * from {{ ref('stg_shop__customers') }} "
        "union all select * from {{ ref('stg_shop__customers') }}",
    )
    change_model(
        workspace, "customer_consents", "select no_such_column from staging.no"
    )

    summary = run_refresh(workspace, as_of=AS_OF)

    assert [failure.step for failure in summary.failures] == ["models"]
    message = summary.failures[0].message
    assert message.startswith("The build is red. 1 failed: customer_consents (")
    assert "1 tests are red: unique_dim_customers_customer_id (3 rows)." in message
    assert summary.failures[0].exit_code == 1
    assert summary.skipped_steps == (
        "activation__sync_files__customers_fit_to_leave",
        "files__customers",
        "published__kenning",
    )
    assert files_below(workspace.data_dir / "outbox") == before
    assert published_customers(workspace) == [("1",), ("2",), ("3",)]
    with open_warehouse(workspace.target, read_only=True) as warehouse:
        assert warehouse.query("select count(*) from core.customer_consents") == [(3,)]


def test_row_that_is_not_fit_holds_back_the_sync_and_not_the_published_copy(workspace):
    before = files_below(workspace.data_dir / "outbox")
    change_raw(
        workspace,
        "update shop.customer set email = 'x', loaded_at = timestamp '2026-06-03' "
        "where id = 1",
        "insert into shop.customer values "
        "(4, 'linus@nordvik.example', 1, timestamp '2026-01-01', timestamp '2026-06-03')",
    )

    summary = run_refresh(workspace, as_of=AS_OF)

    assert [failure.step for failure in summary.failures] == [
        "activation__sync_files__customers_fit_to_leave"
    ]
    assert (
        "fit_to_leave of activation/sync_files__customers "
        "(expect_column_values_to_match_regex on email: 1 of 2 rows)"
    ) in summary.failures[0].message
    assert summary.skipped_steps == ("files__customers",)
    assert files_below(workspace.data_dir / "outbox") == before
    assert published_customers(workspace) == [("1",), ("2",), ("3",), ("4",)]


def test_rows_without_consent_stay_behind_and_a_withdrawal_leaves_all_the_same(
    workspace,
):
    change_model(
        workspace,
        "sync_files__customers",
        "select customer_id, email, spent_amount, created_at "
        "from {{ ref('dim_customers') }}",
    )
    change_raw(
        workspace,
        "update shop.consent set is_granted = false, loaded_at = timestamp '2026-06-03' "
        "where customer_id = 2",
        "insert into shop.customer values "
        "(4, 'no address', 1, timestamp '2026-01-01', timestamp '2026-06-03')",
    )

    summary = run_refresh(workspace, as_of=AS_OF)

    assert summary.failures == ()
    assert summary.checks.warned == 1
    assert summary.sync_counts["files__customers"]["removed"] == 1
    assert summary.sync_counts["files__customers"]["skipped_no_consent"] == 3
    assert sent_keys(workspace) == ["1"]
    assert published_customers(workspace) == [("1",), ("2",), ("3",), ("4",)]


def test_raw_tables_that_broke_stop_the_run_before_any_model(workspace):
    change_raw(
        workspace,
        "drop table shop.consent",
        "alter table shop.customer drop column spent",
        "alter table shop.customer alter created_at type varchar",
        "insert into shop.customer select * from shop.customer where id = 1",
    )

    summary = run_refresh(workspace, as_of=AS_OF)

    assert [failure.step for failure in summary.failures] == ["raw_inputs"]
    assert (
        "4 things: missing column shop.customer.spent; retyped column "
        "shop.customer.created_at (VARCHAR where timestamp is declared); duplicate "
        "primary key shop.customer (1 values of id); missing table shop.consent. "
        "No model has run"
    ) in summary.failures[0].message
    assert "models" in summary.skipped_steps
    assert "files__customers" in summary.skipped_steps


def test_raw_table_that_lost_half_its_rows_stops_the_run(workspace):
    change_raw(workspace, "delete from shop.customer where id > 1")

    summary = run_refresh(workspace, as_of=AS_OF)

    assert [failure.step for failure in summary.failures] == ["raw_inputs"]
    assert "volume of raw/shop/customer" in summary.failures[0].message
    assert "models" in summary.skipped_steps


def test_build_of_selected_models_builds_them_alone_and_sends_nothing(workspace):
    change_raw(workspace, "update shop.consent set is_granted = true")

    summary = run_build(workspace, select="customer_consents+", as_of=AS_OF)

    assert summary.is_green
    assert summary.table_count == 2
    assert summary.raw_row_counts == {}
    assert summary.sync_counts == {}
    assert sent_keys(workspace) == ["1", "2"]


def test_selection_of_nothing_is_refused(workspace):
    with pytest.raises(
        SelectionError, match="No model is selected by 'dim_custommers'"
    ):
        run_build(workspace, select="dim_custommers", as_of=AS_OF)


def test_sync_alone_builds_nothing_and_fails_when_a_guard_holds_it(workspace):
    before = files_below(workspace.data_dir / "outbox")
    change_raw(workspace, "delete from activation.sync_files__customers")

    summary = run_syncs(workspace, name="files__customers", as_of=AS_OF)

    assert summary.table_count == 0
    assert summary.checks.passed == 6
    assert [failure.step for failure in summary.failures] == ["files__customers"]
    assert summary.failures[0].message.startswith("Sync 'files__customers' was held: ")
    assert summary.sync_counts["files__customers"]["held"] == 2
    assert files_below(workspace.data_dir / "outbox") == before


def test_sync_alone_is_held_back_by_a_table_that_is_red_as_it_stands(workspace):
    change_raw(
        workspace, "insert into core.dim_customers select * from core.dim_customers"
    )

    summary = run_syncs(workspace, name="files__customers", as_of=AS_OF)

    assert [failure.step for failure in summary.failures] == ["models"]
    assert "files__customers" in summary.skipped_steps


def test_unknown_sync_is_refused_with_the_nearest_name(workspace):
    with pytest.raises(UnknownSyncError, match=r"Did you mean 'files__customers'\?"):
        run_syncs(workspace, name="files_customers", as_of=AS_OF)
