"""Who parts and who joins between two states of the graph."""

from identity.comparison import (
    AudienceChange,
    Regrouping,
    Reshaping,
    audience_changes,
    splits_and_merges,
)


def test_customer_whose_identifiers_go_apart_is_a_split():
    rows = [Regrouping("c1", "c1", 3), Regrouping("c1", "c9", 2)]

    splits, merges = splits_and_merges(rows)

    assert splits == (Reshaping("c1", (("c1", 3), ("c9", 2))),)
    assert merges == ()


def test_customer_made_of_several_is_a_merge():
    rows = [Regrouping("c1", "c1", 1), Regrouping("c2", "c1", 4)]

    splits, merges = splits_and_merges(rows)

    assert splits == ()
    assert merges == (Reshaping("c1", (("c2", 4), ("c1", 1))),)
    assert merges[0].identifier_count == 5


def test_new_name_alone_is_neither():
    assert splits_and_merges([Regrouping("c1", "c2", 3)]) == ((), ())


def test_biggest_come_first():
    rows = [
        Regrouping("c1", "c1", 1),
        Regrouping("c1", "c3", 1),
        Regrouping("c2", "c2", 9),
        Regrouping("c2", "c4", 1),
    ]

    splits, _ = splits_and_merges(rows)

    assert [each.customer_id for each in splits] == ["c2", "c1"]


def test_audience_counts_who_enters_and_who_leaves():
    changes = audience_changes({"lapsed": 10, "old": 2}, {"lapsed": 9}, {"lapsed": 7})

    assert changes == (
        AudienceChange("lapsed", before=10, after=9, entered=2, left=3),
        AudienceChange("old", before=2, after=0, entered=0, left=2),
    )
