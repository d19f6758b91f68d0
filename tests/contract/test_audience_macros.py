"""The macros that compiled audiences call, on every engine."""

import pytest
from sqlglot import exp, parse_one

from tests.contract.conftest import ENGINES, CompilerError, MacroLibrary

AS_OF = "cast('2026-06-30 00:00:00' as timestamp)"

HOSTILE = [
    "Oslo",
    "O'Neill",
    "\\",
    "\\' or 1=1 --",
    "'; drop table customers; --",
    "a\\nb",
    "''",
    "two\nlines",
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("text", HOSTILE)
def test_text_literal_is_one_literal_that_reads_back_as_the_text(
    engine: str, text: str
):
    literal = str(MacroLibrary(engine).text_literal(text)).strip()

    parsed = parse_one(literal, dialect=engine)

    assert isinstance(parsed, exp.Literal)
    assert parsed.is_string
    assert parsed.this == text


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("duckdb", "'a\\''b'"),
        ("postgres", "'a\\''b'"),
        ("snowflake", "'a\\\\''b'"),
        ("spark", "'a\\\\\\'b'"),
        ("bigquery", "'a\\\\\\'b'"),
    ],
)
def test_text_literal_escapes_as_the_engine_reads(engine: str, expected: str):
    assert str(MacroLibrary(engine).text_literal("a\\'b")).strip() == expected


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("duckdb", f"{AS_OF} - interval '30' day"),
        ("postgres", f"{AS_OF} - interval '30' day"),
        ("spark", f"{AS_OF} - interval '30' day"),
        ("snowflake", f"{AS_OF} - interval '30 day'"),
        ("bigquery", f"{AS_OF} - interval 30 day"),
    ],
)
def test_days_ago_counts_back_from_as_of(engine: str, expected: str):
    sql = str(MacroLibrary(engine).days_ago(30)).strip()

    assert sql == expected
    assert isinstance(parse_one(sql, dialect=engine), exp.Sub)


@pytest.mark.parametrize("days", [-1, 1.5, "30"])
def test_days_ago_refuses_what_is_no_number_of_days(days: object):
    with pytest.raises(CompilerError, match="give a whole number of days, 0 or more"):
        MacroLibrary("duckdb").days_ago(days)
