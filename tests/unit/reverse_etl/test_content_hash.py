"""What the fingerprint of a row tells apart, and what it does not."""

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from reverse_etl.content_hash import TypeTag, row_hash, sha256_text, type_tag
from reverse_etl.errors import ContractError
from tests.sync_world import target
from warehouse.connection import open_warehouse

HEAD = "of the mapping"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("hash")
    with open_warehouse(target(folder)) as opened:
        yield opened


def hashed(warehouse, first: str, second: str, head: str = HEAD) -> str:
    """The fingerprint of a row whose columns are these SQL literals with a type."""
    columns = {}
    for name, literal in (("a", first), ("b", second)):
        expression = sqlglot.parse_one(literal, dialect="duckdb")
        ((data_type,),) = warehouse.query(
            exp.select(exp.func("typeof", expression.copy(), dialect="duckdb"))
        )
        columns[name] = (expression, type_tag(str(data_type), column=name, model="m"))
    ((digest,),) = warehouse.query(
        exp.select(row_hash(head, columns, dialect="duckdb"))
    )
    return str(digest)


def test_row_hash_is_this_one_for_ever(warehouse):
    # A different digest here would resend every row of every company once. It is the MD5
    # of 'of the mapping', then 's3:Ada', then 'n12.5;'.
    digest = hashed(warehouse, "'Ada'", "12.50::decimal(18, 2)")

    assert digest == "289eb97f408ac9e0219331bb568ac6e1"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("null::text", "'x'"), ("''", "'x'")),
        (("null::text", "'x'"), ("'~'", "'x'")),
        (("'ab'", "'c'"), ("'a'", "'bc'")),
        (("'a'", "null::text"), ("null::text", "'a'")),
        (("'1'", "'x'"), ("1", "'x'")),
        (("'true'", "'x'"), ("true", "'x'")),
        (("'s1:a'", "'x'"), ("'a'", "'x'")),
        (("'\u00e9'", "'x'"), ("'e\u0301'", "'x'")),
        (("'a'", "'x'"), ("'A'", "'x'")),
        (("'a'", "'x'"), ("'a '", "'x'")),
        (("10::decimal(18, 0)", "'x'"), ("1::decimal(18, 0)", "'x'")),
        (("100", "'x'"), ("1", "'x'")),
        (
            ("timestamp '2026-01-01 00:00:00.000001'", "'x'"),
            ("timestamp '2026-01-01 00:00:00'", "'x'"),
        ),
    ],
)
def test_row_hash_tells_apart(warehouse, one, other):
    assert hashed(warehouse, *one) != hashed(warehouse, *other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("1::integer", "'x'"), ("1::bigint", "'x'")),
        (("1.50::decimal(18, 2)", "'x'"), ("1.5::decimal(18, 4)", "'x'")),
        (("2::bigint", "'x'"), ("2.00::decimal(18, 2)", "'x'")),
        (("-0.10::decimal(18, 2)", "'x'"), ("-0.1::decimal(3, 1)", "'x'")),
    ],
)
def test_row_hash_is_the_same_for_a_wider_type(warehouse, one, other):
    assert hashed(warehouse, *one) == hashed(warehouse, *other)


def test_row_hash_changes_with_the_mapping(warehouse):
    assert hashed(warehouse, "'a'", "'b'", "other") != hashed(warehouse, "'a'", "'b'")


def test_row_hash_does_not_depend_on_the_order_of_the_columns():
    columns = {name: (exp.column(name), TypeTag.TEXT) for name in ("a", "b")}
    turned = dict(reversed(columns.items()))

    assert row_hash(HEAD, turned, dialect="duckdb") == row_hash(
        HEAD, columns, dialect="duckdb"
    )


def test_a_numeric_of_any_scale_loses_its_trailing_zeros(warehouse):
    def digest(text: str, tag: TypeTag) -> object:
        column = sqlglot.parse_one(text, dialect="duckdb")
        query = exp.select(row_hash(HEAD, {"a": (column, tag)}, dialect="duckdb"))
        return warehouse.query(query)

    for text in ("'100'", "'100.0'", "'100.000'"):
        assert digest(text, TypeTag.NUMERIC) == digest("100", TypeTag.NUMBER)
    assert digest("'1.50'", TypeTag.NUMERIC) == digest(
        "1.5::decimal(3, 1)", TypeTag.DECIMAL
    )


@pytest.mark.parametrize(
    ("data_type", "tag"),
    [
        ("DECIMAL(18,2)", TypeTag.DECIMAL),
        ("DECIMAL(18, 0)", TypeTag.NUMBER),
        ("NUMERIC", TypeTag.NUMERIC),
        ("VARCHAR(20)", TypeTag.TEXT),
    ],
)
def test_type_tag_heeds_a_known_scale(data_type: str, tag: TypeTag):
    assert type_tag(data_type, column="a", model="m") is tag


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_row_hash_parses_in_the_dialect(dialect):
    columns = {tag.name: (exp.column(tag.name), tag) for tag in TypeTag}

    sql = exp.select(row_hash(HEAD, columns, dialect=dialect)).sql(dialect)

    assert isinstance(sqlglot.parse_one(sql, dialect=dialect), exp.Select)


def test_row_hash_on_another_engine_names_it_and_the_supported():
    with pytest.raises(ContractError, match=r"'snowflake' yet. Supported: duckdb"):
        row_hash(HEAD, {}, dialect="snowflake")


@pytest.mark.parametrize(
    "data_type",
    ["TIMESTAMP WITH TIME ZONE", "JSON", "VARCHAR[]", "STRUCT(a INTEGER)", "BLOB"],
)
def test_type_tag_of_a_type_without_one_text_form_says_what_to_cast_to(data_type):
    with pytest.raises(ContractError) as caught:
        type_tag(data_type, column="payload", model="sync_x")

    assert f"Column 'payload' of sync_x is of type {data_type}" in str(caught.value)
    assert "Cast it in the model to text" in str(caught.value)


def test_sha256_text_is_the_standard_digest(warehouse):
    query = exp.select(sha256_text(exp.Literal.string("abc"), dialect="duckdb"))

    assert warehouse.query(query) == [
        ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",)
    ]


def test_sha256_text_on_postgres_hashes_the_bytes_of_the_text():
    sql = sha256_text(exp.column("key"), dialect="postgres").sql("postgres")

    assert sql == "ENCODE(SHA256(CONVERT_TO(key, 'UTF8')), 'hex')"
