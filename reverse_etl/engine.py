"""One run of one sync, from the model to the destination's answer and back.

    lease → finish what an earlier run left → compare → guards → plan (commit)
          → per batch: mark (commit) → send → mark answered (commit)
          → settle (commit) → release

A run that was killed, that failed, or that ran out of quota keeps its plan, and the next
one continues it: what was never sent goes, what may have been applied goes again where that
is the same as once. Then the model is compared anew.
"""

import contextlib
import uuid
from dataclasses import dataclass

from reverse_etl.clock import Clock, as_utc
from reverse_etl.destinations.protocol import Capabilities, Destination
from reverse_etl.errors import SpecError
from reverse_etl.events import RunEnded, Tell, tell_nobody
from reverse_etl.guards import Previous
from reverse_etl.held_runs import (
    held_back,
    held_run,
    kept_back,
    paused_run,
    unchanged_run,
)
from reverse_etl.invocations import (
    DEFAULT_OPTIONS,
    Invocation,
    Log,
    RunOptions,
    report_of,
)
from reverse_etl.ledger import Ledger
from reverse_etl.ledger_entries import Control, LedgerRun
from reverse_etl.plan import SyncPlan, drifted
from reverse_etl.plan_delivery import send_plan, wanted_records
from reverse_etl.planned_runs import PlannedRun
from reverse_etl.planning import planned_run
from reverse_etl.records import record_reader
from reverse_etl.recovery import plan_fingerprint
from reverse_etl.retl_tables import (
    REJECTED,
    SNAPSHOT,
    TABLES,
    create_missing,
    create_temporary,
    drop,
    exist,
)
from reverse_etl.run_outcomes import RunStatus
from reverse_etl.run_reports import RunReport, together
from reverse_etl.snapshot import SyncRecord
from reverse_etl.spec import SyncSpec
from reverse_etl.unfinished_runs import finish_earlier
from reverse_etl.verdicts import Rules
from warehouse.connection import Warehouse

_MOST_PASSES = 3


@dataclass(frozen=True, slots=True)
class _Pass:
    """One comparison of a run, and what of it was seen before.

    `returning` rows were taken away by the pass before, to come back now.
    """

    number: int
    returning: int = 0


def plan_sync(
    spec: SyncSpec,
    capabilities: Capabilities,
    *,
    warehouse: Warehouse,
    ledger: Ledger,
    now: Clock,
    options: RunOptions = DEFAULT_OPTIONS,
    with_samples: bool = False,
) -> SyncPlan:
    """What a run would do now. Writes nothing that lasts; the warehouse may be read-only.

    Raises:
        SpecError: The destination cannot do the sync's mode.
        ContractError: The model or the consent table is not there or lacks a column.
    """
    _check_mode(spec, capabilities)
    has_record = exist(warehouse)
    snapshot, rejected = (
        (SNAPSHOT.to_table(), REJECTED.to_table())
        if has_record
        else (
            create_temporary(warehouse, SNAPSHOT.name, TABLES[SNAPSHOT]),
            create_temporary(warehouse, REJECTED.name, TABLES[REJECTED]),
        )
    )
    record = SyncRecord(warehouse, spec)
    with planned_run(
        spec,
        capabilities,
        warehouse=warehouse,
        snapshot=snapshot,
        rejected=rejected,
        previous=record.previous() if has_record else Previous(),
        now=now(),
        account_fingerprint=options.account_fingerprint,
        limits=options.limits,
        requests_left=options.requests_left,
        has_unfinished_run=bool(ledger.open_runs(spec.name)),
        with_samples=with_samples,
    ) as planned:
        plan = planned.plan
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
    tell: Tell = tell_nobody,
    options: RunOptions = DEFAULT_OPTIONS,
) -> RunReport:
    """Bring a destination up to date with its model.

    Args:
        spec: The sync.
        warehouse: Open for writing.
        ledger: Open; shared by every sync.
        destination: From `registry.open_destination`.
        now: The present moment, for the record and the lease.
        log: Progress, for people.
        tell: Progress, for programs.
        options: See `RunOptions`.

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
        WarehouseError: The warehouse cannot be used; the next run goes on.
    """
    capabilities = destination.capabilities
    _check_mode(spec, capabilities)
    with ledger.lease(spec.name, now=now) as lease:
        run = Invocation(
            spec=spec,
            warehouse=warehouse,
            ledger=ledger,
            lease=lease,
            destination=destination,
            record=SyncRecord(warehouse, spec),
            reader=record_reader(spec, capabilities),
            rules=Rules(capabilities.idempotency, spec.in_doubt),
            options=options,
            now=now,
            log=log,
            tell=tell,
            started_at=now(),
        )
        paused = ledger.told(spec.name, Control.PAUSE)
        if paused is not None:
            return paused_run(run, paused)
        create_missing(warehouse)
        report = _brought_up_to_date(run)
    tell(
        RunEnded(
            spec.name,
            report.run_id,
            report.status.value,
            (report.finished_at - report.started_at).total_seconds(),
        )
    )
    return report


def _brought_up_to_date(run: Invocation) -> RunReport:
    earlier = finish_earlier(run)
    if earlier is not None and earlier.status is not RunStatus.SUCCEEDED:
        return report_of(run, earlier)
    report = None if earlier is None else report_of(run, earlier)
    turn = _Pass(number=1)
    while True:
        done, following = _one_pass(run, turn)
        report = done if report is None else together(report, done)
        if following is None or turn.number == _MOST_PASSES:
            break
        turn = following
    return report


def _one_pass(run: Invocation, turn: _Pass) -> tuple[RunReport, _Pass | None]:
    """Compare, and send what differs. Says which other comparison should follow."""
    run.record.check_unchanged_target(run.capabilities.settings)
    run_id = f"{as_utc(run.now()):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as comparison:
        with run.warehouse.transaction():
            planned = comparison.enter_context(_planned(run, turn))
            plan = planned.plan
            approved = run.ledger.told(run.spec.name, Control.APPROVAL)
            is_held = plan.is_held and plan.seal != approved
            # What follows from a plan that was looked at was looked at with it.
            seal = run.options.seal
            if turn.number == 1 and seal is not None and seal != plan.seal:
                message = drifted(plan, seal=seal)
                return kept_back(run, run_id, planned, message), None
            if is_held and not planned.lets_withdrawals_go:
                return held_run(run, run_id, planned), None
            run.record.follow_source(planned.compared)
            is_idle = plan.counts.planned == 0
            if not is_idle:
                _begin(run, run_id, planned, only_withdrawals=is_held)
        if approved is not None and not is_held:
            # Also where nothing is to be sent: what was approved is not what there is now.
            run.ledger.tell(run.spec.name, Control.APPROVAL, None, now=run.now())
        if is_idle:
            return unchanged_run(run, run_id, planned), None
        if not run.is_whole:
            # The rows are in the plan now; the comparison would only take room.
            comparison.close()
        counts = plan.counts.only_withdrawals() if is_held else plan.counts
        run.log(
            f"{counts.remove} to remove, {counts.change} to change, {counts.add} to add"
        )
        done = send_plan(run, run_id, (), wanted=wanted_records(run, planned))
    report = report_of(run, done, plan)
    if done.status is not RunStatus.SUCCEEDED:
        return report, None
    if is_held:
        return held_back(run, report, plan), None
    if done.withdrawn == 0 and not planned.needs_second_pass:
        return report, None
    return report, _Pass(turn.number + 1, returning=plan.counts.rematch)


def _planned(
    run: Invocation, turn: _Pass
) -> contextlib.AbstractContextManager[PlannedRun]:
    return planned_run(
        run.spec,
        run.capabilities,
        warehouse=run.warehouse,
        snapshot=SNAPSHOT.to_table(),
        rejected=REJECTED.to_table(),
        previous=run.record.previous(),
        now=run.now(),
        account_fingerprint=run.options.account_fingerprint,
        limits=run.options.limits,
        requests_left=run.options.requests_left,
        returning=turn.returning,
    )


def _begin(
    run: Invocation, run_id: str, planned: PlannedRun, *, only_withdrawals: bool
) -> None:
    # The ledger goes first. A run that only it knows has sent nothing; a run that only the
    # warehouse knows has lost its ledger and may have sent anything.
    run.ledger.begin_run(
        run.lease,
        LedgerRun(
            run_id,
            run.spec.name,
            plan_fingerprint(run.spec, run.options.account_fingerprint),
            run.now(),
        ),
    )
    row_count = run.record.write_plan(
        planned.plan_query(only_withdrawals=only_withdrawals)
    )
    run.record.write_run(
        run_id,
        {
            **planned.run_columns(),
            "status": RunStatus.RUNNING.value,
            "is_open": True,
            "planned_count": row_count,
            "held_count": planned.counts.planned - row_count if only_withdrawals else 0,
            "started_at": as_utc(run.started_at),
        },
    )


def _check_mode(spec: SyncSpec, capabilities: Capabilities) -> None:
    if spec.mode not in capabilities.modes:
        raise SpecError(
            f"Sync '{spec.name}' in {spec.path}: destination '{spec.destination}' does "
            f"not do mode '{spec.mode}' with '{spec.object}'. It does: "
            f"{', '.join(sorted(capabilities.modes))}."
        )
