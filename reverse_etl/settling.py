"""Records in the warehouse what became of the rows of a plan.

The one way by which the snapshot moves, after a good run and after a crash alike. Rows of
one fate are written by one statement each, whatever their number; a row that has an outcome
already is left alone, so that settling twice is the same as once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlglot import exp

from reverse_etl.clock import as_utc
from reverse_etl.fates import Effect, FatedRows, OutcomeStatus
from reverse_etl.ledger_entries import Refusal
from reverse_etl.plan_rows import NOT_SENT_CODE
from reverse_etl.query_text import filled, filled_select
from reverse_etl.retl_tables import (
    OUTCOMES,
    REJECTED,
    SNAPSHOT,
    create_temporary,
    create_temporary_as,
    drop,
    literal,
    temporary,
)
from reverse_etl.settling_queries import (
    ALREADY_DONE,
    DEST_IDS,
    DONE,
    DOUBT_REFUSED,
    FORGET_KEYS,
    FORGET_REJECTIONS,
    NOTE_DEST_IDS,
    NOTE_KEYS,
    NOTE_REFUSED_IN_DOUBT,
    NOTE_REJECTIONS,
    OUTCOMES_OF_FATE,
    OUTCOMES_OF_REFUSED,
    REFUSALS,
    REFUSED,
    REFUSED_ROWS,
    REFUSED_WHOLE,
    SPANS,
    STANDING,
    STANDING_REJECTIONS,
)
from warehouse.connection import Warehouse
from warehouse.values import Relation

RETRY_AFTER = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=24))
"""Until a row is tried again that may be taken as it is: after its first refusal, after its
second, and after every further one."""

_MOST_SPANS_AS_TEXT = 64


_RELATIONS: dict[str, exp.Table] = {
    "outcomes": OUTCOMES.to_table(),
    "rejected": REJECTED.to_table(),
    "snapshot": SNAPSHOT.to_table(),
    "spans": temporary(SPANS),
    "refusals": temporary(REFUSALS),
    "dest_ids": temporary(DEST_IDS),
    "refused": temporary(REFUSED),
    "done": temporary(DONE),
    "standing": temporary(STANDING),
}


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is recorded about one run.

    Attributes:
        sync: Name of the sync.
        run_id: The run.
        plan: Its plan.
        fated: Rows by fate.
        refusals: Rows that were refused, in pieces.
        dest_ids: The destination's ids by sequence number, in pieces.
        now: Moment of the record.
    """

    sync: str
    run_id: str
    plan: Relation
    fated: Sequence[FatedRows]
    refusals: Iterable[Sequence[Refusal]]
    dest_ids: Iterable[Mapping[int, str]]
    now: datetime


class _Settling:
    """The statements of one settlement, inside the caller's transaction."""

    def __init__(self, warehouse: Warehouse, settlement: Settlement) -> None:
        self._warehouse = warehouse
        self._it = settlement
        self._relations = {**_RELATIONS, "plan": settlement.plan.to_table()}
        self._terms: dict[str, exp.Expr] = {
            "sync": literal(settlement.sync),
            "run_id": literal(settlement.run_id),
            "now": literal(as_utc(settlement.now)),
        }
        self._refused_count = 0
        self._done_count = 0

    def settle(self) -> None:
        self._find_done()
        self._load_spans()
        self._load_refusals()
        for rows in self._it.fated:
            self._write_outcomes(rows)
        if self._refused_count:
            self._execute(OUTCOMES_OF_REFUSED)
        for rows in self._it.fated:
            self._move_snapshot(rows)
        self._note_refused()
        self._note_dest_ids()

    def clean_up(self) -> None:
        for name in (SPANS, REFUSALS, DEST_IDS, REFUSED, DONE, STANDING):
            drop(self._warehouse, temporary(name))

    def _find_done(self) -> None:
        query = filled_select(
            ALREADY_DONE, self._relations, self._terms, dialect=self._warehouse.dialect
        )
        create_temporary_as(self._warehouse, DONE, query)
        self._done_count = self._count(DONE)

    def _load_spans(self) -> None:
        create_temporary(
            self._warehouse,
            SPANS,
            {"fate": "bigint", "first_seq": "bigint", "last_seq": "bigint"},
        )
        for number, rows in enumerate(self._it.fated):
            if len(rows.spans) > _MOST_SPANS_AS_TEXT:
                self._warehouse.insert(
                    "",
                    SPANS,
                    {
                        "fate": [number] * len(rows.spans),
                        "first_seq": [span.first for span in rows.spans],
                        "last_seq": [span.last for span in rows.spans],
                    },
                )

    def _load_refusals(self) -> None:
        create_temporary(
            self._warehouse,
            REFUSALS,
            {
                "seq": "bigint",
                "error_class": "text",
                "error_code": "text",
                "error_field": "text",
                "is_retryable": "boolean",
            },
        )
        for piece in self._it.refusals:
            self._warehouse.insert(
                "",
                REFUSALS,
                {
                    "seq": [row.seq for row in piece],
                    "error_class": [row.error_class for row in piece],
                    "error_code": [row.code for row in piece],
                    "error_field": [row.field for row in piece],
                    "is_retryable": [row.is_retryable for row in piece],
                },
            )
        create_temporary(
            self._warehouse,
            REFUSED,
            {
                "seq": "bigint",
                "key": "text",
                "key_sha256": "text",
                "error_class": "text",
                "error_code": "text",
                "error_field": "text",
                "is_retryable": "boolean",
                "is_in_doubt": "boolean",
            },
        )
        are_any = self._count(REFUSALS) > 0
        for number, rows in enumerate(self._it.fated):
            fate = rows.fate
            terms = {
                "is_theirs": self._within(number, rows),
                "is_in_doubt": exp.Boolean(this=fate.is_in_doubt),
                "not_sent": literal(NOT_SENT_CODE),
            }
            if are_any:
                self._execute(REFUSED_ROWS, terms)
            if fate.status is OutcomeStatus.REJECTED:
                terms |= {
                    "error_class": literal(fate.error_class),
                    "error_code": _text(fate.error_code),
                    "is_retryable": exp.Boolean(this=fate.is_retryable),
                }
                self._execute(REFUSED_WHOLE, terms)
        self._refused_count = self._count(REFUSED)

    def _write_outcomes(self, rows: FatedRows) -> None:
        if rows.fate.status is OutcomeStatus.REJECTED:
            return
        terms = {
            "is_theirs": self._theirs(rows),
            "status": literal(rows.fate.status.value),
            "error_class": _text(rows.fate.error_class),
        }
        self._execute(OUTCOMES_OF_FATE, terms)

    def _move_snapshot(self, rows: FatedRows) -> None:
        effect = rows.fate.effect
        if effect is Effect.NONE:
            return
        is_move = effect is Effect.MOVE
        states = {
            Effect.MOVE: "acked",
            Effect.UNKNOWN: "unknown",
            Effect.HOLD: "in_doubt",
        }
        terms = {
            "is_theirs": self._theirs(rows),
            "state": literal(states[effect]),
            "keeps_removed": exp.Boolean(this=not is_move),
        }
        self._execute(FORGET_KEYS, terms)
        self._execute(NOTE_KEYS, terms)

    def _note_refused(self) -> None:
        if self._refused_count:
            self._execute(DOUBT_REFUSED)
            self._execute(NOTE_REFUSED_IN_DOUBT)
            self._find_standing()
        if self._are_rejections():
            self._execute(FORGET_REJECTIONS)
        if self._refused_count:
            self._execute(NOTE_REJECTIONS)

    def _find_standing(self) -> None:
        soon, later, at_last = RETRY_AFTER
        moment = as_utc(self._it.now)
        query = filled_select(
            STANDING_REJECTIONS,
            self._relations,
            {
                **self._terms,
                "soon": literal(moment + soon),
                "later": literal(moment + later),
                "at_last": literal(moment + at_last),
            },
            dialect=self._warehouse.dialect,
        )
        create_temporary_as(self._warehouse, STANDING, query)

    def _note_dest_ids(self) -> None:
        create_temporary(
            self._warehouse, DEST_IDS, {"seq": "bigint", "dest_id": "text"}
        )
        are_any = False
        for piece in self._it.dest_ids:
            are_any = are_any or bool(piece)
            self._warehouse.insert(
                "",
                DEST_IDS,
                {"seq": list(piece), "dest_id": list(piece.values())},
            )
        if are_any:
            self._execute(NOTE_DEST_IDS)

    def _theirs(self, rows: FatedRows) -> exp.Expr:
        number = self._it.fated.index(rows)
        condition = self._within(number, rows)
        if self._refused_count:
            condition = exp.and_(condition, _not_in(REFUSED))
        if self._done_count:
            condition = exp.and_(condition, _not_in(DONE))
        return condition

    def _within(self, number: int, rows: FatedRows) -> exp.Expr:
        """Whether a row of the plan has this fate, a refusal of its own apart."""
        seq = exp.column("seq", "plan")
        if len(rows.spans) <= _MOST_SPANS_AS_TEXT:
            return exp.paren(
                exp.or_(*[seq.between(span.first, span.last) for span in rows.spans])
            )
        return exp.Exists(
            this=exp.select("1")
            .from_(exp.alias_(temporary(SPANS), "spans", table=True))
            .where(exp.column("fate", "spans").eq(number))
            .where(
                seq.between(
                    exp.column("first_seq", "spans"), exp.column("last_seq", "spans")
                )
            )
        )

    def _are_rejections(self) -> bool:
        found = self._warehouse.query(
            exp.select("1")
            .from_(REJECTED.to_table())
            .where(exp.column("sync_name").eq(self._it.sync))
            .limit(1)
        )
        return bool(found)

    def _count(self, name: str) -> int:
        ((count,),) = self._warehouse.query(
            exp.select(exp.func("count", exp.Star())).from_(temporary(name))
        )
        return int(str(count))

    def _execute(self, text: str, terms: Mapping[str, exp.Expr] | None = None) -> None:
        self._warehouse.execute(
            filled(
                text,
                self._relations,
                {**self._terms, **(terms or {})},
                dialect=self._warehouse.dialect,
            )
        )


def settle(warehouse: Warehouse, settlement: Settlement) -> None:
    """Write outcomes, snapshot and rejections, inside the caller's transaction."""
    settling = _Settling(warehouse, settlement)
    settling.settle()
    settling.clean_up()


def _not_in(name: str) -> exp.Expr:
    taken = exp.select("seq").from_(temporary(name))
    return exp.Not(this=exp.In(this=exp.column("seq", "plan"), query=taken.subquery()))


def _text(value: str | None) -> exp.Expr:
    return exp.cast(literal(value), "text")
