"""Rules tried on a copy: what is copied, what is added, and what is compared."""

from datetime import datetime

import pytest

from identity.comparison import AudienceChange
from identity.errors import NotBuiltError
from identity.proposal import parse_proposal
from identity.sample import copy_sample, identifier_sources
from identity.sandbox import (
    add_rows,
    compare,
    last_instant,
    remember,
    waiting_rules,
)
from warehouse.connection import open_warehouse
from warehouse.target import Target
from warehouse.values import Relation

MEMBERSHIPS = """
create schema if not exists audiences;
create or replace table audiences.audience_memberships as
select * from (values {rows}) as t (audience_name, member_id, exited_at)
"""


def test_last_build_says_what_it_took_for_now(graph):
    assert last_instant(graph) == datetime(2026, 6, 30, 12)


def test_moved_identifiers_splits_and_merges_are_counted(graph):
    remember(graph)
    graph.execute("""
        update identity.identity_map set customer_id = 'c_k1' where identifier_value = 'k1';
        update identity.identity_map set customer_id = 'c_ada'
        where identifier_value in ('u2', 'grace@x.example');
        delete from identity.identity_map where identifier_type = 'phone';
        insert into identity.identity_map values ('email', 'new@x.example', 'c_new', false);
    """)

    found = compare(graph, with_audiences=False)

    assert (found.before.customer_count, found.after.customer_count) == (2, 3)
    assert (found.before.identifier_count, found.after.identifier_count) == (8, 8)
    assert found.moved_count == 4
    assert found.gone_count == 1
    assert found.new_count == 1
    assert [(each.customer_id, each.parts) for each in found.splits] == [
        ("c_ada", (("c_ada", 2), ("c_k1", 1)))
    ]
    assert [(each.customer_id, each.parts) for each in found.merges] == [
        ("c_ada", (("c_grace", 3), ("c_ada", 2)))
    ]
    assert found.before.biggest == (("c_ada", 5), ("c_grace", 3))
    assert found.audiences is None


def test_shared_identifier_that_changes_hands_parts_nobody(graph):
    remember(graph)
    graph.execute(
        "update identity.identity_map set customer_id = 'c_grace' where is_shared"
    )

    found = compare(graph, with_audiences=False)

    assert (found.splits, found.merges, found.moved_count) == ((), (), 1)


def test_members_that_enter_and_leave_are_counted(graph):
    graph.execute(
        MEMBERSHIPS.format(
            rows="('lapsed', 'c_ada', null), ('lapsed', 'c_grace', null), "
            "('lapsed', 'c_hedy', timestamp '2026-06-01')"
        )
    )
    remember(graph)
    graph.execute(
        MEMBERSHIPS.format(
            rows="('lapsed', 'c_ada', null), ('new', 'c_ada', null), "
            "('lapsed', 'c_grace', timestamp '2026-06-30'), "
            "('lapsed', 'c_hedy', timestamp '2026-06-01')"
        )
    )

    assert compare(graph, with_audiences=True).audiences == (
        AudienceChange("lapsed", before=2, after=1, entered=0, left=1),
        AudienceChange("new", before=0, after=1, entered=1, left=0),
    )


def test_rules_that_no_build_has_applied_are_named(graph):
    graph.execute("""
        insert into identity.identity_link_rules (rule_id) values ('r-1'), ('r-2');
        insert into identity.int_identity__overrides values ('link', 1, 2, 'r-1', true)
    """)

    assert waiting_rules(graph) == ("r-2",)


def test_proposed_rows_stand_beside_the_known_ones(graph):
    add_rows(
        graph,
        parse_proposal(
            """
blocked: [{identifier_type: email, value: a@x.example}]
link_rules: [{action: link, left: "email:ada@x.example", right: "user_id:u2"}]
""",
            where="f",
        ),
    )

    assert graph.query(
        "select value from reference.blocked_identifiers order by 1"
    ) == [
        ("a@x.example",),
        ("info@x.example",),
    ]
    assert graph.query(
        "select rule_id, left_type, right_value from identity.identity_link_rules"
    ) == [("proposed-1", "email", "u2")]


ORDERS = Relation("staging", "stg_shop__orders")
VARIABLES = {
    "identifier_sources": [
        {
            "model": "stg_shop__orders",
            "identifiers": {"buyer": "user_id", "mail": "email"},
        },
        {"model": "stg_shop__orders", "identifiers": ["device_id"]},
    ]
}


@pytest.fixture
def empty(tmp_path):
    target = Target(name="test", engine="duckdb", path=tmp_path / "copy" / "x.duckdb")
    with open_warehouse(target) as warehouse:
        yield warehouse


@pytest.fixture
def original(target):
    with open_warehouse(target) as warehouse:
        warehouse.execute("""
            create schema staging;
            create table staging.stg_shop__orders as
            select * from (values
                (1, 'u1', 'ada@x.example', null), (2, 'u2', null, 'tablet'),
                (3, 'u3', 'other@x.example', null), (4, 'tablet', null, null)
            ) as t (order_id, buyer, mail, device_id)
        """)
        warehouse.execute("""
            insert into identity.int_identity__registry values (30, 'user_id', 'u3', 'c_u3');
            insert into identity.int_identity__assignments values (30, 30, 30, false)
        """)
    return target.path


def test_sources_of_one_model_are_read_together():
    [source] = identifier_sources(VARIABLES, {"stg_shop__orders": ORDERS})

    assert source.relation == ORDERS
    assert source.columns == {
        "buyer": "user_id",
        "mail": "email",
        "device_id": "device_id",
    }


@pytest.mark.parametrize(
    ("chosen", "orders"),
    [(1, [1, 2]), (6, [1, 2]), (30, [3])],
    ids=["ada", "grace", "somebody alone"],
)
def test_sample_takes_along_whom_a_shared_identifier_ties(
    empty, original, target, chosen, orders
):
    with open_warehouse(target) as warehouse:
        warehouse.execute(
            "update identity.int_identity__assignments set is_shared = true "
            f"where component_id <> {chosen}"
        )

    copy_sample(
        empty,
        original,
        identifier_sources(VARIABLES, {"stg_shop__orders": ORDERS}),
        size=1,
    )

    assert empty.query(
        "select order_id from staging.stg_shop__orders order by order_id"
    ) == [(order,) for order in orders]


def test_sample_has_the_seeds_and_the_rules(empty, original):
    copy_sample(empty, original, [], size=1)

    assert empty.tables() == {
        ("identity", "identity_link_rules"),
        ("reference", "blocked_identifiers"),
        ("reference", "link_rules"),
    }


def test_sample_of_a_warehouse_without_a_graph_is_refused(empty, tmp_path):
    bare = Target(name="test", engine="duckdb", path=tmp_path / "bare.duckdb")
    with open_warehouse(bare):
        pass

    with pytest.raises(NotBuiltError, match="is not there yet"):
        copy_sample(empty, bare.path, [], size=1)
