"""Templates: names are looked up, and nothing else happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.destinations.placeholders import (
    MISSING,
    at_name,
    at_path,
    parse_template,
)

VALUES = {
    "name": "Ada",
    "count": 3,
    "rate": 1.5,
    "is_new": True,
    "gone": None,
    "tags": ["a", "b"],
}


def look_up(name: str):
    return VALUES.get(name, MISSING)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("Hello {name}!", "Hello Ada!"),
        ("{name}{count}", "Ada3"),
        ("{{{name}}}", "{Ada}"),
        ("{{name}}", "{name}"),
        ("no names", "no names"),
        ("", ""),
        ("{name}", "Ada"),
        ("{count}", 3),
        ("{is_new}", True),
        ("{gone}", None),
        ("{tags}", ["a", "b"]),
        ("is {is_new}, {rate}, [{gone}], {tags}", 'is true, 1.5, [], ["a","b"]'),
        ("{unknown}", MISSING),
        ("Hello {unknown}", MISSING),
    ],
)
def test_a_name_is_replaced_by_its_value(template, value):
    assert parse_template(template).value(look_up) == value


@pytest.mark.parametrize(
    "template",
    [
        "{",
        "}",
        "{name",
        "name}",
        "{}",
        "{ name }",
        "{name!r}",
        "{count:>10}",
        "{name[0]}",
        "{name.}",
        "{.name}",
        "{name + 1}",
        "{f(x)}",
        "{{name}",
    ],
)
def test_what_is_not_a_name_is_refused(template):
    with pytest.raises(ValueError, match=r"brace|'}'"):
        parse_template(template)


def test_a_name_leads_to_no_attribute_of_python():
    template = parse_template("{name.__class__}")

    assert template.value(lambda name: at_name(VALUES, name)) is MISSING


def test_values_are_written_for_where_they_go():
    template = parse_template("/people/{name}/{count}")

    assert template.text(look_up, lambda value: f"<{value}>") == "/people/<Ada>/<3>"


def test_a_value_that_looks_like_a_template_is_none():
    template = parse_template("{name} and {count}")

    assert template.value({"name": "{count}", "count": 1}.get) == "{count} and 1"


@given(st.text())
def test_a_text_without_names_comes_out_as_it_went_in(text):
    template = parse_template(text.replace("{", "{{").replace("}", "}}"))

    assert template.value(look_up) == text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", {"a": {"b": [1, {"c": None}]}}),
        ("a.b.0", 1),
        ("a.b.1.c", None),
        ("a.b.2", MISSING),
        ("a.x", MISSING),
        ("a.b.c", MISSING),
        ("a.b.-1", MISSING),
    ],
)
def test_a_path_leads_into_an_answer(path, value):
    assert at_path({"a": {"b": [1, {"c": None}]}}, path) == value


def test_a_name_with_a_dot_in_it_comes_before_a_nested_one():
    assert at_name({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert at_name({"a": {"b": 2}}, "a.b") == 2
