"""The graphs that identity resolution is measured on, as Parquet files of edges.

`python -m tests.benchmarks.identity_graphs cdp_like 10000000 edges.parquet` writes one. Every
graph is simple, has bigint columns left_node_id and right_node_id, and is a function of its
name, its size and SEED. Unless a shape says otherwise, node ids are a random permutation of 0,
1, 2, ..., the rows are shuffled, and which end stands on the left is random.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20261121
EDGES_PER_CUSTOMER = 12.82
CUSTOMERS_A_CHUNK = 250_000
ROWS_A_GROUP = 1_000_000
Ids = npt.NDArray[np.int32]
Edges = tuple[Ids, Ids]


def write_graph(name: str, edges: int, path: Path) -> None:
    """Write one graph of about that many edges."""
    left, right = SHAPES[name](edges, np.random.default_rng(SEED))
    schema = pa.schema([("left_node_id", pa.int64()), ("right_node_id", pa.int64())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(left), ROWS_A_GROUP):
            rows = slice(start, start + ROWS_A_GROUP)
            columns = [left[rows].astype(np.int64), right[rows].astype(np.int64)]
            writer.write_table(pa.table(columns, schema=schema))


def cdp_like(edges: int, chance: np.random.Generator) -> Edges:
    """Customers with the identifiers that a customer data platform sees.

    A customer has one user id, 1 to 3 e-mail addresses, 0 to 2 telephone numbers, and 1 to 50
    cookies and devices (power law, exponent 1.6). Each identifier leads 1 to 3 records of 2 to 4
    identifiers; a record links all of them to its strongest. 3 % of the customers share a device
    with their household of 2 to 4, and 0.1 % use a public device, which some eighty share.
    """
    customers = round(edges / EDGES_PER_CUSTOMER)
    lefts: list[Ids] = []
    rights: list[Ids] = []
    user_ids: list[Ids] = []
    nodes = 0
    for left, right, users, count in _customers(customers, chance):
        lefts.append(left + np.int32(nodes))
        rights.append(right + np.int32(nodes))
        user_ids.append(users + np.int32(nodes))
        nodes += count
    users = np.concatenate(user_ids)
    for sharing in (_households(customers, chance), _public(customers, chance)):
        members, device = sharing
        lefts.append(users[members])
        rights.append((nodes + device).astype(np.int32))
        nodes += int(device[-1]) + 1
    left, right = np.concatenate(lefts), np.concatenate(rights)
    linked = np.zeros(nodes, bool)
    linked[left] = linked[right] = True
    # A record may hold nothing but its leader: such an identifier is no node of the graph.
    number = np.cumsum(linked, dtype=np.int32) - 1
    return _disturbed(number[left], number[right], int(linked.sum()), chance)


def chain(edges: int, chance: np.random.Generator) -> Edges:
    """One path: the deepest component that so many edges can make."""
    nodes = np.arange(edges + 1, dtype=np.int32)
    return _disturbed(nodes[:-1], nodes[1:], len(nodes), chance)


def chain_in_path_order(edges: int, chance: np.random.Generator) -> Edges:
    """One path whose node ids grow along it, so that every node hooks to its neighbour."""
    nodes = np.arange(edges + 1, dtype=np.int32)
    return _shuffled(nodes[:-1], nodes[1:], chance)


def star(edges: int, chance: np.random.Generator) -> Edges:
    """One identifier that everybody shares."""
    leaves = np.arange(1, edges + 1, dtype=np.int32)
    return _disturbed(np.zeros_like(leaves), leaves, edges + 1, chance)


SHAPES: dict[str, Callable[[int, np.random.Generator], Edges]] = {
    "cdp_like": cdp_like,
    "chain": chain,
    "chain_in_path_order": chain_in_path_order,
    "star": star,
}


def _customers(
    customers: int, chance: np.random.Generator
) -> Iterator[tuple[Ids, Ids, Ids, int]]:
    """Edges, user ids and the number of identifiers of one chunk of customers after the other."""
    sizes = np.arange(1, 51)
    weights = sizes**-1.6 / (sizes**-1.6).sum()
    for start in range(0, customers, CUSTOMERS_A_CHUNK):
        chunk = min(CUSTOMERS_A_CHUNK, customers - start)
        counts = (
            1
            + chance.choice([1, 2, 3], chunk, p=[0.65, 0.25, 0.10])
            + chance.choice([0, 1, 2], chunk, p=[0.40, 0.50, 0.10])
            + chance.choice(sizes, chunk, p=weights)
        )
        # A customer's identifiers stand together, the strongest first.
        first = np.cumsum(counts) - counts
        total = int(counts.sum())
        owner = np.repeat(np.arange(chunk), counts)

        records = chance.choice([1, 2, 3], total, p=[0.45, 0.40, 0.15])
        leader = np.repeat(np.arange(total), records)
        companions = chance.integers(1, 4, len(leader))
        record = np.repeat(np.arange(len(leader)), companions)
        customer = owner[leader[record]]
        # Strong identifiers stand in more records: the product of two draws prefers low ranks.
        rank = chance.random(len(record)) * chance.random(len(record))
        companion = first[customer] + (rank * counts[customer]).astype(np.int64)
        strongest = np.minimum(
            np.minimum.reduceat(companion, np.cumsum(companions) - companions), leader
        )

        centre = np.concatenate([strongest[record], strongest])
        other = np.concatenate([companion, leader])
        pairs = np.unique((centre * total + other)[centre != other])
        yield (
            (pairs // total).astype(np.int32),
            (pairs % total).astype(np.int32),
            first.astype(np.int32),
            total,
        )


def _households(
    customers: int, chance: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    members = chance.permutation(customers)[: max(4, round(customers * 0.03))]
    sizes = chance.integers(2, 5, len(members))
    return members, np.repeat(np.arange(len(sizes)), sizes)[: len(members)]


def _public(
    customers: int, chance: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    members = chance.permutation(customers)[: max(4, round(customers * 0.001))]
    devices = chance.integers(0, max(1, len(members) // 80), len(members))
    return members, np.sort(devices)


def _disturbed(left: Ids, right: Ids, nodes: int, chance: np.random.Generator) -> Edges:
    label = chance.permutation(np.arange(nodes, dtype=np.int32))
    return _shuffled(label[left], label[right], chance)


def _shuffled(left: Ids, right: Ids, chance: np.random.Generator) -> Edges:
    """Rows in random order, each with a random end on the left."""
    order = chance.permutation(np.arange(len(left), dtype=np.int32))
    left, right = left[order], right[order]
    swap = chance.random(len(left), dtype=np.float32) < 0.5
    return np.where(swap, right, left), np.where(swap, left, right)


def main(name: str, edges: int, path: Path) -> None:
    """Write the graph that the command line names."""
    write_graph(name, edges, path)


if __name__ == "__main__":
    main(sys.argv[1], int(float(sys.argv[2])), Path(sys.argv[3]))
