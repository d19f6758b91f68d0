"""Compiled SQL is rendered by the macros that dbt runs."""

from datetime import datetime

import pytest

from audiences.errors import UnbuiltModelError, UnrenderableError
from audiences.preview_rendering import Renderer, read_macros
from tests.audience_company import ROOT, candidate
from tests.audience_rendering import rendered

AS_OF = datetime(2026, 6, 30)
EVERY_KIND = """\
time_zone: Europe/Amsterdam
conditions:
  any:
    - {column: city, contains: "O'Neill {{ x }}"}
    - {column: last_seen_at, on_weekdays: [saturday]}
    - {column: last_seen_at, between_hours: [22, 6]}
    - {column: last_seen_at, within_days: 3}
    - sequence: [{event: viewed}, {event: bought, within_days: 2}]
    - {related: orders, sum: total_eur, at_least: 10}
split: {groups: {a: 1, b: 1}, holdout: {share: 0.1, salt: company}}
"""


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(read_macros(ROOT), engine="duckdb", as_of=AS_OF)


def words(sql: str) -> list[str]:
    return sql.split()


@pytest.mark.parametrize("part", ["conditions_sql", "audience_sql"])
def test_models_read_as_the_contract_tests_render_them(renderer: Renderer, part: str):
    made = candidate("any", EVERY_KIND)
    text = made.conditions_sql if part == "conditions_sql" else made.audience.sql
    names = dict.fromkeys(
        (
            "dim_customers",
            "fct_orders",
            "fct_customer_events",
            "suppressed_customers",
            "int_audiences__customer_conditions",
        )
    )

    sql = renderer.sql(text, {name: name for name in names})

    assert words(sql) == words(
        rendered(text).replace("1 end as changed_run", "0 end as changed_run")
    )
    assert "{{" not in sql.replace("{{ x }}", "")


def test_macro_of_the_engine_goes_before_the_default():
    macros = {
        "shown": "{% macro shown() %}{{ adapter.dispatch('shown', 'kenning')() }}{% endmacro %}",
        "default__shown": "{% macro default__shown() %}all{% endmacro %}",
        "duckdb__shown": "{% macro duckdb__shown() %}one{% endmacro %}",
    }

    shown = [
        Renderer(macros, engine=engine, as_of=AS_OF).sql("{{ shown() }}", {})
        for engine in ("duckdb", "postgres")
    ]

    assert shown == ["one", "all"]


def test_model_without_a_table_is_named(renderer: Renderer):
    with pytest.raises(UnbuiltModelError, match="the model dim_customers"):
        renderer.sql("select * from {{ ref('dim_customers') }}", {})


def test_macro_that_only_dbt_knows_is_refused(renderer: Renderer):
    with pytest.raises(UnrenderableError, match="run_query"):
        renderer.sql("{{ run_query('select 1') }}", {})


def test_macro_that_refuses_its_arguments_is_heard(renderer: Renderer):
    with pytest.raises(UnrenderableError, match="days_ago"):
        renderer.sql("{{ days_ago(-1) }}", {})
