"""Links and identifiers whose removal splits a cluster."""

from identity.bridges import Cut, weakest_cuts
from identity.paths import Link

# Two triangles, 1 2 3 and 4 5 6.
TRIANGLES = [
    *(Link(left, right, 10) for left, right in ((1, 2), (2, 3), (1, 3))),
    *(Link(left, right, 10) for left, right in ((4, 5), (5, 6), (4, 6))),
]


def test_link_between_two_groups_is_the_weakest_spot():
    best, *rest = weakest_cuts([*TRIANGLES, Link(3, 4, 1)], limit=5)

    assert best == Cut(nodes=(3, 4), parts=(3, 3), record_count=1)
    assert best.score == 1.0
    assert [cut.nodes for cut in rest] == [(3,), (4,)]


def test_identifier_between_two_groups_is_a_weak_spot():
    links = [*TRIANGLES, Link(7, 1, 2), Link(7, 2, 2), Link(7, 4, 1), Link(5, 7, 1)]

    cuts = weakest_cuts(links, limit=5)

    assert cuts == (Cut(nodes=(7,), parts=(3, 3), record_count=2),)
    assert cuts[0].score == 0.5


def test_records_that_hold_the_smaller_part_are_counted():
    links = [*TRIANGLES, Link(7, 8, 4), Link(7, 1, 3), Link(8, 1, 2), Link(1, 4, 6)]

    found = {cut.nodes: cut for cut in weakest_cuts(links, limit=5)}

    assert found[1,] == Cut(nodes=(1,), parts=(3, 2, 2), record_count=5 + 20)
    assert found[1, 4] == Cut(nodes=(1, 4), parts=(5, 3), record_count=6)


def test_parts_of_equal_size_keep_the_one_that_more_records_hold():
    links = [Link(1, 2, 5), Link(2, 3, 5), Link(1, 4, 2), Link(4, 5, 2)]

    found = {cut.nodes: cut for cut in weakest_cuts(links, limit=5)}

    assert found[1,] == Cut(nodes=(1,), parts=(2, 2), record_count=2)


def test_single_identifiers_that_hang_on_one_are_no_parts():
    star = [Link(1, leaf, 1) for leaf in range(2, 9)]

    assert weakest_cuts(star, limit=5) == ()


def test_ring_has_no_weak_spot():
    assert weakest_cuts(TRIANGLES[:3], limit=5) == ()


def test_two_records_between_two_identifiers_are_one_link():
    links = [*TRIANGLES, Link(3, 4, 1), Link(4, 3, 2)]

    best = weakest_cuts(links, limit=1)[0]

    assert (best.nodes, best.record_count) == ((3, 4), 3)


def test_balanced_cut_comes_before_a_lopsided_one():
    chain = [Link(node, node + 1, 1) for node in range(1, 8)]

    assert weakest_cuts(chain, limit=1)[0].nodes == (4, 5)


def test_chain_as_long_as_you_like_needs_no_stack():
    chain = [Link(node, node + 1, 1) for node in range(20_000)]

    assert weakest_cuts(chain, limit=1)[0].parts == (10_000, 10_000)


def test_no_links_no_cuts():
    assert weakest_cuts([], limit=5) == ()
