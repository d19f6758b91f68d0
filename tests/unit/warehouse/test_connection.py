"""Opening, reading and writing the warehouse, and what each failure says."""

import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlglot import exp

from warehouse.connection import Warehouse, open_warehouse
from warehouse.errors import (
    WarehouseCorruptError,
    WarehouseError,
    WarehouseFullError,
    WarehouseLockedError,
    WarehouseMissingError,
)
from warehouse.target import STORAGE_VERSION, Target
from warehouse.values import Column

CANARY = "canary.ada@example.com"

HOLD_FILE_OPEN = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(
        name="test",
        engine="duckdb",
        path=tmp_path / "folder" / "test.duckdb",
        config={"storage_compatibility_version": STORAGE_VERSION},
        settings={"timezone": "UTC"},
    )


@pytest.fixture
def warehouse(target: Target):
    with open_warehouse(target) as opened:
        opened.execute("create schema core")
        opened.execute(
            "create table core.people (id bigint, email text, born timestamp)"
        )
        yield opened


def test_open_warehouse_creates_the_file_with_the_older_storage_version(target):
    with open_warehouse(target) as warehouse:
        tags = warehouse.query(
            "select tags['storage_version'] from duckdb_databases() "
            "where database_name = 'test'"
        )

    assert tags == [("v1.5.0+",)]


def test_open_warehouse_applies_the_settings_of_the_target(warehouse):
    assert warehouse.query("select current_setting('timezone')") == [("UTC",)]


def test_open_warehouse_read_only_without_a_file_says_how_to_build_it(target):
    with (
        pytest.raises(WarehouseMissingError, match="`kenning demo`"),
        open_warehouse(target, read_only=True),
    ):
        pass

    assert not target.path.parent.exists()


def test_open_warehouse_read_only_refuses_to_write(target):
    with open_warehouse(target) as warehouse:
        warehouse.execute("create table kept (id bigint)")

    with (
        open_warehouse(target, read_only=True) as warehouse,
        pytest.raises(WarehouseError, match="read-only"),
    ):
        warehouse.execute("drop table kept")


def test_open_warehouse_held_by_another_process_says_which_and_what_to_do(target):
    with open_warehouse(target) as warehouse:
        warehouse.execute("create table kept as select 1 as id")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD_FILE_OPEN,
            str(target.path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"open\n"

        with pytest.raises(WarehouseLockedError) as caught, open_warehouse(target):
            pass
    finally:
        holder.communicate()

    assert f"(process {holder.pid})" in str(caught.value)
    assert "data/published/kenning.duckdb" in str(caught.value)
    with open_warehouse(target, read_only=True) as warehouse:
        assert warehouse.query("select id from kept") == [(1,)]


def test_open_warehouse_on_a_file_that_is_no_database_says_so(target):
    target.path.parent.mkdir()
    target.path.write_text(f"email\n{CANARY}\n" * 100)

    with pytest.raises(WarehouseCorruptError) as caught, open_warehouse(target):
        pass

    assert "is not a DuckDB database" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_open_warehouse_on_a_damaged_file_says_so(target):
    with open_warehouse(target) as warehouse:
        warehouse.execute("create table kept as select range as id from range(1000)")
    content = bytearray(target.path.read_bytes())
    content[4096:8192] = b"x" * 4096
    target.path.write_bytes(content)

    with pytest.raises(WarehouseCorruptError), open_warehouse(target):
        pass


def test_open_warehouse_without_room_on_the_disk_says_so(target):
    full = replace(target, path=Path("/dev/full"))

    with (
        pytest.raises(WarehouseFullError, match="Free some space"),
        open_warehouse(full),
    ):
        pass


def test_open_warehouse_in_a_folder_that_is_a_file_says_which(target, tmp_path):
    (tmp_path / "folder").write_text("a file, not a folder")

    with pytest.raises(WarehouseError, match="folder"), open_warehouse(target):
        pass


def test_execute_counts_the_rows_that_it_touched(warehouse):
    inserted = warehouse.execute("insert into core.people (id) values (1), (2), (3)")
    deleted = warehouse.execute("delete from core.people where id > 1")

    assert (inserted, deleted) == (3, 2)
    assert warehouse.execute("create table core.other (id bigint)") == 0


def test_execute_takes_an_expression_in_the_targets_dialect(warehouse):
    warehouse.execute("insert into core.people (id) values (7)")

    assert warehouse.query(exp.select("id").from_("core.people")) == [(7,)]


def test_execute_failing_on_a_value_keeps_the_value_out_of_the_error(warehouse):
    with pytest.raises(WarehouseError) as caught:
        warehouse.execute(f"select cast('{CANARY}' as bigint)")

    assert CANARY not in str(caught.value)
    assert "Could not convert string" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_execute_on_an_unknown_table_names_it(warehouse):
    with pytest.raises(WarehouseError, match="Table with name nobody does not exist"):
        warehouse.execute("select * from nobody")


def test_rows_streams_every_row_in_order(warehouse):
    streamed = warehouse.rows("select range from range(10)", batch_rows=3)

    assert list(streamed) == [
        (0,),
        (1,),
        (2,),
        (3,),
        (4,),
        (5,),
        (6,),
        (7,),
        (8,),
        (9,),
    ]


def test_rows_read_after_another_statement_raises_instead_of_mixing(warehouse):
    stream = warehouse.rows("select range from range(10)", batch_rows=1)
    next(stream)
    warehouse.query("select 42")

    with pytest.raises(WarehouseError, match="after another statement"):
        next(stream)


def test_columns_come_in_the_tables_order_with_the_engines_types(warehouse):
    assert warehouse.columns("core", "people") == (
        Column("id", "BIGINT"),
        Column("email", "VARCHAR"),
        Column("born", "TIMESTAMP"),
    )


def test_columns_of_an_unknown_table_are_none(warehouse):
    assert warehouse.columns("core", "nobody") == ()


def test_tables_lists_tables_and_views_but_not_temporary_ones(warehouse):
    warehouse.execute("create view core.adults as select id from core.people")
    warehouse.execute("create temporary table passing as select 1 as id")

    assert warehouse.tables() == {("core", "people"), ("core", "adults")}


def test_transaction_that_fails_leaves_the_tables_as_they_were(warehouse):
    warehouse.execute("insert into core.people (id) values (1)")

    def delete_and_fail() -> None:
        with warehouse.transaction():
            warehouse.execute("delete from core.people")
            warehouse.execute("select * from nobody")

    with pytest.raises(WarehouseError):
        delete_and_fail()

    assert warehouse.query("select id from core.people") == [(1,)]


def test_transaction_interrupted_by_the_caller_leaves_the_tables_as_they_were(
    warehouse,
):
    def insert_and_be_interrupted() -> None:
        with warehouse.transaction():
            warehouse.execute("insert into core.people (id) values (1)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        insert_and_be_interrupted()

    assert warehouse.query("select count(*) from core.people") == [(0,)]


def test_transaction_that_succeeds_keeps_all(warehouse):
    with warehouse.transaction():
        warehouse.execute("insert into core.people (id) values (1)")
        warehouse.execute("insert into core.people (id) values (2)")

    assert warehouse.query("select id from core.people order by id") == [(1,), (2,)]


def test_transaction_inside_another_is_refused(warehouse):
    with (
        pytest.raises(WarehouseError, match="do not nest"),
        warehouse.transaction(),
        warehouse.transaction(),
    ):
        pass


def test_insert_takes_columns_in_any_order_and_leaves_the_rest_null(warehouse):
    count = warehouse.insert(
        "core", "people", {"email": ["ada@example.com", None], "id": [1, 2]}
    )

    assert count == 2
    assert warehouse.query("select * from core.people order by id") == [
        (1, "ada@example.com", None),
        (2, None, None),
    ]


def test_insert_casts_a_frame_to_the_tables_types(warehouse):
    frame = pd.DataFrame({"id": ["5"], "born": [pd.Timestamp("2026-06-30 12:00:00")]})

    warehouse.insert("core", "people", frame)

    assert warehouse.query("select id, born from core.people") == [
        (5, datetime.fromisoformat("2026-06-30T12:00:00"))
    ]


def test_insert_of_nothing_inserts_nothing(warehouse):
    assert warehouse.insert("core", "people", {"id": []}) == 0


def test_insert_of_a_value_that_does_not_fit_keeps_it_out_of_the_error(warehouse):
    with pytest.raises(WarehouseError) as caught:
        warehouse.insert("core", "people", {"id": [CANARY]})

    assert CANARY not in str(caught.value)


def test_repr_of_a_warehouse_says_only_which(warehouse: Warehouse):
    assert repr(warehouse) == "Warehouse('test', read_only=False)"
