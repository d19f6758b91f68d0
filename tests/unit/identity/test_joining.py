"""How identifiers came together, in the order of time."""

from datetime import datetime

from identity.joining import DatedLink, joining_links

JANUARY, MARCH, MAY = (datetime(2026, month, 1) for month in (1, 3, 5))


def test_earliest_link_that_joins_is_the_one_that_counts():
    early, late = DatedLink(1, 2, JANUARY, 1), DatedLink(1, 2, MAY, 9)

    assert joining_links([late, early], 1) == {2: early}


def test_link_that_only_confirms_joins_nobody():
    links = [DatedLink(1, 2, JANUARY, 1), DatedLink(2, 3, MARCH, 1)]

    joined = joining_links([*links, DatedLink(1, 3, MAY, 1)], 1)

    assert joined == {2: links[0], 3: links[1]}


def test_group_that_was_there_before_joins_by_the_link_that_met_it():
    pair = DatedLink(8, 9, JANUARY, 1)
    meeting = DatedLink(9, 1, MAY, 1)

    assert joining_links([pair, meeting], 1) == {9: meeting, 8: pair}


def test_of_links_at_one_instant_the_one_with_more_records_comes_first():
    weak, strong = DatedLink(1, 3, MARCH, 1), DatedLink(2, 3, MARCH, 7)

    joined = joining_links([DatedLink(1, 2, JANUARY, 1), weak, strong], 1)

    assert joined[3] == strong


def test_link_without_a_time_comes_last():
    known, unknown = DatedLink(1, 2, MAY, 1), DatedLink(1, 2, None, 5)

    assert joining_links([unknown, known], 1) == {2: known}


def test_what_nothing_ties_to_the_anchor_is_left_out():
    assert joining_links([DatedLink(3, 4, JANUARY, 1)], 1) == {}
