"""What the fingerprint of a row tells apart, and what it does not."""

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from reverse_etl.content_hash import TypeTag, row_hash, sha256_text, type_tag
from reverse_etl.errors import ContractError
from reverse_etl.spec import FieldMapping
from tests.sync_world import target
from warehouse.connection import open_warehouse

MAPPING = (FieldMapping("first", column="a"), FieldMapping("second", column="b"))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("hash")
    with open_warehouse(target(folder)) as opened:
        yield opened


def hashed(warehouse, first: str, second: str, mapping=MAPPING) -> str:
    """The fingerprint of a row whose columns are these SQL literals with a type."""
    columns = {}
    for name, literal in (("a", first), ("b", second)):
        expression = sqlglot.parse_one(literal, dialect="duckdb")
        ((data_type,),) = warehouse.query(
            exp.select(exp.func("typeof", expression.copy(), dialect="duckdb"))
        )
        columns[name] = (expression, type_tag(str(data_type), column=name, model="m"))
    ((digest,),) = warehouse.query(
        exp.select(row_hash(mapping, columns, dialect="duckdb"))
    )
    return str(digest)


def test_row_hash_is_this_one_for_ever(warehouse):
    # A different digest here would resend every row of every company once. It is the MD5
    # of the MD5 of '[["first", "column"], ["second", "column"]]', then 's3:Adan4:12.5'.
    digest = hashed(warehouse, "'Ada'", "12.50::decimal(18, 2)")

    assert digest == "27b0c49ea48915dd637b4fd525d756ff"


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


def test_row_hash_does_not_depend_on_the_order_of_the_mapping(warehouse):
    turned = tuple(reversed(MAPPING))

    assert hashed(warehouse, "'a'", "'b'", turned) == hashed(warehouse, "'a'", "'b'")


@pytest.mark.parametrize(
    "mapping",
    [
        (FieldMapping("given", column="a"), FieldMapping("second", column="b")),
        (*MAPPING, FieldMapping("third", constant="x")),
        (*MAPPING, FieldMapping("third", column="a")),
        (FieldMapping("first", column="a"),),
    ],
)
def test_row_hash_changes_with_the_mapping(warehouse, mapping):
    assert hashed(warehouse, "'a'", "'b'", mapping) != hashed(warehouse, "'a'", "'b'")


def test_row_hash_does_not_depend_on_the_columns_name(warehouse):
    renamed = (FieldMapping("first", column="b"), FieldMapping("second", column="b"))

    assert hashed(warehouse, "'b'", "'b'", renamed) == hashed(warehouse, "'b'", "'b'")


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_row_hash_parses_in_the_dialect(dialect):
    columns = {tag.name: (exp.column(tag.name), tag) for tag in TypeTag}
    mapping = tuple(FieldMapping(name, column=name) for name in columns)

    sql = exp.select(row_hash(mapping, columns, dialect=dialect)).sql(dialect)

    assert isinstance(sqlglot.parse_one(sql, dialect=dialect), exp.Select)


def test_row_hash_on_another_engine_names_it_and_the_supported():
    with pytest.raises(ContractError, match=r"'snowflake' yet. Supported: duckdb"):
        row_hash((), {}, dialect="snowflake")


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
