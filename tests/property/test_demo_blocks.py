"""Blocks of people: everybody in one, no household cut."""

from hypothesis import given
from hypothesis import strategies as st

from demo.world import WorldSpec

people_counts = st.integers(min_value=1, max_value=5_000_000)
block_sizes = st.integers(min_value=1, max_value=200_000)


@given(people=st.integers(1, 20_000), most=st.integers(1, 5_000))
def test_blocks_hold_everybody_once_in_order(people, most):
    blocks = list(WorldSpec(people=people).blocks(most))

    assert [first for first, _ in blocks[1:]] == [last + 1 for _, last in blocks[:-1]]
    assert blocks[0][0] == 1
    assert blocks[-1][1] == people


@given(people=people_counts, most=st.integers(10_000, 200_000))
def test_blocks_end_where_a_pattern_of_households_ends(people, most):
    blocks = list(WorldSpec(people=people).blocks(most))

    assert all(last % 12 == 0 for _, last in blocks[:-1])


@given(people=people_counts, most=st.integers(10_000, 200_000))
def test_blocks_are_hardly_larger_than_asked_for(people, most):
    blocks = list(WorldSpec(people=people).blocks(most))

    assert max(last - first + 1 for first, last in blocks) < most + 12
