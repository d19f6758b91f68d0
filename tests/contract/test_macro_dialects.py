"""Every dispatched macro renders and parses on every engine that it may meet.

An engine without a body of its own gets the default one, so that is parsed in its dialect
too. Whether the SQL does what it says is for test_normalisers.py, on DuckDB.
"""

import pytest
import sqlglot
from sqlglot import exp

from tests.contract.conftest import ENGINES, CompilerError, MacroLibrary, macro_sources

SELECT_STATEMENTS = {
    "numbered_words": ("tickets", "ticket_id", "body", "word", "word_index"),
    "split_rows": ("contacts", "contact_id", "merged_ids", ";", "merged_id"),
}
COLUMN_COUNTS = {"numbered_words": 3, "split_rows": 2}
BRACKET_TEXTS: dict[str, tuple[object, ...]] = {"blank_characters": ()}
EXPRESSIONS: dict[str, tuple[object, ...]] = {
    "canonical_email": ("email",),
    "currency_code": ("currency",),
    "bare_text": ("address_street",),
    "days_ago": (30,),
    "earliest_by": ("record_key", "seen_at", "record_key"),
    "epoch_microseconds": ("seen_at",),
    "epoch_seconds": ("seen_at",),
    "fingerprint": ("record_text",),
    "hours_from_now": (-6,),
    "json_text": ("metadata", "shop.user_id"),
    "local_date": ("seen_at", "'Europe/Amsterdam'"),
    "local_hour": ("seen_at", "'Europe/Amsterdam'"),
    "local_weekday": ("seen_at", "'Europe/Amsterdam'"),
    "matches_pattern": ("email", "'^[a-z]+$'"),
    "md5_hex": ("user_id",),
    "minor_units": ("amount", "currency"),
    "money": ("total_price",),
    "moved_by": ("received_at", "occurred_at", "sent_at"),
    "normalized_country_code": ("country",),
    "normalized_email": ("email",),
    "normalized_loyalty_id": ("card",),
    "normalized_name": ("first_name",),
    "normalized_phone": ("phone", "DE", "country_code"),
    "plausible_date": ("birth_date", "1900-01-02", "loaded_at"),
    "quick_hash": (["user_id", "seen_at"],),
    "regexp_captured": ("url", "^(?:https?://)?"),
    "regexp_replaced": ("phone", "([0-9])-([0-9])", "$1$2"),
    "source_column": ("timestamp",),
    "spaced_clauses": ("body",),
    "summable_number": ("order_count",),
    "text_literal": ("it's",),
    "text_position": ("'a'", "email"),
    "trimmed_text": ("id",),
    "unicode_nfc": ("last_name",),
    "url_parameter": ("page_url", "gclid"),
    "utc_from_local": ("sold_at_local", "store_timezone"),
    "utc_timestamp": ("created_at",),
    "web_domain": ("website",),
}
DISPATCHED = sorted(
    name.removeprefix("default__")
    for name in macro_sources()
    if name.startswith("default__")
)


# publish_statements: test_publish_macro.py. corrected_value: of settings that only dbt has, in macros sampled here.
ELSEWHERE = {"corrected_value", "publish_statements"}


def test_every_dispatched_macro_has_a_sample_here():
    sampled = {**SELECT_STATEMENTS, **BRACKET_TEXTS, **EXPRESSIONS}

    assert sorted({*sampled, *ELSEWHERE}) == DISPATCHED


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expression_parses_in_the_engines_dialect(name: str, engine: str):
    sql = getattr(MacroLibrary(engine), name)(*EXPRESSIONS[name])

    parsed = sqlglot.parse_one(f"select {sql} as value", dialect=engine)

    assert isinstance(parsed, exp.Select)
    assert [column.alias for column in parsed.selects] == ["value"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", SELECT_STATEMENTS)
def test_select_statement_parses_in_the_engines_dialect(name: str, engine: str):
    sql = getattr(MacroLibrary(engine), name)(*SELECT_STATEMENTS[name])

    parsed = sqlglot.parse_one(str(sql), dialect=engine)

    assert isinstance(parsed, exp.Select)
    assert len(parsed.selects) == COLUMN_COUNTS[name]


@pytest.mark.parametrize("engine", ENGINES)
def test_blank_characters_stand_in_a_bracket(engine: str):
    text = str(MacroLibrary(engine).blank_characters())

    assert "]" not in text.replace("[:space:]", "")
    assert "\u00a0" in text


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("duckdb", "regexp_replace(phone, '^([0-9])', '+\\1', 'g')"),
        ("postgres", "regexp_replace(phone, '^([0-9])', '+\\1', 'g')"),
        ("spark", "regexp_replace(phone, '^([0-9])', '+$1')"),
        ("snowflake", "regexp_replace(phone, '^([0-9])', '+\\\\1')"),
        ("bigquery", "regexp_replace(phone, '^([0-9])', '+\\\\1')"),
    ],
)
def test_regexp_replaced_refers_to_a_group_as_the_engine_does(
    engine: str, expected: str
):
    sql = MacroLibrary(engine).regexp_replaced("phone", "^([0-9])", "+$1")

    assert sql == expected


def test_regexp_captured_on_snowflake_has_no_group_that_does_not_capture():
    sql = str(MacroLibrary("snowflake").normalized_email("email"))

    assert "(?:" not in sql


@pytest.mark.parametrize(
    "name", ["normalized_email", "normalized_name", "normalized_phone", "web_domain"]
)
def test_patterns_hold_no_backslash_because_engines_read_it_differently(name: str):
    sql = getattr(MacroLibrary("spark"), name)(*EXPRESSIONS[name])

    literals = sqlglot.parse_one(f"select {sql}", dialect="spark").find_all(exp.Literal)
    patterns = [literal.this for literal in literals if "[" in literal.this]
    assert patterns
    assert not [pattern for pattern in patterns if "\\" in pattern]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("normalized_phone", ("phone", "Holland"), "'Holland' is no country code"),
        ("url_parameter", ("url", "utm source"), "'utm source' is no parameter name"),
        ("json_text", ("metadata", "$.a"), "'$.a' is no path"),
        ("plausible_date", ("born", "1900", "null"), "earliest is '1900'"),
        ("source_type", ("varchar", "shopify.order.id"), "has data_type 'varchar'"),
    ],
)
def test_wrong_argument_stops_the_compilation_and_says_what_to_give(
    name: str, arguments: tuple[object, ...], said: str
):
    with pytest.raises(CompilerError, match=said.replace("$", "[$]")) as refusal:
        getattr(MacroLibrary("duckdb"), name)(*arguments)

    assert "Give" in str(refusal.value) or "Use" in str(refusal.value)
