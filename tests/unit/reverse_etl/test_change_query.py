"""The queries of a plan: they parse everywhere, and no user's text becomes SQL."""

from dataclasses import replace

import pytest
import sqlglot
from sqlglot import exp

from reverse_etl.change_query import (
    comparison_query,
    count_query,
    field_columns,
    frozen_source,
    keyless_query,
    plan_query,
    wanted_query,
)
from reverse_etl.spec import FieldMapping
from tests.sync_world import SPEC
from warehouse.values import Column, Relation

COLUMNS = (
    Column("person_key", "VARCHAR"),
    Column("customer_id", "VARCHAR"),
    Column("first_name", "VARCHAR"),
    Column("order_count", "BIGINT"),
)
FROZEN = exp.table_("frozen")
COMPARED = exp.table_("compared")


def queries(spec, dialect, columns=COLUMNS):
    return [
        frozen_source(spec, columns, dialect=dialect),
        comparison_query(
            spec,
            frozen=FROZEN,
            snapshot=exp.table_("sync_snapshot", db="retl"),
            rejected=exp.table_("sync_rejected", db="retl"),
            removes_ambiguous=False,
            dialect=dialect,
        ),
        count_query(compared=COMPARED, dialect=dialect),
        keyless_query(frozen=FROZEN, dialect=dialect),
        plan_query(spec, frozen=FROZEN, compared=COMPARED, dialect=dialect),
        wanted_query(spec, frozen=FROZEN, compared=COMPARED, dialect=dialect),
    ]


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize("purpose", ["email_marketing", None])
def test_every_query_parses_in_its_dialect(dialect, purpose):
    built = queries(replace(SPEC, purpose=purpose), dialect)

    sql = [query.sql(dialect) for query in built]
    assert [
        sqlglot.parse_one(text, dialect=dialect).sql(dialect) for text in sql
    ] == sql


def test_no_placeholder_is_left_open():
    left = [query.find(exp.Placeholder) for query in queries(SPEC, "duckdb")]

    assert left == [None] * 6


def test_names_and_values_of_a_user_stay_inside_quotes():
    hostile = "x'; drop table core.customer_consents; --"
    column = 'odd"; name'
    spec = replace(
        SPEC,
        name=hostile,
        purpose=hostile,
        key=column,
        relation=Relation("activation", column),
        mapping=(FieldMapping(hostile, column=column),),
    )
    columns = (Column(column, "VARCHAR"), Column("customer_id", "VARCHAR"))

    for query in queries(spec, "duckdb", columns):
        assert len(sqlglot.parse(query.sql("duckdb"), dialect="duckdb")) == 1


def test_field_columns_skip_constants_and_keep_their_places():
    spec = replace(
        SPEC,
        mapping=(
            FieldMapping("one", column="first_name"),
            FieldMapping("two", constant=1),
            FieldMapping("three", column="order_count"),
        ),
    )

    assert field_columns(spec) == ("field_1", "field_3")
