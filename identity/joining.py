"""How the identifiers of a customer came together, one after another. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DatedLink:
    """Two identifiers and the first time that anything named them together.

    Attributes:
        left, right: Node ids.
        first_seen_at: When, UTC; None when no source knows.
        record_count: Source rows that say so.
    """

    left: int
    right: int
    first_seen_at: datetime | None
    record_count: int


def joining_links(links: Iterable[DatedLink], anchor: int) -> Mapping[int, DatedLink]:
    """The link by which each identifier came to the one that the customer is named after.

    The links are replayed in the order of time; each that joins two groups counts, the others only
    confirm. What counts is a tree; seen from the anchor, each identifier has one link towards it.

    Args:
        links: Merging links of one customer, in any order.
        anchor: The node that the customer is named after.

    Returns:
        By node; the anchor, and whatever no link ties to it, are left out.

    Source: Kruskal, On the shortest spanning subtree of a graph, 1956.
    """
    groups: dict[int, int] = {}
    tree: dict[int, list[DatedLink]] = {}
    for link in sorted(links, key=_replay_order):
        left, right = _group(groups, link.left), _group(groups, link.right)
        if left == right:
            continue
        groups[max(left, right)] = min(left, right)
        tree.setdefault(link.left, []).append(link)
        tree.setdefault(link.right, []).append(link)
    found: dict[int, DatedLink] = {}
    reached = [anchor]
    for node in reached:
        for link in tree.get(node, ()):
            other = link.right if link.left == node else link.left
            if other != anchor and other not in found:
                found[other] = link
                reached.append(other)
    return found


def _replay_order(link: DatedLink) -> tuple[bool, str, int, int, int]:
    return (
        link.first_seen_at is None,
        link.first_seen_at.isoformat() if link.first_seen_at else "",
        -link.record_count,
        min(link.left, link.right),
        max(link.left, link.right),
    )


def _group(groups: dict[int, int], node: int) -> int:
    """The smallest node of a node's group; shortens the way for the next question."""
    root = node
    while (above := groups.get(root, root)) != root:
        root = above
    while node != root:
        groups[node], node = root, groups.get(node, node)
    return root
