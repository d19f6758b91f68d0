"""An example of every dimension that audiences are made by, on the project's own tables.

The examples are files, so that one can be copied to begin with.
"""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
import sqlglot
import yaml

from audiences.catalogue import Catalogue
from audiences.compiler import compiled
from audiences.contracts import ColumnType
from audiences.definition import Definition
from audiences.errors import DefinitionError
from audiences.project import read_project_catalogue
from audiences.reading import read_definition
from audiences.schema import definition_schema
from tests.audience_rendering import rendered

EXAMPLES = {
    path.stem: path.read_text("utf-8")
    for path in sorted((Path(__file__).parent / "examples").glob("*.yml"))
}
DIMENSIONS = (
    "lifecycle_stage",
    "location",
    "role",
    "purchase_history",
    "interest",
    "visit_pattern",
    "content_viewed",
    "industry",
    "contact_preference",
    "conversion",
    "persona",
    "time_of_activity",
    "predicted_value",
    "consent",
)
_SQL_TYPES = {
    ColumnType.TEXT: "text",
    ColumnType.NUMBER: "decimal(18, 2)",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.TIMESTAMP: "timestamp",
    ColumnType.DATE: "date",
    ColumnType.OTHER: "text",
}


@pytest.fixture(scope="module")
def catalogue(project_root: Path) -> Catalogue:
    return read_project_catalogue(project_root)


@pytest.fixture(scope="module")
def definitions(catalogue: Catalogue) -> list[Definition]:
    return [
        read_definition(
            text,
            file=f"{name}.yml",
            name=name,
            catalogue=catalogue,
            audiences=EXAMPLES,
        ).definition
        for name, text in EXAMPLES.items()
    ]


@pytest.fixture(scope="module")
def models(definitions: list[Definition], catalogue: Catalogue) -> Mapping[str, str]:
    files = compiled(definitions, (), catalogue).files
    return {
        name.removesuffix(".sql"): text
        for name, text in files.items()
        if name.endswith(".sql")
    }


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_dimension_has_an_example(dimension: str):
    assert dimension in EXAMPLES


def test_examples_run_on_tables_as_their_contracts_have_them(
    models: Mapping[str, str], catalogue: Catalogue
):
    waiting = {name: rendered(text) for name, text in models.items()}
    with duckdb.connect() as connection:
        for model, columns in catalogue.models.items():
            typed = ", ".join(
                f'"{name}" {_SQL_TYPES[column.type]}'
                for name, column in columns.items()
            )
            connection.execute(f"create table {model} ({typed})")
        while waiting:
            ready = next(
                name
                for name in waiting
                if not any(
                    f"ref('{other}')" in models[name]
                    for other in waiting
                    if other != name
                )
            )
            connection.execute(f"create table {ready} as {waiting.pop(ready)}")

        counted = connection.execute("select count(*) from audience_unhappy").fetchall()

    assert counted == [(0,)]


@pytest.mark.parametrize(
    "engine", ["duckdb", "postgres", "spark", "snowflake", "bigquery"]
)
def test_examples_parse_on_every_engine(models: Mapping[str, str], engine: str):
    for text in models.values():
        [statement] = sqlglot.parse(rendered(text, engine), dialect=engine)

        assert isinstance(statement, sqlglot.exp.Select)


# Schema


def test_committed_schema_is_the_schema(project_root: Path):
    committed = (project_root / "audiences/audience.schema.json").read_text("utf-8")

    assert json.loads(committed) == definition_schema(), (
        "Run `python -m audiences schema > audiences/audience.schema.json`."
    )


def as_json(value: Any) -> Any:
    """A document as an editor's checker sees it: dates are texts."""
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_json(each) for each in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def is_valid(document: Any) -> bool:
    return jsonschema.Draft202012Validator(definition_schema()).is_valid(
        as_json(document)
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_and_committed_definitions_agree_with_the_schema(name: str):
    jsonschema.Draft202012Validator(definition_schema()).validate(
        as_json(yaml.safe_load(EXAMPLES[name]))
    )


def test_committed_definitions_agree_with_the_schema(project_root: Path):
    for path in sorted((project_root / "audiences/definitions").glob("*.yml")):
        assert is_valid(yaml.safe_load(path.read_text("utf-8"))), path.name


MISTAKES: list[tuple[str, str, str]] = [
    ("location", "conditions:", "condition:"),
    ("location", "purpose: ads", "purpose: adds"),
    ("location", "entity: customer", "entity: customers"),
    ("location", "name: location", "name: Location"),
    ("location", "ignore_case: true", "ignore_case: yes please"),
    ("location", "within_days: 90", "within_days: 0"),
    ("location", "within_days: 90", "within_days: ninety"),
    ("location", "where: {column", "were: {column"),
    ("location", "equals: Amsterdam, ignore_case: true", "ignore_case: true"),
    ("location", 'starts_with: ["10", "11"]', "starts_with: []"),
    ("location", "any:", "some:"),
    ("purchase_history", "none: true", "none: false"),
    ("purchase_history", "at_least: 2}", "at_least: 1.5}"),
    ("purchase_history", "none: true", "none: true, sum: quantity"),
    ("purchase_history", "sum: revenue_eur", "sum: [revenue_eur]"),
    ("conversion", "no_event: order_placed", "nothing: order_placed"),
    ("conversion", "within_hours: 12", "within_hours: -1"),
    ("conversion", "    - event: product_added\n", ""),
    ("time_of_activity", "[saturday, sunday]", "[Saturday]"),
    ("time_of_activity", "[19, 24]", "[19, 25]"),
    ("time_of_activity", "[19, 24]", "[19]"),
    ("predicted_value", "count: 500", "count: 0"),
    ("predicted_value", "ties: keep", "ties: all"),
    ("consent", "channel: email", "chanel: email"),
    ("subscription_ends", "share: 0.1", "share: 1.0"),
    ("subscription_ends", "letter: 1", "letter: 0"),
    ("subscription_ends", "letter: 1", "holdout: 1"),
    ("subscription_ends", "count: 1000", "count: 1000, share: 0.1"),
    ("subscription_ends", "rank: 1", "rank: first"),
    ("subscription_ends", "refresh: daily", "refresh: sometimes"),
    ("by_sql", "called: app_twice", "called: App twice"),
    ("by_sql", "called: app_twice", "name: app_twice"),
]


@pytest.mark.parametrize(("example", "right", "wrong"), MISTAKES)
def test_schema_and_compiler_refuse_the_same(
    example: str, right: str, wrong: str, catalogue: Catalogue
):
    text = EXAMPLES[example]
    assert right in text
    mistaken = text.replace(right, wrong, 1)

    assert not is_valid(yaml.safe_load(mistaken))
    with pytest.raises(DefinitionError):
        read_definition(
            mistaken,
            file="x.yml",
            name=example,
            catalogue=catalogue,
            audiences=EXAMPLES,
        )
