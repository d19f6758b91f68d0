"""Where a cluster hangs together by a thread: links and identifiers whose removal splits it. Pure.

One depth-first walk finds the bridges and the articulation points with the sizes of the parts that
they hold together. Iterative, because a cluster may be one long chain.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from identity.paths import Link, Neighbours, neighbours

MIN_PART = 2
"""A part of one identifier hangs on its neighbour like any other; that is no second customer."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What holds parts of a cluster together.

    Attributes:
        nodes: Both ends of a link (the smaller first), or the one identifier.
        parts: Identifiers of each part that would be left, the biggest first; the identifier that
            is cut counts nowhere. Parts smaller than MIN_PART are left out.
        record_count: Source rows that hold the smaller parts to the biggest.
    """

    nodes: tuple[int, ...]
    parts: tuple[int, ...]
    record_count: int

    @property
    def score(self) -> float:
        """From 0 to 1; 1 cuts a cluster in equal halves that one source row holds together.

        Twice the share of identifiers that would part from the biggest part, at most 1, divided by
        1 + log2 of the source rows: each doubling of the evidence counts like the first row.
        """
        balance = min(1.0, 2 * sum(self.parts[1:]) / sum(self.parts))
        return balance / (1 + math.log2(max(self.record_count, 1)))


@dataclass(slots=True)
class _Walk:
    """What the walk knows of the nodes that it has met.

    Attributes:
        order: When a node was met, from 0.
        low: The earliest node that a node's subtree reaches without its parent's link.
        size: Nodes in a node's subtree so far.
        held: Records between a node and the subtree of its child, by (node, child).
        parts: Sizes and records of the subtrees that only a node holds to the rest.
        bridges: (parent, child, size of the child's side, records).
    """

    order: dict[int, int] = field(default_factory=dict)
    low: dict[int, int] = field(default_factory=dict)
    size: dict[int, int] = field(default_factory=dict)
    held: dict[tuple[int, int], int] = field(default_factory=dict)
    parts: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    bridges: list[tuple[int, int, int, int]] = field(default_factory=list)


def weakest_cuts(links: Iterable[Link], *, limit: int) -> tuple[Cut, ...]:
    """The cuts that would split a connected cluster best, the best first.

    Args:
        links: The cluster's, in any order; repeats are added up.
        limit: Most cuts to give.

    Returns:
        By score, then fewer records, then node ids. None for a cluster without such a place.

    Source: Tarjan, A note on finding the bridges of a graph, 1974; Hopcroft and Tarjan,
    Algorithm 447, 1973.
    """
    graph = neighbours(links)
    cuts = sorted(
        _cuts(graph), key=lambda cut: (-cut.score, cut.record_count, cut.nodes)
    )
    return tuple(cuts[:limit])


def _cuts(graph: Neighbours) -> Iterator[Cut]:
    if not graph:
        return
    walk = _walk(graph, min(graph))
    total = len(walk.order)
    for parent, child, size, held in walk.bridges:
        pieces = [(size, held), (total - size, held)]
        yield from _cut((min(parent, child), max(parent, child)), pieces)
    for node, parts in walk.parts.items():
        rest = total - 1 - sum(size for size, _ in parts)
        held_by_rest = sum(graph[node].values()) - sum(held for _, held in parts)
        yield from _cut((node,), [*parts, (rest, held_by_rest)])


def _cut(nodes: tuple[int, ...], pieces: Iterable[tuple[int, int]]) -> Iterator[Cut]:
    """The cut, if it leaves two parts that could be somebody."""
    parts = sorted((piece for piece in pieces if piece[0] >= MIN_PART), reverse=True)
    if len(parts) > 1:
        yield Cut(
            nodes=nodes,
            parts=tuple(size for size, _ in parts),
            record_count=sum(held for _, held in parts[1:]),
        )


def _walk(graph: Neighbours, root: int) -> _Walk:
    walk = _Walk()
    trail: list[int] = []
    positions: dict[int, int] = {}
    waiting: list[Iterator[int]] = []

    def enter(node: int) -> None:
        walk.order[node] = walk.low[node] = len(walk.order)
        walk.size[node] = 1
        positions[node] = len(trail)
        trail.append(node)
        waiting.append(iter(sorted(graph[node])))

    enter(root)
    while trail:
        node = trail[-1]
        parent = trail[-2] if len(trail) > 1 else None
        for other in waiting[-1]:
            if other not in walk.order:
                walk.held[node, other] = graph[node][other]
                enter(other)
                break
            if other != parent and walk.order[other] < walk.order[node]:
                walk.low[node] = min(walk.low[node], walk.order[other])
                towards_node = trail[positions[other] + 1]
                walk.held[other, towards_node] += graph[node][other]
        else:
            trail.pop()
            waiting.pop()
            if parent is not None:
                _leave(walk, parent, node)
    return walk


def _leave(walk: _Walk, parent: int, node: int) -> None:
    """Take what the walk found below a node into its parent."""
    walk.size[parent] += walk.size[node]
    walk.low[parent] = min(walk.low[parent], walk.low[node])
    held = walk.held[parent, node]
    if walk.low[node] >= walk.order[parent]:
        walk.parts.setdefault(parent, []).append((walk.size[node], held))
    if walk.low[node] > walk.order[parent]:
        walk.bridges.append((parent, node, walk.size[node], held))
