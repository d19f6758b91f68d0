"""The copy for BI tools: what is in it, and that it is never half written."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.connection import open_warehouse
from warehouse.errors import WarehouseError, WarehouseMissingError
from warehouse.publish import publish
from warehouse.target import STORAGE_VERSION, Target


def duckdb_target(path: Path) -> Target:
    return Target(
        name="test",
        engine="duckdb",
        path=path,
        config={"storage_compatibility_version": STORAGE_VERSION},
    )


@pytest.fixture
def target(tmp_path: Path) -> Target:
    target = duckdb_target(tmp_path / "kenning.duckdb")
    with open_warehouse(target) as warehouse:
        warehouse.execute("create schema core")
        warehouse.execute("create schema staging")
        warehouse.execute("create table core.dim_customers as select 'ada' as name")
        warehouse.execute("create table staging.raw as select 'secret' as name")
        warehouse.execute("create table core.int_names as select 1 as one")
        warehouse.execute(
            "create view core.names as select name from kenning.core.dim_customers"
        )
    return target


def test_publish_copies_tables_and_views_of_the_public_schemas_only(target, tmp_path):
    published = tmp_path / "published" / "kenning.duckdb"

    count = publish(target, published)

    assert count == 2
    with open_warehouse(duckdb_target(published), read_only=True) as warehouse:
        assert warehouse.tables() == {("core", "dim_customers"), ("core", "names")}
        assert warehouse.query("select name from core.names") == [("ada",)]


def test_publish_again_replaces_the_copy_and_leaves_nothing_beside_it(target, tmp_path):
    published = tmp_path / "published" / "kenning.duckdb"
    publish(target, published)
    first = published.stat().st_ino
    with open_warehouse(target) as warehouse:
        warehouse.execute("update core.dim_customers set name = 'grace'")

    publish(target, published)

    assert published.stat().st_ino != first
    assert [entry.name for entry in published.parent.iterdir()] == ["kenning.duckdb"]
    with open_warehouse(duckdb_target(published), read_only=True) as warehouse:
        assert warehouse.query("select name from core.names") == [("grace",)]


def test_publish_while_a_reader_has_the_copy_open_leaves_the_reader_in_peace(
    target, tmp_path
):
    published = tmp_path / "kenning_copy.duckdb"
    publish(target, published)

    with open_warehouse(duckdb_target(published), read_only=True) as reader:
        publish(target, published)

        assert reader.query("select name from core.dim_customers") == [("ada",)]


READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
for _ in sys.stdin:
    print(connection.execute("select name from core.dim_customers").fetchall(), flush=True)
"""


def ask(reader: "subprocess.Popen[str]") -> str:
    assert reader.stdin
    assert reader.stdout
    reader.stdin.write("again\n")
    reader.stdin.flush()
    return reader.stdout.readline().strip()


def start_reader(path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", READER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_reader_in_another_process_blocks_neither_build_nor_publishing(
    target, tmp_path
):
    published = tmp_path / "published" / "kenning.duckdb"
    publish(target, published)

    with start_reader(published) as before:
        assert ask(before) == "[('ada',)]"
        with open_warehouse(target) as builder:
            builder.execute("update core.dim_customers set name = 'grace'")
            assert ask(before) == "[('ada',)]"
        publish(target, published)
        with start_reader(published) as after:
            assert ask(after) == "[('grace',)]"
            after.stdin.close()
        assert ask(before) == "[('ada',)]"
        before.stdin.close()


def test_publish_leaves_the_marks_of_runs_behind(target, tmp_path):
    with open_warehouse(target) as warehouse:
        warehouse.execute(
            "create table core.marked as "
            "select 'c1' as customer_id, 7 as changed_run, null as recheck_at"
        )

    publish(target, tmp_path / "copy.duckdb")

    with open_warehouse(
        duckdb_target(tmp_path / "copy.duckdb"), read_only=True
    ) as copy:
        names = [column.name for column in copy.columns("core", "marked")]
        assert names == ["customer_id"]


def test_publish_puts_rows_of_one_customer_together(target, tmp_path):
    with open_warehouse(target) as warehouse:
        warehouse.execute(
            "create table core.scattered as select 'c' || (range * 7 % 10) as customer_id "
            "from range(100)"
        )

    publish(target, tmp_path / "copy.duckdb")

    with open_warehouse(
        duckdb_target(tmp_path / "copy.duckdb"), read_only=True
    ) as copy:
        found = copy.query("select customer_id from core.scattered order by rowid")
        assert found == sorted(found)


def test_copy_may_be_read_by_owner_and_group_and_written_to_by_nobody(target, tmp_path):
    publish(target, tmp_path / "copy.duckdb")

    mode = stat.S_IMODE((tmp_path / "copy.duckdb").stat().st_mode)
    assert mode == 0o440


def test_publish_that_fails_leaves_the_copy_as_it_was(target, tmp_path):
    published = tmp_path / "published" / "kenning.duckdb"
    publish(target, published)
    with open_warehouse(target) as warehouse:
        warehouse.execute("drop table core.dim_customers")

    with pytest.raises(WarehouseError):
        publish(target, published)

    assert [entry.name for entry in published.parent.iterdir()] == ["kenning.duckdb"]
    with open_warehouse(duckdb_target(published), read_only=True) as warehouse:
        assert warehouse.query("select name from core.dim_customers") == [("ada",)]


def test_publish_with_nothing_to_publish_says_what_to_build(target, tmp_path):
    with pytest.raises(WarehouseError, match="no table in identity"):
        publish(target, tmp_path / "copy.duckdb", schemas=["identity"])


def test_publish_without_a_warehouse_says_what_to_build(tmp_path):
    with pytest.raises(WarehouseMissingError, match="Build it first"):
        publish(duckdb_target(tmp_path / "none.duckdb"), tmp_path / "copy.duckdb")
