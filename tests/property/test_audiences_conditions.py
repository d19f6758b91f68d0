"""Compiled conditions, run on DuckDB, against an obvious evaluation in Python.

The reference takes the documented meaning at its word: a comparison with a missing value is
false, `not` turns that into true, `not_equals` counts a missing value as a value of its own.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audiences.audience_model import audience_sql
from audiences.conditions_model import conditions_sql, entity_columns
from audiences.definition import (
    AllOf,
    AnyOf,
    ColumnOperand,
    Comparator,
    Comparison,
    Condition,
    DaysAgo,
    Definition,
    InState,
    Membership,
    Not,
    Owner,
    State,
    WithinDays,
)
from audiences.errors import DefinitionError
from audiences.profile import ColumnType
from audiences.reading import read_definition

AS_OF = datetime(2026, 6, 30)
Row = Mapping[str, Any]
# Not duckdb's own class: Hypothesis keeps what it reads in a signature, and DuckDB 2.0 complains
# of that when the interpreter ends (2026-11).
Connection = Any

TEXTS = ("city", "country_code")
NUMBERS = ("order_count", "revenue_eur")
FLAGS = ("is_b2b",)
TIMES = ("last_seen_at", "last_ordered_at")
COLUMNS = {
    **dict.fromkeys(TEXTS, ColumnType.TEXT),
    **dict.fromkeys(NUMBERS, ColumnType.NUMBER),
    **dict.fromkeys(FLAGS, ColumnType.BOOLEAN),
    **dict.fromkeys(TIMES, ColumnType.TIMESTAMP),
}

# Few values, so that rows and conditions meet; hostile ones, so that meeting is not all.
some_text = st.sampled_from(
    [
        "Oslo",
        "oslo",
        "",
        "O'Neill",
        "back\\slash",
        "\\",
        "'",
        "{{ as_of() }}",
        "{% raw %}",
    ]
)
some_number = st.sampled_from([Decimal(-1), Decimal(0), Decimal("0.5"), Decimal(7)])
some_days = st.integers(min_value=1, max_value=3)
some_time = st.sampled_from(
    [AS_OF + timedelta(days=day, hours=hour) for day in range(-4, 2) for hour in (0, 1)]
)

rows = st.lists(
    st.fixed_dictionaries(
        {
            **dict.fromkeys(TEXTS, st.none() | some_text),
            **dict.fromkeys(NUMBERS, st.none() | some_number),
            **dict.fromkeys(FLAGS, st.none() | st.booleans()),
            **dict.fromkeys(TIMES, st.none() | some_time),
        }
    ),
    min_size=1,
    max_size=6,
)

EQUALITY = (Comparator.EQUALS, Comparator.NOT_EQUALS)
ORDER = (
    Comparator.GREATER_THAN,
    Comparator.AT_LEAST,
    Comparator.LESS_THAN,
    Comparator.AT_MOST,
)


def _unique(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, min_size=1, max_size=3, unique=True).map(tuple)


leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Comparison, st.sampled_from(TEXTS), st.sampled_from(EQUALITY), some_text),
    st.builds(
        Comparison,
        st.sampled_from(NUMBERS),
        st.sampled_from(EQUALITY + ORDER),
        some_number | st.sampled_from(NUMBERS).map(ColumnOperand),
    ),
    st.builds(
        Comparison,
        st.sampled_from(TIMES),
        st.sampled_from((Comparator.BEFORE, Comparator.AFTER)),
        some_time | some_days.map(DaysAgo) | st.sampled_from(TIMES).map(ColumnOperand),
    ),
    st.builds(Membership, st.sampled_from(TEXTS), _unique(some_text)),
    st.builds(Membership, st.sampled_from(NUMBERS), _unique(some_number)),
    st.builds(WithinDays, st.sampled_from(TIMES), some_days),
    st.builds(
        InState,
        st.sampled_from(FLAGS),
        st.sampled_from((State.IS_TRUE, State.IS_FALSE)),
    ),
    st.builds(
        InState,
        st.sampled_from(tuple(COLUMNS)),
        st.sampled_from((State.IS_KNOWN, State.IS_UNKNOWN)),
    ),
)


def _groups(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    lists = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return lists.map(AllOf) | lists.map(AnyOf) | parts.map(Not)


conditions = st.recursive(leaves, _groups, max_leaves=6)


def holds(condition: Condition, row: Row) -> bool:
    """Whether a condition is true of a row, as its documentation says."""
    match condition:
        case AllOf(parts):
            return all(holds(part, row) for part in parts)
        case AnyOf(parts):
            return any(holds(part, row) for part in parts)
        case Not(part):
            return not holds(part, row)
        case Membership(column, values):
            return row[column] in values
        case WithinDays(column, days):
            return row[column] is not None and (
                AS_OF - timedelta(days=days) <= row[column] <= AS_OF
            )
        case InState(column, state):
            return {
                State.IS_TRUE: row[column] is True,
                State.IS_FALSE: row[column] is False,
                State.IS_KNOWN: row[column] is not None,
                State.IS_UNKNOWN: row[column] is None,
            }[state]
        case Comparison(column, comparator, operand):
            return _compares(row[column], comparator, _value(operand, row))
    raise AssertionError(condition)


def _compares(left: Any, comparator: Comparator, right: Any) -> bool:
    if comparator is Comparator.NOT_EQUALS:
        return left != right
    if left is None or right is None:
        return False
    return {
        Comparator.EQUALS: lambda: left == right,
        Comparator.GREATER_THAN: lambda: left > right,
        Comparator.AT_LEAST: lambda: left >= right,
        Comparator.LESS_THAN: lambda: left < right,
        Comparator.AT_MOST: lambda: left <= right,
        Comparator.BEFORE: lambda: left < right,
        Comparator.AFTER: lambda: left > right,
    }[comparator]()


def _value(operand: Any, row: Row) -> Any:
    match operand:
        case ColumnOperand(name):
            return row[name]
        case DaysAgo(days):
            return AS_OF - timedelta(days=days)
    return operand


def rendered(sql: str) -> str:
    """What dbt would make of the text, with the macros' DuckDB bodies spelled out."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    as_of = "cast('2026-06-30 00:00:00' as timestamp)"
    return environment.from_string(sql).render(
        as_of=lambda: as_of,
        days_ago=lambda days: f"{as_of} - interval '{days}' day",
        text_literal=lambda text: "'" + text.replace("'", "''") + "'",
        dbt=SimpleNamespace(
            type_timestamp=lambda: "timestamp", type_string=lambda: "text"
        ),
        ref=lambda name: name,
        config=lambda **settings: "",
        is_incremental=lambda: False,
        audience_touched=lambda **arguments: "",
        current_run=lambda: "1",
    )


def members_of(connection: Connection, definition: Definition) -> set[int]:
    """Whom the compiled models of a definition let in."""
    columns = entity_columns("customer", [definition])
    conditions = rendered(conditions_sql("customer", [definition]))
    audience = rendered(audience_sql(definition, columns))
    connection.execute(
        f"create or replace view int_audiences__customer_conditions as {conditions}"
    )
    found = connection.execute(f"select customer_id from ({audience})").fetchall()
    return {customer_id for (customer_id,) in found}


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with duckdb.connect() as opened:
        opened.execute("set timezone = 'UTC'")
        opened.execute(
            "create table dim_customers (customer_id bigint, city text, country_code text, "
            "order_count decimal(9, 1), revenue_eur decimal(9, 1), is_b2b boolean, "
            "last_seen_at timestamp, last_ordered_at timestamp)"
        )
        yield opened


@settings(max_examples=300)
@given(condition=conditions, rows=rows)
def test_compiled_condition_picks_the_same_customers_as_its_meaning(
    connection: Connection, condition: Condition, rows: list[Row]
):
    connection.execute("delete from dim_customers")
    connection.executemany(
        "insert into dim_customers values (?, ?, ?, ?, ?, ?, ?, ?)",
        [[index, *(row[name] for name in COLUMNS)] for index, row in enumerate(rows)],
    )

    definition = Definition(
        "some", "Some.", Owner("Stores", "s@x.example"), "ads", "customer", condition
    )
    members = members_of(connection, definition)

    expected = {index for index, row in enumerate(rows) if holds(condition, row)}
    assert members == expected


# YAML carries no control characters, lone surrogates or next-line marks.
printable_text = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn")), max_size=60
)


@settings(max_examples=300)
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
    text = yaml.safe_dump(
        {
            "name": "hostile",
            "description": "Hostile values.",
            "owner": {"name": "Stores", "email": "stores@nordvik.example"},
            "purpose": "ads",
            "entity": "customer",
            "conditions": {"column": "city", "equals": value},
        },
        allow_unicode=True,
        width=10_000,
    )
    definition = read_definition(
        text, file="hostile.yml", name="hostile", columns=COLUMNS
    )
    connection.execute("delete from dim_customers")
    connection.execute(
        "insert into dim_customers (customer_id, city) values (1, ?), (2, 'other')",
        [value],
    )

    assert members_of(connection, definition) == {1}


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
    text = yaml.safe_dump(
        {
            "name": "hostile",
            "description": "Hostile columns.",
            "owner": {"name": "Stores", "email": "stores@nordvik.example"},
            "purpose": "ads",
            "entity": "customer",
            "conditions": {"column": word, "is_known": True},
        },
        allow_unicode=True,
    )

    with pytest.raises(DefinitionError):
        read_definition(text, file="hostile.yml", name="hostile", columns=COLUMNS)


@given(
    text=st.text(max_size=300) | st.text("{}[]:-,&*!|>'\"#%@ \nanycolumd", max_size=80)
)
def test_any_file_without_a_definition_is_refused_with_a_line(text: str):
    with pytest.raises(DefinitionError) as raised:
        read_definition(text, file="any.yml", name="any", columns=COLUMNS)

    assert all(problem.line >= 1 for problem in raised.value.problems)
    assert raised.value.problems
