"""docs/destinations/README.md: every destination with what it declares, as one page. Pure.

What a destination can do is said once, by its own module; this puts it into words.
"""

from collections.abc import Iterable, Iterator, Sequence

from reverse_etl.destinations.protocol import (
    Capabilities,
    DestinationType,
    Idempotency,
    LimitKind,
    RateLimit,
)
from reverse_etl.modes import Mode, Removal

_INTRODUCTION = """\
# Destinations

What each destination does with each kind of record. The tables are made from what the
connectors declare; `make format` writes this page anew.

How a sync uses one: [Add a sync](../how-to/add-a-sync.md). One that is not here:
[Add a destination](../how-to/add-a-destination.md), often
[without code](custom-http.md). Without an account:
[Try a destination](../how-to/try-a-destination.md).

No connector for another company's tool has been run against a real account of it. They are
tested against a simulator that follows what the vendors publish, and does not know what they
leave out. So begin with a small audience. `files`, `postgres`, `s3` and `sftp` are tested on
a folder, a PostgreSQL, and servers that speak S3 and SFTP.
"""

_OBJECTS = """\
## Objects

An object is what records are called there; *any* takes the tool's own name for it.
*Repeated* says what happens when a batch is sent again because its answer was lost. *Erasure*
is for a privacy request, which goes further than a removal where the tool can.

"""

_LIMITS = """\
## Limits

Kept for an account across syncs and processes, unless `limits` in `destinations.yml` says
otherwise. They are what vendors publish, or a careful guess where they publish none; an
account may have others.

"""

_REPEATED = {
    Idempotency.KEYED: "the same state",
    Idempotency.EVENT_ID: "known by the event",
    Idempotency.HEADER: "known by the batch",
    Idempotency.NONE: "done twice, so only when told to",
}
_SPANS = {1.0: "a second", 60.0: "a minute", 600.0: "in 10 minutes", 86_400.0: "a day"}


def catalogue(kinds: Iterable[DestinationType]) -> str:
    """The page, in Markdown, with the kinds in their order."""
    known = [*kinds]
    objects = _table(
        (
            "Destination",
            "Object",
            "Modes",
            "A record that leaves",
            "A batch",
            "Answer",
            "Repeated",
            "Erasure",
        ),
        (row for kind in known for row in _object_rows(kind)),
    )
    limits = _table(
        ("Destination", "At most"),
        ((_link(kind), _all_limits(kind.limits)) for kind in known if kind.limits),
    )
    unlimited = ", ".join(f"`{kind.name}`" for kind in known if not kind.limits)
    return (
        f"{_INTRODUCTION}\n{_OBJECTS}{objects}\n{_LIMITS}{limits}\n"
        f"None for {unlimited}.\n"
    )


def _object_rows(kind: DestinationType) -> Iterator[Sequence[str]]:
    any_other = "any" if len(kind.objects) == 1 else "any other"
    for name, each in kind.objects.items():
        yield (
            _link(kind),
            any_other if name == "*" else f"`{name}`",
            " ".join(f"`{mode}`" for mode in Mode if mode in each.modes),
            " ".join(f"`{way}`" for way in Removal if way in each.removals) or "stays",
            _batch(each),
            "at once, or later" if each.is_async else "at once",
            _REPEATED[each.idempotency],
            "yes" if each.can_erase else "no",
        )


def _link(kind: DestinationType) -> str:
    return f"[{kind.name}]({kind.name}.md)"


def _batch(each: Capabilities) -> str:
    if each.max_batch_rows is None:
        return "the whole run"
    rows = "1 row" if each.max_batch_rows == 1 else f"{each.max_batch_rows:,} rows"
    if each.max_batch_bytes is None:
        return rows
    kilobytes = each.max_batch_bytes // 1000
    if kilobytes < 1000:
        return f"{rows}, {kilobytes} KB"
    return f"{rows}, {kilobytes // 1000} MB"


def _all_limits(limits: Iterable[RateLimit]) -> str:
    by_group: dict[str, list[str]] = {}
    for limit in limits:
        by_group.setdefault(limit.group, []).append(_limit(limit))
    return "; ".join(
        ", ".join(texts) if group == "default" else f"{group}: {', '.join(texts)}"
        for group, texts in by_group.items()
    )


def _limit(limit: RateLimit) -> str:
    requests = f"{limit.max_requests:,}"
    if limit.kind is LimitKind.CONCURRENCY:
        return f"{requests} at once"
    return f"{requests} {_SPANS.get(limit.window_s, f'in {limit.window_s:g} s')}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
