"""What each destination has acknowledged, and what became of every row of every run.

`SyncRecord.settle` is the one way by which the snapshot moves, after a run and after a
crash alike: it reads the plan in the warehouse and the states in the ledger, and commits
outcomes, snapshot and rejections together. Doing it twice is harmless, because the plan
goes with the same commit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlglot import exp

from reverse_etl.clock import as_utc
from reverse_etl.errors import LedgerError, SyncConfigurationError
from reverse_etl.ledger import BatchRecord, BatchState, Rejection
from reverse_etl.plan import Op
from reverse_etl.query_text import filled, filled_select
from reverse_etl.retl_tables import (
    OUTCOMES,
    REJECTED,
    RUNS,
    SCHEMA,
    SNAPSHOT,
    create_temporary,
    create_temporary_as,
    drop,
    literal,
    temporary,
)
from reverse_etl.spec import SyncSpec
from warehouse.connection import Warehouse
from warehouse.values import Relation, Value

_RELATIONS: dict[str, exp.Table] = {
    "outcomes": OUTCOMES.to_table(),
    "rejected": REJECTED.to_table(),
    "snapshot": SNAPSHOT.to_table(),
}

_STATUS_OF_STATE: Mapping[BatchState, str] = {
    BatchState.PLANNED: "cancelled",
    BatchState.FAILED: "cancelled",
    BatchState.SENDING: "in_doubt",
    BatchState.ACKED: "ok",
}

_SETTLED_BATCHES = "settled_batches"
_SETTLED_REJECTIONS = "settled_rejections"
_NEWLY_REJECTED_TABLE = "newly_rejected"

_INSERT_OUTCOMES = """
insert into outcomes (
    run_id, sync_name, seq, op, key_sha256, row_hash, status,
    error_class, error_code, error_field, recorded_at
)
select
    :run_id,
    :sync,
    plan.seq,
    plan.op,
    plan.key_sha256,
    plan.row_hash,
    case
        when rejections.seq is not null then 'rejected'
        else coalesce(batches.status, 'in_doubt')
    end,
    rejections.error_class,
    rejections.error_code,
    rejections.error_field,
    :now

from plan
left join batches on plan.seq between batches.first_seq and batches.last_seq
left join rejections on plan.seq = rejections.seq
"""

_DELETE_SETTLED_KEYS = """
delete from snapshot
where
    sync_name = :sync
    and key in (
        select plan.key
        from plan
        inner join outcomes on plan.seq = outcomes.seq
        where outcomes.run_id = :run_id and outcomes.status in ('ok', 'in_doubt')
    )
"""

_INSERT_SETTLED_KEYS = """
insert into snapshot (
    sync_name, key, customer_id, row_hash, run_id, acknowledged_at
)
select
    :sync,
    plan.key,
    plan.customer_id,
    case when outcomes.status = 'ok' then plan.row_hash end,
    :run_id,
    :now

from plan
inner join outcomes on plan.seq = outcomes.seq
where
    outcomes.run_id = :run_id
    and (
        outcomes.status = 'in_doubt'
        or (outcomes.status = 'ok' and outcomes.op <> 'remove')
    )
"""

_NEWLY_REJECTED = """
select
    outcomes.sync_name,
    outcomes.key_sha256,
    outcomes.row_hash,
    outcomes.error_class,
    outcomes.error_code,
    outcomes.error_field,
    coalesce(rejected.attempt_count, 0) + 1 as attempt_count,
    coalesce(rejected.first_rejected_at, :now) as first_rejected_at,
    :now as last_rejected_at

from outcomes
left join rejected
    on outcomes.sync_name = rejected.sync_name
    and outcomes.key_sha256 = rejected.key_sha256
where outcomes.run_id = :run_id and outcomes.status = 'rejected'
"""

_DELETE_SETTLED_REJECTIONS = """
delete from rejected
where
    sync_name = :sync
    and key_sha256 in (
        select outcomes.key_sha256
        from outcomes
        where outcomes.run_id = :run_id and outcomes.status in ('ok', 'rejected')
    )
"""

_INSERT_REJECTIONS = """
insert into rejected (
    sync_name, key_sha256, row_hash, error_class, error_code, error_field,
    attempt_count, first_rejected_at, last_rejected_at
)
select
    sync_name, key_sha256, row_hash, error_class, error_code, error_field,
    attempt_count, first_rejected_at, last_rejected_at
from newly_rejected
"""

_OUTCOME_COUNTS = """
select outcomes.op, outcomes.status, count(*) as row_count
from outcomes
where outcomes.run_id = :run_id
group by outcomes.op, outcomes.status
"""

_DELETE_GONE_REJECTIONS = """
delete from rejected
where
    sync_name = :sync
    and key_sha256 not in (
        select sha256_text(compared.key)
        from compared
        where compared.is_in_source and compared.has_consent = 1
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


class RunStatus(StrEnum):
    """How a run stands. HELD sent nothing; INTERRUPTED was ended by the next run."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    HELD = "held"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the rows of a plan; they add up to it."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    rejected: int = 0
    in_doubt: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        """Every row of the plan."""
        return (
            self.added
            + self.changed
            + self.removed
            + self.rejected
            + self.in_doubt
            + self.cancelled
        )


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

    def check_unchanged_target(self) -> None:
        """Refuse a sync whose records are known to be somewhere else than it points to.

        Raises:
            SyncConfigurationError: An earlier run sent to another destination or object,
                or by another key.
        """
        holding_runs = (
            exp.select("run_id")
            .from_(SNAPSHOT.to_table())
            .where(exp.column("sync_name").eq(self._spec.name))
        )
        rows = self._warehouse.query(
            exp.select("destination", "object", "key_column")
            .distinct()
            .from_(RUNS.to_table())
            .where(exp.column("run_id").isin(query=holding_runs))
        )
        target = (self._spec.destination, self._spec.object, self._spec.key)
        for held in rows:
            if held != target:
                raise SyncConfigurationError(
                    f"Sync '{self._spec.name}' in {self._spec.path} now points to "
                    f"{_target_text(target)}, but what it sent is in {_target_text(held)} "
                    "and would stay there for ever. Point it back, or give the new one a "
                    "name of its own and let the old one remove its rows first."
                )

    def unfinished_runs(self) -> tuple[str, ...]:
        """Runs that were begun and not settled, oldest first."""
        rows = self._warehouse.query(
            exp.select("run_id")
            .from_(RUNS.to_table())
            .where(exp.column("sync_name").eq(self._spec.name))
            .where(exp.column("status").eq(RunStatus.RUNNING.value))
            .order_by("run_id")
        )
        return tuple(str(run_id) for (run_id,) in rows)

    def write_run(self, run_id: str, values: Mapping[str, Value]) -> None:
        """Add a row to sync_runs. Columns that are not given are null."""
        row = {
            "run_id": run_id,
            "sync_name": self._spec.name,
            "destination": self._spec.destination,
            "object": self._spec.object,
            "key_column": self._spec.key,
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

    def write_plan(self, plan_query: exp.Select) -> None:
        """Keep the rows of the run that begins, in place of any left over."""
        drop(self._warehouse, self._plan.to_table())
        self._warehouse.execute(plan_query.ctas(self._plan.to_table()))

    def settle(
        self,
        run_id: str,
        *,
        batches: Sequence[BatchRecord],
        rejections: Sequence[Rejection],
        values: Mapping[str, Value],
        now: datetime,
    ) -> Outcomes:
        """Commit what became of every row of a plan, in one transaction.

        Acknowledged rows move the snapshot, rejected and cancelled ones leave it, and
        those whose answer is unknown get a null hash. Rows of a batch that the ledger does
        not know count as unknown.

        Args:
            run_id: The run whose plan is in `plan`.
            batches: As the ledger has them; empty when the ledger was lost.
            rejections: Rows that the destination refused.
            values: Columns of sync_runs to set, its outcome counts apart.
            now: Moment of the record.

        Raises:
            LedgerError: The outcomes do not add up to the plan. Nothing was committed.
        """
        with self._warehouse.transaction():
            self._check_plan(run_id)
            relations = self._settling_relations(batches, rejections)
            terms = {
                "sync": literal(self._spec.name),
                "run_id": literal(run_id),
                "now": literal(as_utc(now)),
            }
            self._execute(_INSERT_OUTCOMES, relations, terms)
            outcomes = self._outcomes(run_id)
            self._check_conserved(run_id, outcomes)
            self._execute(_DELETE_SETTLED_KEYS, relations, terms)
            self._execute(_INSERT_SETTLED_KEYS, relations, terms)
            self._settle_rejections(relations, terms)
            self._update_run(run_id, _outcome_columns(outcomes) | dict(values))
            drop(self._warehouse, self._plan.to_table())
        for name in (_SETTLED_BATCHES, _SETTLED_REJECTIONS, _NEWLY_REJECTED_TABLE):
            drop(self._warehouse, temporary(name))
        return outcomes

    def follow_source(self, compared: exp.Table) -> None:
        """Bring up to date what no destination needs to hear of.

        The customer that a held row belongs to, and rejections of rows that are gone.
        Writes nothing when nothing changed.
        """
        terms = {"sync": literal(self._spec.name)}
        relations = _RELATIONS | {"compared": compared}
        for text in (_UPDATE_OWNERS, _DELETE_GONE_REJECTIONS):
            self._execute(text, relations, terms)

    def _check_plan(self, run_id: str) -> None:
        if (self._plan.schema, self._plan.name) not in self._warehouse.tables():
            raise LedgerError(
                f"The plan of run {run_id} is gone from {self._plan}, so nobody knows "
                "what it sent. To go on without it, set its status in retl.sync_runs to "
                "'failed'."
            )

    def _settling_relations(
        self, batches: Sequence[BatchRecord], rejections: Sequence[Rejection]
    ) -> dict[str, exp.Table]:
        batch_table = create_temporary(
            self._warehouse,
            _SETTLED_BATCHES,
            {"first_seq": "bigint", "last_seq": "bigint", "status": "text"},
        )
        self._warehouse.insert(
            "",
            _SETTLED_BATCHES,
            {
                "first_seq": [batch.first_seq for batch in batches],
                "last_seq": [batch.last_seq for batch in batches],
                "status": [_STATUS_OF_STATE[batch.state] for batch in batches],
            },
        )
        rejection_table = create_temporary(
            self._warehouse,
            _SETTLED_REJECTIONS,
            {
                "seq": "bigint",
                "error_class": "text",
                "error_code": "text",
                "error_field": "text",
            },
        )
        self._warehouse.insert(
            "",
            _SETTLED_REJECTIONS,
            {
                "seq": [row.seq for row in rejections],
                "error_class": [row.error_class for row in rejections],
                "error_code": [row.code for row in rejections],
                "error_field": [row.field for row in rejections],
            },
        )
        return _RELATIONS | {
            "plan": self._plan.to_table(),
            "batches": batch_table,
            "rejections": rejection_table,
        }

    def _settle_rejections(
        self, relations: Mapping[str, exp.Table], terms: Mapping[str, exp.Expr]
    ) -> None:
        newly_rejected = create_temporary_as(
            self._warehouse,
            _NEWLY_REJECTED_TABLE,
            filled_select(_NEWLY_REJECTED, relations, terms, dialect=self._dialect),
        )
        self._execute(_DELETE_SETTLED_REJECTIONS, relations, terms)
        self._execute(
            _INSERT_REJECTIONS, {**relations, "newly_rejected": newly_rejected}, terms
        )

    def _outcomes(self, run_id: str) -> Outcomes:
        query = filled_select(
            _OUTCOME_COUNTS,
            _RELATIONS,
            {"run_id": literal(run_id)},
            dialect=self._dialect,
        )
        counts = {
            (str(op), str(status)): _count(count)
            for op, status, count in self._warehouse.query(query)
        }

        def of_status(status: str) -> int:
            return sum(count for key, count in counts.items() if key[1] == status)

        return Outcomes(
            added=counts.get((Op.ADD, "ok"), 0),
            changed=counts.get((Op.CHANGE, "ok"), 0),
            removed=counts.get((Op.REMOVE, "ok"), 0),
            rejected=of_status("rejected"),
            in_doubt=of_status("in_doubt"),
            cancelled=of_status("cancelled"),
        )

    def _check_conserved(self, run_id: str, outcomes: Outcomes) -> None:
        ((row_count,),) = self._warehouse.query(
            exp.select(exp.func("count", exp.Star())).from_(self._plan.to_table())
        )
        planned = _count(row_count)
        if outcomes.total != planned:
            raise LedgerError(
                f"Run {run_id} of sync '{self._spec.name}' planned {planned} rows and has "
                f"outcomes for {outcomes.total}. Nothing was recorded. The ledger does "
                "not fit the plan: was it copied from elsewhere? Move it away and run "
                "again; what is unknown is then sent once more."
            )

    def _update_run(self, run_id: str, values: Mapping[str, Value]) -> None:
        self._warehouse.execute(
            exp.update(
                RUNS.to_table(),
                {name: literal(value) for name, value in values.items()},
                where=exp.column("run_id").eq(run_id),
            )
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


def _outcome_columns(outcomes: Outcomes) -> dict[str, Value]:
    return {
        "added_count": outcomes.added,
        "changed_count": outcomes.changed,
        "removed_count": outcomes.removed,
        "rejected_count": outcomes.rejected,
        "in_doubt_count": outcomes.in_doubt,
        "cancelled_count": outcomes.cancelled,
    }


def _target_text(target: Sequence[Value]) -> str:
    destination, object_name, key = (str(part) for part in target)
    return f"{destination}/{object_name} (key {key})"


def _count(value: Value) -> int:
    return int(value) if isinstance(value, int) else 0
