"""Fields that the warehouse writes as JSON are those that Python reads value by value."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from reverse_etl.destinations.protocol import Capabilities, Record
from reverse_etl.modes import Mode, Op
from reverse_etl.plan_rows import PlanRows, Reading
from reverse_etl.records import PlannedRecord, RecordReader, record_reader
from reverse_etl.spans import Span
from reverse_etl.spec import (
    Association,
    FieldMapping,
    Guards,
    MatchMapping,
    Nulls,
    SyncSpec,
)
from warehouse.connection import Warehouse, open_warehouse
from warehouse.target import Target
from warehouse.values import Relation

CAPABILITIES = Capabilities(frozenset(Mode), match_fields=("external_id",))
PLAN = exp.table_("plan", db="retl")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.lists(
    TEXTS.filter(lambda text: text and "." not in text),
    min_size=8,
    max_size=8,
    unique_by=str.casefold,
)
COLUMNS = {
    "varchar": TEXTS,
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(),
    "float": st.floats(width=32),
    "boolean": st.booleans(),
    "date": st.dates(),
    "timestamp": st.datetimes(),
    "decimal(18, 2)": st.decimals(
        min_value=Decimal("-9999999999999999.99"),
        max_value=Decimal("9999999999999999.99"),
        places=2,
    ),
}
VALUES = [st.none() | values for values in COLUMNS.values()]
ROWS = st.lists(st.tuples(*VALUES), min_size=1, max_size=4)
CONSTANTS = st.none() | TEXTS | st.booleans() | st.integers(-9, 9)

Values = tuple[object, ...]


def spec_of(
    names: Sequence[str],
    clears: Sequence[bool],
    constant: str | int | bool | None = None,
    **more: object,
) -> SyncSpec:
    fields = [
        FieldMapping(
            name,
            column=f"column_{place}",
            nulls=Nulls.CLEAR if is_cleared else Nulls.IGNORE,
        )
        for place, (name, is_cleared) in enumerate(zip(names, clears, strict=True))
    ]
    return SyncSpec(
        name="tool__people",
        model="sync_tool__people",
        model_unique_id="model.kenning.sync_tool__people",
        relation=Relation("activation", "sync_tool__people"),
        destination="tool",
        object="contacts",
        mode=Mode.MIRROR,
        key="person_key",
        mapping=(*fields, FieldMapping("always\N{BULLET}", constant=constant)),
        purpose=None,
        guards=Guards(),
        path="models/activation/_activation__exposures.yml",
        **more,
    )


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory) -> Iterator[Warehouse]:
    path: Path = tmp_path_factory.mktemp("plan") / "plan.duckdb"
    settings_of_project = {"timezone": "UTC", "preserve_insertion_order": "false"}
    target = Target("test", "duckdb", path, settings=settings_of_project)
    with open_warehouse(target) as opened:
        opened.execute("create schema retl")
        yield opened


def have_plan(warehouse: Warehouse, rows: Sequence[Values], *, first_op: str) -> None:
    fields = ", ".join(
        f"field_{place} {kind}" for place, kind in enumerate(COLUMNS, start=1)
    )
    warehouse.execute(
        "create or replace table retl.plan (seq bigint, action text, op text, key text, "
        "key_sha256 text, customer_id text, row_hash text, match_text text, "
        f"dest_id text, match_1 text, {fields}, assoc_1 text)"
    )
    connection: duckdb.DuckDBPyConnection = warehouse._connection
    for seq, values in enumerate(rows, start=1):
        op = first_op if seq == 1 else "add"
        head = (seq, "upsert", op, f"k{seq}", f"{seq:064d}", "c", "h" * 32, None, None)
        match = None if seq == 3 else f"m{seq}@example.com"
        row = (*head, match, *values, f"parent {seq}")
        marks = ", ".join("?" * len(row))
        connection.execute(f"insert into retl.plan values ({marks})", row)


def read_both(
    warehouse: Warehouse, spec: SyncSpec, row_count: int
) -> tuple[Reading, Reading]:
    """What is read in one go, and what is read value by value."""
    reader = record_reader(spec, CAPABILITIES)
    slow = _OneByOne(spec, CAPABILITIES)
    found = []
    for each in (reader, slow):
        rows = PlanRows(
            warehouse,
            PLAN,
            each,
            withdrawn=lambda _: (),
            is_fresh=True,
            clock=lambda: 0.0,
        )
        found.append(rows.read([Span(1, row_count)], is_next=True))
    return found[0], found[1]


class _OneByOne(RecordReader):
    def json_reader(self, types, dialect):
        return None


def said(reading: Reading) -> tuple[object, ...]:
    """Everything about its records, each value with its type."""
    return (
        [
            (
                record.op,
                record.key,
                record.match,
                [
                    (name, type(value), _comparable(value))
                    for name, value in sorted(record.fields.items())
                ],
                record.event_id,
                record.associations,
                record.dest_id,
            )
            for record in reading.records
        ],
        list(reading.seqs),
        reading.refusals,
    )


def _comparable(value: object) -> object:
    # Zero has a sign, which a comparison does not see.
    return (value, math.copysign(1, value)) if isinstance(value, float) else value


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    names=NAMES,
    clears=st.lists(st.booleans(), min_size=8, max_size=8),
    constant=CONSTANTS,
    rows=ROWS,
    has_more=st.booleans(),
    first_op=st.sampled_from(["add", "change", "remove"]),
)
@example(
    names=["a", "b", "c", "d", "e", "f", "g", "h"],
    clears=[False] * 8,
    constant=None,
    rows=[
        ("", 0, -0.0, 0.1, True, date(1, 1, 1), datetime(1, 1, 1), Decimal("0.10")),
        (None,) * 8,
        (
            "\0\"\\\u2028'",
            2**63 - 1,
            1e300,
            1e-30,
            None,
            date.max,
            datetime(9999, 12, 31, 23, 59, 59, 999_999),
            None,
        ),
        ("x", 1, 5e-324, 1.0, None, None, datetime(2026, 1, 1, 0, 0, 0, 500_000), None),
    ],
    has_more=False,
    first_op="add",
)
def test_json_of_the_warehouse_says_what_python_says(
    warehouse, names, clears, constant, rows, has_more, first_op
):
    more = (
        {
            "match": (MatchMapping("email", "email", "google.email"),),
            "associations": (Association("company", "account_id"),),
        }
        if has_more
        else {}
    )
    spec = spec_of(names, clears, constant, **more)
    have_plan(warehouse, rows, first_op=first_op)

    quick, slow = read_both(warehouse, spec, len(rows))

    assert said(quick) == said(slow)


@contextmanager
def plan_of(
    warehouse: Warehouse, *rows: Values, first_op: str = "add"
) -> Iterator[None]:
    have_plan(warehouse, rows, first_op=first_op)
    yield


PLAIN: Values = (
    "Ada",
    1,
    0.5,
    0.5,
    True,
    date(2026, 6, 30),
    datetime(2026, 6, 30),
    Decimal("1.50"),
)
SPEC = spec_of([f"f{place}" for place in range(8)], [False] * 8)


def test_rows_with_plain_values_are_read_in_one_go(warehouse):
    with plan_of(warehouse, PLAIN, PLAIN):
        quick, slow = read_both(warehouse, SPEC, 2)

    assert {type(record) for record in quick.records} == {PlannedRecord}
    assert list(quick.records) == list(slow.records)


@pytest.mark.parametrize(
    "text", ["9999999999999.99", "90071992547409.93", "1234567890123456.78"]
)
def test_a_decimal_keeps_every_digit(warehouse, text):
    with plan_of(warehouse, (*PLAIN[:7], Decimal(text))):
        quick, slow = read_both(warehouse, SPEC, 1)

    assert Decimal(str(quick.records[0].fields["f7"])) == Decimal(text)
    assert said(quick) == said(slow)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf], ids=["nan", "inf", "-inf"]
)
def test_a_number_without_a_json_form_is_refused_and_its_neighbours_go(
    warehouse, value
):
    odd = (*PLAIN[:2], value, *PLAIN[3:])
    with plan_of(warehouse, PLAIN, odd, PLAIN):
        quick, slow = read_both(warehouse, SPEC, 3)

    assert [refusal.seq for refusal in quick.refusals] == [2]
    assert said(quick) == said(slow)


def test_a_record_with_other_fields_is_a_plain_one(warehouse):
    with plan_of(warehouse, PLAIN):
        quick, _ = read_both(warehouse, SPEC, 1)

    changed = quick.records[0]._replace(fields={"a": 1})

    assert (type(changed), changed.fields) == (Record, {"a": 1})
    assert changed.op is Op.ADD
    assert "Ada" not in repr(quick.records[0])


def test_a_type_that_json_lacks_is_read_value_by_value():
    reader = record_reader(SPEC, CAPABILITIES)
    types = {f"field_{place}": "VARCHAR" for place in range(1, 9)}

    assert reader.json_reader(types, "duckdb") is not None
    assert reader.json_reader({**types, "field_3": "HUGEINT"}, "duckdb") is None
    assert reader.json_reader(types, "postgres") is None
