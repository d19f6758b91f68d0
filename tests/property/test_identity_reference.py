"""The reference that the identity tables are checked against is itself right: on every named story, and in general.

No warehouse here. The SQL meets the same stories in tests/integration/identity.
"""

import random
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.identity_reference import Identifier, Reference, Tables
from tests.identity_scenarios import SCENARIOS, Scenario
from tests.identity_stories import (
    Story,
    disturbed,
    growing_story,
    mixed_story,
    shape_story,
    told,
)
from tests.identity_world import Row, Source
from tests.integration.identity.notation import as_written, customers_of, latest

SEEDS = st.integers(0, 10**6)
LIMITS = {"user_id": 1, "loyalty_id": 2, "email": 4}


def after_each_batch(story: Story) -> list[Tables]:
    source, reference = Source(), Reference()
    tables = []
    for batch in story:
        for change in batch:
            change.happen(source)
        tables.append(reference.run(source))
    return tables


def partition(tables: Tables) -> set[frozenset[Identifier]]:
    return {
        frozenset(identifier for identifier, _ in members)
        for members in tables.customers().values()
    }


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[each.case for each in SCENARIOS])
def test_the_reference_tells_every_named_story(scenario: Scenario) -> None:
    found = after_each_batch([list(step.changes) for step in scenario.steps])

    assert [customers_of(tables) for tables in found] == [
        as_written(latest(scenario, run, "customers")) for run in range(4)
    ]


@given(seed=SEEDS)
def test_without_rules_customers_are_the_connected_components(seed: int) -> None:
    rows = told(shape_story(seed)).rows.values()

    assert partition(
        Reference().run(Source({row.key: row for row in rows}))
    ) == components(rows)


def components(rows: Iterable[Row]) -> set[frozenset[Identifier]]:
    """By spreading from each identifier to all that share a row with it."""
    records = [{("cookie", value) for _, value in row.identifiers} for row in rows]
    found = set()
    for start in records:
        reached = set(start)
        while grown := [
            record for record in records if record & reached and not record <= reached
        ]:
            reached |= set().union(*grown)
        found.add(frozenset(reached))
    return found


@given(seed=SEEDS)
def test_order_direction_and_repeats_of_rows_do_not_matter(seed: int) -> None:
    source = told(mixed_story(seed))
    rows = disturbed(source.rows.values(), seed)

    assert (
        Reference()
        .run(Source({row.key: row for row in rows}, source.rules))
        .customers()
        == Reference().run(source).customers()
    )


@given(seed=SEEDS)
def test_a_row_more_never_parts_whom_no_rule_parts(seed: int) -> None:
    source = told(shape_story(seed))
    before = partition(Reference().run(source))
    names = sorted(
        {value for row in source.rows.values() for _, value in row.identifiers}
    )
    left, right = random.Random(seed).choices(names, k=2)
    source.rows["more"] = Row("more", 0, (("cookie", left), ("other_cookie", right)))

    after = partition(Reference().run(source))

    assert all(any(customer <= grown for grown in after) for customer in before)


@given(seed=SEEDS)
def test_limits_hold_where_no_link_rule_fills_them(seed: int) -> None:
    tables = Reference().run(Source(told(mixed_story(seed)).rows))

    for members in tables.customers().values():
        counts = Counter(kind for (kind, _), is_shared in members if not is_shared)
        assert all(counts[kind] <= limit for kind, limit in LIMITS.items())


@given(seed=SEEDS)
def test_a_second_run_over_the_same_rows_changes_nothing(seed: int) -> None:
    source, reference = told(mixed_story(seed)), Reference()
    first = reference.run(source)

    assert reference.run(source) == first


@given(seed=SEEDS)
def test_batches_in_order_of_time_and_one_run_find_the_same_customers(
    seed: int,
) -> None:
    story = growing_story(seed)

    assert partition(after_each_batch(story)[-1]) == partition(
        Reference().run(told(story))
    )
