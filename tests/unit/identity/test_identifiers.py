"""How a typed identifier is read, and how one is shown without its value."""

import pytest

from identity.identifiers import Identifier, Reading, candidates, masked, readings


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        (" Ada@Nordvik.example ", "ada@nordvik.example"),
        ("+47 912 34 567", "+4791234567"),
        ("0047 91234567", "+4791234567"),
        ("4791234567", "+4791234567"),
        ("nv 0000-000018", "NV0000000018"),
        ("anon-7F", "anon-7F"),
    ],
)
def test_typed_identifier_is_compared_in_its_normal_form(typed, wanted):
    assert wanted in candidates(typed)


def test_type_before_a_colon_is_tried_first():
    first, second = readings("email: Ada@X.example")

    assert first.type == "email"
    assert "ada@x.example" in first.values
    assert second.type is None
    assert "email: ada@x.example" in second.values


def test_value_without_a_type_has_one_reading():
    assert [reading.type for reading in readings("+31 6 1234")] == [None]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("ada@x.example", "email:a…e (13)"),
        ("ada@x", "email:…"),
    ],
)
def test_masked_identifier_keeps_type_ends_and_length(value, shown):
    assert masked(Identifier("email", value)) == shown


def test_value_stays_out_of_reprs():
    identifier = Identifier("email", "ada@x.example")

    assert "ada" not in repr(identifier)
    assert "ada" not in repr(Reading("email", ("ada@x.example",)))
