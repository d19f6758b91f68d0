"""Where an installation's files are, and what it takes for now."""

from datetime import datetime

import pytest

from orchestration.workspace import (
    find_workspace,
    format_instant,
    parse_instant,
    read_clock,
    set_clock,
)
from warehouse.errors import ConfigurationError
from warehouse.target import TargetError


def test_state_lives_beside_the_warehouse_file(project_root, tmp_path):
    path = str(tmp_path / "mine" / "x.duckdb")

    workspace = find_workspace(environ={"KENNING_DUCKDB_PATH": path})

    assert workspace.project_dir == project_root
    assert workspace.target.path == tmp_path / "mine" / "x.duckdb"
    assert workspace.data_dir == tmp_path / "mine"
    assert workspace.published_path == tmp_path / "mine/published/kenning.duckdb"


def test_data_folder_may_be_elsewhere(tmp_path):
    environ = {
        "KENNING_DUCKDB_PATH": str(tmp_path / "x.duckdb"),
        "KENNING_DATA_DIR": str(tmp_path / "state"),
    }

    workspace = find_workspace(environ=environ)

    assert workspace.dagster_home == tmp_path / "state" / "dagster"


def test_unknown_target_is_refused_with_the_known_ones():
    with pytest.raises(TargetError, match=r"'snowflak'.*Known targets: duckdb"):
        find_workspace(environ={}, target_name="snowflak")


def test_clock_stands_still_once_set(tmp_path):
    workspace = find_workspace(
        environ={"KENNING_DUCKDB_PATH": str(tmp_path / "x.duckdb")}
    )

    set_clock(workspace, datetime(2026, 6, 30))

    assert read_clock(workspace, environ={}) == datetime(2026, 6, 30)


def test_clock_of_the_environment_wins(tmp_path):
    workspace = find_workspace(
        environ={"KENNING_DUCKDB_PATH": str(tmp_path / "x.duckdb")}
    )
    set_clock(workspace, datetime(2026, 6, 30))

    now = read_clock(workspace, environ={"KENNING_AS_OF": "2026-07-01T12:00:00"})

    assert now == datetime(2026, 7, 1, 12)


def test_without_a_clock_now_is_now(tmp_path):
    workspace = find_workspace(
        environ={"KENNING_DUCKDB_PATH": str(tmp_path / "x.duckdb")}
    )

    assert read_clock(workspace, environ={}) is None


def test_instant_of_another_zone_becomes_utc():
    instant = parse_instant("2026-06-30T02:00:00+02:00", where="a test")

    assert instant == datetime(2026, 6, 30)


def test_instant_is_written_to_the_second():
    assert format_instant(datetime(2026, 6, 30, 1, 2, 3, 4)) == "2026-06-30T01:02:03"


def test_no_instant_is_refused_with_its_place():
    with pytest.raises(ConfigurationError, match="'next week' in --as-of"):
        parse_instant("next week", where="--as-of")
