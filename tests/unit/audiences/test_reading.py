"""What a definition file may say, and what it is told when it says something else."""

from datetime import datetime
from decimal import Decimal

import pytest

from audiences.catalogue import Catalogue, Entity
from audiences.conditions import (
    Ago,
    AllOf,
    AnyOf,
    Between,
    ColumnOperand,
    Comparator,
    Comparison,
    Condition,
    InState,
    Membership,
    Not,
    State,
)
from audiences.contracts import Column, ColumnType
from audiences.definition import Definition, Owner
from audiences.errors import DefinitionError
from audiences.reading import read_definition

COLUMNS = {
    "country_code": Column(ColumnType.TEXT),
    "city": Column(ColumnType.TEXT),
    "order_count": Column(ColumnType.NUMBER),
    "revenue_eur": Column(ColumnType.NUMBER),
    "is_b2b": Column(ColumnType.BOOLEAN),
    "last_ordered_at": Column(ColumnType.TIMESTAMP),
    "last_seen_at": Column(ColumnType.TIMESTAMP),
    "traits_json": Column(ColumnType.OTHER),
}

CUSTOMER = Entity("customer", "dim_customers", "customer_id", COLUMNS)
CATALOGUE = Catalogue({"customer": CUSTOMER}, {})

HEAD = """\
name: regulars
description: Customers who come often.
owner: {name: Stores, email: stores@nordvik.example}
purpose: ads
entity: customer
conditions:
"""
FIRST_CONDITION_LINE = 7


def read(text: str) -> Definition:
    return read_definition(
        text,
        file="audiences/definitions/regulars.yml",
        name="regulars",
        catalogue=CATALOGUE,
    ).definition


def read_condition(condition: str) -> Condition:
    return read(f"{HEAD}  {condition}\n").condition


def problems_of(text: str) -> list[tuple[int, str]]:
    with pytest.raises(DefinitionError) as raised:
        read(text)
    return [(problem.line, problem.message) for problem in raised.value.problems]


def test_definition_with_every_field_is_read_whole():
    text = """\
name: regulars
description: >-
  Customers who
  come often.
owner: {name: Stores, email: stores@nordvik.example}
purpose: ads
entity: customer
conditions:
  all:
    - {column: order_count, at_least: 5}
    - any:
        - {column: country_code, in: [NL, "NO"]}
        - not: {column: is_b2b, is_true: true}
"""

    definition = read(text)

    assert definition == Definition(
        name="regulars",
        description="Customers who come often.",
        owner=Owner("Stores", "stores@nordvik.example"),
        purpose="ads",
        entity="customer",
        condition=AllOf(
            (
                Comparison("order_count", Comparator.AT_LEAST, Decimal(5)),
                AnyOf(
                    (
                        Membership("country_code", ("NL", "NO")),
                        Not(InState("is_b2b", State.IS_TRUE)),
                    )
                ),
            )
        ),
    )


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (
            "{column: city, equals: Oslo}",
            Comparison("city", Comparator.EQUALS, "Oslo"),
        ),
        (
            '{column: city, not_equals: "\'s-Hertogenbosch"}',
            Comparison("city", Comparator.NOT_EQUALS, "'s-Hertogenbosch"),
        ),
        (
            "{column: revenue_eur, greater_than: 299.95}",
            Comparison("revenue_eur", Comparator.GREATER_THAN, Decimal("299.95")),
        ),
        (
            "{column: revenue_eur, less_than: -1}",
            Comparison("revenue_eur", Comparator.LESS_THAN, Decimal(-1)),
        ),
        (
            "{column: order_count, at_most: {column: revenue_eur}}",
            Comparison("order_count", Comparator.AT_MOST, ColumnOperand("revenue_eur")),
        ),
        (
            "{column: last_ordered_at, before: 2026-01-31}",
            Comparison("last_ordered_at", Comparator.BEFORE, datetime(2026, 1, 31)),
        ),
        (
            "{column: last_ordered_at, after: 2026-01-31T01:30:00+02:00}",
            Comparison(
                "last_ordered_at", Comparator.AFTER, datetime(2026, 1, 30, 23, 30)
            ),
        ),
        (
            "{column: last_ordered_at, after: '2026-01-31T10:00:00Z'}",
            Comparison("last_ordered_at", Comparator.AFTER, datetime(2026, 1, 31, 10)),
        ),
        (
            "{column: last_ordered_at, before: {days_ago: 180}}",
            Comparison("last_ordered_at", Comparator.BEFORE, Ago(180 * 24)),
        ),
        (
            "{column: last_ordered_at, before: {column: last_seen_at}}",
            Comparison(
                "last_ordered_at", Comparator.BEFORE, ColumnOperand("last_seen_at")
            ),
        ),
        (
            "{column: last_seen_at, within_days: 30}",
            Between("last_seen_at", Ago(30 * 24), Ago(0)),
        ),
        ("{column: is_b2b, is_false: true}", InState("is_b2b", State.IS_FALSE)),
        ("{column: city, is_known: true}", InState("city", State.IS_KNOWN)),
        (
            "{column: traits_json, is_unknown: true}",
            InState("traits_json", State.IS_UNKNOWN),
        ),
    ],
)
def test_condition_is_read(condition: str, expected: Condition):
    assert read_condition(condition) == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (
            "{column: order_cuont, at_least: 2}",
            "the profile has no column 'order_cuont'. Did you mean 'order_count'?",
        ),
        (
            "{column: order_count, atleast: 2}",
            "there is no operator 'atleast'. Did you mean 'at_least'?",
        ),
        (
            "{column: country_code, at_least: 2}",
            "operator at_least does not apply to country_code, which holds text. For "
            "text: equals, not_equals, in, not_in, contains, starts_with, ends_with, "
            "is_known, is_unknown.",
        ),
        (
            "{column: traits_json, equals: x}",
            "operator equals does not apply to traits_json, which holds other. For "
            "other: is_known, is_unknown.",
        ),
        (
            "{column: country_code, equals: NO}",
            "'NO' is true or false to YAML, and text is needed here. Put it in quotes: "
            '"NO".',
        ),
        (
            "{column: city, equals: 1012}",
            "'1012' is a number to YAML, and text is needed here. Put it in quotes: "
            '"1012".',
        ),
        (
            "{column: city, equals: }",
            "'' is nothing to YAML, and text is needed here. Put it in quotes: \"\".",
        ),
        (
            "{column: order_count, at_least: '2'}",
            "order_count holds numbers, and '2' is none. Write digits without quotes, "
            "with a point before decimals: 300 or 299.95.",
        ),
        (
            "{column: order_count, at_least: 010}",
            "order_count holds numbers, and '010' is none. Write digits without quotes, "
            "with a point before decimals: 300 or 299.95.",
        ),
        (
            "{column: revenue_eur, at_least: .inf}",
            "revenue_eur holds numbers, and '.inf' is none. Write digits without quotes, "
            "with a point before decimals: 300 or 299.95.",
        ),
        (
            "{column: last_seen_at, within_days: 0}",
            "'0' is no number of days. Write a whole number from 1 to 36,500.",
        ),
        (
            "{column: last_seen_at, within_days: 36501}",
            "'36501' is no number of days. Write a whole number from 1 to 36,500.",
        ),
        (
            "{column: last_seen_at, before: {days_ago: 1.5}}",
            "'1.5' is no number of days. Write a whole number from 0 to 36,500.",
        ),
        (
            "{column: last_seen_at, before: 31-01-2026}",
            "last_seen_at holds timestamps, and '31-01-2026' is none. Write 2026-06-30, "
            "2026-06-30T12:00:00 (UTC) or {days_ago: 30}.",
        ),
        (
            "{column: last_seen_at, before: '0001-01-01T00:00:00+14:00'}",
            "last_seen_at holds timestamps, and '0001-01-01T00:00:00+14:00' is none. "
            "Write 2026-06-30, 2026-06-30T12:00:00 (UTC) or {days_ago: 30}.",
        ),
        (
            "{column: last_seen_at, before: {column: order_count}}",
            "last_seen_at holds timestamp and order_count holds number. Compare columns "
            "of one type.",
        ),
        (
            "{column: last_seen_at, before: {day_ago: 3}}",
            "an operand for last_seen_at is a value, or one of days_ago, hours_ago, "
            "days_ahead, column in braces. Found: day_ago.",
        ),
        (
            "{column: order_count, at_least: {days_ago: 3}}",
            "an operand for order_count is a value, or one of column in braces. Found: "
            "days_ago.",
        ),
        (
            "{column: is_b2b, is_true: false}",
            "is_true takes only true, not 'false'. For the opposite write is_false: "
            "true.",
        ),
        (
            "{column: city, is_known: 'true'}",
            "is_known takes only true, not 'true'. For the opposite write is_unknown: "
            "true.",
        ),
        ("{column: city, in: Oslo}", "in takes a list."),
        ("{column: city, in: []}", "in is an empty list. Give it at least one entry."),
        (
            "{column: city, in: [Oslo, Bergen, Oslo]}",
            "'Oslo' is in the list twice. Keep one.",
        ),
        (
            "{column: order_count, at_least: 2, at_most: 9}",
            "column order_count takes exactly one operator and has at_least, at_most. "
            "Join several with all.",
        ),
        (
            "{column: order_count}",
            "column order_count takes exactly one operator and has none. Join several "
            "with all.",
        ),
        ("{all: []}", "'all' is an empty list. Give it at least one entry."),
        ("[]", "a condition is written as `key: value` lines."),
        (
            "{}",
            "a condition is one of column, related, event, sequence, trait, consent, "
            "audience, sql, or one of all, any, not alone. This one has: nothing.",
        ),
        (
            "{al: []}",
            "a condition cannot begin with 'al'. Did you mean 'all'?",
        ),
        (
            "{colunm: city, equals: Oslo}",
            "a condition is one of column, related, event, sequence, trait, consent, "
            "audience, sql, or one of all, any, not alone. This one has: colunm, equals.",
        ),
        (
            "{column: city, equals: a, equals: b}",
            "'equals' stands here twice. Keep one.",
        ),
        (
            "{column: [city], equals: a}",
            "expected a single value, found a list or a mapping.",
        ),
        (
            '{column: city, equals: "Os\\0lo"}',
            "'Os\ufffdlo' holds a control character. Remove it.",
        ),
    ],
)
def test_condition_that_means_nothing_is_refused(condition: str, message: str):
    assert problems_of(f"{HEAD}  {condition}\n") == [(FIRST_CONDITION_LINE, message)]


def test_every_problem_is_reported_with_its_own_line():
    text = """\
name: regulars
description: Customers who come often.
owner: {name: Stores, email: nobody}
purpose: add
conditions:
  all:
    - {column: order_count, at_least: 2}
    - {column: order_cuont, at_least: 2}
    - any:
        - {column: country_code, equals: NO}
"""

    assert problems_of(text) == [
        (1, "a definition lacks entity."),
        (3, "owner email 'nobody' is no address like team@example.com."),
        (4, "there is no 'add'. Did you mean 'ads'?"),
        (8, "the profile has no column 'order_cuont'. Did you mean 'order_count'?"),
        (
            10,
            "'NO' is true or false to YAML, and text is needed here. Put it in quotes: "
            '"NO".',
        ),
    ]


def test_error_says_file_line_and_next_step():
    with pytest.raises(DefinitionError) as raised:
        read(f"{HEAD}  {{column: order_cuont, at_least: 2}}\n")

    assert str(raised.value) == (
        "audiences/definitions/regulars.yml:7: the profile has no column 'order_cuont'. "
        "Did you mean 'order_count'?\n"
        "Nothing was written. Mend the lines above, then run `kenning audiences compile` "
        "again."
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Regulars",
            "name 'Regulars' cannot name a table. Use at most 50 lower-case letters, "
            "digits and single underscores, beginning with a letter.",
        ),
        (
            "regulars_" * 5 + "abcdef",
            "name 'regulars_regulars_regulars_regulars_regulars_abcdef' cannot name a "
            "table. Use at most 50 lower-case letters, digits and single underscores, "
            "beginning with a letter.",
        ),
        (
            "sizes",
            "name 'sizes' is taken: audience_sizes is a table about all audiences. "
            "Choose another.",
        ),
        (
            "regular",
            "name 'regular' differs from the file's name. Rename the file to "
            "regular.yml, or the audience.",
        ),
    ],
)
def test_name_that_cannot_be_a_table_is_refused(name: str, message: str):
    text = HEAD.replace("name: regulars", f"name: {name}", 1)

    assert problems_of(f"{text}  {{column: is_b2b, is_true: true}}\n") == [(1, message)]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "",
            1,
            "the file is empty. Give it: name, description, owner, purpose, entity, "
            "conditions.",
        ),
        ("- 1\n", 1, "a definition is written as `key: value` lines."),
        ("name: [\n", 2, "not readable as YAML: "),
        ("a: &x 1\nb: *x\n", 1, "anchors and aliases are not supported. Write it out."),
        (
            "name: x\nowner: !!python/object:os.system {}\n",
            2,
            "tags, as in !this, are not supported. Remove it.",
        ),
        (
            "name: \x00",
            1,
            "not readable as YAML: it holds a character that YAML forbids.",
        ),
        ("[" * 5_000 + "]" * 5_000, 1, "nested too deeply. Nest at most 20 levels."),
        ("a: 1\n---\nb: 2\n", 2, "not readable as YAML: "),
    ],
)
def test_file_that_is_no_definition_is_refused(text: str, line: int, message: str):
    [(found_line, found_message)] = problems_of(text)

    assert found_line == line
    assert found_message.startswith(message)


def test_unknown_field_is_reported_with_the_nearest_one():
    text = HEAD.replace("purpose:", "purposes:", 1)

    assert problems_of(f"{text}  {{column: is_b2b, is_true: true}}\n") == [
        (1, "a definition lacks purpose."),
        (4, "a definition has no field 'purposes'. Did you mean 'purpose'?"),
    ]


@pytest.mark.parametrize(
    "description",
    [
        "{{ env_var('SECRET') }}",
        "{% do run_query('drop table x') %}",
        "half a comment {# ",
    ],
)
def test_description_with_jinja_is_refused(description: str):
    text = HEAD.replace("Customers who come often.", f'"{description}"', 1)

    [(line, message)] = problems_of(f"{text}  {{column: is_b2b, is_true: true}}\n")

    assert line == 2
    assert message.endswith(
        "holds a Jinja delimiter, which dbt would run. Write it without doubled braces."
    )


def test_nesting_stops_at_twenty_levels():
    twenty = "{not: " * 19 + "{column: is_b2b, is_true: true}" + "}" * 19
    twenty_one = "{not: " + twenty + "}"

    assert isinstance(read_condition(twenty), Not)
    assert problems_of(f"{HEAD}  {twenty_one}\n") == [
        (7, "nested too deeply. Nest at most 20 levels.")
    ]


def test_text_longer_than_a_thousand_characters_is_refused():
    condition = f"{{column: city, equals: {'x' * 1_001}}}"

    assert problems_of(f"{HEAD}  {condition}\n") == [
        (7, f"'{'x' * 57}...' has 1,001 characters. Use at most 1,000.")
    ]
