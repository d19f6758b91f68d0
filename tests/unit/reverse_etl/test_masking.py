"""What of a value may be shown."""

from datetime import date
from decimal import Decimal

import pytest

from reverse_etl.masking import masked


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        ("", "(empty)"),
        ("Ada", "A•••"),
        ("ada@example.com", "a•••@e•••.com"),
        ("ada@localhost", "a•••"),
        (1815, "1•••"),
        (7, "7•••"),
        (-120.5, "-1•••"),
        (Decimal("79.90"), "7•••"),
        (True, "<bool>"),
        (date(1815, 12, 10), "<date>"),
    ],
)
def test_a_personal_value_is_masked(value, shown):
    assert masked(value, is_public=False) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "null"), (3, "3"), ("NL", "NL"), ("x" * 50, "x" * 39 + "…")],
)
def test_a_public_value_is_shown(value, shown):
    assert masked(value, is_public=True) == shown
