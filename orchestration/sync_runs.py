"""Runs one sync of a workspace, from its ledger to its report. Needs no Dagster."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestration.progress import Tell
from orchestration.sync_progress import SyncProgress
from orchestration.sync_setup import (
    open_limiter,
    open_sync_destination,
    open_sync_ledger,
    project_accounts,
    run_options,
    set_up,
)
from orchestration.workspace import Workspace
from reverse_etl.clock import utc_now
from reverse_etl.engine import run_sync
from reverse_etl.history import SyncStatus, sync_status
from reverse_etl.ledger_entries import Control
from reverse_etl.run_outcomes import RunStatus
from reverse_etl.run_reports import RunReport
from reverse_etl.spec import SyncSpec
from reverse_etl.wording import counted
from warehouse.connection import open_warehouse

MAX_REJECTED_RATE = 0.05
"""Share of a run's rows that its destination may refuse before somebody should look."""


@dataclass(frozen=True, slots=True)
class SyncRun:
    """What came of running a sync.

    Attributes:
        report: Of the run; None when a person has paused the sync.
        status: How the sync stands afterwards.
    """

    report: RunReport | None
    status: SyncStatus

    @property
    def is_paused(self) -> bool:
        """Whether a person has paused the sync, so that there was no run."""
        return self.report is None

    @property
    def is_failed(self) -> bool:
        """Whether somebody has to do something before the destination is up to date.

        What a person decided already, and a quota that comes back, are no failures.
        """
        return self.report is not None and self.report.status not in (
            RunStatus.SUCCEEDED,
            RunStatus.REJECTED,
            RunStatus.PAUSED_QUOTA,
        )


def send_sync(
    workspace: Workspace,
    spec: SyncSpec,
    *,
    tell: Tell,
    log: Callable[[str], None],
    seal: str | None = None,
) -> SyncRun:
    """Bring one destination up to date with its model.

    Args:
        workspace: Where.
        spec: The sync.
        tell: Hears the progress.
        log: Takes lines for the record: counts, never a value of a row.
        seal: The plan that a person looked at; another is not sent.

    Raises:
        KenningError: The run could not begin, or its state is not known. What a guard holds
            and what fails on its way is in the report.
    """
    progress = SyncProgress(spec.name, tell)
    setup = set_up(spec, project_accounts(workspace))

    def note(line: str) -> None:
        log(f"{spec.name}: {line}")

    with (
        open_sync_ledger(workspace) as ledger,
        open_warehouse(workspace.target) as (warehouse),
    ):
        if ledger.told(spec.name, Control.PAUSE) is not None:
            run = SyncRun(
                None,
                sync_status(spec, warehouse=warehouse, ledger=ledger, now=utc_now()),
            )
        else:
            progress.say("comparing with what the destination holds")
            with (
                open_limiter(setup, ledger, sleep=progress.wait) as limiter,
                open_sync_destination(workspace, setup, limiter) as destination,
            ):
                report = run_sync(
                    spec,
                    warehouse=warehouse,
                    ledger=ledger,
                    destination=destination,
                    now=utc_now,
                    log=note,
                    tell=progress.hear,
                    options=run_options(setup, limiter, seal=seal),
                )
            status = sync_status(
                spec, warehouse=warehouse, ledger=ledger, now=utc_now()
            )
            run = SyncRun(report, status)
    progress.say(describe(run), is_done=True)
    return run


def describe(run: SyncRun) -> str:
    """What came of a run in one line, without what did not happen."""
    report = run.report
    if report is None:
        return f"paused, nothing was sent: {run.status.paused or 'no reason given'}"
    parts = [
        f"{count:,} {name}"
        for name, count in (
            ("added", report.added),
            ("changed", report.changed),
            ("removed", report.removed),
            ("rejected", report.rejected),
            ("in doubt", report.in_doubt),
            ("held back", report.held),
            ("left for the next run", report.left),
            ("without consent", report.skipped_no_consent),
            ("unchanged", report.unchanged),
        )
        if count
    ]
    counts = ", ".join(parts) or "nothing to do"
    match report.status:
        case RunStatus.PAUSED_QUOTA:
            moment = (
                "later"
                if report.resume_at is None
                else f"after {report.resume_at:%Y-%m-%d %H:%M} UTC"
            )
            return f"the account's quota is used up, goes on {moment}; {counts}"
        case RunStatus.REJECTED:
            return f"held, and a person put this plan away; {counts}"
        case RunStatus.HELD | RunStatus.FAILED:
            return f"{report.status}; {counts}"
    return counts


def concerns(run: SyncRun) -> tuple[str, ...]:
    """What somebody should look at though the run came to its end, in counts."""
    found = []
    report, status = run.report, run.status
    if report is not None and report.rejected > MAX_REJECTED_RATE * report.planned:
        found.append(
            f"{report.rejected:,} of {counted(report.planned, 'row was', 'rows were')} refused "
            f"({report.rejected / report.planned:.0%}, limit {MAX_REJECTED_RATE:.0%})"
        )
    if status.dead:
        found.append(
            f"{counted(status.dead, 'row has', 'rows have')} been refused for too long"
        )
    if status.in_doubt:
        found.append(
            f"{counted(status.in_doubt, 'row is in doubt and waits', 'rows are in doubt and wait')}"
            " for a person"
        )
    if report is not None and report.status is RunStatus.SUCCEEDED and report.left:
        found.append(
            f"{counted(report.left, 'row of the plan has', 'rows of the plan have')} no outcome"
        )
    return tuple(found)
