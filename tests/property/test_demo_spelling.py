"""Whatever mishap befalls a typed value, what it claims to be read as is what is in it."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.mess import PLACEHOLDER_EMAILS, Mess
from demo.scripts import script, set_variables
from tests.demo_worlds import target
from warehouse.connection import Warehouse, open_warehouse

fates = st.lists(
    st.floats(min_value=0, max_value=1, exclude_max=True), min_size=50, max_size=50
)
cards = st.integers(0, 999_999_999).map(lambda number: f"{number:09}")


@pytest.fixture(scope="module")
def macros(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with open_warehouse(
        target(tmp_path_factory.mktemp("macros") / "macros.duckdb")
    ) as warehouse:
        set_variables(
            warehouse,
            {"placeholder_emails": list(PLACEHOLDER_EMAILS)}
            | {f"mess_{name}": share for name, share in Mess.all().shares().items()},
        )
        warehouse.execute(script("spelling.sql"))
        yield warehouse


def entries(macros: Warehouse, call: str, fates: list[float]):
    drawn = ", ".join(f"{fate!r}::double" for fate in fates)
    return [
        (entry["raw"], entry["normal"], entry["mess"])
        for (entry,) in macros.rows(
            f"select {call} from (select unnest([{drawn}]) as fate)"
        )
    ]


def luhn_holds(card: str) -> bool:
    digits = [int(digit) for digit in reversed(card[2:])]
    doubled = [2 * digit for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


@settings(max_examples=25)
@given(fates=fates)
def test_typed_email_can_be_read_back(macros, fates):
    call = "typed_email('sæther.åse7@gmail.com', 'Åse Sæther', fate)".replace(
        "sæther.åse7", "saether.ase7"
    )

    for raw, normal, mess in entries(macros, call, fates):
        bare = re.sub(r"^.*<|>$", "", raw.strip()).lower()
        assert (normal is None) == (mess == "invalid_values")
        assert normal in (None, bare)
        assert (mess == "placeholders") == (raw in PLACEHOLDER_EMAILS)


@settings(max_examples=25)
@given(fates=fates)
def test_typed_phone_holds_the_digits_of_the_number(macros, fates):
    call = "typed_phone('+48512345678', fate, true)"

    for raw, normal, mess in entries(macros, call, fates):
        digits = re.sub("[^0-9]", "", raw)
        assert mess in (None, "placeholders", "invalid_values")
        assert mess is not None or digits.endswith("512345678")
        assert mess is not None or normal == "+48512345678"


@settings(max_examples=25)
@given(nine_digits=cards, fates=fates)
def test_a_card_is_read_back_or_refused_by_its_check_digit(macros, nine_digits, fates):
    [(digit,)] = macros.query(f"select check_digit('{nine_digits}')")
    card = f"NV{nine_digits}{digit}"

    assert luhn_holds(card)
    for raw, normal, mess in entries(
        macros, f"card_typed_at_the_till('{card}', fate)", fates
    ):
        typed = raw.replace(" ", "").upper()
        assert luhn_holds(typed) == (mess is None)
        assert normal == (card if mess is None else None)
        assert (typed == card) == (mess is None)
