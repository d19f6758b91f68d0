"""Random stories of identity graphs: what arrives, changes, leaves and is ruled, batch by batch.

Few identifiers and many rows, so that limits, shared identifiers and rules get in each other's way.
A story is a function of its seed.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from tests.identity_reference import UnionFind
from tests.identity_scenarios import (
    Change,
    Gone,
    Lifted,
    Ruled,
    Seen,
    block,
    link,
    never_link,
    seen,
)
from tests.identity_world import Row, Rule, Source

Batch = list[Change]
Story = list[Batch]

POOL = {
    "user": 3,
    "loyalty": 4,
    "email": 6,
    "phone": 4,
    "device": 3,
    "cookie": 6,
    "ip": 2,
    "company": 2,
    "domain": 2,
}
# Of limited kinds there are many, so that customers are over their limits by far.
CROWD = {"user": 5, "loyalty": 8, "email": 8, "phone": 8, "cookie": 8}
# Values whose order is not the order in which they come, and that sort differently as text.
VALUES = ["9", "10", "Z", "a", "é", "-1", "B b", "0"]


def mixed_story(seed: int, *, batches: int = 4) -> Story:
    """Rows of all kinds that come, change and go, and rules that come and go."""
    chance = random.Random(seed)
    source = Source()
    rules = chance.random() < 0.7
    story = []
    for number in range(batches):
        batch: Batch = []
        for _ in range(chance.randint(0, 6) + 2 * (number == 0)):
            batch.append(_row(chance, f"{number}-{len(batch)}"))
        if source.rows and chance.random() < 0.6:
            batch += [
                _row(chance, key) for key in _some(chance, sorted(source.rows), 2)
            ]
        if source.rows and chance.random() < 0.5:
            changed = {change.row.key for change in batch if isinstance(change, Seen)}
            goers = [
                key
                for key in _some(chance, sorted(source.rows), 3)
                if key not in changed
            ]
            batch += [Gone(tuple(goers))] if goers else []
        if rules:
            batch += _ruling(chance, source)
        for change in batch:
            change.happen(source)
        story.append(batch)
    return story


def crowded_story(seed: int, *, batches: int = 4) -> Story:
    """Rows of two identifiers, so many that nearly all hang together and most links have to give way."""
    chance = random.Random(seed)
    story: Story = []
    for number in range(batches):
        batch: Batch = []
        for index in range(chance.randint(0, 14)):
            kinds = chance.sample(list(CROWD), k=2)
            named = " ".join(_identifier(chance, kind, CROWD) for kind in kinds)
            batch.append(seen(f"{number}-{index}", _day(chance), named))
        story.append(batch)
    return story


def growing_story(seed: int, *, batches: int = 4) -> Story:
    """Rows of all kinds that arrive in order of time and stay, under rules that come and go.

    With an odd seed they are events, of a source that only grows.
    """
    chance = random.Random(seed)
    source = Source()
    story = []
    for number in range(batches):
        batch: Batch = []
        for index in range(chance.randint(1, 5)):
            row = _row(chance, f"{number}-{index}").row
            day = number * 100 + chance.randint(0, 90)
            row = replace(row, day=day, is_deleted=False, is_event=seed % 2 == 1)
            batch.append(Seen(row))
        batch += _ruling(chance, source)
        for change in batch:
            change.happen(source)
        story.append(batch)
    return story


def late_story(seed: int, *, batches: int = 4) -> Story:
    """Events of all kinds that arrive out of order, under rules that come and go."""
    chance = random.Random(seed)
    return [
        [
            replace(change, row=replace(change.row, day=_day(chance), is_event=True))
            if isinstance(change, Seen)
            else change
            for change in batch
        ]
        for batch in growing_story(seed, batches=batches)
    ]


def shape_story(seed: int, *, batches: int = 4) -> Story:
    """Cookies only, under no rule: chains, stars, cliques and sparse graphs, spread over batches in order of time.

    With an odd seed they are events, of a source that only grows.
    """
    chance = random.Random(seed)
    size = chance.randint(2, 14)
    nodes = [
        f"{value}{index}" for index in range(size) for value in [chance.choice(VALUES)]
    ]
    shape: Callable[[random.Random, int], list[tuple[int, int]]] = chance.choice(
        [_chain, _star, _clique, _sparse]
    )
    edges = shape(chance, size)
    chance.shuffle(edges)
    story: Story = [[] for _ in range(batches)]
    for index, (left, right) in enumerate(edges):
        number = index * batches // len(edges)
        cookies = (("cookie", nodes[left]), ("other_cookie", nodes[right]))
        row = Row(f"r{index}", number * 100 + index, cookies, is_event=seed % 2 == 1)
        story[number].append(Seen(row))
    return story


def disturbed(rows: Iterable[Row], seed: int) -> list[Row]:
    """The same rows in another order, every row twice, and every pair of cookies or users the other way round."""
    chance = random.Random(seed)
    other = {
        "cookie": "other_cookie",
        "other_cookie": "cookie",
        "user_id": "other_user_id",
        "other_user_id": "user_id",
    }
    twice = []
    for row in rows:
        swapped = tuple(
            (other.get(column, column), value) for column, value in row.identifiers
        )
        twice += [
            replace(row, identifiers=swapped),
            replace(row, identifiers=swapped, key=f"{row.key}-again"),
        ]
    chance.shuffle(twice)
    return twice


def told(story: Story) -> Source:
    """What a source holds when the whole story has happened."""
    source = Source()
    for batch in story:
        for change in batch:
            change.happen(source)
    return source


def written(story: Story) -> str:
    """The story as text, for the message of a failing test."""
    lines = []
    for number, batch in enumerate(story, 1):
        lines.append(f"run {number}")
        for change in batch:
            match change:
                case Seen(row):
                    named = " ".join(
                        f"{column}:{value}" for column, value in row.identifiers
                    )
                    gone = " deleted" * row.is_deleted
                    lines.append(f"  {row.key} on day {row.day}: {named}{gone}")
                case Gone(keys):
                    lines.append("  gone: " + " ".join(keys))
                case Ruled(rule):
                    lines.append(f"  ruled: {_as_text(rule)}")
                case Lifted(rule):
                    lines.append(f"  lifted: {_as_text(rule)}")
    return "\n".join(lines)


def _as_text(rule: Rule) -> str:
    ends = [":".join(end) for end in (rule.left, rule.right) if end]
    return " ".join([rule.action, *ends])


def _row(chance: random.Random, key: str) -> Seen:
    kinds = chance.sample(list(POOL), k=chance.choice([1, 2, 2, 2, 3, 3, 4]))
    if chance.random() < 0.15:
        kinds.append(chance.choice(["cookie", "user"]))
    named = " ".join(_identifier(chance, kind) for kind in kinds)
    return seen(
        key, _day(chance), _at_most_twice(named), deleted=chance.random() < 0.05
    )


def _day(chance: random.Random) -> int | None:
    return None if chance.random() < 0.05 else chance.randint(0, 90)


def _at_most_twice(named: str) -> str:
    """At most two users and two cookies: a row has no more columns of them."""
    kept: list[str] = []
    for text in named.split():
        kind = text.partition(":")[0]
        if sum(other.startswith(f"{kind}:") for other in kept) < 2:
            kept.append(text)
    return " ".join(kept)


def _identifier(
    chance: random.Random, kind: str, pool: Mapping[str, int] = POOL
) -> str:
    return f"{kind}:{VALUES[chance.randrange(pool[kind])].replace(' ', '_')}"


def _some(chance: random.Random, things: list[str], most: int) -> list[str]:
    return chance.sample(things, k=min(len(things), chance.randint(0, most)))


def _ruling(chance: random.Random, source: Source) -> Batch:
    """At most one rule that comes and one that goes; what comes contradicts none that stays."""
    batch: Batch = []
    standing = list(source.rules)
    if standing and chance.random() < 0.4:
        lifted = chance.choice(standing)
        standing.remove(lifted)
        batch.append(Lifted(lifted))
    if chance.random() < 0.5:
        kinds = [kind for kind in POOL if kind not in ("company", "domain")]
        left, right = (_identifier(chance, chance.choice(kinds)) for _ in range(2))
        rule = chance.choice(
            [
                block(left),
                link(left, right, by_command=chance.random() < 0.5),
                never_link(left, right, by_command=chance.random() < 0.5),
                never_link(left, right),
            ]
        )
        if left != right and _agree([*standing, rule]) and _is_new(rule, source.rules):
            batch.append(Ruled(rule))
    return batch


def _is_new(rule: Rule, rules: Iterable[Rule]) -> bool:
    return {rule.left, rule.right} not in [{each.left, each.right} for each in rules]


def _agree(rules: Iterable[Rule]) -> bool:
    linked = UnionFind()
    for rule in rules:
        if rule.action == "link":
            linked.join(rule.left, rule.right)
    return not any(
        linked.find(rule.left) == linked.find(rule.right)
        for rule in rules
        if rule.action == "never_link"
    )


def _chain(chance: random.Random, size: int) -> list[tuple[int, int]]:
    order = chance.sample(range(size), k=size)
    return list(pairwise(order))


def _star(chance: random.Random, size: int) -> list[tuple[int, int]]:
    centre = chance.randrange(size)
    return [(centre, other) for other in range(size)]


def _clique(chance: random.Random, size: int) -> list[tuple[int, int]]:
    return [
        (left, right) for left in range(min(size, 7)) for right in range(min(size, 7))
    ]


def _sparse(chance: random.Random, size: int) -> list[tuple[int, int]]:
    return [
        (chance.randrange(size), chance.randrange(size))
        for _ in range(chance.randint(1, size + 3))
    ]
