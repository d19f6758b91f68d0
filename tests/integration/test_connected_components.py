"""The kernel solve_components against a union-find reference.

A scratch dbt project holds the kernel, one materialization that does nothing else, and one model. Hundreds of
graphs are laid side by side in one edge table (their node ids do not overlap), so that one dbt run checks all of
them. Not here: what the materialization connected_components adds, and what the identity graph is made of.
"""

import random
import subprocess
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

REPO = Path(__file__).parents[2]
Edge = tuple[int, int]
SOLVED = """
{% materialization solved, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set solved = solve_components('all', sql) -%}
    {{ drop_relation_if_exists(load_cached_relation(this)) }}
    {% call statement('main') -%}
        {{ create_table_as(False, target_relation, 'select node_id, component_id from ' ~ solved) }}
    {%- endcall %}
    {%- set scratch = run_query("select table_name from duckdb_tables() where temporary") -%}
    {%- if scratch.columns[0].values() | list != [solved | replace('"', '')] -%}
        {{ exceptions.raise_compiler_error('scratch tables were left behind: ' ~ scratch.columns[0].values() | list) }}
    {%- endif -%}
    {%- do drop_scratch(solved) -%}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
"""


def components_by_union_find(edges: Iterable[Edge]) -> dict[int, int]:
    """Smallest node id of each node's component, by union-find with path halving."""
    parent: dict[int, int] = {}

    def find(node: int) -> int:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for left, right in edges:
        if left == right:
            continue
        roots = sorted((find(left), find(right)))
        parent[roots[1]] = roots[0]
    return {node: find(node) for node in parent}


def shapes() -> dict[str, list[Edge]]:
    """Graphs that break naive implementations, by name."""
    shuffled = random.Random(11)
    path = list(range(2000))
    shuffled.shuffle(path)
    return {
        "chain in order": [(i, i + 1) for i in range(2000)],
        "chain in reverse": [(i + 1, i) for i in range(2000)],
        "chain with shuffled ids": list(pairwise(path)),
        "star on the smallest": [(0, i) for i in range(1, 500)],
        "star on the greatest": [(500, i) for i in range(500)],
        "clique": [(i, j) for i in range(25) for j in range(25)],
        "alternating high and low": [(i, 999 - i) for i in range(500)]
        + [(999 - i, i + 1) for i in range(499)],
        "two cliques and a bridge": [(i, j) for i in range(8) for j in range(i)]
        + [(i, j) for i in range(10, 18) for j in range(10, i)]
        + [(7, 10)],
        "loop only": [(3, 3)],
        "repeated and reversed edge": [(1, 2), (2, 1), (1, 2)],
    }


def random_graph(seed: int) -> list[Edge]:
    """A graph of up to 40 nodes between sparse and dense, with loops and repeats."""
    chance = random.Random(seed)
    nodes = chance.randint(2, 40)
    return [
        (chance.randrange(nodes), chance.randrange(nodes))
        for _ in range(chance.randint(0, nodes * chance.choice((1, 2, 4))))
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("components")
    (folder / "macros").mkdir()
    (folder / "models").mkdir()
    macro = REPO / "macros" / "identity" / "component_kernel.sql"
    (folder / "macros" / macro.name).write_text(macro.read_text())
    (folder / "macros" / "solved.sql").write_text(SOLVED)
    (folder / "models" / "components.sql").write_text(
        "{{ config(materialized='solved') }}\n"
        "select left_node_id, right_node_id from main.edges\n"
    )
    (folder / "dbt_project.yml").write_text(
        "name: kenning\nprofile: scratch\nconfig-version: 2\n"
        "flags: {send_anonymous_usage_stats: false}\n"
    )
    (folder / "profiles.yml").write_text(
        "scratch:\n  target: duckdb\n  outputs:\n    duckdb:\n"
        f"      type: duckdb\n      path: {folder / 'graph.duckdb'}\n      threads: 2\n"
    )
    return folder


def solve(project: Path, edges: list[Edge]) -> dict[int, int]:
    with duckdb.connect(str(project / "graph.duckdb")) as connection:
        connection.execute(
            "create or replace table edges (left_node_id bigint, right_node_id bigint)"
        )
        if edges:
            lefts, rights = zip(*edges, strict=True)
            connection.execute(
                "insert into edges select unnest(?), unnest(?)", [lefts, rights]
            )
    outcome = subprocess.run(
        [Path(sys.executable).with_name("dbt"), "run", "--quiet"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    with duckdb.connect(str(project / "graph.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select node_id, component_id from components"
        ).fetchall()
        tables = connection.execute(
            "select table_name from information_schema.tables order by table_name"
        ).fetchall()
    assert tables == [("components",), ("edges",)], "scratch tables were left behind"
    assert len(rows) == len(dict(rows)), "a node stands in the table twice"
    return dict(rows)


def side_by_side(graphs: Iterable[list[Edge]]) -> list[Edge]:
    """All graphs in one edge list, each in a block of node ids of its own."""
    block = 10_000
    return [
        (left + index * block, right + index * block)
        for index, edges in enumerate(graphs)
        for left, right in edges
    ]


def test_components_equal_union_find_on_hard_shapes_and_random_graphs(
    project: Path,
) -> None:
    edges = side_by_side(
        [*shapes().values(), *(random_graph(seed) for seed in range(400))]
    )

    assert solve(project, edges) == components_by_union_find(edges)


def test_components_do_not_depend_on_row_order_direction_or_repeats(
    project: Path,
) -> None:
    edges = side_by_side(random_graph(seed) for seed in range(400, 500))
    disturbed = [(right, left) for left, right in edges] + edges[::3]
    random.Random(5).shuffle(disturbed)

    assert solve(project, disturbed) == solve(project, edges)


def test_components_of_no_edges_are_an_empty_table(project: Path) -> None:
    assert solve(project, []) == {}
