"""From a plan in the warehouse to what became of each of its rows.

Sends what is left of it, and settles. How it is sent, batch by batch, is in `sending`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from reverse_etl.clock import as_utc
from reverse_etl.comparing import withdrawn_since
from reverse_etl.destinations.protocol import Record
from reverse_etl.errands import Errand
from reverse_etl.errors import LedgerError
from reverse_etl.events import (
    BatchAnswered,
    BatchTroubled,
    RunPaused,
    SyncEvent,
    Tell,
    Waiting,
)
from reverse_etl.fates import fates_of
from reverse_etl.invocations import Done, Invocation
from reverse_etl.ledger_entries import LedgerBatch
from reverse_etl.modes import Action, Mode, Op
from reverse_etl.plan_rows import PlanRows
from reverse_etl.planned_runs import PlannedRun
from reverse_etl.records import Unsendable
from reverse_etl.run_outcomes import Outcomes, RunStatus
from reverse_etl.sending import Sender
from reverse_etl.verdicts import Stop, StopReason
from reverse_etl.wording import counted
from warehouse.values import Value

_PROGRESS_STEPS = 20


PIECE_ROWS = 50_000


PIECE_ANSWERS = 100


def send_plan(
    run: Invocation,
    run_id: str,
    batches: Sequence[LedgerBatch],
    *,
    is_fresh: bool = True,
    wanted: Callable[[], Iterable[Record]] | None = None,
) -> Done:
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
    done = Done(run_id, planned, withdrawn=sender.withdrawn_rows)
    done.requests = run.destination.request_count - before
    _end(run, done, stop)
    return done


def _plan_rows(run: Invocation, *, is_fresh: bool) -> PlanRows:
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


def wanted_records(
    run: Invocation, planned: PlannedRun
) -> Callable[[], Iterable[Record]] | None:
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


def _end(run: Invocation, done: Done, stop: Stop | None) -> None:
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
            refusals=run.ledger.refusals(done.run_id, most=PIECE_ROWS),
            dest_ids=run.ledger.dest_ids(done.run_id, most=PIECE_ANSWERS),
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


def _check_complete(
    run: Invocation, done: Done, batches: Sequence[LedgerBatch]
) -> None:
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


def _judge(run: Invocation, done: Done, stop: Stop | None) -> None:
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
    run: Invocation, run_id: str, planned: int, values: Mapping[str, Value]
) -> Outcomes:
    outcomes = run.record.settle(
        run_id,
        fates_of(
            run.ledger.batches(run_id), planned=planned, rules=run.rules, is_over=False
        ),
        refusals=run.ledger.refusals(run_id, most=PIECE_ROWS),
        dest_ids=run.ledger.dest_ids(run_id, most=PIECE_ANSWERS),
        values=values,
        is_over=False,
        now=run.now(),
    )
    run.ledger.settled(run.lease, run_id)
    return outcomes


def _logged(run: Invocation) -> Tell:
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
