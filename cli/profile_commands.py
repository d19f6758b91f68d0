"""The arguments of `kenning profile`, and what each command calls."""

import argparse
from collections.abc import Callable
from typing import TypeAlias

from orchestration.workspace import Workspace

FindWorkspace: TypeAlias = Callable[[argparse.Namespace], Workspace]


def add_profile_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    *,
    workspace: FindWorkspace,
    count: Callable[[str], int],
) -> None:
    """Add `profile` and its verbs.

    Args:
        commands: Where to.
        workspace: Finds the workspace that the options mean.
        count: Reads a number from 1.
    """
    profile = commands.add_parser("profile", help="one customer")
    verbs = profile.add_subparsers(required=True, metavar="view")
    show = verbs.add_parser(
        "show",
        help="identifiers, profile, consents, and the latest orders, tickets, sessions and events",
    )
    show.add_argument(
        "identifier", help="e-mail, phone, card, account, cookie or customer id"
    )
    show.add_argument(
        "--events",
        type=count,
        default=10,
        help="how many of the latest events, orders, tickets and sessions (%(default)s)",
    )
    asked = show.add_mutually_exclusive_group()
    asked.add_argument(
        "--why",
        metavar="FIELD",
        help="only where this field comes from: its value and those that it beat",
    )
    asked.add_argument("--json", action="store_true", help="as one JSON object")

    def run(options: argparse.Namespace) -> int:
        return _show(workspace(options), options)

    show.set_defaults(command=run)


def _show(workspace: Workspace, options: argparse.Namespace) -> int:
    # A database driver takes a while to load, and most commands do without.
    from cli.profile import find_matches, open_profiles, read_profile
    from cli.profile_view import as_json, render, render_matches
    from cli.profile_why import field_values, render_field_values

    with open_profiles(workspace.target, workspace.published_path) as warehouse:
        matches = find_matches(warehouse, options.identifier)
        if options.why and len(matches) == 1:
            values = field_values(warehouse, matches[0].customer_id, options.why)
            print(render_field_values(options.why, values))
            return 0
        profile = (
            read_profile(warehouse, matches[0].customer_id, limit=options.events)
            if len(matches) == 1
            else None
        )
    if options.json:
        print(as_json(matches, profile))
    elif profile is None:
        print(render_matches(matches))
    else:
        print(render(profile))
    return 0
