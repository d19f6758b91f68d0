"""What a person does about a sync beside running it: approve, pause, reset, send again.

Each takes an open warehouse and ledger, does one thing in one transaction, and says in how
many rows. Those that change what is held need the sync to themselves. What a run does is
in `engine`; nothing here speaks to a destination.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlglot import exp

from reverse_etl.clock import Clock, as_utc
from reverse_etl.destinations.protocol import Capabilities
from reverse_etl.errors import ReverseEtlError
from reverse_etl.ledger import Ledger
from reverse_etl.ledger_entries import Control
from reverse_etl.operation_queries import (
    FORGET_REJECTED,
    FORGET_SNAPSHOT,
    FORGET_TAKEN,
    IN_DOUBT_AGAIN,
    IN_DOUBT_DELIVERED,
    IN_DOUBT_REMOVED,
    NOTE_TAKEN,
    RETRY_REJECTED,
    TAKEN,
    UNKNOWN_ALL,
    UNKNOWN_KEYS,
)
from reverse_etl.plan import SyncPlan
from reverse_etl.planning import planned_run
from reverse_etl.query_text import filled, filled_select
from reverse_etl.retl_tables import (
    OUTCOMES,
    REJECTED,
    RUNS,
    SNAPSHOT,
    create_missing,
    create_temporary_as,
    drop,
    literal,
    temporary,
)
from reverse_etl.run_outcomes import RunStatus
from reverse_etl.snapshot import SyncRecord
from reverse_etl.spec import SyncSpec
from warehouse.connection import Warehouse


class NothingToDecideError(ReverseEtlError):
    """There is no plan that waits for the decision."""


class UnfinishedRunError(ReverseEtlError):
    """A run of the sync is not over; what is held cannot be changed under it."""


class InDoubt(StrEnum):
    """What a person knows of rows whose answer was lost."""

    RESEND = "resend"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Reset:
    """What a reset did, in rows: forgotten, and of the model taken to be there."""

    forgotten: int
    taken_as_sent: int


@dataclass(frozen=True, slots=True)
class Retried:
    """What a retry released, in rows."""

    rejected: int
    in_doubt: int


def approve(
    spec: SyncSpec, plan: SyncPlan, *, ledger: Ledger, now: datetime, seal: str | None
) -> None:
    """Let a held plan go: the next run sends it if its numbers are still the same.

    Args:
        spec: The sync.
        plan: As it stands now.
        ledger: Open.
        now: The present moment.
        seal: The plan that the person looked at; None for the one that stands.

    Raises:
        NothingToDecideError: No guard holds it, or it is no longer the plan that was
            looked at.
    """
    _check_decidable(spec, plan, seal)
    ledger.tell(spec.name, Control.REJECTION, None, now=now)
    ledger.tell(spec.name, Control.APPROVAL, plan.seal, now=now)


def reject(
    spec: SyncSpec, plan: SyncPlan, *, ledger: Ledger, now: datetime, seal: str | None
) -> None:
    """Put a held plan away: runs say "rejected" instead of asking, until it changes.

    Raises:
        NothingToDecideError: See `approve`.
    """
    _check_decidable(spec, plan, seal)
    ledger.tell(spec.name, Control.APPROVAL, None, now=now)
    ledger.tell(spec.name, Control.REJECTION, plan.seal, now=now)


def pause(spec: SyncSpec, *, ledger: Ledger, now: datetime, reason: str) -> None:
    """Let every run of a sync end before it begins, until `resume`."""
    ledger.tell(spec.name, Control.PAUSE, reason or "no reason given", now=now)


def resume(spec: SyncSpec, *, ledger: Ledger, now: datetime) -> bool:
    """Let runs of a sync begin again. Says whether it was paused."""
    was_paused = ledger.told(spec.name, Control.PAUSE) is not None
    ledger.tell(spec.name, Control.PAUSE, None, now=now)
    return was_paused


def reset(
    spec: SyncSpec,
    capabilities: Capabilities,
    *,
    warehouse: Warehouse,
    ledger: Ledger,
    now: Clock,
    as_sent: bool,
) -> Reset:
    """Forget what a destination holds, or how it differs; without sending anything.

    Args:
        spec: The sync.
        capabilities: Of its destination's object.
        warehouse: Open for writing.
        ledger: Open.
        now: The present moment.
        as_sent: Forget nothing, and take the rows that are held to be as the model has
            them now; where none is held, all of the model. What the destination refused,
            what is in doubt, and who is to leave stay as they are, for the next run.
            Otherwise the next run is a first one.

    Raises:
        UnfinishedRunError: A run is not over.
        SyncConfigurationError: What is held is not where the sync points to.
        SyncBusyError: A run is under way.
    """
    with ledger.lease(spec.name, now=now):
        create_missing(warehouse)
        record = SyncRecord(warehouse, spec)
        _check_no_open_run(spec, record, ledger)
        with warehouse.transaction():
            if as_sent:
                record.check_unchanged_target(capabilities.settings)
                taken = _take_as_sent(
                    spec, capabilities, warehouse=warehouse, record=record, now=now()
                )
                return Reset(0, taken)
            terms = {"sync": literal(spec.name)}
            forgotten = _execute(warehouse, FORGET_SNAPSHOT, _relations(), terms)
            _execute(warehouse, FORGET_REJECTED, _relations(), terms)
    return Reset(forgotten, 0)


def resend(
    spec: SyncSpec,
    *,
    warehouse: Warehouse,
    ledger: Ledger,
    now: Clock,
    keys: Sequence[str] | None,
) -> int:
    """Let the next run send rows again though they did not change; how many are held.

    Args:
        spec: The sync.
        warehouse: Open for writing.
        ledger: Open.
        now: The present moment.
        keys: Of the rows; None for every one.

    Raises:
        UnfinishedRunError: A run is not over.
        SyncBusyError: A run is under way.
    """
    with ledger.lease(spec.name, now=now):
        create_missing(warehouse)
        _check_no_open_run(spec, SyncRecord(warehouse, spec), ledger)
        terms = {"sync": literal(spec.name)}
        with warehouse.transaction():
            if keys is None:
                return _execute(warehouse, UNKNOWN_ALL, _relations(), terms)
            if not keys:
                return 0
            listed = exp.Tuple(expressions=[literal(key) for key in keys])
            return _execute(
                warehouse, UNKNOWN_KEYS, _relations(), {**terms, "keys": listed}
            )


def retry(
    spec: SyncSpec,
    *,
    warehouse: Warehouse,
    ledger: Ledger,
    now: Clock,
    in_doubt: InDoubt | None,
) -> Retried:
    """Let the next run try again what a destination refused.

    Args:
        spec: The sync.
        warehouse: Open for writing.
        ledger: Open.
        now: The present moment.
        in_doubt: What becomes of rows whose answer was lost; None leaves them held.

    Raises:
        UnfinishedRunError: A run is not over.
        SyncBusyError: A run is under way.
    """
    with ledger.lease(spec.name, now=now):
        create_missing(warehouse)
        _check_no_open_run(spec, SyncRecord(warehouse, spec), ledger)
        terms = {"sync": literal(spec.name), "now": literal(as_utc(now()))}
        relations = _relations()
        with warehouse.transaction():
            rejected = _execute(warehouse, RETRY_REJECTED, relations, terms)
            released = 0
            if in_doubt is InDoubt.RESEND:
                released = _execute(warehouse, IN_DOUBT_AGAIN, relations, terms)
            elif in_doubt is InDoubt.DELIVERED:
                released = _execute(warehouse, IN_DOUBT_REMOVED, relations, terms)
                released += _execute(warehouse, IN_DOUBT_DELIVERED, relations, terms)
    return Retried(rejected, released)


def _take_as_sent(
    spec: SyncSpec,
    capabilities: Capabilities,
    *,
    warehouse: Warehouse,
    record: SyncRecord,
    now: datetime,
) -> int:
    run_id = f"{as_utc(now):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    with planned_run(
        spec,
        capabilities,
        warehouse=warehouse,
        snapshot=SNAPSHOT.to_table(),
        rejected=REJECTED.to_table(),
        previous=record.previous(),
        now=now,
    ) as planned:
        taken = temporary(f"taken__{spec.name}")
        relations = {**_relations(), "compared": planned.compared, "taken": taken}
        terms: dict[str, exp.Expr] = {
            "sync": literal(spec.name),
            "run_id": literal(run_id),
            "now": literal(as_utc(now)),
            "takes_new": exp.Boolean(this=planned.counts.held == 0),
        }
        rows = filled_select(TAKEN, relations, terms, dialect=warehouse.dialect)
        create_temporary_as(warehouse, taken.name, rows)
        _execute(warehouse, FORGET_TAKEN, relations, terms)
        count = _execute(warehouse, NOTE_TAKEN, relations, terms)
        drop(warehouse, taken)
        record.write_run(
            run_id,
            {
                **planned.run_columns(),
                "status": RunStatus.SUCCEEDED.value,
                "is_open": False,
                "message": "A person took what the model holds as sent. Nothing was sent.",
                "planned_count": 0,
                "request_count": 0,
                "started_at": as_utc(now),
                "finished_at": as_utc(now),
            },
        )
    return count + planned.counts.unchanged


def _check_decidable(spec: SyncSpec, plan: SyncPlan, seal: str | None) -> None:
    if not plan.is_held:
        raise NothingToDecideError(
            f"No guard holds sync '{spec.name}', so there is nothing to decide. "
            f"`kenning sync run {spec.name}` sends it."
        )
    if seal not in (None, plan.seal):
        raise NothingToDecideError(
            f"The plan of sync '{spec.name}' is no longer {seal} but {plan.seal}: its "
            f"numbers changed. Look at it again with `kenning sync plan {spec.name}`."
        )


def _check_no_open_run(spec: SyncSpec, record: SyncRecord, ledger: Ledger) -> None:
    if record.open_runs() or ledger.open_runs(spec.name):
        raise UnfinishedRunError(
            f"A run of sync '{spec.name}' is not over: what it sent is not recorded yet. "
            f"Let `kenning sync run {spec.name}` finish it, then try again."
        )


def _relations() -> dict[str, exp.Expr]:
    return {
        "snapshot": SNAPSHOT.to_table(),
        "rejected": REJECTED.to_table(),
        "outcomes": OUTCOMES.to_table(),
        "runs": RUNS.to_table(),
    }


def _execute(
    warehouse: Warehouse,
    text: str,
    relations: Mapping[str, exp.Expr],
    terms: Mapping[str, exp.Expr],
) -> int:
    return warehouse.execute(filled(text, relations, terms, dialect=warehouse.dialect))
