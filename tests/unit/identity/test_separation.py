"""What keeps two customers two."""

import pytest

from identity.lookup import find_nodes
from identity.separation import Rule, broken_limit, find_separation, type_limits

LIMITS = {"user_id": 1, "email": 20}


def between(graph, left, right):
    [[one, *_], [other, *_]] = find_nodes(graph, left, right)
    return find_separation(graph, one, other, limits=LIMITS)


def edges(separation):
    return [(str(edge.left), str(edge.right)) for edge in separation.edges]


def test_record_that_names_a_shared_identifier_of_the_other_is_told(graph):
    found = between(graph, "ada@x.example", "grace@x.example")

    assert edges(found) == [("user_id:u2", "device_id:tablet")]
    assert found.edges[0].rule == Rule("max_linked", "user_id", 1, 2)
    assert [each.record_key for each in found.edges[0].evidence] == ["p10"]


def test_shared_identifier_of_a_third_is_where_both_meet(graph):
    graph.execute(
        "update identity.int_identity__assignments set component_id = 99, "
        "anchor_node_id = 5 where node_id = 5"
    )

    assert edges(between(graph, "u1", "u2")) == [
        ("user_id:u1", "device_id:tablet"),
        ("user_id:u2", "device_id:tablet"),
    ]


def test_identifier_that_merges_with_a_third_is_no_meeting_place(graph):
    graph.execute(
        "update identity.int_identity__assignments set component_id = 99, "
        "anchor_node_id = 5, is_shared = false where node_id = 5"
    )

    assert edges(between(graph, "u1", "u2")) == []


def test_link_that_a_limit_drops_names_the_limit(graph):
    graph.execute(
        "insert into identity.int_identity__links values (103, 2, 7, true, true)"
    )

    found = between(graph, "u1", "u2")

    assert found.edges[0].rule == Rule("limit", "user_id", 1, 2)
    assert edges(found)[0] == ("user_id:u1", "email:grace@x.example")


def test_identifier_that_was_demoted_says_by_which_rule(graph):
    graph.execute("update identity.int_identity__nodes set status = 'active'")
    graph.execute(
        "insert into identity.int_identity__repairs values (5, true, 'limit', 'email', 3, 4)"
    )

    found = between(graph, "u1", "u2")

    assert found.edges[0].rule == Rule("limit", "email", 3, 4)


def test_type_that_only_attaches_says_so(graph):
    graph.execute(
        "update identity.int_identity__nodes set status = 'attached' where node_id = 5"
    )

    assert between(graph, "u1", "u2").edges[0].rule == Rule("attach_only")


def test_never_link_rule_between_the_two_customers_is_named(graph):
    graph.execute("""
        insert into identity.int_identity__overrides values
            ('never_link', 4, 7, 'r-7', true), ('never_link', 4, 8, 'r-8', true),
            ('never_link', 1, 6, 'r-9', false), ('link', 1, 6, 'r-10', true),
            ('never_link', 1, 2, 'r-11', true);
        insert into identity.int_identity__links values (103, 2, 7, true, true)
    """)

    found = between(graph, "u2", "ada@x.example")

    assert found.never_links == ("r-7",)
    assert found.edges[0].rule == Rule("never_link")


def test_link_of_another_time_counts_no_more(graph):
    graph.execute("update identity.int_identity__links set is_current = false")

    assert edges(between(graph, "u1", "u2")) == []


def test_nobodys_identifier_has_nothing_between(graph):
    found = between(graph, "info@x.example", "u1")

    assert (found.edges, found.never_links) == ((), ())


@pytest.mark.parametrize(
    ("counts", "rule"),
    [
        ([{"user_id": 1}, {"user_id": 1}], Rule("limit", "user_id", 1, 2)),
        ([{"user_id": 1, "email": 15}, {"email": 6}], Rule("limit", "email", 20, 21)),
        ([{"user_id": 1}, {"phone": 90}], Rule("limit")),
    ],
)
def test_strongest_limit_that_would_break_is_named(counts, rule):
    assert broken_limit(counts, LIMITS) == rule


def test_limits_are_read_from_the_variables():
    variables = {
        "identifier_types": [
            {"type": "user_id", "unique": True},
            {"type": "email", "limit": 20},
            {"type": "phone"},
        ]
    }

    assert type_limits(variables) == {"user_id": 1, "email": 20}
    assert type_limits({}) == {}
