"""A run that breaks off, wherever it does, leaves tables that can be read, and the next run ends as if nothing had been.

The stories are those of conftest.told, told in the same four batches; but runs are killed, or run only some of
the models, before each run that gets to its end.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.identity_reading import CaseTables, Reading, read
from tests.identity_reference import Identifier
from tests.identity_scenarios import gone, seen
from tests.identity_world import Source, World
from tests.integration.identity.conftest import Told

REFRESH_BROKE_OFF = "A full refresh of the identity stage broke off"


@dataclass(frozen=True)
class Disturbance:
    """A run that comes before the one that gets to its end.

    Attributes:
        kill_at: The run is killed as it sends its n-th statement, of some six hundred.
    """

    arguments: tuple[str, ...] = ()
    kill_at: int | None = None

    def disturb(self, world: World) -> None:
        if self.arguments:
            is_done, message = world.dbt(*self.arguments, kill_at=self.kill_at)
            assert is_done if self.kill_at is None else message == "killed", message

    def recover(self, world: World) -> None:
        """The next run."""
        world.run()


class BrokenRefresh(Disturbance):
    """A full refresh that is killed. It has to be finished before another run may begin."""

    def recover(self, world: World) -> None:
        is_done, message = world.dbt("run")
        assert not is_done
        assert REFRESH_BROKE_OFF in message
        world.run("--full-refresh")


UNDISTURBED = Disturbance()


def killed_at(statement: int) -> Disturbance:
    return Disturbance(("run",), statement)


def refresh_killed_at(statement: int) -> Disturbance:
    return BrokenRefresh(("run", "--full-refresh"), statement)


def only(*models: str) -> Disturbance:
    """A run of some of the models, as somebody may do by hand."""
    return Disturbance(("run", "--select", *models))


def random_kills(seed: int) -> list[Disturbance]:
    chance = random.Random(seed)
    last = chance.choice([killed_at, killed_at, refresh_killed_at])
    return [killed_at(chance.randrange(30, 400)) for _ in range(3)] + [
        last(chance.randrange(130, 600))
    ]


@pytest.mark.parametrize(
    "disturbances",
    [
        [
            UNDISTURBED,
            only(
                "int_identity__records", "int_identity__registry", "int_identity__links"
            ),
            killed_at(250),
            killed_at(520),
        ],
        pytest.param(
            [
                killed_at(310),
                only("stg_test__rows+1"),
                only("+int_identity__components"),
                only("identity_map", "int_identity__records", "identity_stats"),
            ],
            marks=pytest.mark.sweep,
        ),
        pytest.param(
            [
                UNDISTURBED,
                refresh_killed_at(150),
                refresh_killed_at(300),
                refresh_killed_at(550),
            ],
            marks=pytest.mark.sweep,
        ),
        *(
            pytest.param(random_kills(seed), marks=pytest.mark.sweep)
            for seed in range(12)
        ),
    ],
)
def test_after_a_broken_run_the_next_ends_as_if_nothing_had_been(
    world: World, told: Told, disturbances: Sequence[Disturbance]
) -> None:
    sources = {case: Source() for case in told.stories}
    world.empty()
    world.load(sources)
    world.run("--select", "identity_link_rules")
    for number, disturbance in enumerate(disturbances):
        for case, story in told.stories.items():
            for change in story[number]:
                change.happen(sources[case])
        world.load(sources)
        disturbance.disturb(world)
        assert_readable(world)
        disturbance.recover(world)
        found = read(world, whole=number == 3)
        assert_same(found, told.runs[number])

    # a full refresh no longer knows which link was new, or what went
    if not any(isinstance(each, BrokenRefresh) for each in disturbances):
        assert changes_of(found) == changes_of(told.runs[-1])
    assert names_borne(found) == names_borne(told.runs[-1])


def test_a_full_refresh_that_broke_off_has_to_be_finished(world: World) -> None:
    """It forgets what is gone in some tables and not in others: an erased person would stay for good."""
    source = Source()
    seen("r1", 1, "email:a cookie:b").happen(source)
    world.empty()
    world.load({"erased": source})
    world.run()
    gone("r1").happen(source)
    world.load({"erased": source})
    world.dbt("run", "--full-refresh", kill_at=150)
    left_behind = world.tables()

    is_done, message = world.dbt("run")

    assert not is_done
    assert REFRESH_BROKE_OFF in message
    assert world.tables() == left_behind


def assert_readable(world: World) -> None:
    """Every table there is can be read, and none that the world outside sees holds a key twice."""
    tables = world.tables()
    columns = world.columns()
    for name, keys in {"identity_map": 2, "identity_clusters": 1}.items():
        assert all(
            count == 1
            for count in Counter(row[:keys] for row in tables.get(name, [])).values()
        )
    assert all(columns.values())


def assert_same(found: Reading, undisturbed: Reading) -> None:
    wrong = [
        (case, attribute)
        for case in undisturbed.cases
        for attribute in (
            "places",
            "row_counts",
            "edges",
            "suppressed",
            "blocked",
            "clusters",
            "ids",
        )
        if getattr(found[case], attribute) != getattr(undisturbed[case], attribute)
    ]

    assert not wrong


def changes_of(reading: Reading) -> dict[str, list[tuple[object, ...]]]:
    """All merges and splits ever logged, without the runs that they were logged in."""
    return {
        table: reading.rows_without(table, ["run_id", "merged_at", "split_at"])
        for table in ("identity_merges", "identity_splits")
    }


def names_borne(
    reading: Reading,
) -> dict[str, dict[Identifier, list[tuple[Identifier, bool]]]]:
    """For each identifier of each case, the customers that it belonged to, in order."""
    return {case: _names_borne(tables) for case, tables in reading.cases.items()}


def _names_borne(tables: CaseTables) -> dict[Identifier, list[tuple[Identifier, bool]]]:
    borne: dict[Identifier, list[tuple[Identifier, bool]]] = {}
    for identifier, anchor, is_shared, *_ in sorted(
        tables.history, key=lambda period: period[3]
    ):
        borne.setdefault(identifier, []).append((anchor, is_shared))
    return borne
