"""One run of one sync, from the model to the destination's answer and back.

    lease → finish what an earlier run left → compare → guards → plan (commit)
          → per batch: mark (commit) → send → mark answered (commit)
          → settle (commit) → release

A run that was killed, that failed, or that ran out of quota keeps its plan, and the next
one continues it: what was never sent goes, what may have been applied goes again where that
is the same as once. Then the model is compared anew.
"""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reverse_etl.clock import Clock, as_utc
from reverse_etl.counts import Counts
from reverse_etl.destinations.protocol import (
    Capabilities,
    Destination,
    RateLimit,
    Record,
)
from reverse_etl.errors import LedgerError, SpecError
from reverse_etl.events import (
    BatchAnswered,
    BatchTroubled,
    RunEnded,
    RunPaused,
    SyncEvent,
    Tell,
    Waiting,
    tell_nobody,
)
from reverse_etl.fates import fates_of
from reverse_etl.guards import GuardFinding, Previous
from reverse_etl.ledger import (
    Control,
    Lease,
    Ledger,
    LedgerBatch,
    LedgerRun,
    Writing,
)
from reverse_etl.modes import Action, Mode, Op
from reverse_etl.plan import SyncPlan, drifted
from reverse_etl.plan_rows import CONSENT_TTL_S, PlanRows
from reverse_etl.planning import PlannedRun, planned_run, withdrawn_since
from reverse_etl.records import RecordReader, Unsendable, record_reader
from reverse_etl.recovery import PLAN_TTL, Course, decide, plan_fingerprint
from reverse_etl.retl_tables import (
    REJECTED,
    SNAPSHOT,
    TABLES,
    create_missing,
    create_temporary,
    drop,
    exist,
)
from reverse_etl.sending import Errand, Sender, SendPolicy
from reverse_etl.snapshot import Outcomes, RunStatus, SyncRecord
from reverse_etl.spec import SyncSpec
from reverse_etl.verdicts import Rules, Stop, StopReason, recovered
from reverse_etl.wording import counted
from warehouse.connection import Warehouse
from warehouse.values import Value

Log = Callable[[str], None]
"""Takes one line of progress about the sync: counts, never a value of a row."""

MAX_UNCOUNTED_RATE = 0.1
"""Share of a run's rows that may fail without being named before the run counts as failed."""

_MOST_PASSES = 3
_PROGRESS_STEPS = 20
_PIECE_ROWS = 50_000
_PIECE_ANSWERS = 100


_POLICY = SendPolicy()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is done, beyond the sync itself.

    Attributes:
        policy: See `SendPolicy`.
        seal: The plan that a person looked at: a run of another is refused. None runs
            whatever is found.
        account_fingerprint: Which account it is; None where nobody says.
        limits: The account's limits, to tell how long a plan takes.
        requests_left: Of the account's day; None without a daily quota.
        plan_ttl: How old a plan may be when it is continued.
        consent_ttl_s: How old the look at the consents may be when a row goes.
        max_uncounted_rate: See `MAX_UNCOUNTED_RATE`.
        clock: Seconds that only grow.
    """

    policy: SendPolicy = _POLICY
    seal: str | None = None
    account_fingerprint: str | None = None
    limits: tuple[RateLimit, ...] = ()
    requests_left: int | None = None
    plan_ttl: timedelta = PLAN_TTL
    consent_ttl_s: float = CONSENT_TTL_S
    max_uncounted_rate: float = MAX_UNCOUNTED_RATE
    clock: Callable[[], float] = time.monotonic


_DEFAULTS = RunOptions()


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did, in rows; with what it continued of an earlier one.

    The rows of its plan are conserved: planned = added + changed + removed + rejected +
    in_doubt + cancelled + left, and only a run that failed or was paused leaves some.
    `message` says why a run was held or failed, and what to do. `uncounted` rows failed
    without being named; they are among the others.
    """

    sync: str
    run_id: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime
    planned: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    rejected: int = 0
    in_doubt: int = 0
    cancelled: int = 0
    uncounted: int = 0
    unchanged: int = 0
    waiting: int = 0
    invalid: int = 0
    skipped_no_consent: int = 0
    held: int = 0
    requests: int = 0
    findings: tuple[GuardFinding, ...] = ()
    message: str | None = None
    seal: str | None = None
    resume_at: datetime | None = None

    @property
    def left(self) -> int:
        """Rows of the plan that the next run goes on with."""
        return self.planned - (
            self.added
            + self.changed
            + self.removed
            + self.rejected
            + self.in_doubt
            + self.cancelled
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """Everything that an invocation works with."""

    spec: SyncSpec
    warehouse: Warehouse
    ledger: Ledger
    lease: Lease
    destination: Destination
    record: SyncRecord
    reader: RecordReader
    rules: Rules
    options: RunOptions
    now: Clock
    log: Log
    tell: Tell
    started_at: datetime

    @property
    def capabilities(self) -> Capabilities:
        return self.destination.capabilities

    @property
    def is_whole(self) -> bool:
        return self.capabilities.max_batch_rows is None


@dataclass(slots=True)
class _Done:
    """What one plan came to."""

    run_id: str
    planned: int
    status: RunStatus = RunStatus.SUCCEEDED
    outcomes: Outcomes = field(default_factory=Outcomes)
    withdrawn: int = 0
    uncounted: int = 0
    requests: int = 0
    message: str | None = None
    resume_at: datetime | None = None


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
    options: RunOptions = _DEFAULTS,
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
    options: RunOptions = _DEFAULTS,
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
        run = _Run(
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
            return _paused(run, paused)
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


def _brought_up_to_date(run: _Run) -> RunReport:
    earlier = _finish_earlier(run)
    if earlier is not None and earlier.status is not RunStatus.SUCCEEDED:
        return _report(run, earlier)
    report = None if earlier is None else _report(run, earlier)
    turn = _Pass(number=1)
    while True:
        done, following = _one_pass(run, turn)
        report = done if report is None else _together(report, done)
        if following is None or turn.number == _MOST_PASSES:
            break
        turn = following
    return report


def _one_pass(run: _Run, turn: _Pass) -> tuple[RunReport, _Pass | None]:
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
                return _kept_back(run, run_id, planned, message), None
            if is_held and not planned.lets_withdrawals_go:
                return _held(run, run_id, planned), None
            run.record.follow_source(planned.compared)
            is_idle = plan.counts.planned == 0
            if not is_idle:
                _begin(run, run_id, planned, only_withdrawals=is_held)
        if approved is not None and not is_held:
            # Also where nothing is to be sent: what was approved is not what there is now.
            run.ledger.tell(run.spec.name, Control.APPROVAL, None, now=run.now())
        if is_idle:
            return _unchanged(run, run_id, planned), None
        if not run.is_whole:
            # The rows are in the plan now; the comparison would only take room.
            comparison.close()
        counts = plan.counts.only_withdrawals() if is_held else plan.counts
        run.log(
            f"{counts.remove} to remove, {counts.change} to change, {counts.add} to add"
        )
        done = _send(run, run_id, (), wanted=_wanted(run, planned))
    report = _report(run, done, plan)
    if done.status is not RunStatus.SUCCEEDED:
        return report, None
    if is_held:
        return _held_back(run, report, plan), None
    if done.withdrawn == 0 and not planned.needs_second_pass:
        return report, None
    return report, _Pass(turn.number + 1, returning=plan.counts.rematch)


def _planned(run: _Run, turn: _Pass) -> contextlib.AbstractContextManager[PlannedRun]:
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
    run: _Run, run_id: str, planned: PlannedRun, *, only_withdrawals: bool
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


def _finish_earlier(run: _Run) -> _Done | None:
    """Continue what an earlier run left, or close it. Returns what continuing came to."""
    known = {each.run_id: each for each in run.ledger.open_runs(run.spec.name)}
    done: _Done | None = None
    for run_id in run.record.open_runs():
        ledger_run = known.pop(run_id, None)
        decision = decide(
            ledger_run,
            fingerprint=plan_fingerprint(run.spec, run.options.account_fingerprint),
            is_whole_run=run.is_whole,
            now=run.now(),
            plan_ttl=run.options.plan_ttl,
        )
        match decision.course:
            case Course.WAIT:
                return _still_paused(run_id, decision.resume_at)
            case Course.CONTINUE:
                run.record.check_plan(run_id)
                done = _continue(run, run_id)
            case Course.CLOSE:
                run.record.check_plan(run_id)
                _close(run, run_id, ledger_run, decision.reason)
    for run_id in known:
        # The warehouse never heard of it, so it was killed before it sent anything.
        run.ledger.close_run(run.lease, run_id)
    return done


def _continue(run: _Run, run_id: str) -> _Done:
    before = run.ledger.batches(run_id)
    after = [recovered(batch, run.rules) for batch in before]
    changed = [new for old, new in zip(before, after, strict=True) if new is not old]
    if changed:
        run.ledger.write(run.lease, run_id, Writing(batches=changed))
    run.ledger.resume_at(run.lease, run_id, None)
    run.record.update_run(
        run_id,
        {"status": RunStatus.RUNNING.value, "message": None, "finished_at": None},
    )
    doubted = sum(batch.row_count for batch in changed)
    run.log(f"run {run_id} is continued; {doubted} of its rows were in doubt")
    return _send(run, run_id, after, is_fresh=False)


def _close(run: _Run, run_id: str, ledger_run: LedgerRun | None, reason: str) -> None:
    batches = None if ledger_run is None else run.ledger.batches(run_id)
    outcomes = run.record.settle(
        run_id,
        fates_of(
            batches,
            planned=run.record.plan_size(),
            rules=run.rules,
            is_over=True,
        ),
        refusals=run.ledger.refusals(run_id, most=_PIECE_ROWS),
        dest_ids=run.ledger.dest_ids(run_id, most=_PIECE_ANSWERS),
        values={
            "status": RunStatus.INTERRUPTED.value,
            "message": f"The next run closed it, since {reason}.",
            "finished_at": as_utc(run.now()),
        },
        is_over=True,
        now=run.now(),
    )
    if ledger_run is not None:
        run.ledger.close_run(run.lease, run_id)
    run.log(
        f"run {run_id} is closed, since {reason}: {outcomes.in_doubt} of its rows are in "
        f"doubt, {outcomes.cancelled} had not been sent"
    )


def _send(
    run: _Run,
    run_id: str,
    batches: Sequence[LedgerBatch],
    *,
    is_fresh: bool = True,
    wanted: Callable[[], Iterable[Record]] | None = None,
) -> _Done:
    """Send what is left of a plan, and record what became of it."""
    record = run.record
    planned = record.plan_size()
    before = run.destination.request_count

    def checkpoint() -> None:
        _settle_so_far(run, run_id, planned, {})

    sender = Sender(
        Errand(
            sync=run.spec.name,
            object=run.spec.object,
            settings=run.spec.settings,
            run_id=run_id,
            key_name=run.spec.key,
            field_names=tuple(mapped.field for mapped in run.spec.mapping),
            planned=planned,
        ),
        () if run.is_whole else record.segments(),
        rows=_plan_rows(run, is_fresh=is_fresh),
        ledger=run.ledger,
        lease=run.lease,
        destination=run.destination,
        rules=run.rules,
        policy=run.options.policy,
        batches=batches,
        checkpoint=checkpoint,
        tell=_logged(run),
        clock=run.options.clock,
    )
    stop = sender.send_whole_run(wanted) if run.is_whole else sender.send()
    done = _Done(run_id, planned, withdrawn=sender.withdrawn_rows)
    done.requests = run.destination.request_count - before
    _end(run, done, stop)
    return done


def _plan_rows(run: _Run, *, is_fresh: bool) -> PlanRows:
    plan = run.record.plan.to_table()

    def withdrawn(first_seq: int) -> Sequence[int]:
        return withdrawn_since(
            run.spec, warehouse=run.warehouse, plan=plan, first_seq=first_seq
        )

    return PlanRows(
        run.warehouse,
        plan,
        run.reader,
        withdrawn=withdrawn,
        is_fresh=is_fresh,
        clock=run.options.clock,
        consent_ttl_s=run.options.consent_ttl_s,
    )


def _wanted(run: _Run, planned: PlannedRun) -> Callable[[], Iterable[Record]] | None:
    """What the destination should hold, where it takes all of it anew."""
    if not run.is_whole or run.spec.mode not in (Mode.MIRROR, Mode.FULL):
        return None

    def records() -> Iterator[Record]:
        for key, *values in run.warehouse.rows(planned.wanted_query()):
            head = (0, Action.RUN.value, Op.ADD.value, key, "", None, None, None)
            record = run.reader.read((*head, *values))
            if not isinstance(record, Unsendable):
                yield record

    return records


def _end(run: _Run, done: _Done, stop: Stop | None) -> None:
    """Record what became of a plan. It stays when something stopped it on its way."""
    batches = run.ledger.batches(done.run_id)
    done.uncounted = sum(batch.uncounted for batch in batches)
    _judge(run, done, stop)
    requests, *_ = run.record.run_row(done.run_id, "request_count")
    earlier_requests = requests if isinstance(requests, int) else 0
    values: dict[str, Value] = {
        "status": done.status.value,
        "message": done.message,
        "uncounted_count": done.uncounted,
        "request_count": earlier_requests + done.requests,
        "resume_at": None if done.resume_at is None else as_utc(done.resume_at),
        "finished_at": as_utc(run.now()),
    }
    if stop is None:
        _check_complete(run, done, batches)
    if stop is None or run.is_whole:
        done.outcomes = run.record.settle(
            done.run_id,
            fates_of(batches, planned=done.planned, rules=run.rules, is_over=True),
            refusals=run.ledger.refusals(done.run_id, most=_PIECE_ROWS),
            dest_ids=run.ledger.dest_ids(done.run_id, most=_PIECE_ANSWERS),
            values=values,
            is_over=True,
            now=run.now(),
        )
        run.ledger.close_run(run.lease, done.run_id)
    else:
        done.outcomes = _settle_so_far(run, done.run_id, done.planned, values)
        run.ledger.resume_at(run.lease, done.run_id, done.resume_at)
    if done.resume_at is not None:
        run.tell(RunPaused(run.spec.name, done.run_id, done.resume_at))
    outcomes = done.outcomes
    run.log(
        f"{done.status}: {outcomes.removed} removed, {outcomes.changed} changed, "
        f"{outcomes.added} added, {outcomes.rejected} rejected, {outcomes.in_doubt} in "
        f"doubt, {outcomes.cancelled} not sent, "
        f"{done.planned - outcomes.total} left, "
        f"{counted(done.requests, 'request', 'requests')}"
    )


def _check_complete(run: _Run, done: _Done, batches: Sequence[LedgerBatch]) -> None:
    """Every row of a plan that came to its end has an answer.

    Raises:
        LedgerError: Some were forgotten on the way.
    """
    finished = sum(batch.row_count for batch in batches if batch.is_finished)
    if finished != done.planned:
        raise LedgerError(
            f"Run {done.run_id} of sync '{run.spec.name}' planned {done.planned} rows and "
            f"knows what became of {finished}. This is a fault of Kenning; please report "
            "it. The next run goes on with the rest."
        )


def _judge(run: _Run, done: _Done, stop: Stop | None) -> None:
    if stop is not None:
        is_paused = stop.reason is StopReason.PAUSED
        done.status = RunStatus.PAUSED_QUOTA if is_paused else RunStatus.FAILED
        done.message = stop.message
        done.resume_at = stop.resume_at if is_paused else None
    elif done.uncounted > run.options.max_uncounted_rate * done.planned:
        done.status = RunStatus.FAILED
        done.message = (
            f"Sync '{run.spec.name}': the destination took the batches, and {done.uncounted:,} "
            f"of {done.planned:,} rows failed there without being named. They count as "
            "delivered. Look into the destination for what is wrong with them; to send "
            "all of them again, `kenning sync resend`."
        )


def _settle_so_far(
    run: _Run, run_id: str, planned: int, values: Mapping[str, Value]
) -> Outcomes:
    outcomes = run.record.settle(
        run_id,
        fates_of(
            run.ledger.batches(run_id), planned=planned, rules=run.rules, is_over=False
        ),
        refusals=run.ledger.refusals(run_id, most=_PIECE_ROWS),
        dest_ids=run.ledger.dest_ids(run_id, most=_PIECE_ANSWERS),
        values=values,
        is_over=False,
        now=run.now(),
    )
    run.ledger.settled(run.lease, run_id)
    return outcomes


def _logged(run: _Run) -> Tell:
    """Tells events, and a line for every twentieth of the plan."""
    told_share = 0

    def tell(event: SyncEvent) -> None:
        nonlocal told_share
        run.tell(event)
        if isinstance(event, BatchAnswered):
            share = event.answered * _PROGRESS_STEPS // event.planned
            if share > told_share:
                told_share = share
                run.log(f"{event.answered:,} of {event.planned:,} rows answered")
        elif isinstance(event, BatchTroubled):
            rows = counted(event.rows, "row", "rows")
            run.log(f"a batch of {rows}: {event.reason}, {event.fate}")
        elif isinstance(event, Waiting):
            run.log(f"waiting for {event.seconds:.0f} s")

    return tell


def _paused(run: _Run, reason: str) -> RunReport:
    message = (
        f"Sync '{run.spec.name}' is paused{f': {reason}' if reason else ''}. Nothing was "
        f"sent. `kenning sync resume {run.spec.name}` lets it run again."
    )
    return _empty_report(run, "", RunStatus.HELD, message)


def _still_paused(run_id: str, resume_at: datetime | None) -> _Done:
    moment = "later" if resume_at is None else f"at {resume_at:%Y-%m-%d %H:%M} UTC"
    return _Done(
        run_id,
        planned=0,
        status=RunStatus.PAUSED_QUOTA,
        message=f"The account's quota is used up; the run goes on {moment}.",
        resume_at=resume_at,
    )


def _held(run: _Run, run_id: str, planned: PlannedRun) -> RunReport:
    plan = planned.plan
    return _kept_back(
        run,
        run_id,
        planned,
        _held_message(run, plan, "Nothing was sent."),
        _held_status(run, plan),
    )


def _held_status(run: _Run, plan: SyncPlan) -> RunStatus:
    """Whether a person has put this very plan away."""
    is_rejected = run.ledger.told(run.spec.name, Control.REJECTION) == plan.seal
    return RunStatus.REJECTED if is_rejected else RunStatus.HELD


def _kept_back(
    run: _Run,
    run_id: str,
    planned: PlannedRun,
    message: str,
    status: RunStatus = RunStatus.HELD,
) -> RunReport:
    run.log(f"{status}, nothing was sent: {message}")
    report = replace(
        _empty_report(run, run_id, status, message),
        findings=planned.plan.findings,
        held=planned.counts.planned,
        seal=planned.plan.seal,
    )
    report = _with_counts(report, planned.counts)
    run.record.write_run(run_id, _run_values(run, planned, report))
    return report


def _held_back(run: _Run, report: RunReport, plan: SyncPlan) -> RunReport:
    """The report of a run that was held but for those who withdrew consent."""
    held = replace(
        report,
        status=_held_status(run, plan),
        message=_held_message(run, plan, "Only who withdrew consent was removed."),
        held=plan.counts.planned - plan.counts.withdraw,
        findings=plan.findings,
    )
    run.record.update_run(
        held.run_id, {"status": held.status.value, "message": held.message}
    )
    run.log(f"held, all but {plan.counts.withdraw} who withdrew consent")
    return held


def _held_message(run: _Run, plan: SyncPlan, sent: str) -> str:
    reasons = "; ".join(finding.message for finding in plan.findings)
    if _held_status(run, plan) is RunStatus.REJECTED:
        return (
            f"Sync '{run.spec.name}' is held: {reasons}. A person rejected this plan (seal "
            f"{plan.seal}), so nobody is asked again until its numbers change. {sent}"
        )
    return (
        f"Sync '{run.spec.name}' is held: {reasons}. {sent} Check {run.spec.relation}; if "
        f"it is right, `kenning sync approve {run.spec.name}` (seal {plan.seal}), or raise "
        f"{', '.join(finding.guard for finding in plan.findings)} under guards in "
        f"{run.spec.path}."
    )


def _unchanged(run: _Run, run_id: str, planned: PlannedRun) -> RunReport:
    run.log(f"nothing changed, {planned.counts.unchanged} unchanged")
    report = replace(
        _empty_report(run, run_id, RunStatus.SUCCEEDED, None), seal=planned.plan.seal
    )
    report = _with_counts(report, planned.counts)
    run.record.write_run(run_id, _run_values(run, planned, report))
    return report


def _empty_report(
    run: _Run, run_id: str, status: RunStatus, message: str | None
) -> RunReport:
    return RunReport(
        sync=run.spec.name,
        run_id=run_id,
        status=status,
        started_at=run.started_at,
        finished_at=run.now(),
        message=message,
    )


def _report(run: _Run, done: _Done, plan: SyncPlan | None = None) -> RunReport:
    outcomes = done.outcomes
    report = replace(
        _empty_report(run, done.run_id, done.status, done.message),
        planned=done.planned,
        added=outcomes.added,
        changed=outcomes.changed,
        removed=outcomes.removed,
        rejected=outcomes.rejected,
        in_doubt=outcomes.in_doubt,
        cancelled=outcomes.cancelled,
        uncounted=done.uncounted,
        requests=done.requests,
        resume_at=done.resume_at,
        seal=None if plan is None else plan.seal,
    )
    return report if plan is None else _with_counts(report, plan.counts)


def _with_counts(report: RunReport, counts: Counts) -> RunReport:
    return replace(
        report,
        unchanged=counts.unchanged,
        waiting=counts.waiting,
        invalid=counts.invalid,
        skipped_no_consent=counts.skipped_no_consent,
    )


def _together(first: RunReport, second: RunReport) -> RunReport:
    """One report of an invocation that took several passes: what was sent adds up."""
    return replace(
        second,
        planned=first.planned + second.planned,
        added=first.added + second.added,
        changed=first.changed + second.changed,
        removed=first.removed + second.removed,
        rejected=first.rejected + second.rejected,
        in_doubt=first.in_doubt + second.in_doubt,
        cancelled=first.cancelled + second.cancelled,
        uncounted=first.uncounted + second.uncounted,
        requests=first.requests + second.requests,
    )


def _run_values(run: _Run, planned: PlannedRun, report: RunReport) -> dict[str, Value]:
    return {
        **planned.run_columns(),
        "status": report.status.value,
        "message": report.message,
        "is_open": False,
        "planned_count": 0,
        **dict.fromkeys(
            (
                "added_count",
                "changed_count",
                "removed_count",
                "rejected_count",
                "in_doubt_count",
                "cancelled_count",
                "uncounted_count",
                "request_count",
            ),
            0,
        ),
        "held_count": report.held,
        "started_at": as_utc(run.started_at),
        "finished_at": as_utc(report.finished_at),
    }


def _check_mode(spec: SyncSpec, capabilities: Capabilities) -> None:
    if spec.mode not in capabilities.modes:
        raise SpecError(
            f"Sync '{spec.name}' in {spec.path}: destination '{spec.destination}' does "
            f"not do mode '{spec.mode}' with '{spec.object}'. It does: "
            f"{', '.join(sorted(capabilities.modes))}."
        )
