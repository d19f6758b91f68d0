"""Which rows of a plan: spans of sequence numbers, joined, divided and written. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """The rows with sequence numbers `first` to `last`, both included."""

    first: int
    last: int

    @property
    def row_count(self) -> int:
        """Rows in it, at least one."""
        return self.last - self.first + 1


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same rows in as few spans as can be, in order."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.first <= result[-1].last + 1:
            result[-1] = Span(result[-1].first, max(result[-1].last, span.last))
        else:
            result.append(span)
    return tuple(result)


def spans_of(seqs: Iterable[int]) -> tuple[Span, ...]:
    """The spans that hold exactly these rows."""
    return joined(Span(seq, seq) for seq in seqs)


def without(spans: Iterable[Span], seqs: Iterable[int]) -> tuple[Span, ...]:
    """Spans without some rows."""
    gone = frozenset(seqs)
    return spans_of(seq for seq in seqs_of(spans) if seq not in gone)


def halves(
    spans: Sequence[Span], seqs: Sequence[int]
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Spans cut in two, with half of these rows of theirs in either; two rows at least."""
    middle = seqs[len(seqs) // 2]
    left: list[Span] = []
    right: list[Span] = []
    for span in spans:
        if span.first < middle:
            left.append(Span(span.first, min(span.last, middle - 1)))
        if span.last >= middle:
            right.append(Span(max(span.first, middle), span.last))
    return tuple(left), tuple(right)


def seqs_of(spans: Iterable[Span]) -> Iterator[int]:
    """Every row of spans."""
    for span in spans:
        yield from range(span.first, span.last + 1)


def spans_text(spans: Iterable[Span]) -> str:
    """Spans as text: "1-500,507"."""
    return ",".join(
        str(span.first) if span.first == span.last else f"{span.first}-{span.last}"
        for span in spans
    )


def spans_from_text(text: str) -> tuple[Span, ...]:
    """The spans that `spans_text` wrote."""
    parts = (part.partition("-") for part in text.split(",") if part)
    return tuple(Span(int(first), int(last or first)) for first, _, last in parts)
