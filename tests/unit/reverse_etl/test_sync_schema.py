"""The schema for editors says of syncs what the engine says when it reads them."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from reverse_etl.errors import SpecError
from reverse_etl.modes import Mode, Removal
from reverse_etl.normalising import NORMALISERS
from reverse_etl.spec import Cast, InDoubt, Nulls
from reverse_etl.spec_reading import (
    FIELD_SETTINGS,
    GUARD_SETTINGS,
    MATCH_SETTINGS,
    SETTINGS,
)
from tests.contract.destination_examples import Example, examples
from warehouse.manifest import Json

PROJECT = Path(__file__).parents[3]
SCHEMA: dict[str, Json] = json.loads(
    (PROJECT / "reverse_etl/sync.schema.json").read_text("utf-8")
)
PARTS = SCHEMA["$defs"]
PAGE = (PROJECT / "docs/how-to/add-a-sync.md").read_text("utf-8")

SYNC = """
destination: mailer
object: contacts
mode: mirror
key: customer_id
purpose: email_marketing
mapping: {email: email}
"""


def problems(sync: Json) -> list[str]:
    content = {"exposures": [{"config": {"meta": {"sync": sync}}}]}
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [error.message for error in validator.iter_errors(content)]


def changed(change: str) -> dict[str, Json]:
    return {**yaml.safe_load(SYNC), **yaml.safe_load(change)}


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("sync", SETTINGS),
        ("field", FIELD_SETTINGS),
        ("match", MATCH_SETTINGS),
        ("guards", GUARD_SETTINGS),
    ],
)
def test_it_names_every_setting_that_is_read(part, settings):
    assert tuple(PARTS[part]["properties"]) == settings


@pytest.mark.parametrize(
    ("choices", "known"),
    [
        (PARTS["sync"]["properties"]["mode"], Mode),
        (PARTS["sync"]["properties"]["in_doubt"], InDoubt),
        (PARTS["removal"], Removal),
        (PARTS["field"]["properties"]["nulls"], Nulls),
        (PARTS["field"]["properties"]["as"], Cast),
        (PARTS["normaliser"], NORMALISERS),
    ],
)
def test_it_names_every_choice(choices, known):
    assert choices["enum"] == [str(each) for each in known]


@pytest.mark.parametrize(
    "settings",
    [SETTINGS, FIELD_SETTINGS, GUARD_SETTINGS],
    ids=["sync", "field", "guard"],
)
def test_the_how_to_explains_every_setting_in_its_order(settings):
    tables = re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)

    assert [name for name in tables if name in settings] == [
        name for name in settings if name in tables
    ]
    assert set(settings) <= set(tables)


@pytest.mark.parametrize(
    "example", [pytest.param(each, id=each.id) for each in examples(PROJECT)]
)
def test_it_accepts_the_examples_of_the_documentation(example):
    assert problems(example.sync) == []


def test_it_accepts_the_syncs_of_the_project():
    for path in sorted((PROJECT / "models").rglob("*exposures.yml")):
        content = yaml.safe_load(path.read_text("utf-8"))
        validator = jsonschema.Draft202012Validator(SCHEMA)

        assert [error.message for error in validator.iter_errors(content)] == []
        assert "$schema=" in path.read_text("utf-8").splitlines()[0]


@pytest.mark.parametrize(
    "change",
    [
        "moed: mirror",
        "destination: Mailer",
        "object: '1'",
        "mode: merge",
        "key: 5",
        "purpose: ''",
        "purpose: none",
        "personal_data: false",
        "settings: {list_id: [1]}",
        "mapping: {}",
        "mapping: {a..b: email}",
        "mapping: {a: [email]}",
        "mapping: {a: {from: email, constant: 1}}",
        "mapping: {a: {nulls: clear}}",
        "mapping: {a: {from: email, nulls: keep}}",
        "mapping: {a: {from: email, as: money}}",
        "mapping: {a: {from: email, hash: meta.mail}}",
        "mapping: {a: {from: email, hashed: true}}",
        "mapping: {a: {from: email, once: true}}",
        "mapping: {a: {template: Hello}}",
        "match: {email: {hash: meta.email}}",
        "match: {email: {from: email, nulls: clear}}",
        "associations: {company: {from: email}}",
        "on_remove: drop",
        "on_withdrawal: drop",
        "in_doubt: wait",
        "refresh_after_days: 0",
        "default_region: nl",
        "guards: {max_remove_rate: 2}",
        "guards: {max_growth_rate: -1}",
        "guards: {min_held_rows: 0.5}",
        "guards: {allow_empty: 'no'}",
        "guards: {max_rate: 1}",
    ],
)
def test_it_refuses_what_is_refused(change):
    sync = changed(change)

    assert problems(sync) != []
    with pytest.raises(SpecError):
        Example("a.md", 1, "mailer__people", sync).spec()
