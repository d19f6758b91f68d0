"""Other ways to solve connected components, each on the same DuckDB file as the kernel.

`python -m tests.benchmarks.identity_contenders scipy graph.duckdb 2` solves the table edges
(left_node_id, right_node_id) into the table components (node_id, component_id) on two threads, and
prints the seconds as JSON. The clock covers what the method needs from the one table to the other; what
only the comparison needs (a table of nodes, another name for a column) stands outside. So do imports and
compiling: each method solves a graph of one edge first. Node ids are 0, 1, 2, ... without gaps, which the methods in memory get for nothing.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

MEMORY_LIMIT = "12GB"
PASSES = 5
HOPS_A_PASS = 3


def open_graph(path: Path, threads: int) -> duckdb.DuckDBPyConnection:
    """The graph's file, with the resources that every contender gets."""
    return duckdb.connect(
        str(path),
        config={
            "threads": threads,
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(path.with_suffix(".spill")),
        },
    )


def solve_by_scipy(connection: duckdb.DuckDBPyConnection) -> float:
    """Compiled breadth-first search over a compressed sparse matrix."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    nodes = _node_count(connection)
    started = time.perf_counter()
    columns = connection.execute("from edges").fetchnumpy()
    left, right = columns["left_node_id"], columns["right_node_id"]
    graph = coo_array((np.ones(len(left), bool), (left, right)), shape=(nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    _write_labels(connection, labels)
    return time.perf_counter() - started


def solve_by_union_find(connection: duckdb.DuckDBPyConnection) -> float:
    """Compiled union-find with path halving, one pass over the edges: about the physical limit."""
    union, flatten = _compiled()
    nodes = _node_count(connection)
    started = time.perf_counter()
    parent = np.arange(nodes, dtype=np.int32)
    edges = connection.sql("select left_node_id, right_node_id from edges")
    for batch in edges.to_arrow_reader(1_000_000):
        union(parent, batch.column(0).to_numpy(), batch.column(1).to_numpy())
    flatten(parent)
    _write_labels(connection, parent)
    return time.perf_counter() - started


def solve_by_splink(connection: duckdb.DuckDBPyConnection) -> float:
    """Splink's public clustering function; it is given the table of nodes that it asks for."""
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    nodes = _node_count(connection)
    connection.execute(
        f"create table nodes as select range as node_id from range({nodes})"
    )
    api = DuckDBAPI(connection)
    started = time.perf_counter()
    clusters = cluster_pairwise_predictions_at_threshold(
        connection.table("nodes"),
        connection.table("edges"),
        db_api=api,
        node_id_column_name="node_id",
        edge_id_column_name_left="left_node_id",
        edge_id_column_name_right="right_node_id",
    )
    seconds = time.perf_counter() - started
    connection.execute(
        "create table components as select node_id, cluster_id as component_id "
        f"from {clusters.physical_name}"
    )
    return seconds


def solve_by_labelled_edges(connection: duckdb.DuckDBPyConnection) -> float:
    """The pattern of published dbt packages: every edge bears a label, passes lower it.

    A hop gives each node the smallest label of its edges, and each edge the smaller label of its
    two nodes. Five passes of three hops, fewer when a pass changes nothing. Deeper components stay
    in pieces.
    """
    started = time.perf_counter()
    connection.execute(
        "create table labelled_0 as select left_node_id, right_node_id, "
        "least(left_node_id, right_node_id) as label from edges"
    )
    last = 0
    for step in range(1, PASSES + 1):
        connection.execute(
            f"create table labelled_{step} as {_labelled_pass(f'labelled_{last}')}"
        )
        before, after = (
            connection.execute(f"select sum(label) from labelled_{one}").fetchone()
            for one in (last, step)
        )
        connection.execute(f"drop table labelled_{last}")
        last = step
        if before == after:
            break
    connection.execute(
        "create table components as select node_id, min(label) as component_id from ("
        f"select left_node_id as node_id, label from labelled_{last} union all "
        f"select right_node_id, label from labelled_{last}) group by node_id"
    )
    return time.perf_counter() - started


@cache
def _compiled() -> tuple[Callable[..., None], Callable[..., None]]:
    import numba

    @numba.njit
    def union(
        parent: npt.NDArray[np.int32],
        lefts: npt.NDArray[np.int64],
        rights: npt.NDArray[np.int64],
    ) -> None:
        for edge in range(len(lefts)):
            left, right = lefts[edge], rights[edge]
            while parent[left] != left:
                parent[left] = parent[parent[left]]
                left = parent[left]
            while parent[right] != right:
                parent[right] = parent[parent[right]]
                right = parent[right]
            if left < right:
                parent[right] = left
            elif right < left:
                parent[left] = right

    @numba.njit
    def flatten(parent: npt.NDArray[np.int32]) -> None:
        # A parent is never greater than its child, so the smaller nodes are flat already.
        for node in range(len(parent)):
            parent[node] = parent[parent[node]]

    return union, flatten


def _labelled_pass(table: str) -> str:
    steps = []
    edges = table
    for hop in range(HOPS_A_PASS):
        steps.append(f"""
            node_labels_{hop} as (
                select node_id, min(label) as label
                from (
                    select left_node_id as node_id, label from {edges}
                    union all
                    select right_node_id as node_id, label from {edges}
                )
                group by node_id
            ),
            edges_{hop} as (
                select
                    edges.left_node_id,
                    edges.right_node_id,
                    least(left_label.label, right_label.label) as label
                from {edges} as edges
                inner join node_labels_{hop} as left_label
                    on edges.left_node_id = left_label.node_id
                inner join node_labels_{hop} as right_label
                    on edges.right_node_id = right_label.node_id
            )""")
        edges = f"edges_{hop}"
    return f"with {','.join(steps)} select * from {edges}"


def _node_count(connection: duckdb.DuckDBPyConnection) -> int:
    [(nodes,)] = connection.execute(
        "select greatest(max(left_node_id), max(right_node_id)) + 1 from edges"
    ).fetchall()
    return int(nodes)


def _write_labels(
    connection: duckdb.DuckDBPyConnection, labels: npt.NDArray[Any]
) -> None:
    solved = pa.table({"node_id": np.arange(len(labels)), "component_id": labels})
    connection.register("solved", solved)
    connection.execute("create table components as from solved")


CONTENDERS: dict[str, Callable[[duckdb.DuckDBPyConnection], float]] = {
    "scipy": solve_by_scipy,
    "union_find": solve_by_union_find,
    "splink": solve_by_splink,
    "labelled_edges": solve_by_labelled_edges,
}


def main(name: str, path: Path, threads: int) -> None:
    """Solve one graph in one way."""
    with duckdb.connect() as tiny:
        tiny.execute(
            "create table edges as select 0 as left_node_id, 1 as right_node_id"
        )
        CONTENDERS[name](tiny)
    with open_graph(path, threads) as connection:
        seconds = CONTENDERS[name](connection)
    sys.stdout.write(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
