"""The arguments of `kenning identity`, and what each command calls."""

import argparse
import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from identity.rules import LINK, NEVER_LINK
from orchestration.workspace import Workspace
from warehouse.connection import Warehouse, open_warehouse

FindWorkspace: TypeAlias = Callable[[argparse.Namespace], Workspace]
AUDITED = 10


def add_identity_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    *,
    workspace: FindWorkspace,
    count: Callable[[str], int],
) -> None:
    """Add `identity` and its verbs.

    Args:
        commands: Where to.
        workspace: Finds the workspace that the options mean.
        count: Reads a number from 1.
    """
    identity = commands.add_parser("identity", help="who is who, why, and what if")
    verbs = identity.add_subparsers(required=True, metavar="verb")

    explaining = verbs.add_parser(
        "explain", help="why two identifiers are one customer"
    )
    _add_pair(explaining)
    explaining.set_defaults(command=_command(_explain, workspace))

    showing = verbs.add_parser("show", help="how one customer came about")
    showing.add_argument(
        "identifier", help="any identifier, or a customer id ever handed out"
    )
    showing.set_defaults(command=_command(_show, workspace))

    auditing = verbs.add_parser("audit", help="where the graph looks wrong")
    auditing.add_argument(
        "--limit", type=count, default=AUDITED, help="customers to look into (10)"
    )
    auditing.add_argument(
        "--masked", action="store_true", help="print no value of an identifier"
    )
    auditing.set_defaults(command=_command(_audit, workspace))

    for name, action, text in (
        ("link", LINK, "say that two identifiers are one customer"),
        ("unmerge", NEVER_LINK, "say that two identifiers are two customers"),
    ):
        deciding = verbs.add_parser(name, help=text)
        _add_pair(deciding)
        deciding.add_argument("--reason", required=True, help="why, for later readers")
        deciding.add_argument("--author", help="who decided (your login name)")
        deciding.set_defaults(command=_command(_decide, workspace), action=action)

    listing = verbs.add_parser("rules", help="list the link rules")
    listing.set_defaults(command=_command(_rules, workspace))

    lifting = verbs.add_parser("lift", help="take a link rule back")
    lifting.add_argument("rule_id", help="as `kenning identity rules` lists it")
    lifting.set_defaults(command=_command(_lift, workspace))

    trying = verbs.add_parser("simulate", help="what other rules would change")
    trying.add_argument("--rules", type=Path, required=True, help="YAML file")
    trying.add_argument("--sample", type=count, help="only so many customers (all)")
    trying.set_defaults(command=_command(_simulate, workspace))


def _add_pair(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("left", metavar="A", help="an identifier, or type:value")
    parser.add_argument("right", metavar="B", help="another")


def _command(
    work: Callable[[Workspace, argparse.Namespace], str], workspace: FindWorkspace
) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        print(work(workspace(options), options))
        return 0

    return run


@contextmanager
def _open_for_writing(workspace: Workspace) -> Iterator[Warehouse]:
    """The warehouse that is there; a rule is no reason to make an empty one."""
    with open_warehouse(workspace.target, read_only=True):
        pass
    with open_warehouse(workspace.target) as warehouse:
        yield warehouse


def _explain(workspace: Workspace, options: argparse.Namespace) -> str:
    from cli.identity import render_explanation
    from identity.explanation import explain
    from identity.separation import type_limits
    from warehouse.manifest import project_variables

    limits = type_limits(project_variables(workspace.project_dir))
    with open_warehouse(workspace.target, read_only=True) as warehouse:
        return render_explanation(
            explain(warehouse, options.left, options.right, limits=limits)
        )


def _show(workspace: Workspace, options: argparse.Namespace) -> str:
    from cli.identity import render_story
    from identity.story import tell_story

    with open_warehouse(workspace.target, read_only=True) as warehouse:
        return render_story(tell_story(warehouse, options.identifier))


def _audit(workspace: Workspace, options: argparse.Namespace) -> str:
    from cli.identity import render_audit
    from identity.audit import audit
    from identity.identifiers import masked

    with open_warehouse(workspace.target, read_only=True) as warehouse:
        found = audit(warehouse, limit=options.limit)
    return render_audit(found, show=masked if options.masked else str)


def _decide(workspace: Workspace, options: argparse.Namespace) -> str:
    from cli.identity import render_decision
    from identity.rule_book import decide

    with _open_for_writing(workspace) as warehouse:
        decision = decide(
            warehouse,
            options.action,
            options.left,
            options.right,
            reason=options.reason,
            author=options.author or getpass.getuser(),
            now=datetime.now(UTC).replace(tzinfo=None, microsecond=0),
        )
    return render_decision(decision)


def _rules(workspace: Workspace, options: argparse.Namespace) -> str:
    del options
    from cli.identity import render_rules
    from identity.rule_book import read_rules

    with open_warehouse(workspace.target, read_only=True) as warehouse:
        return render_rules(read_rules(warehouse))


def _lift(workspace: Workspace, options: argparse.Namespace) -> str:
    from cli.identity import render_lifted
    from identity.rule_book import lift

    with _open_for_writing(workspace) as warehouse:
        return render_lifted(lift(warehouse, options.rule_id))


def _simulate(workspace: Workspace, options: argparse.Namespace) -> str:
    from cli.identity import render_simulation
    from cli.progress import ProgressPrinter
    from orchestration.identity_simulation import simulate

    with ProgressPrinter(sys.stdout, is_terminal=sys.stdout.isatty()) as tell:
        simulation = simulate(
            workspace, options.rules, sample_size=options.sample, tell=tell
        )
    return render_simulation(simulation)
