"""Whatever the source, the consents and the mode: what is sent makes the destination right.

The expected rows come from a few lines of Python over the same source, not from the query.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reverse_etl.change_query import plan_query
from reverse_etl.engine import _comparison
from reverse_etl.plan import Counts
from reverse_etl.retl_tables import REJECTED, SNAPSHOT, create_missing
from reverse_etl.spec import Mode
from tests.sync_world import SPEC, SyncWorld, open_sync_world

KEYS = ["a", "b", "B", "ø", "'", "a b"]
NAMES = st.none() | st.sampled_from(["", "~", "Ada", "ada", "Ådne", "s3:Ada"])
COUNTS = st.none() | st.sampled_from([0, 1, 10, 100, -1])
PEOPLE = st.dictionaries(st.sampled_from(KEYS), st.tuples(NAMES, COUNTS))
CONSENTS = st.sets(st.sampled_from(KEYS))
STATES = st.lists(st.tuples(PEOPLE, CONSENTS), min_size=1, max_size=3)

Held = dict[str, tuple[str | None, int | None]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path_factory.mktemp("changes")) as opened:
        create_missing(opened.warehouse)
        yield opened


def compared(world: SyncWorld) -> tuple[list[tuple[object, ...]], Counts]:
    """The plan's rows (op, key, customer, hash, name, count) and its counts."""
    with _comparison(
        world.spec,
        world.warehouse,
        snapshot=SNAPSHOT.to_table(),
        rejected=REJECTED.to_table(),
        is_whole_run=False,
    ) as comparison:
        query = plan_query(
            world.spec,
            frozen=comparison.frozen,
            compared=comparison.compared,
            dialect="duckdb",
        )
        rows = [row[1:3] + row[4:] for row in world.warehouse.query(query)]
        return rows, comparison.counts


def acknowledge(world: SyncWorld, rows: list[tuple[object, ...]]) -> None:
    """Let the snapshot say that every row of the plan was applied."""
    held = {
        str(key): (customer, row_hash)
        for key, customer, row_hash in world.rows(
            "select key, customer_id, row_hash from retl.sync_snapshot"
        )
    }
    for op, key, customer, row_hash, *_ in rows:
        held.pop(str(key), None)
        if op != "remove":
            held[str(key)] = (customer, row_hash)
    world.warehouse.execute("delete from retl.sync_snapshot")
    world.warehouse.insert(
        "retl",
        "sync_snapshot",
        {
            "sync_name": [world.spec.name] * len(held),
            "key": list(held),
            "customer_id": [customer for customer, _ in held.values()],
            "row_hash": [row_hash for _, row_hash in held.values()],
        },
    )


def applied(held: Held, rows: list[tuple[object, ...]]) -> Held:
    after = dict(held)
    for op, key, _, _, *fields in rows:
        if op == "remove":
            del after[key]
        else:
            after[key] = tuple(fields)
    return after


def expected(held: Held, people: Held, consents: set[str], mode: Mode) -> Held:
    wanted = {key: fields for key, fields in people.items() if key in consents}
    if mode is Mode.UPSERT:
        kept = {key for key in held if key not in people and key in consents}
        wanted |= {key: held[key] for key in kept}
    return wanted


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=STATES, mode=st.sampled_from(list(Mode)))
def test_what_is_sent_makes_the_destination_right_and_then_nothing_is_left(
    world, states, mode
):
    world.spec = replace(SPEC, mode=mode)
    world.warehouse.execute("delete from retl.sync_snapshot")
    held: Held = {}
    for people, consents in states:
        world.have_people(*((key, *fields) for key, fields in people.items()))
        world.have_only_consents(*consents)
        rows, counts = compared(world)

        after = applied(held, rows)

        assert after == expected(held, people, consents, mode)
        assert counts.source == (
            counts.add
            + counts.change
            + counts.unchanged
            + counts.waiting
            + counts.invalid
            + counts.skipped_no_consent
        )
        assert len(rows) == counts.planned
        assert [row[0] for row in rows] == (
            ["remove"] * counts.remove
            + ["change"] * counts.change
            + ["add"] * counts.add
        )
        acknowledge(world, rows)
        assert compared(world)[0] == []
        held = after


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(
        st.tuples(st.none() | st.sampled_from([*KEYS, "", "  "]), NAMES, COUNTS)
    ),
    consents=CONSENTS,
)
def test_no_key_is_in_a_plan_twice_whatever_the_model_repeats(world, people, consents):
    world.spec = SPEC
    world.warehouse.execute("delete from retl.sync_snapshot")
    world.have_people(*people)
    world.have_only_consents(*consents)

    rows, counts = compared(world)

    keys = [row[1] for row in rows]
    once = {key for key, _, _ in people if [p[0] for p in people].count(key) == 1}
    assert sorted(keys) == sorted(set(keys))
    assert set(keys) == once & consents
    assert counts.source == len(people)
