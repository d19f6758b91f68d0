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


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("part", ["contains", "starts_with", "ends_with"])
@pytest.mark.parametrize("text", HOSTILE)
def test_text_has_looks_for_the_text_and_for_no_pattern(
    engine: str, part: str, text: str
):
    sql = str(MacroLibrary(engine).text_has("city", part, text, True))

    literals = set(parse_one(sql, dialect=engine).find_all(exp.Literal))

    assert {each.this for each in literals if each.is_string} == {text}


def test_text_has_refuses_another_part():
    with pytest.raises(CompilerError, match="Use contains, starts_with or ends_with"):
        MacroLibrary("duckdb").text_has("city", "matches", "x")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("salt", HOSTILE)
def test_draw_number_reads_the_salt_as_a_text(engine: str, salt: str):
    sql = str(MacroLibrary(engine).draw_number("customers.customer_id", salt))

    texts = {each.this for each in parse_one(sql, dialect=engine).find_all(exp.Literal)}

    assert {text for text in texts if not text.isdigit()} == {
        f"{salt} ",
        "0123456789abcdef",
    }


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("duckdb", f"{AS_OF} + interval '-6' hour"),
        ("snowflake", f"{AS_OF} + interval '-6 hour'"),
        ("bigquery", f"{AS_OF} + interval -6 hour"),
    ],
)
def test_hours_from_now_counts_back_too(engine: str, expected: str):
    assert str(MacroLibrary(engine).hours_from_now(-6)).strip() == expected


def test_hours_from_now_refuses_what_is_no_number_of_hours():
    with pytest.raises(CompilerError, match="give a whole number of hours"):
        MacroLibrary("duckdb").hours_from_now("6")
