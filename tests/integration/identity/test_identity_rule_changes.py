"""Rules that change in dbt_project.yml between two runs repair all history, and lifting them gives the old ids back.

Four runs: as it was, tighter, looser and in another order of strength, as it was. In a fifth, suspects are blocked.
Contradictory link rules stop a run.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.identity_reading import Reading, read
from tests.identity_reference import Reference, Tables
from tests.identity_scenarios import (
    Ruled,
    Scenario,
    Step,
    link,
    never_link,
    seen,
)
from tests.identity_stories import Story, mixed_story
from tests.identity_stories import told as happened
from tests.identity_world import TYPES, Source, World, types_with
from tests.integration.identity.notation import (
    as_written,
    customers_of,
    latest,
    merges_of,
    splits_of,
    suppressed_of,
)

TIGHTER = types_with(
    email={"limit": 2, "max_linked": {"user_id": 1}},
    phone={"limit": 1, "limit_days": 365},
    cookie={"merges": False},
)
LOOSER = tuple(
    reversed(
        types_with(
            user_id={"unique": False, "limit": 2},
            email={"limit": None, "max_linked": {}},
            device_id={"max_linked": {"user_id": 2}},
            phone={"limit_days": None},
            ip_hash={"merges": True},
        )
    )
)
TYPES_OF_RUNS: tuple[tuple[dict[str, Any], ...], ...] = (
    TYPES,
    TIGHTER,
    LOOSER,
    TYPES,
)
RUNS = range(len(TYPES_OF_RUNS))

SCENARIOS = (
    Scenario(
        "limit tightened and loosened",
        (
            Step(
                [seen(f"r{i}", i, f"user:a email:{i}") for i in range(1, 5)],
                ["user:a email:1 email:2 email:3 email:4"],
            ),
            # Two remain: those seen last.
            Step(
                customers=["user:a email:3 email:4", "email:1", "email:2"],
                splits=["user:a -> email:1: 1, limit", "user:a -> email:2: 1, limit"],
                suppressed=["user:a email:1: limit", "user:a email:2: limit"],
            ),
            Step(
                customers=["user:a email:1 email:2 email:3 email:4"],
                merges=[
                    "email:1 -> user:a: 1, record r1",
                    "email:2 -> user:a: 1, record r2",
                ],
                suppressed=[],
            ),
            Step(),
        ),
    ),
    Scenario(
        "device of two users",
        (
            Step(
                [
                    seen("r1", 1, "user:a device:d"),
                    seen("r2", 2, "user:b device:d"),
                    seen("r3", 3, "user:a device:d"),
                    seen("r4", 4, "user:b email:e"),
                ],
                ["user:a ~device:d", "user:b email:e"],
                suppressed=[
                    "user:a device:d: max_linked",
                    "user:b device:d: max_linked",
                ],
            ),
            Step(),
            # Two users may share a device, and be one customer.
            Step(
                customers=["user:a device:d user:b email:e"],
                merges=["user:b -> user:a: 2, record r2"],
                suppressed=[],
            ),
            # As it was, and each under the name of before.
            Step(
                customers=["user:a ~device:d", "user:b email:e"],
                splits=["user:a -> user:b: 2, max_linked"],
                suppressed=[
                    "user:a device:d: max_linked",
                    "user:b device:d: max_linked",
                ],
            ),
        ),
    ),
    Scenario(
        "cookies that may not merge",
        (
            Step(
                [
                    seen("r1", 1, "email:a cookie:k"),
                    seen("r2", 2, "email:b cookie:k"),
                    seen("r3", 3, "email:b cookie:k"),
                ],
                ["email:a cookie:k email:b"],
            ),
            Step(
                customers=["email:a", "email:b ~cookie:k"],
                splits=["email:a -> email:b: 1, attach_only"],
                suppressed=[
                    "email:a cookie:k: attach_only",
                    "email:b cookie:k: attach_only",
                ],
            ),
            Step(
                customers=["email:a cookie:k email:b"],
                merges=["email:b -> email:a: 1, record r2"],
                suppressed=[],
            ),
            Step(),
        ),
    ),
)


@dataclass(frozen=True, repr=False)
class Ruling:
    """What tables and reference said after each run; stories whose sources are whole from the start begin with still-."""

    runs: tuple[Reading, ...]
    blocking: Reading
    refreshed: Reading
    references: dict[str, list[Tables]]


def crowd() -> Source:
    """A mailbox of twelve users, a device with seven new ones on one day, a number that nobody has."""
    source = Source()
    for change in (
        *(seen(f"m{user}", user, f"user:{user} email:shop") for user in range(12)),
        *(
            seen(f"k{user}", 20 + user / 100, f"user:{user} device:kiosk")
            for user in range(7)
        ),
        seen("p1", 30, "user:0 phone:1234567"),
        seen("p2", 31, "user:0 cookie:own"),
    ):
        change.happen(source)
    return source


@pytest.fixture(scope="module")
def ruling(world: World) -> Ruling:
    stories: dict[str, Story] = {
        **{
            each.case: [list(step.changes) for step in each.steps] for each in SCENARIOS
        },
        **{f"mixed-{seed}": mixed_story(seed) for seed in range(1000, 1120)},
    }
    sources = {case: Source() for case in stories}
    still = {f"still-{seed}": happened(mixed_story(seed)) for seed in range(2000, 2080)}
    references = {case: Reference() for case in [*stories, *still]}
    said: dict[str, list[Tables]] = {case: [] for case in references}
    world.load(sources)
    world.run("--select", "identity_link_rules")
    readings = []
    for run, types in enumerate(TYPES_OF_RUNS):
        world.configure(types)
        for case, story in stories.items():
            for change in story[run]:
                change.happen(sources[case])
        for case, source in {**sources, **still}.items():
            references[case].types = types
            said[case].append(references[case].run(source))
        world.load({**sources, **still, "crowd": crowd()})
        world.run()
        readings.append(read(world))
    hygiene = {"shared_by": 10, "burst_per_day": 5, "block": True}
    world.configure(TYPES, identity_hygiene=hygiene)
    world.run()
    blocking = read(world, whole=True)
    world.run("--full-refresh")
    return Ruling(tuple(readings), blocking, read(world, whole=True), said)


every_story = pytest.mark.parametrize(
    "scenario", SCENARIOS, ids=[scenario.case for scenario in SCENARIOS]
)


@every_story
def test_customers_follow_the_rules_of_each_run(
    ruling: Ruling, scenario: Scenario
) -> None:
    found = [customers_of(reading[scenario.case]) for reading in ruling.runs]

    assert found == [as_written(latest(scenario, run, "customers")) for run in RUNS]


@every_story
def test_merges_and_splits_name_the_rule(ruling: Ruling, scenario: Scenario) -> None:
    found = [
        (merges_of(reading[scenario.case]), splits_of(reading[scenario.case]))
        for reading in ruling.runs
    ]

    assert found == [
        (sorted(step.merges), sorted(step.splits)) for step in scenario.steps
    ]


@every_story
def test_suppressed_edges_follow_the_rules_of_each_run(
    ruling: Ruling, scenario: Scenario
) -> None:
    found = [suppressed_of(reading[scenario.case]) for reading in ruling.runs]

    assert found == [set(latest(scenario, run, "suppressed")) for run in RUNS]


def test_random_stories_agree_with_the_reference_after_each_change_of_rules(
    ruling: Ruling,
) -> None:
    assert [
        (case, run)
        for case, said in ruling.references.items()
        for run, reading in enumerate(ruling.runs)
        if reading[case].customers() != said[run].customers()
        or reading[case].edges != said[run].edges
    ] == []


def test_rules_as_they_were_give_the_ids_that_were(ruling: Ruling) -> None:
    first, last = ruling.runs[0], ruling.runs[-1]
    changed = [
        (case, identifier, place, last[case].places[identifier])
        for case in ruling.references
        if case.startswith("still-")
        for identifier, place in first[case].places.items()
        if last[case].places[identifier] != place
    ]

    assert not changed


@pytest.mark.parametrize(
    "table",
    [
        "identity_map",
        "identity_clusters",
        "identity_edges",
        "identity_suppressed_edges",
    ],
)
def test_a_full_refresh_after_changes_of_rules_gives_the_same_table(
    ruling: Ruling, table: str
) -> None:
    assert ruling.refreshed.rows_without(
        table, ["changed_run"]
    ) == ruling.blocking.rows_without(table, ["changed_run"])


SUSPECTS = {
    ("email", "shop"): "shared",
    ("device_id", "kiosk"): "burst",
    ("phone", "1234567"): "placeholder_shape",
}


def test_suspects_are_listed_for_review(ruling: Ruling) -> None:
    tables = ruling.runs[-1]["crowd"]

    assert tables.review == {
        suspect: (finding, False) for suspect, finding in SUSPECTS.items()
    }
    assert tables.blocked == set()


def test_suspects_are_blocked_at_once_where_the_variable_says_so(
    ruling: Ruling,
) -> None:
    tables = ruling.blocking["crowd"]

    assert tables.review == {
        suspect: (finding, True) for suspect, finding in SUSPECTS.items()
    }
    assert tables.blocked == set(SUSPECTS)
    assert customers_of(tables) == as_written(
        ["user:0 cookie:own", *(f"user:{user}" for user in range(1, 12))]
    )


def test_contradictory_link_rules_stop_the_run_and_are_named(world: World) -> None:
    rules = [
        Ruled(link("email:a", "email:b")),
        Ruled(link("email:b", "email:c", by_command=True)),
        Ruled(never_link("email:a", "email:c")),
    ]
    source = Source()
    for change in [seen("r1", 1, "email:a"), *rules]:
        change.happen(source)
    world.empty()
    world.configure()
    world.load({"torn": source})
    world.run("--select", "identity_link_rules")
    world.load({"torn": source})

    is_done, message = world.dbt("run", "--select", "+int_identity__overrides")

    assert not is_done
    assert "contradict" in message
    for (rule_id,) in world.rows(
        "select rule_id from reference.link_rules union all "
        "select rule_id from identity.identity_link_rules"
    ):
        assert rule_id in message
