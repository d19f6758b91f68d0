"""What an earlier run of the sync left is gone on with, or closed.

Which of the two is decided in `recovery`.
"""

from reverse_etl.clock import as_utc
from reverse_etl.fates import fates_of
from reverse_etl.held_runs import still_paused
from reverse_etl.invocations import Done, Invocation
from reverse_etl.ledger_entries import LedgerRun, Writing
from reverse_etl.plan_delivery import PIECE_ANSWERS, PIECE_ROWS, send_plan
from reverse_etl.recovery import Course, decide, plan_fingerprint
from reverse_etl.run_outcomes import RunStatus
from reverse_etl.verdicts import recovered


def finish_earlier(run: Invocation) -> Done | None:
    """Continue what an earlier run left, or close it. Returns what continuing came to."""
    known = {each.run_id: each for each in run.ledger.open_runs(run.spec.name)}
    done: Done | None = None
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
                return still_paused(run_id, decision.resume_at)
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


def _continue(run: Invocation, run_id: str) -> Done:
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
    return send_plan(run, run_id, after, is_fresh=False)


def _close(
    run: Invocation, run_id: str, ledger_run: LedgerRun | None, reason: str
) -> None:
    batches = None if ledger_run is None else run.ledger.batches(run_id)
    outcomes = run.record.settle(
        run_id,
        fates_of(
            batches,
            planned=run.record.plan_size(),
            rules=run.rules,
            is_over=True,
        ),
        refusals=run.ledger.refusals(run_id, most=PIECE_ROWS),
        dest_ids=run.ledger.dest_ids(run_id, most=PIECE_ANSWERS),
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
