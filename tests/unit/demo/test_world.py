"""Which worlds can be asked for, and into which blocks they are cut."""

from datetime import UTC, datetime

import pytest

from demo.errors import WorldError
from demo.world import WorldSpec


def test_world_begins_three_years_before_its_last_day():
    spec = WorldSpec(as_of=datetime(2026, 6, 30))

    assert spec.started_at == datetime(2023, 7, 1)


@pytest.mark.parametrize("people", [0, -5, 5_000_001])
def test_world_refuses_a_number_of_people_out_of_range(people):
    with pytest.raises(
        WorldError, match=f"A world of {people} people .* 1 to 5,000,000"
    ):
        WorldSpec(people=people)


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_world_refuses_a_seed_out_of_range(seed):
    with pytest.raises(WorldError, match=f"The seed {seed} cannot be used"):
        WorldSpec(seed=seed)


def test_world_refuses_a_last_day_with_a_time_zone():
    with pytest.raises(WorldError, match="has a time zone"):
        WorldSpec(as_of=datetime(2026, 6, 30, tzinfo=UTC))


def test_blocks_of_a_small_world_are_one():
    assert list(WorldSpec(people=5_000).blocks(36_000)) == [(1, 5_000)]


def test_blocks_are_about_equal_and_end_with_a_household():
    assert list(WorldSpec(people=100).blocks(40)) == [(1, 36), (37, 72), (73, 100)]


def test_blocks_smaller_than_a_pattern_of_households_hold_one_pattern():
    assert list(WorldSpec(people=30).blocks(5)) == [(1, 12), (13, 24), (25, 30)]
