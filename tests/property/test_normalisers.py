"""What holds of the normalisers for every text, on DuckDB.

Texts come by the batch, since one query costs as much for forty of them as for one. Cases
with hand-written results are in tests/contract/test_normalisers.py.
"""

from collections.abc import Callable, Iterator, Sequence

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.conftest import MacroLibrary

MACROS = MacroLibrary("duckdb")
NORMALISERS = {
    "email": MACROS.normalized_email("value"),
    "canonical_email": MACROS.canonical_email(f"({MACROS.normalized_email('value')})"),
    "phone": MACROS.normalized_phone("value", "NL"),
    "name": MACROS.normalized_name("value"),
    "country_code": MACROS.normalized_country_code("value"),
    "loyalty_id": MACROS.normalized_loyalty_id("value"),
    "currency": MACROS.currency_code("value"),
    "domain": MACROS.web_domain("value"),
}
# What people type is more than random characters: pieces of the real thing, put together.
PIECES = [*"0123456789", *" -.()+@<>,;:/'\"", "06", "+31", "00", "ada", "NV", "x.no"]
PIECES += ["@gmail.com", "+tag", "ext", "\u00a0", "\u0301", "\u00d8", "\u200f"]
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=30).filter(lambda text: "\x00" not in text),
        st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    ),
    min_size=1,
    max_size=40,
)

Normalise = Callable[[str, Sequence[str | None]], list[str | None]]


@pytest.fixture(scope="module")
def normalise() -> Iterator[Normalise]:
    """Applies a normaliser of NORMALISERS to texts, in their order."""
    connection = duckdb.connect()

    def run(name: str, texts: Sequence[str | None]) -> list[str | None]:
        rows = connection.execute(
            f"select {NORMALISERS[name]} from (select unnest(?::text[]) as value, "
            "generate_subscripts(?::text[], 1) as position) as given order by position",
            [texts, texts],
        ).fetchall()
        return [row[0] for row in rows]

    yield run
    connection.close()


@pytest.mark.parametrize("name", NORMALISERS)
@settings(max_examples=20)
@given(texts=TEXTS)
def test_normalising_twice_equals_once(
    name: str, texts: list[str], normalise: Normalise
):
    once = normalise(name, texts)

    assert normalise(name, once) == once


@pytest.mark.parametrize("name", ["email", "phone", "country_code", "loyalty_id"])
@settings(max_examples=20)
@given(texts=TEXTS)
def test_case_and_outer_blanks_never_matter(
    name: str, texts: list[str], normalise: Normalise
):
    shouted = [f" {text.upper() if text.isascii() else text} " for text in texts]

    assert normalise(name, shouted) == normalise(name, texts)


@settings(max_examples=20)
@given(digits=st.from_regex(r"[0-9]{9}", fullmatch=True))
def test_one_wrong_digit_on_a_card_is_always_caught(digits: str, normalise: Normalise):
    cards = [f"NV{digits}{check}" for check in range(10)]
    valid = [card for card in normalise("loyalty_id", cards) if card is not None]

    mistyped = [
        f"{card[:position]}{digit}{card[position + 1 :]}"
        for card in valid
        for position in range(2, 12)
        for digit in "0123456789"
        if card[position] != digit
    ]

    assert len(valid) == 1
    assert normalise("loyalty_id", mistyped) == [None] * 90
