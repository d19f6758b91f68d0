"""Shortest paths between two identifiers of one cluster. Pure; nodes are whole numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Link:
    """Two identifiers that records name together, or that a person linked.

    Attributes:
        left, right: Node ids, in any order.
        record_count: Source rows that say so; 0 when only a person does.
    """

    left: int
    right: int
    record_count: int


Neighbours: TypeAlias = Mapping[int, Mapping[int, int]]
"""Record count by neighbour, by node; each link stands at both of its ends."""


def neighbours(links: Iterable[Link]) -> Neighbours:
    """The graph of links: repeats are added up, a link of a node to itself is left out."""
    graph: dict[int, dict[int, int]] = {}
    for link in links:
        if link.left == link.right:
            continue
        for node, other in ((link.left, link.right), (link.right, link.left)):
            near = graph.setdefault(node, {})
            near[other] = near.get(other, 0) + link.record_count
    return graph


def shortest_path(graph: Neighbours, start: int, end: int) -> tuple[int, ...] | None:
    """The nodes of a shortest path, both ends included; None when there is no path.

    Of several, each step from the start takes the link with most records, then the smallest node:
    the answer depends on the graph alone. Time and memory are linear in its links.

    Source: breadth-first search, Moore, The shortest path through a maze, 1959.
    """
    if start == end:
        return (start,)
    distances = _distances(graph, start, end)
    if start not in distances:
        return None
    path = [start]
    while path[-1] != end:
        here = path[-1]
        path.append(
            min(
                (
                    node
                    for node in graph[here]
                    if distances.get(node) == distances[here] - 1
                ),
                key=lambda node: (-graph[here][node], node),
            )
        )
    return tuple(path)


def _distances(graph: Neighbours, start: int, end: int) -> dict[int, int]:
    """Hops to the end, of every node that is nearer to it than the start, and of the start."""
    distances = {end: 0}
    level = [end]
    while level and start not in distances:
        following: list[int] = []
        for node in level:
            for other in graph.get(node, ()):
                if other not in distances:
                    distances[other] = distances[node] + 1
                    following.append(other)
        level = following
    return distances
