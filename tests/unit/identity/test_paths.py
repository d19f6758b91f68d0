"""Shortest paths over links."""

from identity.paths import Link, neighbours, shortest_path


def path(links, start, end):
    return shortest_path(neighbours(links), start, end)


def test_path_has_the_fewest_links():
    links = [Link(1, 2, 1), Link(2, 3, 1), Link(3, 4, 1), Link(1, 4, 1)]

    assert path(links, 1, 3) == (1, 2, 3)
    assert path(links, 1, 4) == (1, 4)


def test_of_equally_short_paths_the_one_with_more_records_is_taken():
    links = [Link(1, 2, 1), Link(2, 9, 5), Link(1, 3, 4), Link(3, 9, 1)]

    assert path(links, 1, 9) == (1, 3, 9)


def test_of_equally_good_paths_the_older_identifiers_are_taken():
    links = [Link(1, 5, 2), Link(5, 9, 2), Link(9, 4, 2), Link(4, 1, 2)]

    assert path(links, 1, 9) == (1, 4, 9)


def test_records_of_repeated_links_are_added_up():
    links = [Link(1, 2, 3), Link(2, 9, 1), Link(1, 3, 2), Link(3, 1, 2), Link(3, 9, 1)]

    assert path(links, 1, 9) == (1, 3, 9)


def test_same_links_in_another_order_give_the_same_path():
    links = [Link(1, 2, 1), Link(2, 9, 1), Link(1, 3, 1), Link(9, 3, 1)]

    assert path(links, 1, 9) == path(list(reversed(links)), 1, 9)


def test_identifier_is_its_own_path():
    assert path([Link(1, 2, 1)], 1, 1) == (1,)


def test_no_path_between_two_clusters():
    assert path([Link(1, 2, 1), Link(3, 4, 1)], 1, 4) is None
    assert path([Link(1, 2, 1)], 1, 7) is None


def test_long_chain_is_walked_to_its_end():
    links = [Link(node, node + 1, 1) for node in range(50_000)]

    assert len(path(links, 0, 50_000)) == 50_001


def test_link_of_an_identifier_to_itself_leads_nowhere():
    assert neighbours([Link(1, 1, 5)]) == {}
