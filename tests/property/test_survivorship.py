"""Which value of a field wins: the SQL of int_customers__field_values, run in DuckDB, beside the rules in plain Python.

The reference reads as docs/how-to/choose-which-value-wins.md does, one value at a time, and shares nothing with the
model. Every rule, correction state, tie and missing time is in reach of the generated rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.conftest import PROJECT, MacroLibrary

AS_OF = datetime(2026, 6, 30)
RULES: Mapping[str, str] = {
    "email": "verified_first",
    "city": "most_recent",
    "name": "source_priority",
    "nick": "most_frequent",
    "street": "longest",
    "country": "most_complete",
    "note": "manual_override",
}
COUNTED = ("city", "street", "country")
"""Fields that most_complete counts."""
SOURCES = ("crm", "shop")
"""The most trusted first; for `name` it is the other way round."""
READ = tuple(field for field, rule in RULES.items() if rule != "manual_override")
BLOCKED = ("email", "b")

VARIABLES = {
    "as_of": AS_OF.isoformat(),
    "customer_records": [
        {"model": model, "record_key": "row_key", "identified_by": ["email"]}
        for model in SOURCES
    ],
    "profile_fields": [
        {"field": field, "rule": rule}
        | ({"among": list(COUNTED)} if rule == "most_complete" else {})
        | ({"sources": ["shop", "crm"]} if rule == "source_priority" else {})
        for field, rule in RULES.items()
    ],
    "profile_sources": [
        {
            "model": model,
            "observed_at": "seen_at",
            "fields": list(READ),
            "verified": {"email": "is_proven"},
            **({"only": "not is_deleted"} if model == "crm" else {}),
        }
        for model in SOURCES
    ],
}

TABLES = """
    create table crm (row_key text, seen_at timestamp, is_proven boolean, is_deleted boolean,
        email text, city text, name text, nick text, street text, country text);
    create table shop as from crm;
    create table int_core__records (source_model text, record_key text, customer_id text, is_current boolean);
    create table int_profile__corrections (correction_id text, field_name text, field_value text, decided_on timestamp);
    create table identity_blocked (identifier_type text, identifier_value text);
    create table int_identity__runs as select 1 as run_id;
    insert into identity_blocked values ('email', 'b');
"""


@dataclass(frozen=True)
class Sighting:
    """One row of a source: whose it is, when, and what it says."""

    source: str
    customer: str | None
    seen_at: datetime | None
    is_proven: bool | None
    is_deleted: bool
    is_current: bool
    values: Mapping[str, str]


@dataclass(frozen=True)
class Correction:
    customer: str
    field: str
    value: str | None
    decided_on: datetime | None


Row = tuple[object, ...]
# Not duckdb's own class: Hypothesis keeps what it reads in a signature, and DuckDB complains of that
# when the interpreter ends.
Connection = Any

# Few values and times, and one customer most of the time, so that rows meet in every tie.
moments = st.sampled_from(
    [None, *(AS_OF + timedelta(days=days) for days in (-2, -1, 0, 1, 2))]
)
texts = st.sampled_from(["a", "b", "bb"])
customers = st.sampled_from(["ada", "ada", "ada", "bo"])
sightings = st.builds(
    Sighting,
    source=st.sampled_from(SOURCES),
    customer=st.sampled_from(["ada", "ada", "ada", "ada", "bo", None]),
    seen_at=moments,
    is_proven=st.sampled_from([True, False, None]),
    is_deleted=st.sampled_from([False] * 5 + [True]),
    is_current=st.sampled_from([True] * 5 + [False]),
    values=st.fixed_dictionaries({}, optional=dict.fromkeys(READ, texts)),
)
corrections = st.builds(
    Correction,
    customer=customers,
    field=st.sampled_from(list(RULES)),
    value=st.sampled_from(["a", "b", "bb", None]),
    decided_on=moments,
)


@cache
def query() -> str:
    """The model's SQL in a first run."""
    library = MacroLibrary("duckdb")
    library.environment.globals.update(
        {
            "var": VARIABLES.__getitem__,
            "ref": lambda name: name,
            "config": lambda **_: "",
            "is_incremental": lambda: False,
        }
    )
    text = (PROJECT / "models/core/golden/int_customers__field_values.sql").read_text(
        encoding="utf-8"
    )
    return library.environment.from_string(text).render()


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Connection]:
    with duckdb.connect() as connection:
        connection.execute(TABLES)
        yield connection


@settings(max_examples=400)
@given(
    rows=st.lists(sightings, min_size=4, max_size=9),
    decisions=st.lists(corrections, max_size=4),
)
def test_every_value_has_the_place_that_the_rules_give_it(
    warehouse: Connection,
    rows: list[Sighting],
    decisions: list[Correction],
) -> None:
    fill(warehouse, rows, decisions)

    found = warehouse.execute(
        f"""
        select customer_id, field_name, value_rank, field_value, rule_name, source_model, record_key,
            correction_state, is_verified, sighting_count, observed_at, recheck_at
        from ({query()})
        """
    ).fetchall()

    assert set(found) == expected(rows, decisions)
    assert len(found) == len(set(found))


def fill(
    warehouse: Connection,
    rows: Sequence[Sighting],
    decisions: Sequence[Correction],
) -> None:
    for table in (*SOURCES, "int_core__records", "int_profile__corrections"):
        warehouse.execute(f"delete from {table}")
    for number, row in enumerate(rows):
        warehouse.execute(
            f"insert into {row.source} values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                key(number),
                row.seen_at,
                row.is_proven,
                row.is_deleted,
                *(row.values.get(field) for field in READ),
            ],
        )
        warehouse.execute(
            "insert into int_core__records values (?, ?, ?, ?)",
            [row.source, key(number), row.customer, row.is_current],
        )
    for number, decision in enumerate(decisions):
        warehouse.execute(
            "insert into int_profile__corrections values (?, ?, ?, ?)",
            [key(number), decision.field, decision.value, decision.decided_on],
        )
        warehouse.execute(
            "insert into int_core__records values ('int_profile__corrections', ?, ?, true)",
            [key(number), decision.customer],
        )


def key(number: int) -> str:
    return f"k{number}"


@dataclass(frozen=True)
class Said:
    """One value that a row says of a field."""

    customer: str
    field: str
    value: str
    source: str
    record: str
    seen_at: datetime | None
    is_proven: bool
    filled: int


def expected(rows: Sequence[Sighting], decisions: Sequence[Correction]) -> set[Row]:
    said = [
        Said(
            row.customer,
            field,
            value,
            row.source,
            key(number),
            row.seen_at,
            field == "email" and row.is_proven is True,
            sum(counted in row.values for counted in COUNTED),
        )
        for number, row in enumerate(rows)
        for field, value in row.values.items()
        if row.customer is not None
        and row.is_current
        and not (row.source == "crm" and row.is_deleted)
        and (field, value) != BLOCKED
    ]
    made = [
        (key(number), decision)
        for number, decision in enumerate(decisions)
        if decision.value is not None
    ]
    awaited = [(one.customer, one.seen_at) for one in said if is_ahead(one.seen_at)] + [
        (decision.customer, decision.decided_on)
        for _, decision in made
        if is_ahead(decision.decided_on)
    ]
    found: set[Row] = set()
    for customer in ("ada", "bo"):
        recheck_at = min(
            (at for who, at in awaited if who == customer and at is not None),
            default=None,
        )
        ranked = [
            (customer, field, rank, *values, recheck_at)
            for field in RULES
            for rank, values in enumerate(
                ranking(
                    [
                        one
                        for one in said
                        if (one.customer, one.field) == (customer, field)
                        and not is_ahead(one.seen_at)
                    ],
                    [
                        (name, decision)
                        for name, decision in made
                        if (decision.customer, decision.field) == (customer, field)
                        and not is_ahead(decision.decided_on)
                    ],
                    RULES[field],
                ),
                start=1,
            )
        ]
        found.update(ranked)
        if not ranked and recheck_at is not None:
            found.add((customer, *[None] * 10, recheck_at))
    return found


def is_ahead(moment: datetime | None) -> bool:
    return moment is not None and moment > AS_OF


def ranking(
    said: Sequence[Said], made: Sequence[tuple[str, Correction]], rule: str
) -> list[Row]:
    """Of one customer and field: the values in their order, each as the table shows it."""

    def order(one: Said) -> tuple[object, ...]:
        trusted = ("shop", "crm") if rule == "source_priority" else SOURCES
        return (
            -score(one, said, rule),
            *later_first(one.seen_at),
            trusted.index(one.source),
            one.value,
            one.record,
        )

    groups = [
        sorted(group, key=order)
        for _, group in groupby(sorted(said, key=told_by), key=told_by)
    ]
    groups.sort(key=lambda group: order(group[0]))
    sourced: list[Row] = [
        (
            best.value,
            rule,
            best.source,
            best.record,
            None,
            best.is_proven,
            1 + len(rest),
            best.seen_at,
        )
        for best, *rest in groups
    ]
    in_force, others = corrected(made, said, groups[0][0] if groups else None)
    return [*in_force, *sourced, *others]


def told_by(one: Said) -> tuple[str, str]:
    return one.value, one.source


def later_first(moment: datetime | None) -> tuple[bool, timedelta]:
    """Sorts the latest first and what has no time last."""
    return moment is None, AS_OF - (moment or AS_OF)


def score(one: Said, said: Sequence[Said], rule: str) -> int:
    match rule:
        case "verified_first":
            return int(one.is_proven)
        case "source_priority":
            return ("crm", "shop").index(one.source)
        case "most_frequent":
            return sum(other.value == one.value for other in said)
        case "longest":
            return len(one.value)
        case "most_complete":
            return one.filled
        case _:
            return 0


def corrected(
    made: Sequence[tuple[str, Correction]], said: Sequence[Said], winner: Said | None
) -> tuple[list[Row], list[Row]]:
    """The correction that beats every source, and those that come after all of them."""
    latest_first = sorted(
        sorted(made, key=lambda pair: pair[0], reverse=True),
        key=lambda pair: later_first(pair[1].decided_on),
    )
    in_force: list[Row] = []
    others: list[Row] = []
    for place, (name, decision) in enumerate(latest_first):
        is_agreed = winner is not None and has_come_round(winner, said, decision)
        state = "superseded" if place else "agreed" if is_agreed else "in_force"
        row = (
            decision.value,
            "manual_override",
            "int_profile__corrections",
            name,
            state,
            False,
            1,
            decision.decided_on,
        )
        (in_force if state == "in_force" else others).append(row)
    return in_force, others


def has_come_round(winner: Said, said: Sequence[Said], decision: Correction) -> bool:
    """Whether the source that would win says so, or has said so since it was corrected."""
    if winner.value == decision.value:
        return True
    return any(
        one.source == winner.source
        and one.value == decision.value
        and one.seen_at is not None
        and decision.decided_on is not None
        and one.seen_at >= decision.decided_on
        for one in said
    )
