"""From a row of the plan to what a destination is told."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from reverse_etl.errors import ContractError
from reverse_etl.payload import Change, to_change, wire_value
from reverse_etl.plan import Op
from reverse_etl.spec import FieldMapping
from tests.sync_world import SPEC

CANARY = "canary.ada@example.com"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", ""),
        ("Ådne 🧗", "Ådne 🧗"),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (Decimal("12.50"), 12.5),
        (Decimal("-0.10"), -0.1),
        (Decimal("1234567890123456.78"), "1234567890123456.78"),
        (date(2026, 6, 30), "2026-06-30"),
        (datetime.fromisoformat("2026-06-30T12:00:00"), "2026-06-30T12:00:00Z"),
        (
            datetime.fromisoformat("2026-06-30T12:00:00.000250"),
            "2026-06-30T12:00:00.000250Z",
        ),
    ],
)
def test_wire_value_is_what_json_can_say(value, expected):
    sent = wire_value(value, field="f", sync="s")

    assert sent == expected
    assert type(sent) is type(expected)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), CANARY.encode()]
)
def test_wire_value_without_a_json_form_names_the_field_and_not_the_value(value):
    with pytest.raises(ContractError) as caught:
        wire_value(value, field="score", sync="mailer__people")

    assert "Field 'score' of sync 'mailer__people'" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_to_change_fills_columns_and_constants_in_mapping_order():
    change = to_change(Op.ADD, "a", ["Ada", 3], SPEC)

    assert list(change.fields.items()) == [
        ("first_name", "Ada"),
        ("order_count", 3),
        ("list", "people"),
    ]


def test_to_change_with_a_constant_between_columns_keeps_them_apart():
    spec = type(SPEC)(
        **{
            **{name: getattr(SPEC, name) for name in type(SPEC).__slots__},
            "mapping": (
                FieldMapping("first", column="a"),
                FieldMapping("fixed", constant=True),
                FieldMapping("last", column="b"),
            ),
        }
    )

    change = to_change(Op.CHANGE, "k", ["x", "y"], spec)

    assert change.fields == {"first": "x", "fixed": True, "last": "y"}


def test_to_change_of_a_removal_carries_the_key_alone():
    assert to_change(Op.REMOVE, "a", [None, None], SPEC) == Change(Op.REMOVE, "a", {})


def test_repr_of_a_change_shows_neither_key_nor_fields():
    change = Change(Op.ADD, CANARY, {"email": CANARY})

    assert repr(change) == "Change(op=<Op.ADD: 'add'>)"
