"""The queries of experiments in every engine's SQL, and with nothing pasted into them."""

from datetime import datetime

import pytest
import sqlglot
from sqlglot import exp

from audiences.experiments import queries
from audiences.experiments.queries import days, filled, timestamp

HOSTILE = "x'; drop table core.fct_orders; --"
VALUES = {
    "audience": exp.Literal.string(HOSTILE),
    "since": timestamp(datetime(2026, 5, 1, 6, 30)),
    "until": timestamp(datetime(2026, 6, 1)),
    "as_of": timestamp(datetime(2026, 6, 30)),
    "window": days(30),
    "before": days(60),
}
SPELLS = filled(queries.SPELLS, VALUES)
QUERIES = {
    "audiences": filled(queries.AUDIENCES, VALUES),
    "entered": filled(queries.ENTERED, VALUES),
    "figures": filled(
        queries.FIGURES,
        VALUES,
        {"exposures": filled(queries.FIRST_SPELLS, VALUES, {"spells": SPELLS})},
    ),
    "last run": filled(queries.LAST_RUN, VALUES),
    "period": filled(queries.PERIOD, VALUES, {"spells": SPELLS}),
    "present": filled(queries.PRESENT, VALUES),
}


@pytest.mark.parametrize(
    "dialect", ["bigquery", "databricks", "duckdb", "postgres", "redshift", "snowflake"]
)
@pytest.mark.parametrize("name", QUERIES)
def test_query_is_one_statement_in_every_dialect(name, dialect):
    text = QUERIES[name].sql(dialect=dialect)

    [statement] = sqlglot.parse(text, dialect=dialect)
    assert isinstance(statement, exp.Select)


@pytest.mark.parametrize("name", QUERIES)
def test_every_placeholder_and_relation_is_filled(name):
    query = QUERIES[name]

    assert not list(query.find_all(exp.Placeholder))
    own = {each.alias for each in query.find_all(exp.CTE)}
    tables = {
        (table.db, table.name)
        for table in query.find_all(exp.Table)
        if table.name not in own
    }
    assert tables <= {(each.schema, each.name) for each in queries.NEEDED}


@pytest.mark.parametrize("name", ["entered", "figures", "period", "present"])
def test_name_of_an_audience_is_a_literal_and_nothing_else(name):
    literals = {each.this for each in QUERIES[name].find_all(exp.Literal)}

    assert HOSTILE in literals
