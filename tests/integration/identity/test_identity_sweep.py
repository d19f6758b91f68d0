"""More random stories than there is time for in every run, and longer ones: the SQL against the reference.

An example is a batch of 480 stories of six increments, told side by side, then a full refresh.
"""

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.identity_reading import read
from tests.identity_reference import Reference
from tests.identity_stories import (
    Story,
    crowded_story,
    growing_story,
    late_story,
    mixed_story,
    written,
)
from tests.identity_world import Source, World

BATCHES = 7


def stories_of(seed: int) -> dict[str, Story]:
    return {
        f"{name}-{number}": make(number, batches=BATCHES)
        for name, make in (
            ("mixed", mixed_story),
            ("growing", growing_story),
            ("late", late_story),
            ("crowded", crowded_story),
        )
        for number in range(seed * 100, seed * 100 + 120)
    }


@pytest.mark.sweep
@given(seed=st.integers(10**3, 10**6))
@example(seed=42)
@settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_longer_random_stories_agree_with_the_reference(
    world: World, seed: int
) -> None:
    stories = stories_of(seed)
    sources = {case: Source() for case in stories}
    references = {case: Reference() for case in stories}
    world.empty()
    world.configure()
    world.load(sources)
    world.run("--select", "identity_link_rules")
    for run in range(BATCHES):
        for case, story in stories.items():
            for change in story[run]:
                change.happen(sources[case])
        world.load(sources)
        world.run()
        found = read(world)
        for case, source in sources.items():
            said = references[case].run(source)
            differs = f"{case}, run {run + 1}\n{written(stories[case])}"
            assert found[case].customers() == said.customers(), differs
            assert found[case].edges == said.edges, differs
            assert found[case].blocked == said.blocked, differs
    world.run("--full-refresh")
    refreshed = read(world)

    assert {case for case in stories if refreshed[case] != found[case]} == set()
