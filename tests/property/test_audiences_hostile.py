"""Whatever a person writes into a definition reaches SQL as a literal, or not at all."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import sqlglot
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from audiences.compiler import compiled
from audiences.errors import DefinitionError
from audiences.reading import read_definition
from tests.audience_rendering import rendered
from tests.audience_world import create_tables, small_catalogue

CATALOGUE = small_catalogue()
COLUMNS = CATALOGUE.entities["customer"].columns
# Not duckdb's own class: Hypothesis keeps what it reads in a signature, and DuckDB 2.0 complains
# of that when the interpreter ends (2026-11).
Connection = Any


def definition_text(conditions: object, **fields: object) -> str:
    return yaml.safe_dump(
        {
            "name": "hostile",
            "description": "Hostile values.",
            "owner": {"name": "Stores", "email": "stores@nordvik.example"},
            "purpose": "ads",
            "entity": "customer",
            "conditions": conditions,
            **fields,
        },
        allow_unicode=True,
        width=10_000,
    )


def queries_of(conditions: object, **fields: object) -> dict[str, str]:
    definition = read_definition(
        definition_text(conditions, **fields),
        file="hostile.yml",
        name="hostile",
        catalogue=CATALOGUE,
    ).definition
    files = compiled([definition], (), CATALOGUE).files
    return {
        name.removesuffix(".sql"): rendered(text)
        for name, text in files.items()
        if name.endswith(".sql")
    }


def members_of(connection: Connection, conditions: object) -> set[str]:
    """Whom the compiled models of a condition let in."""
    queries = queries_of(conditions)
    for name in ("int_audiences__customer_conditions", "audience_hostile"):
        connection.execute(f"create or replace temp table {name} as {queries[name]}")
    found = connection.execute("select customer_id from audience_hostile").fetchall()
    return {customer_id for (customer_id,) in found}


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with duckdb.connect() as opened:
        create_tables(opened)
        yield opened


# YAML carries no control characters, lone surrogates or next-line marks.
printable_text = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn")),
    min_size=1,
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(value=printable_text)
@example(value="'; drop table customers; --")
@example(value="{{ run_query('drop table customers') }}")
@example(value="{% endraw %}{{ 1 }}")
@example(value="\\' or 1=1 --")
@example(value="*/ or true /*")
@example(value=":p0 $1 ?")
@example(value="\ufeff{\u200b{")
def test_any_text_a_person_writes_comes_back_as_that_text(
    connection: Connection, value: str
):
    connection.execute("delete from dim_customers")
    connection.execute("delete from fct_customer_events")
    connection.execute(
        "insert into dim_customers (customer_id, city) values ('1', ?), ('2', '\t')",
        [value],
    )
    connection.execute(
        "insert into fct_customer_events (customer_id, event_name, subject, occurred_at) "
        "values ('1', ?, ?, '2026-06-29'), ('2', '\t', '\t', '2026-06-29')",
        [value, value],
    )

    found = [
        members_of(connection, conditions)
        for conditions in (
            {"column": "city", "equals": value},
            {"column": "city", "contains": value},
            {"column": "city", "ends_with": value, "ignore_case": True},
            {"event": value, "where": {"column": "subject", "in": [value]}},
            {"sequence": [{"event": value}, {"no_event": "x"}]},
        )
    ]

    assert found == [{"1"}] * 5


hostile_words = st.sampled_from(
    [
        "city; drop table customers",
        "city'",
        'city"',
        "{{ city }}",
        "city--",
        "CITY",
        "*",
    ]
)


@given(word=hostile_words | printable_text.filter(lambda text: text not in COLUMNS))
def test_a_column_that_the_profile_lacks_never_compiles(word: str):
    for conditions in (
        {"column": word, "is_known": True},
        {"related": "orders", "where": {"column": word, "is_known": True}},
        {"related": "orders", "sum": word, "at_least": 1},
        {"related": word},
        {"trait": word, "is_known": True},
        {"consent": word},
        {"audience": word},
    ):
        with pytest.raises(DefinitionError):
            queries_of(conditions)


@given(
    word=hostile_words | printable_text.filter(lambda text: text not in COLUMNS),
    field=st.sampled_from(["salt", "stratify_by", "group", "by", "priority", "zone"]),
)
def test_a_name_that_is_none_never_compiles(word: str, field: str):
    fields: dict[str, dict[str, object]] = {
        "salt": {"split": {"groups": {"a": 1}, "salt": f"{word} x"}},
        "stratify_by": {"split": {"groups": {"a": 1}, "stratify_by": word}},
        "group": {"split": {"groups": {f"{word} x": 1}}},
        "by": {"top": {"by": word, "count": 1}},
        "priority": {"priority": {"group": f"{word} x", "rank": 1}},
        "zone": {"time_zone": word},
    }

    with pytest.raises(DefinitionError):
        queries_of({"column": "city", "is_known": True}, **fields[field])


SQL_INJECTIONS = [
    "select customer_id from fct_orders; drop table fct_orders",
    "select customer_id from read_csv('/etc/passwd')",
    "select customer_id from '/etc/passwd'",
    "select getenv('HOME') as customer_id from fct_orders",
    "select current_setting('x') as customer_id from fct_orders",
    "select customer_id from raw_shopify.customers",
    "select customer_id from stg_shopify__customers",
    "select customer_id from information_schema.tables",
    "select customer_id from pg_catalog.pg_tables",
    "with fct_orders as (select 'x' as customer_id) select customer_id from fct_orders",
    "select * from fct_orders",
    "select customer_id, order_key from fct_orders",
    "select order_key from fct_orders",
    "select customer_id from fct_orders where ordered_at > now()",
    "select customer_id from fct_orders where ordered_at > current_timestamp",
    "select customer_id from fct_orders where random() < 0.5",
    "select customer_id from fct_orders union select customer_id from dim_customers",
    "insert into fct_orders (customer_id) select 'x'",
    "copy fct_orders to '/tmp/x'",
    "attach '/tmp/x'",
    "select customer_id from fct_orders where x = {{ env_var('SECRET') }}",
    "select customer_id from fct_orders, lateral (select 1) as x",
    "select customer_id from fct_orders where channel = :p0",
    "select customer_id from fct_orders where channel = ?",
    'select "CUSTOMER_ID" from fct_orders',
    "select customer_id from kenning_model_0",
    "select kenning_model_0.customer_id from fct_orders as kenning_model_0",
    "select customer_id from fct_orders where days_ago('x') > ordered_at",
    "select customer_id from fct_orders where as_of(1) > ordered_at",
    "select unknown_column as customer_id from fct_orders",
    "selec customer_id from fct_orders",
    "",
    "select customer_id from fct_orders where " + "(" * 3_000,
]


@pytest.mark.parametrize("sql", SQL_INJECTIONS)
def test_sql_beyond_reading_public_models_is_refused(sql: str):
    with pytest.raises(DefinitionError):
        queries_of({"sql": sql})


@settings(max_examples=100, deadline=None)
@given(value=printable_text)
@example(value="{{ run_query('drop table customers') }}")
@example(value="kenning_model_0")
@example(value=":p0")
@example(value="\\")
def test_any_text_in_sql_stays_a_text(connection: Connection, value: str):
    connection.execute("delete from dim_customers")
    connection.execute(
        "insert into dim_customers (customer_id, city) values ('1', ?), ('2', '\t')",
        [value],
    )
    quoted = value.replace("'", "''")

    sql = f"select customer_id from dim_customers where city = '{quoted}'"

    assert members_of(connection, {"sql": sql}) == {"1"}


def test_comments_in_sql_are_left_behind():
    sql = "select customer_id /* {{ secret }} */ from fct_orders -- {% raw %}"

    queries = queries_of({"sql": sql})

    text = queries["int_audiences__customer_conditions"]
    assert "secret" not in text
    assert "raw" not in text


def test_sql_that_is_allowed_reads_public_models_alone():
    sql = """\
        with big as (
            select customer_id, sum(total_eur) as total
            from fct_orders as o
            where ordered_at >= days_ago(30) and ordered_at <= as_of()
            group by customer_id
        )
        select big.customer_id
        from big
        inner join dim_customers as c on big.customer_id = c.customer_id
        where total > 100 and c.city not in ('Oslo') and not exists (
            select 1 from suppressed_customers as s where s.customer_id = c.customer_id
        )
    """

    queries = queries_of({"sql": sql, "called": "big"})

    tree = sqlglot.parse_one(
        queries["int_audiences__customer_conditions"], dialect="duckdb"
    )
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    assert {table.name for table in tree.find_all(exp.Table)} - ctes == {
        "dim_customers",
        "fct_orders",
        "suppressed_customers",
    }


@given(
    text=st.text(max_size=300) | st.text("{}[]:-,&*!|>'\"#%@ \nanycolumd", max_size=80)
)
def test_any_file_without_a_definition_is_refused_with_a_line(text: str):
    with pytest.raises(DefinitionError) as raised:
        read_definition(text, file="any.yml", name="any", catalogue=CATALOGUE)

    assert all(problem.line >= 1 for problem in raised.value.problems)
    assert raised.value.problems
