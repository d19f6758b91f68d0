"""The query of a path between two identifiers: right on DuckDB, and SQL for those it can run on."""

import pytest
import sqlglot

from tests.contract.conftest import CompilerError, MacroLibrary
from tests.identity_tables import TABLES
from warehouse.connection import open_warehouse
from warehouse.target import Target


@pytest.fixture
def graph(tmp_path):
    target = Target(name="test", engine="duckdb", path=tmp_path / "x.duckdb")
    with open_warehouse(target) as warehouse:
        warehouse.execute(TABLES)
        yield warehouse


def path_query(*arguments, engine="duckdb", **named):
    library = MacroLibrary(engine)
    library.environment.globals["ref"] = lambda model: f"identity.{model}"
    return str(library.identity_path(*arguments, **named))


def hops(graph, *arguments, **named):
    columns = (
        "hop, left_identifier_value, right_identifier_value, rule_name, source_model, "
        "record_key, record_count"
    )
    query = path_query(*arguments, **named)
    return graph.query(f"select {columns} from ({query}) order by hop, source_model")


def test_links_lead_from_the_left_to_the_right_with_their_records(graph):
    assert hops(graph, "email", "ada@x.example", "phone", "+31611111111") == [
        (1, "ada@x.example", "u1", "record", "stg_shop__customers", "s1", 1),
        (1, "ada@x.example", "u1", "record", "stg_shop__orders", "o1", 3),
        (2, "u1", "+31611111111", "record", "stg_crm__contacts", "n1", 1),
    ]


def test_link_rule_is_a_link(graph):
    graph.execute(
        "insert into identity.int_identity__overrides values ('link', 1, 3, 'r-1', true)"
    )

    assert hops(graph, "anonymous_id", "k1", "email", "ada@x.example") == [
        (1, "k1", "ada@x.example", "link", "link_rules", "r-1", 1)
    ]


def test_shared_identifier_may_be_an_end(graph):
    found = hops(graph, "device_id", "tablet", "email", "ada@x.example")

    assert [row[1:3] for row in found[:1]] == [("tablet", "u1")]


def test_two_customers_have_no_path(graph):
    assert hops(graph, "email", "ada@x.example", "user_id", "u2") == []


def test_step_takes_the_link_with_most_records(graph):
    graph.execute("""
        insert into identity.int_identity__records values
            (201, 'stg_x', 'x1', 9, null, null), (202, 'stg_x', 'x2', 2, null, null);
        insert into identity.int_identity__links values
            (201, 3, 1, true, true), (202, 4, 3, true, true)
    """)

    found = hops(graph, "email", "ada@x.example", "phone", "+31611111111")

    assert [row[2] for row in found] == ["k1", "+31611111111"]


def test_longer_path_than_allowed_is_not_looked_for(graph):
    assert hops(graph, "email", "ada@x.example", "anonymous_id", "k1", max_hops=1) == []


def test_value_with_a_quote_is_a_value(graph):
    assert hops(graph, "email", "o'neill@x.example", "user_id", "u1") == []


def test_no_hop_at_all_stops_the_compilation():
    with pytest.raises(CompilerError, match=r"max_hops is 0\. Give"):
        path_query("email", "a", "email", "b", max_hops=0)


@pytest.mark.parametrize("engine", ["duckdb", "postgres", "spark"])
def test_query_parses_in_the_engines_dialect(engine):
    query = path_query("email", "o'neill@x.example", "user_id", "u1", engine=engine)

    parsed = sqlglot.parse_one(query, dialect=engine)

    assert parsed.args["with_"].recursive
