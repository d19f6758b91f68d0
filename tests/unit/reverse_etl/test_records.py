"""From a row of the plan to the record that a destination is told of."""

import hashlib
import json
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest

from reverse_etl.destinations.protocol import Capabilities, Record
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Mode, Op
from reverse_etl.records import Unsendable, record_reader
from reverse_etl.spec import (
    Association,
    FieldMapping,
    Guards,
    MatchMapping,
    Nulls,
    SyncSpec,
)
from reverse_etl.wire_values import wire_value
from warehouse.values import Relation, Row, Value

CANARY = "canary.ada@example.com"
CAPABILITIES = Capabilities(frozenset(Mode), match_fields=("external_id", "email"))
SPEC = SyncSpec(
    name="tool__people",
    model="sync_tool__people",
    model_unique_id="model.kenning.sync_tool__people",
    relation=Relation("activation", "sync_tool__people"),
    destination="tool",
    object="contacts",
    mode=Mode.MIRROR,
    key="person_key",
    mapping=(
        FieldMapping("name", column="first_name"),
        FieldMapping("list", constant="people"),
        FieldMapping("count", column="order_count", nulls=Nulls.CLEAR),
    ),
    purpose="email_marketing",
    guards=Guards(),
    path="models/activation/_activation__exposures.yml",
)


def row(
    *values: Value,
    op: str = "add",
    action: str = "upsert",
    match_text: str | None = None,
    dest_id: str | None = None,
) -> Row:
    row_hash = None if op == "remove" else "0" * 32
    return (1, action, op, "k1", "a" * 64, row_hash, match_text, dest_id, *values)


def read(spec: SyncSpec, *values: Value, **head: str) -> Record:
    record = record_reader(spec, CAPABILITIES).read(row(*values, **head))
    assert isinstance(record, Record)
    return record


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", ""),
        ("Ådne 🧗", "Ådne 🧗"),
        (True, True),
        (7, 7),
        (2**64 - 1, 2**64 - 1),
        (2**64, "18446744073709551616"),
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
    sent = wire_value(value)

    assert sent == expected
    assert type(sent) is type(expected)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), CANARY.encode()]
)
def test_a_value_without_a_json_form_names_the_field_and_not_the_value(value):
    found = record_reader(SPEC, CAPABILITIES).read(row("Ada", value))

    assert found == Unsendable("k1", ErrorClass.INVALID_FIELD, "count")
    assert CANARY not in repr(found)
    assert "k1" not in repr(found)


def test_columns_and_constants_become_fields():
    record = read(SPEC, "Ada", 3)

    assert record.fields == {"name": "Ada", "list": "people", "count": 3}
    assert (record.op, record.key) == (Op.ADD, "k1")


def test_a_null_is_left_out_unless_it_is_to_clear_its_field():
    assert read(SPEC, None, None).fields == {"list": "people", "count": None}


def test_names_with_dots_become_objects_inside_objects():
    spec = replace(
        SPEC,
        mapping=(
            FieldMapping("a", column="x"),
            FieldMapping("p.q.r", column="y"),
            FieldMapping("p.s", constant=1),
        ),
    )

    assert read(spec, "1", "2").fields == {"a": "1", "p": {"q": {"r": "2"}, "s": 1}}


def test_a_field_of_the_first_write_stays_out_of_every_later_one():
    spec = replace(
        SPEC,
        mapping=(
            FieldMapping("source", column="x", is_first_write_only=True),
            FieldMapping("name", column="y"),
        ),
    )

    assert read(spec, "web", "Ada", op="add").fields == {"source": "web", "name": "Ada"}
    assert read(spec, "web", "Ada", op="change").fields == {"name": "Ada"}


def test_without_a_match_the_key_is_the_destinations_first_identifier():
    assert read(SPEC, "Ada", 1).match == {"external_id": "k1"}


def test_identifiers_go_through_their_normaliser_and_invalid_ones_are_left_out():
    spec = replace(
        SPEC,
        mapping=(),
        match=(
            MatchMapping("email", "email", normaliser="meta.email"),
            MatchMapping("phone", "phone"),
        ),
    )

    record = read(spec, " Ada@Example.com ", None)

    digest = hashlib.sha256(b"ada@example.com").hexdigest()
    assert record.match == {"email": digest}


def test_a_row_without_any_identifier_cannot_go():
    spec = replace(SPEC, mapping=(), match=(MatchMapping("email", "email"),))

    found = record_reader(spec, CAPABILITIES).read(row(None))

    assert found == Unsendable("k1", ErrorClass.INVALID_KEY, "email")


def test_a_removal_goes_by_the_identifiers_that_were_sent():
    spec = replace(
        SPEC, match=(MatchMapping("email", "email", normaliser="meta.email"),)
    )

    record = read(
        spec,
        None,
        None,
        None,
        op="remove",
        action="remove",
        match_text=json.dumps({"email": "Ada@example.com"}),
        dest_id="77",
    )

    digest = hashlib.sha256(b"ada@example.com").hexdigest()
    assert (record.op, record.match, record.fields) == (
        Op.REMOVE,
        {"email": digest},
        {},
    )
    assert record.dest_id == "77"


def test_a_removal_that_clears_empties_every_mapped_field():
    record = read(SPEC, None, None, op="remove", action="update")

    assert record.fields == {"name": None, "list": None, "count": None}


def test_associations_come_with_a_record():
    spec = replace(SPEC, associations=(Association("company", "account_id"),))

    assert read(spec, "Ada", 1, "acme").associations == {"company": "acme"}
    assert read(spec, "Ada", 1, None).associations == {}


def test_event_ids_differ_with_row_content_and_sync():
    reader = record_reader(SPEC, CAPABILITIES)
    other = record_reader(replace(SPEC, name="other"), CAPABILITIES)
    one = row("Ada", 1)
    changed = (*one[:5], "1" * 32, *one[6:])
    neighbour = (*one[:4], "b" * 64, *one[5:])

    ids = {
        record.event_id
        for record in (
            reader.read(one),
            reader.read(changed),
            reader.read(neighbour),
            other.read(one),
        )
        if isinstance(record, Record)
    }

    assert len(ids) == 4
    assert reader.read(one) == reader.read(one)


def test_repr_of_a_record_shows_neither_key_nor_fields():
    assert repr(Record(Op.ADD, CANARY, {"email": CANARY}, {}, "e")) == "Record(add)"
