"""Findings about raw tables, each from facts that a reader can hold in the head."""

import pytest

from orchestration.preflight import (
    Contents,
    Finding,
    Kind,
    Suspect,
    check_contents,
    check_shape,
    check_sources,
    describe,
    fits,
)
from warehouse.connection import Column
from warehouse.manifest import ColumnInfo, Relation, Source

DECLARED = {"id": "bigint", "email": "text", "created_at": "timestamp"}


def orders(*primary_key: str) -> Source:
    return Source(
        unique_id="source.kenning.shop.order",
        source_name="shop",
        name="order",
        relation=Relation("shop", "order"),
        description="",
        is_on=True,
        columns={
            name: ColumnInfo(name=name, data_type=data_type, description="", pii=None)
            for name, data_type in DECLARED.items()
        },
        absent_columns=frozenset(),
        loaded_at_field=None,
        primary_key=primary_key,
    )


def landed(**types: str) -> list[Column]:
    return [Column(name, data_type) for name, data_type in types.items()]


def test_table_as_declared_has_no_finding():
    columns = landed(id="BIGINT", email="VARCHAR", created_at="TIMESTAMP")

    shape = check_shape(orders(), columns, dialect="duckdb")

    assert shape.findings == ()
    assert shape.suspects == ()


def test_further_columns_and_another_order_are_fine():
    columns = landed(
        note="VARCHAR", created_at="TIMESTAMP", email="VARCHAR", id="BIGINT"
    )

    shape = check_shape(orders(), columns, dialect="duckdb")

    assert shape.findings == ()


def test_column_names_are_compared_without_case():
    columns = landed(ID="BIGINT", EMAIL="VARCHAR", CREATED_AT="TIMESTAMP")

    shape = check_shape(orders(), columns, dialect="duckdb")

    assert shape.findings == ()


def test_absent_table_is_one_finding():
    shape = check_shape(orders(), [], dialect="duckdb")

    assert shape.findings == (Finding(Kind.MISSING_TABLE, "shop.order"),)


def test_absent_column_is_named():
    columns = landed(id="BIGINT", created_at="TIMESTAMP")

    shape = check_shape(orders(), columns, dialect="duckdb")

    assert shape.findings == (Finding(Kind.MISSING_COLUMN, "shop.order.email"),)


def test_column_of_another_family_is_suspect_until_its_values_are_counted():
    columns = landed(id="BIGINT", email="VARCHAR", created_at="VARCHAR")

    shape = check_shape(orders(), columns, dialect="duckdb")

    assert shape.findings == ()
    assert shape.suspects == (Suspect("created_at", "timestamp", "VARCHAR"),)


def test_suspect_column_with_values_is_retyped():
    suspects = [Suspect("created_at", "timestamp", "VARCHAR")]

    findings = check_contents(
        orders(), suspects, Contents(row_count=9, filled_counts={"created_at": 1})
    )

    assert findings == [
        Finding(
            Kind.RETYPED_COLUMN,
            "shop.order.created_at",
            "VARCHAR where timestamp is declared",
        )
    ]


def test_suspect_column_without_a_value_fits():
    suspects = [Suspect("created_at", "timestamp", "VARCHAR")]

    findings = check_contents(
        orders(), suspects, Contents(row_count=9, filled_counts={"created_at": 0})
    )

    assert findings == []


def test_repeated_primary_key_tells_how_often_and_not_which():
    findings = check_contents(
        orders("id", "email"), [], Contents(row_count=9, duplicate_key_count=2)
    )

    assert findings == [
        Finding(Kind.DUPLICATE_KEY, "shop.order", "2 values of id, email")
    ]


def test_null_in_the_primary_key_is_told():
    findings = check_contents(
        orders("id"), [], Contents(row_count=9, empty_key_count=3)
    )

    assert findings == [Finding(Kind.EMPTY_KEY, "shop.order", "3 rows without id")]


def test_source_without_a_row_in_any_table_is_empty():
    findings = check_sources({"shop.order": 0, "shop.refund": 0, "till.sale": 4})

    assert findings == [Finding(Kind.EMPTY_SOURCE, "shop", "no rows in any table")]


def test_one_empty_table_of_a_source_is_fine():
    assert check_sources({"shop.order": 7, "shop.refund": 0}) == []


@pytest.mark.parametrize(
    ("declared", "type_name"),
    [
        ("text", "VARCHAR"),
        ("text", "STRUCT(a INTEGER)"),
        ("text", "TIMESTAMP"),
        ("bigint", "SMALLINT"),
        ("bigint", "HUGEINT"),
        ("bigint", "DECIMAL(38,0)"),
        ("double", "BIGINT"),
        ("double", "DECIMAL(18,2)"),
        ("double", "FLOAT"),
        ("boolean", "BOOLEAN"),
        ("timestamp", "TIMESTAMP WITH TIME ZONE"),
        ("timestamp", "TIMESTAMP_NS"),
        ("timestamp", "DATE"),
        ("date", "DATE"),
        ("date", "TIMESTAMP"),
    ],
)
def test_type_fits(declared, type_name):
    assert fits(declared, type_name, dialect="duckdb")


@pytest.mark.parametrize(
    ("declared", "type_name"),
    [
        ("bigint", "DOUBLE"),
        ("bigint", "DECIMAL(18,2)"),
        ("bigint", "VARCHAR"),
        ("double", "VARCHAR"),
        ("double", "BOOLEAN"),
        ("boolean", "BIGINT"),
        ("boolean", "VARCHAR"),
        ("timestamp", "VARCHAR"),
        ("timestamp", "BIGINT"),
        ("timestamp", "TIME"),
        ("date", "VARCHAR"),
        ("date", "JSON"),
    ],
)
def test_type_does_not_fit(declared, type_name):
    assert not fits(declared, type_name, dialect="duckdb")


def test_message_tells_every_finding_what_stayed_and_what_to_do():
    findings = [
        Finding(Kind.MISSING_TABLE, "shop.refund"),
        Finding(Kind.DUPLICATE_KEY, "shop.order", "2 values of id"),
    ]

    message = describe(findings)

    assert message == (
        "The raw tables are not what the sources promise, 2 things: "
        "missing table shop.refund; duplicate primary key shop.order (2 values of id). "
        "No model has run; the tables built before are as they were. Repair the load, "
        "or describe the change in models/staging/<source>/_<source>__sources.yml; a "
        "source, table or column that you do not land goes into vars.sources or "
        "vars.not_landed of dbt_project.yml."
    )


def test_message_of_many_findings_ends_with_a_count():
    findings = [Finding(Kind.MISSING_TABLE, f"shop.t{index}") for index in range(40)]

    message = describe(findings)

    assert "missing table shop.t11; and 28 more. No model has run" in message
