"""The record of one sync in the warehouse: its runs, the plan under way, what is held.

`SyncRecord.settle` commits what became of a plan's rows; which statements that takes is
`settling`'s.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlglot import exp

from reverse_etl import send_query
from reverse_etl.errands import Segment
from reverse_etl.errors import LedgerError, SyncConfigurationError
from reverse_etl.fates import FatedRows, OutcomeStatus
from reverse_etl.guards import Previous
from reverse_etl.ledger_entries import Refusal
from reverse_etl.modes import HELD_MEANINGS, Action, Mode, Op
from reverse_etl.query_text import filled, filled_select
from reverse_etl.retl_tables import (
    OUTCOMES,
    REJECTED,
    RUNS,
    SCHEMA,
    SNAPSHOT,
    drop,
    literal,
)
from reverse_etl.run_outcomes import Outcomes, RunStatus, outcome_columns
from reverse_etl.settling import Settlement, settle
from reverse_etl.spans import Span
from reverse_etl.spec import SyncSpec
from warehouse.connection import Warehouse
from warehouse.values import Relation, Row, Value

_OUTCOME_COUNTS = """
select
    outcomes.op,
    outcomes.status,
    count(*) as row_count
from outcomes
where outcomes.run_id = :run_id
group by outcomes.op, outcomes.status
"""

_SEGMENTS = """
select
    plan.action,
    plan.op = 'remove' as is_removal,
    min(plan.seq) as first_seq,
    max(plan.seq) as last_seq,
    count(*) as row_count

from plan
group by plan.action, plan.op = 'remove'
order by min(plan.seq)
"""

_DELETE_GONE_REJECTIONS = """
delete from rejected
where
    sync_name = :sync
    and key_sha256 not in (
        select sha256_text(compared.key)
        from compared
        where
            compared.key is not null
            and (
                (compared.is_in_source and compared.has_consent = 1)
                -- A removal that is refused grows old as well.
                or compared.op in ('absent', 'withdraw')
            )
    )
"""

# Nothing leaves where another row stands for the same record.
_FORGET_INHERITED = """
delete from snapshot
where
    sync_name = :sync
    and key in (
        select compared.key
        from compared
        where compared.op = 'inherited'
    )
"""

# Whose row it is follows merges of customers, so that a later withdrawal finds it.
_UPDATE_OWNERS = """
update snapshot
set customer_id = compared.customer_id
from compared
where
    snapshot.sync_name = :sync
    and snapshot.key = compared.key
    and compared.op = 'unchanged'
    and snapshot.customer_id is distinct from compared.customer_id
"""


class SyncRecord:
    """The record of one sync in an open warehouse."""

    def __init__(self, warehouse: Warehouse, spec: SyncSpec) -> None:
        self._warehouse = warehouse
        self._spec = spec
        self._plan = Relation(SCHEMA, f"plan__{spec.name}")

    @property
    def plan(self) -> Relation:
        """The table of the run under way."""
        return self._plan

    def check_plan(self, run_id: str) -> None:
        """Refuse to go on without the plan of a run that is not over.

        Raises:
            LedgerError: It is gone.
        """
        if (self._plan.schema, self._plan.name) not in self._warehouse.tables():
            raise LedgerError(
                f"The plan of run {run_id} is gone from {self._plan}, so nobody knows "
                "what it sent. To go on without it, set its is_open in retl.sync_runs to "
                "false; to be sure of the destination, `kenning sync reset` it."
            )

    def check_unchanged_target(self, place_settings: Sequence[str]) -> None:
        """Refuse a sync whose records are known to be somewhere else than it points to.

        Args:
            place_settings: Settings that say where records are: which list, which bucket.

        Raises:
            SyncConfigurationError: An earlier run sent to another destination, object or
                place in it, by another key, or in a mode to which a row that is held
                means something else.
        """
        holding_runs = (
            exp.select("run_id")
            .from_(SNAPSHOT.to_table())
            .where(exp.column("sync_name").eq(self._spec.name))
        )
        rows = self._warehouse.query(
            exp.select("destination", "object", "key_column", "settings", "mode")
            .distinct()
            .from_(RUNS.to_table())
            .where(exp.column("sync_name").eq(self._spec.name))
            .where(exp.column("run_id").isin(query=holding_runs))
        )
        spec = self._spec
        target = (spec.destination, spec.object, spec.key)
        place = {name: spec.settings.get(name) for name in place_settings}
        for *held, settings, mode in rows:
            self._check_meaning(str(mode))
            held_place = _held_place(settings, place)
            # What was told once cannot be taken back, wherever it was told.
            is_elsewhere = held_place != place and spec.mode is not Mode.APPEND
            if tuple(held) != target or is_elsewhere:
                raise SyncConfigurationError(
                    f"Sync '{spec.name}' in {spec.path} now points to "
                    f"{_target_text(target, place)}, but what it sent is in "
                    f"{_target_text(held, held_place)} and would stay there for ever. "
                    "Point it back, or give the new one a name of its own and let the old "
                    "one remove its rows first."
                )

    def _check_meaning(self, held_mode: str) -> None:
        spec = self._spec
        before, now = HELD_MEANINGS[Mode(held_mode)], HELD_MEANINGS[spec.mode]
        if before == now:
            return
        raise SyncConfigurationError(
            f"Sync '{spec.name}' in {spec.path} is in mode '{spec.mode}' now, to which a "
            f"row on its record {now}. What is on it was sent in mode '{held_mode}', and "
            f"{before}. Nothing was sent. Set the mode back, give the new one a name of "
            f"its own, or forget the record with `kenning sync reset {spec.name}`."
        )

    def open_runs(self) -> tuple[str, ...]:
        """Runs whose plan is not over, oldest first."""
        is_open = exp.or_(
            exp.column("is_open").eq(exp.true()),
            exp.and_(
                exp.Is(this=exp.column("is_open"), expression=exp.null()),
                exp.column("status").eq(RunStatus.RUNNING.value),
            ),
        )
        rows = self._warehouse.query(
            exp.select("run_id")
            .from_(RUNS.to_table())
            .where(exp.column("sync_name").eq(self._spec.name))
            .where(is_open)
            .order_by("run_id")
        )
        return tuple(str(run_id) for (run_id,) in rows)

    def previous(self) -> Previous:
        """What the last run that was not held found, not even in part."""
        rows = self._warehouse.query(
            exp.select(
                "mapping_fingerprint",
                "schema_fingerprint",
                "source_count",
                "skipped_no_consent_count",
                "account_fingerprint",
            )
            .from_(RUNS.to_table())
            .where(exp.column("sync_name").eq(self._spec.name))
            .where(
                exp.column("status").isin(
                    *(
                        status.value
                        for status in RunStatus
                        if status not in (RunStatus.HELD, RunStatus.REJECTED)
                    )
                )
            )
            .where(exp.func("coalesce", exp.column("held_count"), "0").eq(0))
            .order_by(exp.column("run_id").desc())
            .limit(1)
        )
        if not rows:
            return Previous()
        mapping, schema, source, skipped, account = rows[0]
        return Previous(
            _text(mapping),
            _text(schema),
            _optional(source),
            _optional(skipped),
            _text(account),
        )

    def run_row(self, run_id: str, *columns: str) -> Row:
        """Columns of a run.

        Raises:
            LedgerError: There is no such run.
        """
        rows = self._warehouse.query(
            exp.select(*columns)
            .from_(RUNS.to_table())
            .where(exp.column("run_id").eq(run_id))
        )
        if not rows:
            raise LedgerError(
                f"Run {run_id} of sync '{self._spec.name}' is gone from {RUNS}."
            )
        return rows[0]

    def write_run(self, run_id: str, values: Mapping[str, Value]) -> None:
        """Add a row to sync_runs. Columns that are not given are null."""
        row = {
            "run_id": run_id,
            "sync_name": self._spec.name,
            "destination": self._spec.destination,
            "object": self._spec.object,
            "key_column": self._spec.key,
            "settings": json.dumps(dict(self._spec.settings), sort_keys=True),
            "mode": self._spec.mode.value,
            "purpose": self._spec.purpose,
            **values,
        }
        literals = [literal(value) for value in row.values()]
        self._warehouse.execute(
            exp.insert(
                exp.select(*literals), into=RUNS.to_table(), columns=list(row.keys())
            )
        )

    def update_run(self, run_id: str, values: Mapping[str, Value]) -> None:
        """Set columns of a run."""
        self._warehouse.execute(
            exp.update(
                RUNS.to_table(),
                {name: literal(value) for name, value in values.items()},
                where=exp.column("run_id").eq(run_id),
            )
        )

    def write_plan(self, plan_query: exp.Select) -> int:
        """Keep the rows of the run that begins, in place of any left over; how many.

        Their sequence numbers follow the order of the query, and so do the rows in the
        table: a run reads them by number, a window at a time.
        """
        plan = self._plan.to_table()
        drop(self._warehouse, plan)
        if self._dialect != "duckdb":
            query = send_query.numbered(plan_query, dialect=self._dialect)
            return self._warehouse.execute(query.ctas(plan))
        row_count = self._warehouse.execute(plan_query.ctas(plan))
        # They are numbered where they lie: a window function keeps DuckDB to one thread.
        table = plan.sql(dialect=self._dialect)
        numbers = Relation(SCHEMA, f"{self._plan.name}__seq").to_table()
        sequence = numbers.sql(dialect=self._dialect)
        default = literal(sequence).sql(dialect=self._dialect)
        for statement in (
            f"create or replace sequence {sequence}",
            f"alter table {table} add column seq bigint default nextval({default})",
            f"alter table {table} alter column seq drop default",
            f"drop sequence {sequence}",
        ):
            self._warehouse.execute(statement)
        return row_count

    def plan_size(self) -> int:
        """Rows of the plan."""
        ((count,),) = self._warehouse.query(
            exp.select(exp.func("count", exp.Star())).from_(self._plan.to_table())
        )
        return _number(count)

    def segments(self) -> tuple[Segment, ...]:
        """The plan's stretches of one action, removals apart, in order.

        Raises:
            LedgerError: They are not stretches: the plan was changed from outside.
        """
        found = []
        end = 0
        for action, _, first, last, count in self._warehouse.query(
            filled_select(
                _SEGMENTS, {"plan": self._plan.to_table()}, dialect=self._dialect
            )
        ):
            span = Span(_number(first), _number(last))
            if span.first != end + 1 or span.row_count != _number(count):
                raise LedgerError(
                    f"{self._plan} is not in the order of a plan. Nothing was sent. Was "
                    "it changed by hand?"
                )
            end = span.last
            found.append(Segment(Action(str(action)), span))
        return tuple(found)

    def settle(
        self,
        run_id: str,
        fated: Sequence[FatedRows],
        *,
        refusals: Iterable[Sequence[Refusal]],
        dest_ids: Iterable[Mapping[int, str]],
        values: Mapping[str, Value],
        is_over: bool,
        now: datetime,
    ) -> Outcomes:
        """Commit what became of rows of the plan, in one transaction.

        Args:
            run_id: The run whose plan is in `plan`.
            fated: Rows by fate.
            refusals: Rows that were refused, in pieces.
            dest_ids: The destination's ids by sequence number, in pieces.
            values: Columns of sync_runs to set, its outcome counts apart.
            is_over: Whether every row has its outcome now; the plan is dropped.
            now: Moment of the record.

        Raises:
            LedgerError: The outcomes do not add up to the plan. Nothing was committed.
        """
        with self._warehouse.transaction():
            settle(
                self._warehouse,
                Settlement(
                    self._spec.name, run_id, self._plan, fated, refusals, dest_ids, now
                ),
            )
            outcomes = self.outcomes(run_id)
            if is_over:
                self._check_conserved(run_id, outcomes)
                drop(self._warehouse, self._plan.to_table())
            self.update_run(
                run_id,
                outcome_columns(outcomes) | {"is_open": not is_over} | dict(values),
            )
        return outcomes

    def outcomes(self, run_id: str) -> Outcomes:
        """What has become of the rows of a run so far."""
        query = filled_select(
            _OUTCOME_COUNTS,
            {"outcomes": OUTCOMES.to_table()},
            {"run_id": literal(run_id)},
            dialect=self._dialect,
        )
        counts = {
            (str(op), str(status)): _number(count)
            for op, status, count in self._warehouse.query(query)
        }

        def of_status(status: OutcomeStatus) -> int:
            return sum(count for key, count in counts.items() if key[1] == status)

        return Outcomes(
            added=counts.get((Op.ADD, OutcomeStatus.OK), 0),
            changed=counts.get((Op.CHANGE, OutcomeStatus.OK), 0),
            removed=counts.get((Op.REMOVE, OutcomeStatus.OK), 0),
            rejected=of_status(OutcomeStatus.REJECTED),
            in_doubt=of_status(OutcomeStatus.IN_DOUBT),
            cancelled=of_status(OutcomeStatus.CANCELLED),
        )

    def follow_source(self, compared: exp.Table) -> None:
        """Bring up to date what no destination needs to hear of.

        The customer that a held row belongs to, rows whose record others stand for now,
        and rejections of rows that are gone.
        Writes nothing when nothing changed.
        """
        terms = {"sync": literal(self._spec.name)}
        relations = {
            "snapshot": SNAPSHOT.to_table(),
            "rejected": REJECTED.to_table(),
            "compared": compared,
        }
        self._execute(_UPDATE_OWNERS, relations, terms)
        if self._spec.match:
            self._execute(_FORGET_INHERITED, relations, terms)
        if self._are_rejections():
            self._execute(_DELETE_GONE_REJECTIONS, relations, terms)

    def _are_rejections(self) -> bool:
        return bool(
            self._warehouse.query(
                exp.select("1")
                .from_(REJECTED.to_table())
                .where(exp.column("sync_name").eq(self._spec.name))
                .limit(1)
            )
        )

    def _check_conserved(self, run_id: str, outcomes: Outcomes) -> None:
        planned = self.plan_size()
        if outcomes.total != planned:
            raise LedgerError(
                f"Run {run_id} of sync '{self._spec.name}' planned {planned} rows and has "
                f"outcomes for {outcomes.total}. Nothing was recorded. The ledger does "
                "not fit the plan: was it copied from elsewhere? Move it away and run "
                "again; what is unknown then counts as in doubt."
            )

    def _execute(
        self,
        text: str,
        relations: Mapping[str, exp.Expr],
        terms: Mapping[str, exp.Expr],
    ) -> None:
        self._warehouse.execute(filled(text, relations, terms, dialect=self._dialect))

    @property
    def _dialect(self) -> str:
        return self._warehouse.dialect


def _held_place(
    settings: Value, place: Mapping[str, str | None]
) -> Mapping[str, str | None]:
    """Where records are by the settings of their run; as now where it did not say."""
    if settings is None:
        return place
    held: dict[str, str] = json.loads(str(settings))
    return {name: held.get(name) for name in place}


def _target_text(target: Sequence[Value], place: Mapping[str, str | None]) -> str:
    destination, object_name, key = (str(part) for part in target)
    settings = "".join(f", {name} {value}" for name, value in sorted(place.items()))
    return f"{destination}/{object_name} (key {key}{settings})"


def _number(value: Value) -> int:
    return int(value) if isinstance(value, int) else 0


def _optional(value: Value) -> int | None:
    return int(value) if isinstance(value, int) else None


def _text(value: Value) -> str | None:
    return None if value is None else str(value)
