"""The arguments of `kenning sync`, and what each command calls."""

import argparse
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeAlias

from cli.progress import ProgressPrinter
from orchestration.workspace import Workspace
from reverse_etl.wording import counted
from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from orchestration.summary import RunSummary

FindWorkspace: TypeAlias = Callable[[argparse.Namespace], Workspace]
Printer: TypeAlias = Callable[[], AbstractContextManager[ProgressPrinter]]
PrintSummary: TypeAlias = Callable[["RunSummary"], int]

_Work: TypeAlias = Callable[[Workspace, argparse.Namespace], str]


def add_sync_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    *,
    workspace: FindWorkspace,
    count: Callable[[str], int],
    printer: Printer,
    print_summary: PrintSummary,
) -> None:
    """Add `sync` and its verbs.

    Args:
        commands: Where to.
        workspace: Finds the workspace that the options mean.
        count: Reads a number from 1.
        printer: Prints progress.
        print_summary: Prints what came of a run, and gives the exit code.
    """
    sync = commands.add_parser("sync", help="what would leave, and letting it leave")
    verbs = sync.add_subparsers(required=True, metavar="verb")

    def add(name: str, text: str, work: _Work) -> argparse.ArgumentParser:
        parser = verbs.add_parser(name, help=text)
        parser.set_defaults(command=_printed(work, workspace))
        return parser

    def sending(options: argparse.Namespace) -> int:
        from orchestration.run import run_syncs

        with printer() as tell:
            summary = run_syncs(
                workspace(options),
                name=options.name,
                seal=options.seal,
                at_once=options.at_once,
                tell=tell,
            )
        return print_summary(summary)

    plan = add("plan", "what a run would send, and what it costs", _plan)
    _add_optional_name(plan)
    plan.add_argument(
        "--samples",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="show some rows, masked (yes for one sync, no for all)",
    )

    running = verbs.add_parser("run", help="test the tables as they stand, then send")
    _add_optional_name(running)
    running.add_argument(
        "--at-once",
        type=count,
        default=1,
        metavar="N",
        help="send so many syncs beside each other (one after another)",
    )
    running.set_defaults(command=sending, seal=None)

    applying = verbs.add_parser("apply", help="send one plan, and no other")
    _add_name(applying)
    applying.add_argument(
        "--seal", required=True, help="as `kenning sync plan` shows it"
    )
    applying.set_defaults(command=sending, at_once=1)

    for name, text, work in (
        ("approve", "let a held plan go with the next run", _approve),
        ("reject", "put a held plan away until its numbers change", _reject),
    ):
        deciding = add(name, text, work)
        _add_name(deciding)
        deciding.add_argument("--seal", help="only if the plan is still this one")

    pausing = add("pause", "let no run of a sync begin", _pause)
    _add_name(pausing)
    pausing.add_argument("--reason", default="", help="why, for others to read")

    _add_name(add("resume", "let runs of a sync begin again", _resume))

    resetting = add("reset", "forget what a destination holds; send nothing", _reset)
    _add_name(resetting)
    resetting.add_argument(
        "--as-sent",
        action="store_true",
        help="and take what the model holds now as sent",
    )
    resetting.add_argument("--yes", action="store_true", help="do it")

    resending = add("resend", "send rows again with the next run", _resend)
    _add_name(resending)
    which = resending.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--rows", nargs="+", metavar="KEY", help="the rows of these keys"
    )
    which.add_argument("--all", action="store_true", help="every row")

    retrying = add("retry", "try again what was refused", _retry)
    _add_name(retrying)
    retrying.add_argument(
        "--in-doubt",
        choices=("resend", "delivered"),
        help="what becomes of rows whose answer was lost (they stay held)",
    )

    _add_optional_name(add("status", "how syncs stand", _status))

    explaining = add("explain", "everything that happened to one row", _explain)
    _add_name(explaining)
    explaining.add_argument("row", metavar="ROW", help="the row's key")

    listing = add(
        "destinations", "what can be sent to, and whether it is set up", _list
    )
    listing.add_argument("name", nargs="?", help="one destination or account (all)")

    purging = add("purge", "forget runs, outcomes and plans past their time", _purge)
    purging.add_argument(
        "--days", type=count, help="keep so many (vars.sync_retention_days)"
    )


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the sync")


def _add_optional_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="one sync (all)")


def _printed(
    work: _Work, workspace: FindWorkspace
) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        text = work(workspace(options), options)
        sys.stdout.write(f"{text}\n")
        return 0

    return run


def _plan(workspace: Workspace, options: argparse.Namespace) -> str:
    from cli.plan import render_plan
    from orchestration.sync_operations import plan_syncs

    with_samples = (
        options.name is not None if options.samples is None else options.samples
    )
    plans = plan_syncs(workspace, name=options.name, with_samples=with_samples)
    return "\n\n".join(render_plan(setup.spec, plan) for setup, plan in plans)


def _approve(workspace: Workspace, options: argparse.Namespace) -> str:
    from orchestration.sync_operations import approve

    setup, plan = approve(workspace, options.name, seal=options.seal)
    counts = plan.counts
    return (
        f"The plan {plan.seal} of {setup.spec.name} may go: {counts.add:,} added, "
        f"{counts.change:,} changed, {counts.remove:,} removed. The next run sends it if "
        f"its numbers are still the same: kenning sync run {setup.spec.name}"
    )


def _reject(workspace: Workspace, options: argparse.Namespace) -> str:
    from orchestration.sync_operations import reject

    setup, plan = reject(workspace, options.name, seal=options.seal)
    return (
        f"The plan {plan.seal} of {setup.spec.name} is put away. Runs send nothing and do "
        "not fail because of it, until its numbers change."
    )


def _pause(workspace: Workspace, options: argparse.Namespace) -> str:
    from orchestration.sync_operations import pause

    pause(workspace, options.name, reason=options.reason)
    return (
        f"{options.name} is paused: no run of it begins. One that is under way goes on to "
        f"its end. kenning sync resume {options.name} ends the pause."
    )


def _resume(workspace: Workspace, options: argparse.Namespace) -> str:
    from orchestration.sync_operations import resume

    if resume(workspace, options.name):
        return f"{options.name} runs again."
    return f"{options.name} was not paused."


def _reset(workspace: Workspace, options: argparse.Namespace) -> str:
    from orchestration.sync_operations import reset, statuses

    ((_, status),) = statuses(workspace, name=options.name)
    if not options.yes:
        held = (
            f"{counted(status.held, 'row', 'rows')} that its destination holds by our "
            "record"
        )
        then = (
            f"takes the {held} to be as the model has them now, so that only what changes "
            "from here is sent"
            if options.as_sent and status.held
            else "takes what the model holds now as sent, so that only what changes from "
            "here is sent"
            if options.as_sent
            else f"forgets {held}, and makes the next run a first one, which sends every "
            "row and removes none that left before"
        )
        raise ConfigurationError(
            f"A reset of {options.name} {then}. Nothing is sent by it. If that is meant, "
            "say --yes."
        )
    done = reset(workspace, options.name, as_sent=options.as_sent)
    taken = (
        f" {counted(done.taken_as_sent, 'row of the model counts', 'rows of the model count')}"
        " as sent."
        if options.as_sent
        else " The next run is a first one."
    )
    forgotten = counted(done.forgotten, "row is", "rows are")
    return f"{options.name} is reset: {forgotten} forgotten.{taken}"


def _resend(workspace: Workspace, options: argparse.Namespace) -> str:
    from orchestration.sync_operations import resend

    found = resend(workspace, options.name, keys=None if options.all else options.rows)
    name = options.name
    sent = counted(found, f"row of {name} is", f"rows of {name} are")
    text = f"{sent} sent again with the next run"
    missing = 0 if options.all else len(set(options.rows)) - found
    if missing > 0:
        text += "; " + counted(
            missing,
            "of the keys is not held by our record, so it goes if the model has it",
            "of the keys are not held by our record, so they go if the model has them",
        )
    return f"{text}."


def _retry(workspace: Workspace, options: argparse.Namespace) -> str:
    from orchestration.sync_operations import retry
    from reverse_etl.operations import InDoubt

    in_doubt = None if options.in_doubt is None else InDoubt(options.in_doubt)
    done = retry(workspace, options.name, in_doubt=in_doubt)
    name = options.name
    refused = counted(
        done.rejected, f"refused row of {name} is", f"refused rows of {name} are"
    )
    text = f"{refused} tried again"
    match in_doubt:
        case InDoubt.RESEND:
            doubted = counted(done.in_doubt, "row in doubt is", "rows in doubt are")
            text += f"; {doubted} sent again"
        case InDoubt.DELIVERED:
            doubted = counted(
                done.in_doubt, "row in doubt counts", "rows in doubt count"
            )
            text += f"; {doubted} as delivered"
    return f"{text}, with the next run."


def _status(workspace: Workspace, options: argparse.Namespace) -> str:
    from cli.sync_views import render_status
    from orchestration.sync_operations import statuses

    found = statuses(workspace, name=options.name)
    return "\n\n".join(render_status(spec, status) for spec, status in found)


def _explain(workspace: Workspace, options: argparse.Namespace) -> str:
    from cli.sync_views import render_story
    from orchestration.sync_operations import explain

    return render_story(explain(workspace, options.name, options.row))


def _list(workspace: Workspace, options: argparse.Namespace) -> str:
    from cli.sync_views import render_destination, render_destinations
    from orchestration.sync_operations import destination, destinations

    if options.name is not None:
        return render_destination(destination(workspace, options.name))
    return render_destinations(destinations(workspace))


def _purge(workspace: Workspace, options: argparse.Namespace) -> str:
    from orchestration.sync_retention import describe, purge_syncs

    text = describe(purge_syncs(workspace, days=options.days))
    return f"{text[0].upper()}{text[1:]}."
