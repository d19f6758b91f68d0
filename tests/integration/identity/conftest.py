"""One process that runs dbt on the identity stage, and one telling of all stories, for all tests of this folder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.identity_reading import Reading, read
from tests.identity_reference import Reference, Tables
from tests.identity_scenarios import SCENARIOS
from tests.identity_stories import (
    Story,
    crowded_story,
    disturbed,
    growing_story,
    late_story,
    mixed_story,
    shape_story,
)
from tests.identity_world import Source, World, open_world


@pytest.fixture(scope="session")
def opened_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("identity")) as world:
        yield world


@pytest.fixture(scope="module")
def world(opened_world: World) -> World:
    """A warehouse that dbt never saw, and the types of tests/identity_world.py."""
    opened_world.empty()
    opened_world.configure()
    return opened_world


@dataclass(frozen=True, repr=False)
class Told:
    """What the warehouse and the reference said, run by run, of all stories side by side.

    Attributes:
        stories: Scenarios and random stories, by case.
        sources: What the sources hold at the end.
        runs: After each of four runs.
        repeated: After a fifth, in which nothing had happened.
        refreshed: After a full refresh.
        fresh: After one run of a new warehouse over the same sources. There each case stands
            twice, the second time disturbed (see identity_stories) and with "-x" after its name.
        references: What the reference says after each run, and anew from nothing.
        complaints: Of the data tests of the identity models, after the four runs.
    """

    stories: Mapping[str, Story]
    sources: Mapping[str, Source]
    runs: tuple[Reading, ...]
    repeated: Reading
    refreshed: Reading
    fresh: Reading
    references: Mapping[str, tuple[Tables, ...]]
    complaints: str


@pytest.fixture(scope="session")
def told(opened_world: World) -> Told:
    stories: dict[str, Story] = {
        **{
            each.case: [list(step.changes) for step in each.steps] for each in SCENARIOS
        },
        **{f"mixed-{seed}": mixed_story(seed) for seed in range(250)},
        **{f"growing-{seed}": growing_story(seed) for seed in range(100)},
        **{f"late-{seed}": late_story(seed) for seed in range(60)},
        **{f"crowded-{seed}": crowded_story(seed) for seed in range(80)},
        **{f"shape-{seed}": shape_story(seed) for seed in range(150)},
    }
    sources = {case: Source() for case in stories}
    references = {case: Reference() for case in stories}
    said: dict[str, list[Tables]] = {case: [] for case in stories}
    world = opened_world
    world.empty()
    world.configure()
    world.load(sources)
    world.run("--select", "identity_link_rules")
    runs = []
    for number in range(4):
        for case, story in stories.items():
            for change in story[number]:
                change.happen(sources[case])
            said[case].append(references[case].run(sources[case]))
        world.load(sources)
        world.run()
        runs.append(read(world, whole=number == 3))
    _, complaints = world.dbt("test", "--select", "path:models/identity")
    world.run()
    repeated = read(world, whole=True)
    world.run("--full-refresh")
    refreshed = read(world, whole=True)
    for case, source in sources.items():
        said[case].append(Reference().run(source))
    world.empty()
    twice = dict(sources)
    for seed, (case, source) in enumerate(sources.items()):
        rows = {row.key: row for row in disturbed(source.rows.values(), seed)}
        twice[f"{case}-x"] = Source(rows, source.rules)
    world.load(twice)
    world.run("--select", "identity_link_rules")
    world.load(twice)
    world.run()
    return Told(
        stories,
        sources,
        tuple(runs),
        repeated,
        refreshed,
        read(world),
        {case: tuple(tables) for case, tables in said.items()},
        complaints,
    )
