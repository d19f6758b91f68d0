"""One run of one sync, from the model to the destination's answer and back.

    lease → recover → freeze → compare → guards → plan (commit)
          → per batch: mark sending (commit) → send → mark answered (commit)
          → settle (commit) → release

A run that was killed is ended by the next one: what was answered is recorded, what may have
been applied counts as unknown, what was never sent is dropped. The comparison then finds
the rest again, with today's content and today's consent.
"""

import contextlib
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from reverse_etl.change_query import (
    CONSENTS,
    comparison_query,
    count_query,
    field_columns,
    frozen_source,
    keyless_query,
    plan_query,
    read_counts,
    wanted_query,
)
from reverse_etl.clock import Clock, as_utc
from reverse_etl.destinations.protocol import Batch, Destination, RejectedRow
from reverse_etl.destinations.registry import destination_type
from reverse_etl.errors import ContractError, DeliveryError, SpecError
from reverse_etl.ledger import Lease, Ledger, Rejection, idempotency_key
from reverse_etl.payload import Change, to_change
from reverse_etl.plan import (
    BatchKind,
    BatchSpan,
    Counts,
    GuardFinding,
    Op,
    SyncPlan,
    cut_batches,
    guard_findings,
)
from reverse_etl.retl_tables import (
    REJECTED,
    SNAPSHOT,
    TABLES,
    create_missing,
    create_temporary,
    create_temporary_as,
    drop,
    exist,
    temporary,
)
from reverse_etl.snapshot import Outcomes, RunStatus, SyncRecord
from reverse_etl.spec import CUSTOMER_COLUMN, Mode, SyncSpec
from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.values import Column, Row, Value

Log = Callable[[str], None]
"""Takes one line of progress about the sync: counts, never a value of a row."""

_SAFE_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did, in rows.

    The rows of its plan are conserved: planned = added + changed + removed + rejected +
    in_doubt + cancelled. `message` says why a run was held or failed, and what to do.
    """

    sync: str
    run_id: str
    status: RunStatus
    planned: int
    added: int
    changed: int
    removed: int
    rejected: int
    in_doubt: int
    cancelled: int
    unchanged: int
    waiting: int
    invalid: int
    skipped_no_consent: int
    held: int
    requests: int
    findings: tuple[GuardFinding, ...]
    message: str | None
    started_at: datetime
    finished_at: datetime


def plan_sync(
    spec: SyncSpec, *, warehouse: Warehouse, ledger: Ledger, now: Clock
) -> SyncPlan:
    """What a run would do now. Writes nothing that lasts; the warehouse may be read-only.

    Raises:
        SyncConfigurationError: The sync's destination is unknown or cannot do its mode.
        ContractError: The model or the consent table is not there or lacks a column.
    """
    kind = destination_type(spec)
    has_record = exist(warehouse)
    snapshot, rejected = (
        (SNAPSHOT.to_table(), REJECTED.to_table())
        if has_record
        else (
            create_temporary(warehouse, SNAPSHOT.name, TABLES[SNAPSHOT]),
            create_temporary(warehouse, REJECTED.name, TABLES[REJECTED]),
        )
    )
    with _comparison(
        spec,
        warehouse,
        snapshot=snapshot,
        rejected=rejected,
        is_whole_run=kind.capabilities.max_batch_rows is None,
    ) as comparison:
        plan = SyncPlan(
            sync=spec.name,
            planned_at=now(),
            counts=comparison.counts,
            findings=guard_findings(comparison.counts, spec.guards),
            has_unfinished_run=bool(ledger.open_runs(spec.name)),
        )
    if not has_record:
        drop(warehouse, snapshot)
        drop(warehouse, rejected)
    return plan


def run_sync(
    spec: SyncSpec,
    *,
    warehouse: Warehouse,
    ledger: Ledger,
    destination: Destination,
    now: Clock,
    log: Log,
) -> RunReport:
    """Bring a destination up to date with its model.

    Args:
        spec: The sync.
        warehouse: Open for writing.
        ledger: Open; shared by every sync.
        destination: From `registry.open_destination`.
        now: The present moment, for the record and the lease.
        log: Progress.

    Returns:
        The report. A guard that holds the run and a delivery that fails are reports, not
        errors: what was answered before is recorded.

    Raises:
        SyncConfigurationError: The destination cannot do the mode, or the sync now points
            elsewhere than its records are. Nothing was sent.
        ContractError: The model or the consent table is not there or lacks a column.
            Nothing was sent.
        SyncBusyError: Another run of this sync is under way.
        LedgerError: The ledger cannot be used; the state of the run is not known.
    """
    _check_mode(spec, destination)
    with ledger.lease(spec.name, now=now()) as lease:
        run = _Run(
            spec=spec,
            warehouse=warehouse,
            ledger=ledger,
            lease=lease,
            destination=destination,
            record=SyncRecord(warehouse, spec),
            now=now,
            log=log,
            run_id=f"{as_utc(now()):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
            started_at=now(),
        )
        create_missing(warehouse)
        _recover(run)
        run.record.check_unchanged_target()
        with _comparison(
            spec,
            warehouse,
            snapshot=SNAPSHOT.to_table(),
            rejected=REJECTED.to_table(),
            is_whole_run=destination.capabilities.max_batch_rows is None,
        ) as comparison:
            findings = guard_findings(comparison.counts, spec.guards)
            if findings:
                return _held(run, comparison, findings)
            run.record.follow_source(comparison.compared)
            if comparison.counts.planned == 0:
                return _unchanged(run, comparison)
            return _deliver(run, comparison)


@dataclass(frozen=True, slots=True)
class _Run:
    """Everything that a run works with, and its name."""

    spec: SyncSpec
    warehouse: Warehouse
    ledger: Ledger
    lease: Lease
    destination: Destination
    record: SyncRecord
    now: Clock
    log: Log
    run_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The frozen source, its comparison with what is held, and the counts of both."""

    frozen: exp.Table
    compared: exp.Table
    counts: Counts


@contextlib.contextmanager
def _comparison(
    spec: SyncSpec,
    warehouse: Warehouse,
    *,
    snapshot: exp.Table,
    rejected: exp.Table,
    is_whole_run: bool,
) -> Iterator[_Comparison]:
    dialect = warehouse.dialect
    columns = _checked_columns(spec, warehouse)
    frozen = temporary(f"frozen__{spec.name}")
    compared = temporary(f"compared__{spec.name}")
    try:
        create_temporary_as(
            warehouse, frozen.name, frozen_source(spec, columns, dialect=dialect)
        )
        create_temporary_as(
            warehouse,
            compared.name,
            comparison_query(
                spec,
                frozen=frozen,
                snapshot=snapshot,
                rejected=rejected,
                removes_ambiguous=is_whole_run,
                dialect=dialect,
            ),
        )
        ((keyless,),) = warehouse.query(keyless_query(frozen=frozen, dialect=dialect))
        counts = read_counts(
            warehouse.query(count_query(compared=compared, dialect=dialect)),
            keyless=int(str(keyless)),
        )
        yield _Comparison(frozen, compared, counts)
    finally:
        # They end with the connection anyway; an error on the way is the one to tell.
        with contextlib.suppress(WarehouseError):
            drop(warehouse, compared)
            drop(warehouse, frozen)


def _checked_columns(spec: SyncSpec, warehouse: Warehouse) -> tuple[Column, ...]:
    """Columns of the model, once everything that the sync reads is known to be there."""
    columns = warehouse.columns(spec.relation.schema, spec.relation.name)
    if not columns:
        raise ContractError(
            f"Sync '{spec.name}' reads {spec.relation}, which is not in the warehouse. "
            f"Build it first: `dbt build --select +{spec.model}`."
        )
    needed = {spec.key, *spec.columns}
    if spec.purpose is not None:
        needed.add(CUSTOMER_COLUMN)
        consent_columns = warehouse.columns(CONSENTS.schema, CONSENTS.name)
        _check_present(
            {"customer_id", "purpose", "is_granted"},
            consent_columns,
            sync=spec.name,
            table=str(CONSENTS),
        )
    _check_present(needed, columns, sync=spec.name, table=str(spec.relation))
    return columns


def _check_present(
    needed: set[str], columns: Iterable[Column], *, sync: str, table: str
) -> None:
    missing = sorted(needed - {column.name for column in columns})
    if missing:
        raise ContractError(
            f"Sync '{sync}' needs {', '.join(missing)} of {table}, which the warehouse "
            "does not have. Nothing was sent. Build the model again, or correct the sync."
        )


def _check_mode(spec: SyncSpec, destination: Destination) -> None:
    if spec.mode not in destination.capabilities.modes:
        raise SpecError(
            f"Sync '{spec.name}' in {spec.path}: destination '{spec.destination}' does "
            f"not do mode '{spec.mode}'."
        )


def _recover(run: _Run) -> None:
    """End what earlier runs left: record it in the warehouse, then forget it here."""
    for unfinished in run.record.unfinished_runs():
        outcomes = run.record.settle(
            unfinished,
            batches=run.ledger.batches(unfinished),
            rejections=run.ledger.rejections(unfinished),
            values={
                "status": RunStatus.INTERRUPTED.value,
                "message": "The process ended during the run; the next run settled it.",
                "finished_at": as_utc(run.now()),
            },
            now=run.now(),
        )
        run.log(
            f"run {unfinished} had been interrupted: {outcomes.in_doubt} rows are sent "
            f"again, {outcomes.cancelled} had not been sent"
        )
    for run_id in run.ledger.open_runs(run.spec.name):
        run.ledger.close_run(run.lease, run_id)


def _held(
    run: _Run, comparison: _Comparison, findings: tuple[GuardFinding, ...]
) -> RunReport:
    reasons = "; ".join(finding.message for finding in findings)
    message = (
        f"Sync '{run.spec.name}' is held: {reasons}. Nothing was sent. Check "
        f"{run.spec.relation}; if it is right, raise "
        f"{', '.join(finding.guard for finding in findings)} under guards in "
        f"{run.spec.path}."
    )
    run.log(f"held, nothing was sent: {reasons}")
    report = _report(
        run, comparison, RunStatus.HELD, Outcomes(), findings=findings, message=message
    )
    run.record.write_run(run.run_id, _run_columns(report))
    return report


def _unchanged(run: _Run, comparison: _Comparison) -> RunReport:
    run.log(f"nothing changed, {comparison.counts.unchanged} rows as they were")
    report = _report(run, comparison, RunStatus.SUCCEEDED, Outcomes())
    run.record.write_run(run.run_id, _run_columns(report))
    return report


def _deliver(run: _Run, comparison: _Comparison) -> RunReport:
    counts = comparison.counts
    run.log(
        f"{counts.remove} to remove, {counts.change} to change, {counts.add} to add"
    )
    spans = cut_batches(
        remove_count=counts.remove,
        upsert_count=counts.upserts,
        max_rows=run.destination.capabilities.max_batch_rows,
    )
    _commit_plan(run, comparison, spans)
    requests_before = run.destination.request_count
    failure = _send_all(run, comparison, spans)
    status = RunStatus.FAILED if failure else RunStatus.SUCCEEDED
    requests = run.destination.request_count - requests_before
    outcomes = run.record.settle(
        run.run_id,
        batches=run.ledger.batches(run.run_id),
        rejections=run.ledger.rejections(run.run_id),
        values={
            "status": status.value,
            "message": failure,
            "request_count": requests,
            "finished_at": as_utc(run.now()),
        },
        now=run.now(),
    )
    run.ledger.close_run(run.lease, run.run_id)
    run.log(
        f"{status}: {outcomes.removed} removed, {outcomes.changed} changed, "
        f"{outcomes.added} added, {outcomes.rejected} rejected, {outcomes.in_doubt} in "
        f"doubt, {outcomes.cancelled} not sent, {requests} requests"
    )
    return _report(
        run, comparison, status, outcomes, requests=requests, message=failure
    )


def _commit_plan(
    run: _Run, comparison: _Comparison, spans: tuple[BatchSpan, ...]
) -> None:
    # The ledger goes first. A run that only it knows has sent nothing; a run that only the
    # warehouse knows has lost its ledger and may have sent anything.
    run.ledger.begin_run(run.lease, run.run_id, spans)
    running = _report(run, comparison, RunStatus.RUNNING, Outcomes())
    with run.warehouse.transaction():
        run.record.write_plan(
            plan_query(
                run.spec,
                frozen=comparison.frozen,
                compared=comparison.compared,
                dialect=run.warehouse.dialect,
            )
        )
        run.record.write_run(run.run_id, _run_columns(running) | {"finished_at": None})


def _send_all(
    run: _Run, comparison: _Comparison, spans: tuple[BatchSpan, ...]
) -> str | None:
    """Send batch after batch. Returns why it stopped early, or None."""
    progress_step = max(1, len(spans) // 20)
    for span in spans:
        try:
            batch = _batch(run, comparison, span)
            run.ledger.mark_sending(run.lease, run.run_id, span.index, now=run.now())
            result = run.destination.send(batch)
        except DeliveryError as error:
            if not error.is_in_doubt:
                run.ledger.mark_failed(run.lease, run.run_id, span.index)
            return str(error)
        except ContractError as error:
            run.ledger.mark_failed(run.lease, run.run_id, span.index)
            return str(error)
        run.ledger.mark_acked(
            run.lease,
            run.run_id,
            span.index,
            _rejections(run.spec, span, result.rejected),
        )
        if (span.index + 1) % progress_step == 0:
            run.log(f"batch {span.index + 1} of {len(spans)} answered")
    return None


def _batch(run: _Run, comparison: _Comparison, span: BatchSpan) -> Batch:
    rows = run.warehouse.rows(_span_query(run, span))
    changes = (_to_change(row, run.spec) for row in rows)
    is_whole_run = span.kind is BatchKind.ALL

    def wanted() -> Iterator[Change]:
        query = wanted_query(
            run.spec,
            frozen=comparison.frozen,
            compared=comparison.compared,
            dialect=run.warehouse.dialect,
        )
        for key, *values in run.warehouse.rows(query):
            yield to_change(Op.ADD, str(key), values, run.spec)

    return Batch(
        sync=run.spec.name,
        object=run.spec.object,
        run_id=run.run_id,
        idempotency_key=idempotency_key(
            sync=run.spec.name, run_id=run.run_id, batch_index=span.index
        ),
        key_name=run.spec.key,
        field_names=tuple(field.field for field in run.spec.mapping),
        kind=span.kind,
        row_count=span.row_count,
        # Mapped before the batch is marked as sending: a row that cannot be mapped then
        # stops the run with nothing in doubt. A whole run is streamed instead.
        changes=changes if is_whole_run else tuple(changes),
        wanted=wanted if is_whole_run and run.spec.mode is Mode.MIRROR else None,
    )


def _span_query(run: _Run, span: BatchSpan) -> exp.Select:
    fields = [exp.column(name) for name in ("op", "key", *field_columns(run.spec))]
    return (
        exp.select(*fields)
        .from_(run.record.plan.to_table())
        .where(exp.column("seq").between(span.first, span.last))
        .order_by("seq")
    )


def _to_change(row: Row, spec: SyncSpec) -> Change:
    op, key, *values = row
    return to_change(Op(str(op)), str(key), values, spec)


def _rejections(
    spec: SyncSpec, span: BatchSpan, rejected: Iterable[RejectedRow]
) -> Iterator[Rejection]:
    """Rejections by sequence number, with nothing in them but codes and our own names."""
    known_fields = {spec.key, *(field.field for field in spec.mapping)}
    for row in rejected:
        yield Rejection(
            seq=span.first + row.position,
            error_class=row.error_class,
            code=row.code if row.code and _SAFE_CODE.fullmatch(row.code) else None,
            field=row.field if row.field in known_fields else None,
        )


def _report(
    run: _Run,
    comparison: _Comparison,
    status: RunStatus,
    outcomes: Outcomes,
    *,
    requests: int = 0,
    findings: tuple[GuardFinding, ...] = (),
    message: str | None = None,
) -> RunReport:
    counts = comparison.counts
    return RunReport(
        sync=run.spec.name,
        run_id=run.run_id,
        status=status,
        planned=0 if findings else counts.planned,
        added=outcomes.added,
        changed=outcomes.changed,
        removed=outcomes.removed,
        rejected=outcomes.rejected,
        in_doubt=outcomes.in_doubt,
        cancelled=outcomes.cancelled,
        unchanged=counts.unchanged,
        waiting=counts.waiting,
        invalid=counts.invalid,
        skipped_no_consent=counts.skipped_no_consent,
        held=counts.planned if findings else 0,
        requests=requests,
        findings=findings,
        message=message,
        started_at=run.started_at,
        finished_at=run.now(),
    )


def _run_columns(report: RunReport) -> dict[str, Value]:
    return {
        "status": report.status.value,
        "message": report.message,
        "planned_count": report.planned,
        "added_count": report.added,
        "changed_count": report.changed,
        "removed_count": report.removed,
        "rejected_count": report.rejected,
        "in_doubt_count": report.in_doubt,
        "cancelled_count": report.cancelled,
        "unchanged_count": report.unchanged,
        "waiting_count": report.waiting,
        "invalid_count": report.invalid,
        "skipped_no_consent_count": report.skipped_no_consent,
        "held_count": report.held,
        "request_count": report.requests,
        "started_at": as_utc(report.started_at),
        "finished_at": as_utc(report.finished_at),
    }
