"""Reads the rows of a plan that are about to be sent, in order and a window at a time.

Who withdrew consent since the plan was made is left out: the consents are asked again when
the last look at them is too old. The warehouse serves one thread, so this does too.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, cast

from sqlglot import exp

from reverse_etl.content_hash import sha256_text
from reverse_etl.destinations.protocol import Record
from reverse_etl.errors import ErrorClass, LedgerError
from reverse_etl.ledger_entries import Refusal
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


KEY_DIGEST = "key_sha256"
"""A column that a plan's rows are read with and that is not in it: SHA-256 of the key."""

Selected: TypeAlias = Sequence[str] | Sequence[str | exp.Expr]
"""What is selected of a plan."""


class Reader(Protocol):
    """See `records.RecordReader`."""

    @property
    def columns(self) -> Sequence[str]:
        """Columns of the plan, `seq` first."""
        ...

    def read(self, row: Row) -> Record | Unsendable:
        """The record of a row."""
        ...

    def json_reader(
        self, types: Mapping[str, str], dialect: str
    ) -> "BatchReader | None":
        """A quicker reader of the same rows; None where there is none."""
        ...


class BatchReader(Protocol):
    """See `records.JsonReader`."""

    @property
    def columns(self) -> Selected:
        """What to select of the plan, `seq` first."""
        ...

    def read(self, rows: Sequence[Row]) -> Sequence[Record | Unsendable] | None:
        """The records of rows; None when they have to be read one by one."""
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
        self._quick: BatchReader | None = None
        self._has_looked_for_quick = False
        self._one_by_one_until = 0
        self._stream_columns: Selected = ()

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
        withdrawn = self._withdrawn if asks_consent else frozenset()
        row_count = sum(span.row_count for span in spans)
        if is_next:
            rows, records = self._next(spans[0])
        else:
            rows, records = self._scattered(spans), None
        if len(rows) != row_count:
            raise LedgerError(
                f"{self._plan.sql()} has other rows than the run that it belongs to. "
                "Nothing more was sent. Was it changed by hand?"
            )
        if records is None:
            records = [self._reader.read(row) for row in rows]
        seqs = [cast("int", row[0]) for row in rows]
        return _reading(seqs, records, withdrawn)

    def stream(self, last: int) -> Iterator[tuple[int, Record | Unsendable]]:
        """Every row up to a sequence number, with its own."""
        for first in range(1, last + 1, WINDOW_ROWS):
            end = min(first + WINDOW_ROWS - 1, last)
            for row in self._warehouse.rows(
                self._query(first, end, self._reader.columns)
            ):
                yield int(str(row[0])), self._reader.read(row)

    def interrupted(self) -> None:
        """Another statement ran on the warehouse, which ends what was being read."""
        self._stream_end = 0

    def _next(
        self, span: Span
    ) -> tuple[Sequence[Row], Sequence[Record | Unsendable] | None]:
        """The next rows, and their records where the warehouse helped to make them."""
        quick = self._quick_reader()
        if quick is not None and span.first > self._one_by_one_until:
            rows = self._in_stream(span, quick.columns)
            records = quick.read(rows)
            if records is not None:
                return rows, records
            # Others of the same window are likely to be of this kind.
            self._one_by_one_until = span.first + WINDOW_ROWS
        return self._in_stream(span, self._reader.columns), None

    def _quick_reader(self) -> BatchReader | None:
        if not self._has_looked_for_quick:
            self._has_looked_for_quick = True
            columns = self._warehouse.columns(self._plan.db, self._plan.name)
            self._quick = self._reader.json_reader(
                {column.name: column.data_type for column in columns},
                self._warehouse.dialect,
            )
        return self._quick

    def _in_stream(self, span: Span, columns: Selected) -> list[Row]:
        if columns is not self._stream_columns:
            self._stream_columns = columns
            self.interrupted()
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
        last = first + WINDOW_ROWS - 1
        self._stream_at = first
        self._stream_end = last + 1
        self._stream = self._warehouse.rows(
            self._query(first, last, self._stream_columns)
        )

    def _scattered(self, spans: Sequence[Span]) -> list[Row]:
        query = self._query(spans[0].first, spans[-1].last, self._reader.columns)
        if len(spans) > 1:
            seqs = [exp.Literal.number(seq) for seq in seqs_of(spans)]
            query = query.where(exp.In(this=exp.column("seq"), expressions=seqs))
        self.interrupted()
        return self._warehouse.query(query)

    def _query(self, first: int, last: int, columns: Selected) -> exp.Select:
        dialect = self._warehouse.dialect
        digest = sha256_text(exp.column("key"), dialect=dialect)
        return (
            # Digests are not kept in the plan: they take more room than most rows.
            exp.select(*(digest if each == KEY_DIGEST else each for each in columns))
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


def _reading(
    seqs: Sequence[int],
    records: Sequence[Record | Unsendable],
    withdrawn: frozenset[int],
) -> Reading:
    if not withdrawn and Unsendable not in set(map(type, records)):
        return Reading(cast("Sequence[Record]", records), seqs)
    sent: list[Record] = []
    sent_seqs: list[int] = []
    refusals: list[Refusal] = []
    gone: list[int] = []
    for seq, record in zip(seqs, records, strict=True):
        if seq in withdrawn:
            gone.append(seq)
        elif isinstance(record, Record):
            sent.append(record)
            sent_seqs.append(seq)
        else:
            refusals.append(refusal_of(seq, record))
    return Reading(sent, sent_seqs, tuple(refusals), tuple(gone))


def refusal_of(seq: int, row: Unsendable) -> Refusal:
    """What is written down of a row that no destination can be told of."""
    error_class = ErrorClass(row.error_class)
    return Refusal(seq, error_class.value, NOT_SENT_CODE, row.field)
