"""Publishing on a warehouse server: readers keep what they read, builds go on, all tables change at once."""

from collections.abc import Sequence

import psycopg
import pytest
import sqlglot

from tests.contract.conftest import MacroLibrary

TABLES = [
    {"schema": "core", "name": "people", "columns": ["customer_id", "name"]},
    {"schema": "core", "name": "cities", "columns": ["city"]},
    {"schema": "audiences", "name": "fans", "columns": ["customer_id"]},
]
BUILT = """
    create schema core;
    create schema audiences;
    create table core.people as
        select 'c' || n as customer_id, 'old' as name, 7 as changed_run
        from generate_series(1, 1000) as n;
    create table core.cities as select 'Oslo' as city;
    create table audiences.fans as select 'c1' as customer_id;
"""
REBUILT = """
    set lock_timeout = '5s';
    create table core.people__new as
        select customer_id, 'new' as name, 8 as changed_run from core.people;
    drop table core.people;
    alter table core.people__new rename to people;
    update core.cities set city = 'Bergen';
"""


def statements(engine: str) -> Sequence[str]:
    return MacroLibrary(engine).publish_statements(TABLES)


def publish(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("set lock_timeout = '5s'")
        for statement in statements("postgres"):
            connection.execute(statement.encode())


@pytest.fixture
def built(postgres_url: str) -> str:
    with psycopg.connect(postgres_url) as connection:
        connection.execute(BUILT)
    publish(postgres_url)
    return postgres_url


def test_marks_of_runs_stay_behind(built: str) -> None:
    with psycopg.connect(built) as connection:
        columns = connection.execute(
            "select column_name from information_schema.columns "
            "where table_schema = 'published_core' and table_name = 'people' order by 1"
        ).fetchall()

    assert columns == [("customer_id",), ("name",)]


def test_reader_holds_up_neither_build_nor_publishing_and_keeps_its_rows(
    built: str,
) -> None:
    with psycopg.connect(built) as connection, connection.cursor("slow") as reader:
        reader.itersize = 1
        reader.execute("select name from published_core.people")
        first = reader.fetchmany(10)
        with psycopg.connect(built) as builder:
            builder.execute(REBUILT)
        publish(built)
        rest = reader.fetchall()

    assert len(first) + len(rest) == 1000
    assert set(first) | set(rest) == {("old",)}
    with psycopg.connect(built) as later:
        found = later.execute("select distinct name from published_core.people")
        assert found.fetchall() == [("new",)]


def test_publishing_that_fails_leaves_every_table_as_it_was(built: str) -> None:
    with psycopg.connect(built) as builder:
        builder.execute(REBUILT)
        builder.execute("drop table audiences.fans")

    with pytest.raises(psycopg.errors.UndefinedTable):
        publish(built)

    with psycopg.connect(built) as connection:
        people = connection.execute("select distinct name from published_core.people")
        assert people.fetchall() == [("old",)]
        cities = connection.execute("select city from published_core.cities")
        assert cities.fetchall() == [("Oslo",)]


def test_publishing_again_and_again_leaves_no_more_than_one_set_behind(
    built: str,
) -> None:
    publish(built)
    publish(built)

    with psycopg.connect(built) as connection:
        schemas = connection.execute(
            "select schema_name from information_schema.schemata "
            "where schema_name like 'published%' order by 1"
        ).fetchall()
    assert schemas == [
        ("published_audiences",),
        ("published_audiences__before",),
        ("published_core",),
        ("published_core__before",),
    ]


@pytest.mark.parametrize("engine", ["spark", "snowflake", "bigquery"])
def test_other_engines_replace_table_by_table(engine: str) -> None:
    parsed = [
        sqlglot.parse_one(each, dialect="databricks" if engine == "spark" else engine)
        for each in statements(engine)
    ]

    assert [each.args.get("kind") for each in parsed] == ["SCHEMA"] * 2 + ["TABLE"] * 3
    assert all(each.args.get("replace") for each in parsed[2:])
