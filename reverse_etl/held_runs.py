"""Runs that send nothing, or only who withdrew consent: why, and what is recorded of them.

What holds a run is in `guards`.
"""

from dataclasses import replace
from datetime import datetime

from reverse_etl.clock import as_utc
from reverse_etl.invocations import Done, Invocation, empty_report
from reverse_etl.ledger_entries import Control
from reverse_etl.plan import SyncPlan
from reverse_etl.planned_runs import PlannedRun
from reverse_etl.run_outcomes import RunStatus
from reverse_etl.run_reports import RunReport, with_counts
from reverse_etl.wording import counted
from warehouse.values import Value


def paused_run(run: Invocation, reason: str) -> RunReport:
    """The report of a run that a person's pause let end before it began."""
    message = (
        f"Sync '{run.spec.name}' is paused{f': {reason}' if reason else ''}. Nothing was "
        f"sent. `kenning sync resume {run.spec.name}` lets it run again."
    )
    return empty_report(run, "", RunStatus.HELD, message)


def still_paused(run_id: str, resume_at: datetime | None) -> Done:
    """What comes of an earlier run's plan while the account's quota is used up."""
    moment = "later" if resume_at is None else f"at {resume_at:%Y-%m-%d %H:%M} UTC"
    return Done(
        run_id,
        planned=0,
        status=RunStatus.PAUSED_QUOTA,
        message=f"The account's quota is used up; the run goes on {moment}.",
        resume_at=resume_at,
    )


def held_run(run: Invocation, run_id: str, planned: PlannedRun) -> RunReport:
    """Record a run that guards hold, and report it."""
    plan = planned.plan
    return kept_back(
        run,
        run_id,
        planned,
        _held_message(run, plan, "Nothing was sent."),
        _held_status(run, plan),
    )


def _held_status(run: Invocation, plan: SyncPlan) -> RunStatus:
    """Whether a person has put this very plan away."""
    is_rejected = run.ledger.told(run.spec.name, Control.REJECTION) == plan.seal
    return RunStatus.REJECTED if is_rejected else RunStatus.HELD


def kept_back(
    run: Invocation,
    run_id: str,
    planned: PlannedRun,
    message: str,
    status: RunStatus = RunStatus.HELD,
) -> RunReport:
    """Record a run that sends nothing of its plan for a reason, and report it."""
    run.log(f"{status}, nothing was sent: {message}")
    report = replace(
        empty_report(run, run_id, status, message),
        findings=planned.plan.findings,
        held=planned.counts.planned,
        seal=planned.plan.seal,
    )
    report = with_counts(report, planned.counts)
    run.record.write_run(run_id, _run_values(run, planned, report))
    return report


def held_back(run: Invocation, report: RunReport, plan: SyncPlan) -> RunReport:
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


def _held_message(run: Invocation, plan: SyncPlan, sent: str) -> str:
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


def unchanged_run(run: Invocation, run_id: str, planned: PlannedRun) -> RunReport:
    """Record a run that finds everything as it was, and report it."""
    rows = counted(planned.counts.unchanged, "row", "rows")
    run.log(f"nothing changed, {rows} as before")
    report = replace(
        empty_report(run, run_id, RunStatus.SUCCEEDED, None), seal=planned.plan.seal
    )
    report = with_counts(report, planned.counts)
    run.record.write_run(run_id, _run_values(run, planned, report))
    return report


def _run_values(
    run: Invocation, planned: PlannedRun, report: RunReport
) -> dict[str, Value]:
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
