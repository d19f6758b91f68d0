"""Telling why a profile shows a value: the winner, the runners-up, and where each comes from."""

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from cli.profile_why import (
    FieldValue,
    UnknownFieldError,
    field_values,
    render_field_values,
)
from identity.errors import NotBuiltError
from warehouse.connection import open_warehouse
from warehouse.target import Target

TABLES = """
    create schema core;
    create table core.customer_field_values as
    select * from (values
        ('c1', 'city', 2, 'Oslo', 'most_recent', 'stg_a', 'a1', timestamp '2026-01-02 03:04:05',
            null, null, null),
        ('c1', 'city', 1, 'Bergen', 'manual_override', 'int_profile__corrections', 'seed:1',
            timestamp '2026-02-01', 'in_force', 'eva', 'moved'),
        ('c1', 'email', 1, 'a@x.example', 'source_priority', 'stg_a', 'a1', null, null, null, null),
        ('c2', 'city', 1, 'Lund', 'most_recent', 'stg_a', 'a2', null, null, null, null)
    ) as t (
        customer_id, field_name, value_rank, field_value, rule_name, source_model, record_key,
        observed_at, correction_state, corrected_by, correction_reason
    );
"""


@pytest.fixture
def target(tmp_path: Path) -> Target:
    path = tmp_path / "kenning.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
    return Target(name="test", engine="duckdb", path=path)


def test_values_of_the_customer_and_field_come_by_rank_with_what_speaks_for_them(
    target,
):
    with open_warehouse(target, read_only=True) as warehouse:
        values = field_values(warehouse, "c1", "city")

    assert values == (
        FieldValue(
            1,
            "Bergen",
            "manual_override",
            "int_profile__corrections",
            "seed:1",
            datetime(2026, 2, 1),
            "in_force (eva: moved)",
        ),
        FieldValue(
            2,
            "Oslo",
            "most_recent",
            "stg_a",
            "a1",
            datetime(2026, 1, 2, 3, 4, 5),
            None,
        ),
    )
    assert render_field_values("city", values).splitlines() == [
        "Why city: 2 values, the first one is shown",
        "  1  Bergen",
        "     int_profile__corrections seed:1  2026-02-01 00:00:00  by manual_override"
        "  correction in_force (eva: moved)",
        "  2  Oslo",
        "     stg_a a1  2026-01-02 03:04:05  by most_recent",
    ]


def test_value_without_a_time_says_so(target):
    with open_warehouse(target, read_only=True) as warehouse:
        values = field_values(warehouse, "c2", "city")

    assert "stg_a a2  no time  by most_recent" in render_field_values("city", values)


def test_field_that_only_others_have_has_no_values(target):
    with open_warehouse(target, read_only=True) as warehouse:
        values = field_values(warehouse, "c2", "email")

    assert values == ()
    assert render_field_values("email", values) == "Why email: no source knows one."


def test_field_that_nobody_has_is_an_error_that_names_the_fields(target):
    with (
        open_warehouse(target, read_only=True) as warehouse,
        pytest.raises(UnknownFieldError, match=r"'town'. Fields: city, email\."),
    ):
        field_values(warehouse, "c1", "town")


def test_before_the_first_build_the_error_says_how_to_build(tmp_path: Path):
    path = tmp_path / "kenning.duckdb"
    duckdb.connect(str(path)).close()

    with (
        open_warehouse(
            Target(name="test", engine="duckdb", path=path), read_only=True
        ) as warehouse,
        pytest.raises(NotBuiltError, match="kenning build"),
    ):
        field_values(warehouse, "c1", "city")
