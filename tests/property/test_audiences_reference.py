"""Compiled audiences, run on DuckDB, let in whom a plain evaluation in pandas lets in.

Random definitions of every kind, read from YAML, on random companies: unknown values, time zones,
ties, borders and empty groups included.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import duckdb
import pytest
import sqlglot
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.compiler import compiled
from audiences.reading import read_definition, read_exclusions
from tests.audience_documents import (
    account_conditions,
    crowded_events,
    customer_conditions,
    customer_leaves,
    documents,
    household_conditions,
    plain_documents,
    profile_columns,
    sequences,
    worlds,
)
from tests.audience_reference import Reference
from tests.audience_rendering import rendered
from tests.audience_world import create_tables, fill_tables, frames, small_catalogue

CATALOGUE = small_catalogue()
# Not duckdb's own class: Hypothesis keeps what it reads in a signature, and DuckDB 2.0 complains
# of that when the interpreter ends (2026-11).
Connection = Any
Document = Mapping[str, Any]


class _Dumper(yaml.SafeDumper):
    """Writes numbers as a person does, and repeats instead of aliasing."""

    def ignore_aliases(self, data: object) -> bool:
        return True


_Dumper.add_representer(
    Decimal,
    lambda dumper, value: dumper.represent_scalar(
        "tag:yaml.org,2002:float" if "." in str(value) else "tag:yaml.org,2002:int",
        str(value),
    ),
)


def yaml_text(document: object) -> str:
    return yaml.dump(
        document, Dumper=_Dumper, allow_unicode=True, width=10_000, sort_keys=False
    )


def compiled_files(
    audiences: Mapping[str, Document], exclusions: list[Document] | None = None
) -> Mapping[str, str]:
    """The models of definitions, by name, in the order they are built."""
    definitions = [
        read_definition(
            yaml_text(document),
            file=f"{name}.yml",
            name=name,
            catalogue=CATALOGUE,
            audiences=audiences,
        ).definition
        for name, document in audiences.items()
    ]
    lists = (
        read_exclusions(
            yaml_text({"exclusions": exclusions}),
            file="exclusions.yml",
            catalogue=CATALOGUE,
            audiences=audiences,
        )
        if exclusions
        else ()
    )
    files = compiled(definitions, lists, CATALOGUE).files
    return {
        name.removesuffix(".sql"): text
        for name, text in files.items()
        if name.endswith(".sql")
    }


def members(
    connection: Connection,
    audiences: Mapping[str, Document],
    exclusions: list[Document] | None = None,
) -> dict[str, dict[str, str | None]]:
    """Whom the compiled models of definitions let in, each with the split group."""
    waiting = dict(compiled_files(audiences, exclusions))
    while waiting:
        ready = next(
            name
            for name, text in waiting.items()
            if not any(f"ref('{other}')" in text for other in waiting if other != name)
        )
        query = rendered(waiting.pop(ready))
        connection.execute(f"create or replace temp table {ready} as {query}")
    return {
        name: dict(
            connection.execute(
                f"select {document['entity']}_id, split_group from audience_{name}"
            ).fetchall()
        )
        for name, document in audiences.items()
    }


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with duckdb.connect() as opened:
        create_tables(opened)
        yield opened


SLOW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


LEAVES = tuple(f"leaf_{index}" for index in range(8))


@SLOW
@given(
    leaves=st.tuples(*(plain_documents(name, customer_leaves) for name in LEAVES)),
    rows=worlds(),
)
def test_every_leaf_holds_for_whom_it_says(
    connection: Connection, leaves: tuple[Document, ...], rows: Any
):
    audiences = dict(zip(LEAVES, leaves, strict=True))
    world = frames(rows)
    fill_tables(connection, world)

    found = members(connection, audiences)

    reference = Reference(world, audiences)
    assert found == {name: reference.members(name) for name in audiences}


@settings(SLOW, max_examples=15)
@given(
    leaves=st.tuples(*(plain_documents(name, sequences()) for name in LEAVES)),
    events=crowded_events,
)
def test_events_at_one_instant_come_neither_before_nor_after(
    connection: Connection, leaves: tuple[Document, ...], events: Any
):
    audiences = dict(zip(LEAVES, leaves, strict=True))
    people = [{"customer_id": "c1"}, {"customer_id": "c2"}]
    world = frames({"dim_customers": people, "fct_customer_events": events})
    fill_tables(connection, world)

    found = members(connection, audiences)

    reference = Reference(world, audiences)
    assert found == {name: reference.members(name) for name in audiences}


@settings(SLOW, max_examples=15)
@given(
    first=documents("first", customer_conditions),
    second=documents("second", customer_conditions),
    rows=worlds(),
)
def test_customers_are_let_in_as_the_definition_says(
    connection: Connection, first: Document, second: Document, rows: Any
):
    audiences = {"first": first, "second": second}
    world = frames(rows)
    fill_tables(connection, world)

    found = members(connection, audiences)

    reference = Reference(world, audiences)
    assert found == {name: reference.members(name) for name in audiences}


@settings(SLOW, max_examples=15)
@given(
    firms=documents("firms", account_conditions, "account"),
    homes=documents("homes", household_conditions, "household"),
    rows=worlds(),
)
def test_accounts_and_households_are_let_in_by_what_their_people_do(
    connection: Connection, firms: Document, homes: Document, rows: Any
):
    audiences = {"firms": firms, "homes": homes}
    world = frames(rows)
    fill_tables(connection, world)

    found = members(connection, audiences)

    reference = Reference(world, audiences)
    assert found == {name: reference.members(name) for name in audiences}


@settings(SLOW, max_examples=15)
@given(
    best=documents("best", profile_columns),
    good=documents("good", profile_columns),
    others=documents("others", profile_columns),
    condition=st.sampled_from(
        [
            {"audience": "best"},
            {"not": {"audience": "good"}},
            {"audience": "best", "split_group": "a"},
        ]
    ),
    excluded=profile_columns,
    scope=st.sampled_from([{}, {"purposes": ["ads"]}, {"goals": ["acquisition"]}]),
    rows=worlds(),
)
def test_audiences_read_each_other_and_nobody_bypasses_the_exclusions(
    connection: Connection,
    best: Document,
    good: Document,
    others: Document,
    condition: Document,
    excluded: Document,
    scope: Document,
    rows: Any,
):
    audiences = {
        "best": {
            **best,
            "priority": {"group": "offers", "rank": 1},
            "split": {"groups": {"a": 1, "b": 1}},
        },
        "good": {**good, "priority": {"group": "offers", "rank": 2}},
        "others": {
            **others,
            "conditions": {"any": [condition, others["conditions"]]},
            "priority": {"group": "offers", "rank": 9},
        },
    }
    exclusions = [
        {
            "name": "nobody",
            "description": "Who is left out.",
            "entity": "customer",
            "conditions": excluded,
            **scope,
        }
    ]
    world = frames(rows)
    fill_tables(connection, world)

    found = members(connection, audiences, exclusions)

    reference = Reference(world, audiences, exclusions)
    assert found == {name: reference.members(name) for name in audiences}


@pytest.mark.parametrize("engine", ["postgres", "spark", "snowflake", "bigquery"])
@settings(SLOW, max_examples=10)
@given(
    first=documents("first", customer_conditions),
    firms=documents("firms", account_conditions, "account"),
)
def test_compiled_sql_parses_on_every_engine(
    engine: str, first: Document, firms: Document
):
    for text in compiled_files({"first": first, "firms": firms}).values():
        [statement] = sqlglot.parse(rendered(text, engine), dialect=engine)

        assert isinstance(statement, sqlglot.exp.Select)


@pytest.mark.exhaustive
@settings(SLOW, max_examples=2_000)
@given(
    first=documents("first", customer_conditions),
    second=documents("second", customer_conditions),
    rows=worlds(),
)
def test_many_more_customers_are_let_in_as_the_definition_says(
    connection: Connection, first: Document, second: Document, rows: Any
):
    audiences = {"first": first, "second": second}
    world = frames(rows)
    fill_tables(connection, world)

    found = members(connection, audiences)

    reference = Reference(world, audiences)
    assert found == {name: reference.members(name) for name in audiences}
