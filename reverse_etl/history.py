"""What is known of a sync, and of one row in it: read from the record, changed by nothing.

Every value is a count, a moment, a code or a name of ours. A row is named by its key, which
the person who asks has given.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlglot import exp

from reverse_etl.clock import as_utc
from reverse_etl.ledger import Ledger
from reverse_etl.ledger_entries import Control
from reverse_etl.query_text import filled_select
from reverse_etl.retl_tables import OUTCOMES, REJECTED, RUNS, SNAPSHOT, exist, literal
from reverse_etl.spec import SyncSpec
from warehouse.connection import Warehouse
from warehouse.values import Row, Value

DEAD_AFTER_ATTEMPTS = 5
"""Refusals after which a row counts as dead: somebody should look at it."""

DEAD_AFTER = timedelta(days=7)
"""Age of a first refusal after which a row counts as dead."""

_LAST_RUN = """
select
    run_id,
    status,
    message,
    started_at,
    finished_at,
    planned_count,
    request_count,
    resume_at

from runs
where sync_name = :sync
order by run_id desc
limit 1
"""

_HELD = """
select
    state,
    count(*) as row_count

from snapshot
where sync_name = :sync
group by state
"""

_REFUSED = """
select
    error_class,
    count(*) as row_count,
    sum(
        case
            when attempt_count >= :attempts or first_rejected_at < :old then 1
            else 0
        end
    ) as dead_count

from rejected
where sync_name = :sync
group by error_class
order by error_class
"""

_OUTCOMES_OF_ROW = """
select
    runs.run_id,
    coalesce(outcomes.recorded_at, runs.finished_at) as recorded_at,
    outcomes.action,
    outcomes.op,
    outcomes.status,
    outcomes.row_hash,
    outcomes.error_class,
    outcomes.error_code,
    outcomes.error_field

from outcomes
left join runs on outcomes.run_id = runs.run_id
where outcomes.sync_name = :sync and outcomes.key_sha256 = :key_sha256
order by outcomes.run_id, outcomes.seq
"""

_HELD_ROW = """
select
    state,
    row_hash,
    dest_id,
    run_id,
    acknowledged_at

from snapshot
where sync_name = :sync and key = :key
"""

_REFUSED_ROW = """
select
    error_class,
    error_code,
    error_field,
    attempt_count,
    first_rejected_at,
    last_rejected_at,
    next_retry_at

from rejected
where sync_name = :sync and key_sha256 = :key_sha256
"""


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run of a sync."""

    run_id: str
    status: str
    message: str | None
    started_at: datetime | None
    finished_at: datetime | None
    planned: int
    requests: int
    resume_at: datetime | None


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """How a sync stands, in rows.

    Attributes:
        sync: Its name.
        last_run: None before the first.
        held: Rows that the destination holds by our record.
        unknown: Those of them whose answer was lost; they are sent again.
        in_doubt: Those that wait for a person.
        refused: Open refusals by error class.
        dead: Those that failed so often, or for so long, that somebody should look.
        paused: Why the sync is paused; None when it is not.
        approved: Seal of the plan that may go.
        rejected: Seal of the plan that was put away.
        has_unfinished_run: Whether a run is not over.
    """

    sync: str
    last_run: LastRun | None = None
    held: int = 0
    unknown: int = 0
    in_doubt: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    dead: int = 0
    paused: str | None = None
    approved: str | None = None
    rejected: str | None = None
    has_unfinished_run: bool = False


@dataclass(frozen=True, slots=True)
class RowEvent:
    """What one run did with the row."""

    run_id: str
    at: datetime | None
    action: str | None
    op: str
    status: str
    row_hash: str | None
    error_class: str | None
    error_code: str | None
    error_field: str | None


@dataclass(frozen=True, slots=True)
class RowRefusal:
    """The row's open refusal; `next_retry_at` None waits for another content."""

    error_class: str
    error_code: str | None
    error_field: str | None
    attempts: int
    first_at: datetime | None
    last_at: datetime | None
    next_retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class RowHistory:
    """Everything that ever happened to one row in one sync, oldest first.

    Attributes:
        sync: Name of the sync.
        key_sha256: Of the row's key, as outcomes name it.
        events: What runs did.
        state: acked, unknown or in_doubt; None when the destination does not hold it.
        row_hash: Fingerprint of what it holds.
        dest_id: Its own id there.
        acknowledged_at: When.
        refusal: Its open refusal.
    """

    sync: str
    key_sha256: str
    events: tuple[RowEvent, ...] = ()
    state: str | None = None
    row_hash: str | None = None
    dest_id: str | None = None
    acknowledged_at: datetime | None = None
    refusal: RowRefusal | None = None


def sync_status(
    spec: SyncSpec, *, warehouse: Warehouse, ledger: Ledger, now: datetime
) -> SyncStatus:
    """How a sync stands; the warehouse may be open for reading alone."""
    told = {each: ledger.told(spec.name, each) for each in Control}
    has_unfinished_run = bool(ledger.open_runs(spec.name))
    if not exist(warehouse):
        return SyncStatus(
            spec.name,
            paused=told[Control.PAUSE],
            approved=told[Control.APPROVAL],
            rejected=told[Control.REJECTION],
            has_unfinished_run=has_unfinished_run,
        )
    states = {
        str(state): _number(count)
        for state, count in _rows(warehouse, _HELD, {"sync": literal(spec.name)})
    }
    refused = _rows(
        warehouse,
        _REFUSED,
        {
            "sync": literal(spec.name),
            "attempts": literal(DEAD_AFTER_ATTEMPTS),
            "old": literal(as_utc(now) - DEAD_AFTER),
        },
    )
    return SyncStatus(
        spec.name,
        last_run=_last_run(spec, warehouse),
        held=sum(states.values()),
        unknown=states.get("unknown", 0),
        in_doubt=states.get("in_doubt", 0),
        refused={str(name): _number(count) for name, count, _ in refused},
        dead=sum(_number(dead) for _, _, dead in refused),
        paused=told[Control.PAUSE],
        approved=told[Control.APPROVAL],
        rejected=told[Control.REJECTION],
        has_unfinished_run=has_unfinished_run,
    )


def row_history(spec: SyncSpec, key: str, *, warehouse: Warehouse) -> RowHistory:
    """Everything that ever happened to one row, by its key."""
    key_sha256 = hashlib.sha256(key.encode()).hexdigest()
    if not exist(warehouse):
        return RowHistory(spec.name, key_sha256)
    terms = {
        "sync": literal(spec.name),
        "key": literal(key),
        "key_sha256": literal(key_sha256),
    }
    events = tuple(
        RowEvent(
            str(run_id),
            _moment(at),
            _text(action),
            str(op),
            str(status),
            _text(row_hash),
            _text(error_class),
            _text(code),
            _text(name),
        )
        for run_id, at, action, op, status, row_hash, error_class, code, name in _rows(
            warehouse, _OUTCOMES_OF_ROW, terms
        )
    )
    held = _rows(warehouse, _HELD_ROW, terms)
    state, row_hash, dest_id, _, acknowledged_at = held[0] if held else (None,) * 5
    refused = _rows(warehouse, _REFUSED_ROW, terms)
    return RowHistory(
        spec.name,
        key_sha256,
        events,
        state=_text(state),
        row_hash=_text(row_hash),
        dest_id=_text(dest_id),
        acknowledged_at=_moment(acknowledged_at),
        refusal=_refusal(refused[0]) if refused else None,
    )


def _last_run(spec: SyncSpec, warehouse: Warehouse) -> LastRun | None:
    rows = _rows(warehouse, _LAST_RUN, {"sync": literal(spec.name)})
    if not rows:
        return None
    run_id, status, message, started, finished, planned, requests, resume_at = rows[0]
    return LastRun(
        str(run_id),
        str(status),
        _text(message),
        _moment(started),
        _moment(finished),
        _number(planned),
        _number(requests),
        _moment(resume_at),
    )


def _refusal(row: Row) -> RowRefusal:
    error_class, code, name, attempts, first_at, last_at, next_retry_at = row
    return RowRefusal(
        str(error_class),
        _text(code),
        _text(name),
        _number(attempts),
        _moment(first_at),
        _moment(last_at),
        _moment(next_retry_at),
    )


def _rows(warehouse: Warehouse, text: str, terms: Mapping[str, exp.Expr]) -> list[Row]:
    relations = {
        "runs": RUNS.to_table(),
        "outcomes": OUTCOMES.to_table(),
        "rejected": REJECTED.to_table(),
        "snapshot": SNAPSHOT.to_table(),
    }
    return warehouse.query(
        filled_select(text, relations, terms, dialect=warehouse.dialect)
    )


def _number(value: Value) -> int:
    return 0 if value is None else int(str(value))


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def _moment(value: Value) -> datetime | None:
    return value if isinstance(value, datetime) else None
