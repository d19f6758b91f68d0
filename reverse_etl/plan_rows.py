"""Reads the rows of a plan that are about to be sent, in order and a window at a time.

Who withdrew consent since the plan was made is left out: the consents are asked again when
the last look at them is too old. The warehouse serves one thread, so this does too.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlglot import exp

from reverse_etl.destinations.protocol import Record
from reverse_etl.errors import ErrorClass, LedgerError
from reverse_etl.ledger import Refusal
from reverse_etl.records import Unsendable
from reverse_etl.spans import Span, seqs_of
from warehouse.connection import Warehouse
from warehouse.values import Row

WINDOW_ROWS = 100_000
"""Rows that one query reads; far fewer are in Python at once."""

CONSENT_TTL_S = 900.0
"""How old the look at the consents may be when a row goes out, in seconds."""

NOT_SENT_CODE = "not_sent"
"""Code of a row that no destination could be told of."""


class Reader(Protocol):
    """See `records.RecordReader`."""

    @property
    def columns(self) -> Sequence[str]:
        """Columns of the plan, `seq` first."""
        ...

    def read(self, row: Row) -> Record | Unsendable:
        """The record of a row."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """The rows of one batch.

    Attributes:
        records: Those that can go, in plan order.
        seqs: Their sequence numbers.
        refusals: Those that no destination can be told of.
        withdrawn: Those whose consent is gone since the plan was made.
    """

    records: Sequence[Record] = field(repr=False)
    seqs: Sequence[int]
    refusals: tuple[Refusal, ...] = ()
    withdrawn: tuple[int, ...] = ()


class PlanRows:
    """The rows of one plan in the warehouse.

    Args:
        warehouse: Open.
        plan: The table with the plan's rows.
        reader: Makes records of them.
        withdrawn: Rows of the plan, from a sequence number on, whose consent is gone.
        is_fresh: Whether the plan was made just now, from these consents.
        clock: Seconds that only grow.
        consent_ttl_s: See `CONSENT_TTL_S`.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        plan: exp.Table,
        reader: Reader,
        *,
        withdrawn: Callable[[int], Sequence[int]],
        is_fresh: bool,
        clock: Callable[[], float],
        consent_ttl_s: float = CONSENT_TTL_S,
    ) -> None:
        self._warehouse = warehouse
        self._plan = plan
        self._reader = reader
        self._find_withdrawn = withdrawn
        self._clock = clock
        self._consent_ttl_s = consent_ttl_s
        self._consents_seen_at = clock() if is_fresh else None
        self._withdrawn: frozenset[int] = frozenset()
        self._stream: Iterator[Row] = iter(())
        self._stream_at = 0
        self._stream_end = 0

    def read(
        self,
        spans: Sequence[Span],
        *,
        is_next: bool = False,
        asks_consent: bool = True,
    ) -> Reading:
        """The rows of these spans.

        Args:
            spans: In order, without overlap.
            is_next: They follow those that were read with it before.
            asks_consent: False for rows that are at the destination already, to read its
                answer about them.

        Raises:
            LedgerError: Some of them are not in the plan.
        """
        if asks_consent:
            self._look_at_consents()
        rows = self._in_stream(spans[0]) if is_next else self._scattered(spans)
        if len(rows) != sum(span.row_count for span in spans):
            raise LedgerError(
                f"{self._plan.sql()} has other rows than the run that it belongs to. "
                "Nothing more was sent. Was it changed by hand?"
            )
        withdrawn = self._withdrawn if asks_consent else frozenset()
        return _reading(rows, self._reader, withdrawn)

    def stream(self, last: int) -> Iterator[tuple[int, Record | Unsendable]]:
        """Every row up to a sequence number, with its own."""
        for first in range(1, last + 1, WINDOW_ROWS):
            end = min(first + WINDOW_ROWS - 1, last)
            for row in self._warehouse.rows(self._query(first, end)):
                yield int(str(row[0])), self._reader.read(row)

    def interrupted(self) -> None:
        """Another statement ran on the warehouse, which ends what was being read."""
        self._stream_end = 0

    def _in_stream(self, span: Span) -> list[Row]:
        rows: list[Row] = []
        first = span.first
        while first <= span.last:
            if first != self._stream_at or first >= self._stream_end:
                self._open(first)
            count = min(span.last + 1, self._stream_end) - first
            found = list(itertools.islice(self._stream, count))
            self._stream_at += count
            first += count
            rows += found
        return rows

    def _open(self, first: int) -> None:
        self._stream_at = first
        self._stream_end = first + WINDOW_ROWS
        self._stream = self._warehouse.rows(self._query(first, first + WINDOW_ROWS - 1))

    def _scattered(self, spans: Sequence[Span]) -> list[Row]:
        query = self._query(spans[0].first, spans[-1].last)
        if len(spans) > 1:
            seqs = [exp.Literal.number(seq) for seq in seqs_of(spans)]
            query = query.where(exp.In(this=exp.column("seq"), expressions=seqs))
        self.interrupted()
        return self._warehouse.query(query)

    def _query(self, first: int, last: int) -> exp.Select:
        return (
            exp.select(*self._reader.columns)
            .from_(self._plan.copy())
            .where(exp.column("seq").between(first, last))
            .order_by("seq")
        )

    def _look_at_consents(self) -> None:
        now = self._clock()
        seen_at = self._consents_seen_at
        if seen_at is not None and now - seen_at <= self._consent_ttl_s:
            return
        # Rows of earlier batches may be tried again, so it is asked for all of them.
        self._withdrawn = frozenset(self._find_withdrawn(1))
        self._consents_seen_at = now
        self.interrupted()


def _reading(rows: Sequence[Row], reader: Reader, withdrawn: frozenset[int]) -> Reading:
    read = reader.read
    if not withdrawn:
        records = [read(row) for row in rows]
        if Unsendable not in set(map(type, records)):
            return Reading(records, [row[0] for row in rows])  # type: ignore[arg-type, misc]
    sent: list[Record] = []
    seqs: list[int] = []
    refusals: list[Refusal] = []
    gone: list[int] = []
    for row in rows:
        seq = int(str(row[0]))
        if seq in withdrawn:
            gone.append(seq)
            continue
        record = read(row)
        if isinstance(record, Record):
            sent.append(record)
            seqs.append(seq)
        else:
            refusals.append(refusal_of(seq, record))
    return Reading(sent, seqs, tuple(refusals), tuple(gone))


def refusal_of(seq: int, row: Unsendable) -> Refusal:
    """What is written down of a row that no destination can be told of."""
    error_class = ErrorClass(row.error_class)
    return Refusal(seq, error_class.value, NOT_SENT_CODE, row.field)
