"""Mappings that are refused say what they write, and what to do."""

from reverse_etl.destinations.mapping_refusals import (
    writes_consent,
    writes_unknown_event_field,
)
from reverse_etl.errors import ErrorClass


def test_a_mapping_that_writes_a_consent_is_told_what_it_writes():
    error = writes_consent("opted_in", "a subscription of Example")

    assert str(error) == (
        "The mapping writes 'opted_in', which is a subscription of Example and not an "
        "attribute. Nothing was sent. Take it out of the mapping."
    )
    assert error.error_class is ErrorClass.CONFIG


def test_a_mapping_of_an_event_is_told_where_its_field_goes():
    error = writes_unknown_event_field("colour", "Example", "properties")

    assert str(error) == (
        "The mapping writes 'colour', which an event of Example does not have. Nothing "
        "was sent. Map it as properties.colour."
    )
    assert error.error_class is ErrorClass.CONFIG
