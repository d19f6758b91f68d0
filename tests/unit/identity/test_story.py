"""How one customer came about."""

import pytest

from identity.errors import CustomerNotFoundError
from identity.story import BorneId, tell_story


def joined(story):
    return [
        (str(member.identifier), str(member.joined_to), member.evidence.record_key)
        for member in story.members
        if member.evidence
    ]


def test_identifiers_stand_in_the_order_first_seen_with_how_they_joined(graph):
    story = tell_story(graph, "+31611111111")

    assert story.customer_id == "c_ada"
    assert [str(member.identifier) for member in story.members] == [
        "email:ada@x.example",
        "user_id:u1",
        "anonymous_id:k1",
        "phone:+31611111111",
        "device_id:tablet",
    ]
    assert joined(story) == [
        ("user_id:u1", "email:ada@x.example", "o1"),
        ("anonymous_id:k1", "user_id:u1", "p1"),
        ("phone:+31611111111", "user_id:u1", "n1"),
        ("device_id:tablet", "user_id:u1", "p9"),
    ]


def test_shared_identifier_is_marked(graph):
    story = tell_story(graph, "u1")

    assert [str(m.identifier) for m in story.members if m.is_shared] == [
        "device_id:tablet"
    ]


def test_identifier_that_a_rule_linked_says_so(graph):
    graph.execute("delete from identity.int_identity__links where node_id = 4")
    graph.execute(
        "insert into identity.int_identity__overrides values ('link', 1, 4, 'r-1', true)"
    )

    assert ("phone:+31611111111", "email:ada@x.example", "r-1") in joined(
        tell_story(graph, "u1")
    )


@pytest.mark.parametrize("typed", ["c_ada", "c_phone", " c_ada ", "tablet", "k1"])
def test_customer_is_found_by_every_id_it_ever_bore(graph, typed):
    assert tell_story(graph, typed).customer_id == "c_ada"


def test_ids_that_lead_here_are_told_its_own_first(graph):
    assert tell_story(graph, "u1").ids == (
        BorneId("c_ada", "active", 1, None),
        BorneId("c_phone", "merged", 1, 1),
    )


def test_merges_and_splits_of_all_its_ids_are_told(graph):
    (merge,) = tell_story(graph, "u1").changes
    (split,) = tell_story(graph, "u2").changes

    assert (merge.kind, merge.cause, merge.identifier_count) == (
        "merge",
        "new_edge",
        1,
    )
    assert [str(end) for end in merge.ends] == ["user_id:u1", "phone:+31611111111"]
    assert (merge.source_model, merge.record_key) == ("stg_crm__contacts", "n1")
    assert (split.kind, split.into_customer_id) == ("split", "c_other")


def test_name_outlives_the_identifier_it_came_from(graph):
    graph.execute(
        "update identity.int_identity__assignments set component_id = null, "
        "anchor_node_id = null where node_id = 1"
    )

    story = tell_story(graph, "u1")

    assert story.customer_id == "c_ada"
    assert ("anonymous_id:k1", "user_id:u1", "p1") in joined(story)


def test_customer_too_big_to_read_is_cut_short(graph, monkeypatch):
    monkeypatch.setattr("identity.story.IDENTIFIER_LIMIT", 2)

    story = tell_story(graph, "u1")

    assert (len(story.members), story.identifier_count) == (2, 5)
    assert joined(story) == []


def test_blocked_identifier_is_told_without_its_value(graph):
    with pytest.raises(CustomerNotFoundError, match="it is blocked") as caught:
        tell_story(graph, "info@x.example")

    assert "info@" not in str(caught.value)


def test_id_that_was_retired_leads_nowhere(graph):
    with pytest.raises(CustomerNotFoundError):
        tell_story(graph, "c_gone")
