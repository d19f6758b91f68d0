"""Why two identifiers are one customer, or what keeps them apart."""

from datetime import datetime

import pytest

from identity import explanation
from identity.errors import CustomerNotFoundError, NotBuiltError
from warehouse.connection import open_warehouse
from warehouse.target import Target


def explain(warehouse, left, right):
    return explanation.explain(warehouse, left, right, limits={"user_id": 1})


def steps(found):
    return [(str(hop.left.identifier), str(hop.right.identifier)) for hop in found.hops]


def test_hops_lead_from_one_to_the_other(graph):
    found = explain(graph, "Ada@X.example", "+31 6 11111111")

    assert found.is_one_customer
    assert found.left.customer_id == "c_ada"
    assert steps(found) == [
        ("email:ada@x.example", "user_id:u1"),
        ("user_id:u1", "phone:+31611111111"),
    ]


def test_hop_tells_every_record_behind_it_the_oldest_first(graph):
    (hop,) = explain(graph, "user_id:u1", "email:ada@x.example").hops

    assert [
        (each.rule_name, each.source_model, each.record_key, each.record_count)
        for each in hop.evidence
    ] == [
        ("record", "stg_shop__orders", "o1", 3),
        ("record", "stg_shop__customers", "s1", 1),
    ]
    assert hop.evidence[0].first_seen_at == datetime(2026, 1, 1)
    assert hop.evidence[0].last_seen_at == datetime(2026, 3, 1)
    assert hop.evidence[1].first_seen_at is None
    assert hop.is_merging


def test_link_rule_is_a_hop_too(graph):
    graph.execute(
        "insert into identity.int_identity__overrides values ('link', 1, 3, 'r-1', true)"
    )

    (hop,) = explain(graph, "ada@x.example", "k1").hops

    assert [(each.rule_name, each.record_key) for each in hop.evidence] == [
        ("link", "r-1")
    ]


def test_shared_identifier_is_reached_by_a_hop_that_merges_nobody(graph):
    found = explain(graph, "ada@x.example", "tablet")

    assert found.is_one_customer
    assert [hop.is_merging for hop in found.hops] == [True, False]


def test_shared_identifier_is_no_bridge_between_others(graph):
    graph.execute(
        "update identity.int_identity__links set node_id = 5 where node_id = 4"
    )

    assert explain(graph, "ada@x.example", "phone:+31611111111").hops == ()


def test_value_of_several_types_means_the_one_that_is_one_customer_with_the_other(
    graph,
):
    found = explain(graph, "u2", "grace@x.example")

    assert found.right.identifier.type == "email"


def test_type_before_the_value_chooses(graph):
    found = explain(graph, "u2", "email_canonical:grace@x.example")

    assert found.right.identifier.type == "email_canonical"


def test_customer_id_stands_for_the_identifier_that_it_is_named_after(graph):
    assert steps(explain(graph, "c_ada", "u1")) == [
        ("email:ada@x.example", "user_id:u1")
    ]


def test_two_customers_have_no_hops_but_what_stands_between_them(graph):
    found = explain(graph, "ada@x.example", "grace@x.example")

    assert not found.is_one_customer
    assert found.hops == ()
    assert len(found.separation.edges) == 1


def test_blocked_identifier_is_nobodys(graph):
    found = explain(graph, "info@x.example", "u1")

    assert not found.is_one_customer
    assert found.left.status == "blocked"
    assert found.left.customer_id is None


def test_unknown_identifier_is_told_without_repeating_it(graph):
    with pytest.raises(CustomerNotFoundError) as caught:
        explain(graph, "nobody@x.example", "u1")

    assert "nobody" not in str(caught.value)


def test_warehouse_without_a_graph_says_how_to_build_it(tmp_path):
    target = Target(name="test", engine="duckdb", path=tmp_path / "x.duckdb")
    with (
        open_warehouse(target) as warehouse,
        pytest.raises(NotBuiltError, match="is not there yet"),
    ):
        explain(warehouse, "a", "b")


def test_cluster_too_big_for_memory_gives_the_same_path(graph, monkeypatch):
    in_memory = explain(graph, "ada@x.example", "tablet")
    monkeypatch.setattr(explanation, "MEMORY_LIMIT", 2)

    assert explain(graph, "ada@x.example", "tablet") == in_memory


def test_big_cluster_is_searched_in_a_warehouse_open_for_reading(target, monkeypatch):
    monkeypatch.setattr(explanation, "MEMORY_LIMIT", 2)

    with open_warehouse(target, read_only=True) as warehouse:
        assert len(explain(warehouse, "k1", "+31611111111").hops) == 2


def test_big_cluster_without_a_path_ends_the_search(graph, monkeypatch):
    monkeypatch.setattr(explanation, "MEMORY_LIMIT", 2)
    graph.execute("update identity.int_identity__links set is_current = false")

    assert explain(graph, "k1", "+31611111111").hops == ()
