"""vars.profile_fields, profile_sources and customer_traits as macros read them: filled in, and mistakes named."""

from typing import Any

import pytest

from tests.contract.conftest import CompilerError, MacroLibrary

Entry = dict[str, Any]

EMAIL = {"field": "email", "rule": "source_priority"}
CITY = {"field": "city", "rule": "most_recent"}
CRM = {"model": "crm", "observed_at": "seen_at", "fields": ["email", "city"]}
SHOP = {"model": "shop", "observed_at": "sold_at", "fields": {"mail": "email"}}
ORDERS = {"trait": "orders", "description": "Orders.", "fact": "fct_orders"}
COUNT = ORDERS | {"aggregate": "count"}
SUM = ORDERS | {"aggregate": "sum", "value": "amount"}


def profile(
    fields: list[Entry] | None = None, sources: list[Entry] | None = None
) -> MacroLibrary:
    """The macros in a project with these rules; two fields of two sources where nothing else is asked for."""
    return library(
        profile_fields=[EMAIL, CITY] if fields is None else fields,
        profile_sources=[CRM, SHOP] if sources is None else sources,
        customer_records=[
            {"model": "crm", "record_key": "crm_key", "identified_by": ["email"]},
            {"model": "shop", "record_key": "sale_key", "identified_by": ["email"]},
        ],
    )


def traits(*entries: Entry) -> MacroLibrary:
    return library(
        customer_traits=list(entries),
        trait_facts={"fct_orders": {"at": "ordered_at", "key": "order_key"}},
    )


def library(**variables: object) -> MacroLibrary:
    macros = MacroLibrary("duckdb")
    macros.environment.globals["var"] = variables.__getitem__
    return macros


def test_field_that_says_little_is_a_text_of_every_source_that_has_it() -> None:
    assert profile().profile_field_entries() == [
        EMAIL | {"type": "text", "sources": ["crm", "shop"], "among": []},
        CITY | {"type": "text", "sources": ["crm"], "among": []},
    ]


def test_source_takes_its_key_from_customer_records_and_names_columns_and_fields() -> (
    None
):
    crm, shop = profile().profile_source_entries()  # type: ignore[misc]

    assert crm["record_key"] == "crm_key"
    assert crm["fields"] == {"email": "email", "city": "city"}
    assert shop["fields"] == {"mail": "email"}
    assert (shop["only"], shop["verified"]) == (None, {})


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (
            [EMAIL | {"priority": 1}, CITY],
            "entry of 'email' has the setting 'priority', which is none. Settings: field, rule",
        ),
        ([{"rule": "longest"}], r"entry of '\?' lacks field"),
        ([{"field": "email"}], "entry of 'email' lacks rule"),
        ([EMAIL, EMAIL, CITY], "entry of 'email' stands there twice"),
        (
            [EMAIL | {"rule": "newest"}, CITY],
            "entry of 'email' has the rule 'newest', which is none. Rules: most_recent",
        ),
        (
            [EMAIL | {"type": "number"}, CITY],
            "entry of 'email' has the type 'number', which is none. Types: text, date",
        ),
        (
            [EMAIL, CITY | {"sources": ["crm", "shop"]}],
            "entry of 'city' names the source 'shop', which has no such field in profile_sources. "
            "Those that have it: crm",
        ),
        (
            [EMAIL, CITY | {"rule": "manual_override"}],
            r"entry of 'city' is set by hand alone \(manual_override\), but crm of profile_sources has it too",
        ),
        (
            [EMAIL, CITY, {"field": "pet", "rule": "longest"}],
            "entry of 'pet' is in no entry of profile_sources",
        ),
        (
            [EMAIL, CITY | {"rule": "most_complete"}],
            "entry of 'city' needs among, the fields that are counted, with the rule most_complete",
        ),
        (
            [EMAIL, CITY | {"among": ["email"]}],
            "entry of 'city' needs among, the fields that are counted, with the rule most_complete and with no other",
        ),
        (
            [EMAIL, CITY | {"rule": "most_complete", "among": ["street"]}],
            r"entry of 'city' counts 'street' \(among\), which is no field. Fields: email, city",
        ),
    ],
)
def test_mistaken_field_is_named_with_what_to_do(
    fields: list[Entry], complaint: str
) -> None:
    with pytest.raises(CompilerError, match=complaint) as refused:
        profile(fields).profile_field_entries()

    assert str(refused.value).startswith("profile_fields: ")
    assert str(refused.value).endswith("Correct it in dbt_project.yml under vars.")


@pytest.mark.parametrize(
    ("sources", "complaint"),
    [
        (
            [CRM | {"table": "x"}],
            "entry of 'crm' has the setting 'table', which is none. Settings: model",
        ),
        ([{"model": "crm", "fields": ["email"]}], "entry of 'crm' lacks observed_at"),
        (
            [CRM | {"fields": []}],
            "entry of 'crm' lacks fields",
        ),
        ([CRM, CRM], "entry of 'crm' stands there twice"),
        (
            [CRM | {"verified": {"phone": "true"}}],
            "entry of 'crm' says when 'phone' is verified, but does not have it. Its fields: email, city",
        ),
        (
            [CRM | {"fields": ["email", "city", "pet"]}],
            "entry of 'crm' has the field 'pet', for which profile_fields has no rule. Add {field: pet",
        ),
    ],
)
def test_mistaken_source_is_named_with_what_to_do(
    sources: list[Entry], complaint: str
) -> None:
    with pytest.raises(CompilerError, match=complaint) as refused:
        profile(sources=sources).profile_field_entries()

    assert str(refused.value).startswith("profile_sources: ")
    assert str(refused.value).endswith("Correct it in dbt_project.yml under vars.")


def test_source_that_is_no_record_is_named_with_the_entry_to_add() -> None:
    sources = [CRM, CRM | {"model": "till"}]

    with pytest.raises(CompilerError, match="'till' is no entry of customer_records"):
        profile(sources=sources).profile_field_entries()


def test_trait_that_says_little_counts_all_time_and_is_not_promoted() -> None:
    (entry,) = traits(COUNT).customer_trait_entries()  # type: ignore[misc]

    assert entry == COUNT | {
        "at": "ordered_at",
        "key": "order_key",
        "value": None,
        "where": None,
        "window_days": None,
        "limit": 20,
        "type": "number",
        "promote": False,
        "pii": "none",
        "tests": {},
    }


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        (
            [COUNT | {"window": 3}],
            "entry of 'orders' has the setting 'window', which is none. Settings: trait",
        ),
        ([{"trait": "orders", "fact": "fct_orders"}], "'orders' lacks description"),
        ([{"description": "d"}], r"entry of '\?' lacks trait"),
        (
            [COUNT | {"trait": "Orders; drop"}],
            "entry of 'Orders; drop' has a name that is no column's",
        ),
        ([COUNT, COUNT], "entry of 'orders' stands there twice"),
        (
            [COUNT | {"fact": "orders"}],
            "entry of 'orders' reads the fact 'orders', which is none of trait_facts. Facts: fct_orders",
        ),
        ([ORDERS], "entry of 'orders' needs either aggregate or sql"),
        (
            [COUNT | {"sql": "count(*)", "type": "number"}],
            "entry of 'orders' needs either aggregate or sql",
        ),
        (
            [SUM | {"aggregate": "median"}],
            "entry of 'orders' has the aggregate 'median', which is none. Aggregates: count, sum",
        ),
        (
            [ORDERS | {"aggregate": "sql", "type": "number"}],
            "entry of 'orders' has the aggregate 'sql', which is none",
        ),
        ([ORDERS | {"aggregate": "sum"}], "entry of 'orders' needs value"),
        ([COUNT | {"value": "amount"}], "entry of 'orders' needs value"),
        (
            [SUM | {"type": "text"}],
            "entry of 'orders' has the type 'text'. A sum is a number: leave type out",
        ),
        (
            [ORDERS | {"aggregate": "max", "value": "amount"}],
            "entry of 'orders' has the type 'None'. Types: text, number, time",
        ),
        (
            [COUNT | {"window_days": 0}],
            "entry of 'orders' has window_days 0. Give a whole number from 1",
        ),
        (
            [COUNT | {"window_days": "90"}],
            "entry of 'orders' has window_days 90. Give a whole number from 1",
        ),
        ([SUM | {"limit": 3}], "entry of 'orders' has a limit, which only a list has"),
        (
            [COUNT | {"tests": {"unique": True}}],
            "entry of 'orders' has the test 'unique', which is none. Tests: not_null, min",
        ),
    ],
)
def test_mistaken_trait_is_named_with_what_to_do(
    entries: list[Entry], complaint: str
) -> None:
    with pytest.raises(CompilerError, match=complaint) as refused:
        traits(*entries).customer_trait_entries()

    assert str(refused.value).startswith("customer_traits: ")
    assert str(refused.value).endswith("Correct it in dbt_project.yml under vars.")
