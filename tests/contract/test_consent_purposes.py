"""vars.consent_purposes as macros read it: every setting filled in, and mistakes named."""

from typing import Any

import pytest
from sqlglot import parse_one

from tests.contract.conftest import ENGINES, CompilerError, MacroLibrary

Entry = dict[str, object]

NEWS = {"purpose": "news", "channel": "email", "address": "email"}


def library(*entries: Entry, engine: str = "duckdb") -> MacroLibrary:
    """The macros in a project that asks for this."""
    macros = MacroLibrary(engine)
    variables: dict[str, Any] = {
        "consent_purposes": list(entries),
        "identifier_types": [{"type": "email"}, {"type": "phone"}],
    }
    macros.environment.globals["var"] = variables.__getitem__
    return macros


def test_entry_that_says_little_never_expires_and_is_about_the_person() -> None:
    entries = library({"purpose": "ads", "channel": "online"}).consent_purpose_entries()

    assert entries == [
        {
            "purpose": "ads",
            "channel": "online",
            "address": None,
            "expires_after_months": 0,
            "banner_scope": None,
        }
    ]


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        (
            [NEWS | {"expire_after_months": 3}],
            "entry of 'news' has the setting 'expire_after_months', which is none. Settings: purpose, channel",
        ),
        ([{"purpose": "news"}], "entry of 'news' lacks channel"),
        ([{"channel": "email"}], r"entry of '\?' lacks purpose"),
        ([NEWS, NEWS], "entry of 'news' stands there twice for the channel 'email'"),
        (
            [NEWS | {"address": "mail"}],
            "entry of 'news' has the address 'mail', which is no identifier type. Types: email, phone",
        ),
        (
            [NEWS | {"expires_after_months": -1}],
            "entry of 'news' has expires_after_months -1. Give a whole number",
        ),
        (
            [NEWS | {"expires_after_months": "12"}],
            "entry of 'news' has expires_after_months 12. Give a whole number",
        ),
    ],
)
def test_mistaken_entry_is_named_with_what_to_do(
    entries: list[Entry], complaint: str
) -> None:
    with pytest.raises(CompilerError, match=complaint) as refused:
        library(*entries).consent_purpose_entries()

    assert str(refused.value).endswith("Correct it in dbt_project.yml under vars.")


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_have_one_select_per_entry_and_parse_on_every_engine(engine: str) -> None:
    rows = library(
        NEWS, NEWS | {"channel": "sms", "address": "phone"}, engine=engine
    ).consent_purpose_rows()

    parsed = parse_one(str(rows), dialect=engine)
    assert parsed.named_selects == [
        "purpose",
        "channel",
        "address_type",
        "expires_after_months",
        "banner_scope",
        "channel_count",
    ]
    assert str(rows).count("2 as channel_count") == 2
