"""What an audit of the graph points at."""

from identity.audit import TypeLine, audit


def add_clusters(graph, *rows):
    for name, size, trust in rows:
        graph.execute(
            "insert into identity.identity_clusters values "
            f"('{name}', {size}, '', 3, false, {trust})"
        )


def test_superclusters_come_first_then_the_biggest_and_the_least_trusted(graph):
    add_clusters(graph, ("c_big", 150, 0.9), ("c_doubtful", 9, 0.3), ("c_fine", 8, 1.0))

    found = audit(graph, limit=3)

    assert found.supercluster_count == 1
    assert [each.customer_id for each in found.suspects] == [
        "c_ada",
        "c_big",
        "c_doubtful",
    ]


def test_customer_too_small_to_be_two_is_no_suspect(graph):
    add_clusters(graph, ("c_small", 3, 0.1))

    assert [each.customer_id for each in audit(graph, limit=9).suspects] == ["c_ada"]


def test_weak_spot_names_what_holds_two_groups_together(graph):
    graph.execute("""
        insert into identity.int_identity__registry values
            (20, 'user_id', 'u9', 'c_u9'), (21, 'phone', '+4791234567', 'c_21');
        insert into identity.int_identity__assignments values
            (20, 1, 1, false), (21, 1, 1, false);
        insert into identity.int_identity__records values
            (120, 'stg_shop__orders', 'o9', 1, null, null);
        insert into identity.int_identity__links values
            (120, 20, 3, true, true), (120, 20, 21, true, true);
    """)

    suspect = audit(graph, limit=1).suspects[0]

    spots = [
        (
            [str(each) for each in spot.identifiers],
            spot.cut.parts,
            spot.cut.record_count,
        )
        for spot in suspect.weak_spots
    ]
    assert spots == [
        (["anonymous_id:k1"], (3, 2), 1),
        (["anonymous_id:k1", "user_id:u9"], (4, 2), 1),
        (["user_id:u1", "anonymous_id:k1"], (3, 3), 10),
    ]


def test_customer_with_too_many_links_is_named_and_not_searched(graph, monkeypatch):
    monkeypatch.setattr("identity.audit.LINK_LIMIT", 2)

    (suspect,) = audit(graph, limit=1).suspects

    assert (suspect.is_searched, suspect.weak_spots) == (False, ())


def test_type_whose_values_several_customers_share_is_told(graph):
    assert audit(graph, limit=1).types == (
        TypeLine(
            type="device_id",
            value_count=1,
            shared_count=1,
            customers_per_value=2.0,
            most_customers=2,
        ),
    )


def test_values_to_review_are_counted_without_those_blocked_already(graph):
    assert audit(graph, limit=1).findings == {("device_id", "shared"): 1}


def test_graph_without_suspects_gives_none(graph):
    graph.execute("delete from identity.identity_clusters")

    found = audit(graph, limit=5)

    assert (found.supercluster_count, found.suspects) == (0, ())
