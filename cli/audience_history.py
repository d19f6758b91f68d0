"""`kenning audiences history` and `backdate`: their arguments, and what they print."""

import argparse
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeAlias

from orchestration.progress import Tell
from orchestration.workspace import Workspace, parse_instant

if TYPE_CHECKING:
    from audiences.history import Recorded
    from orchestration.audience_backdating import Agreement, Backdated

FindWorkspace: TypeAlias = Callable[[argparse.Namespace], Workspace]
Printer: TypeAlias = Callable[[], AbstractContextManager[Tell]]

SHOWN_REASONS = 10
_NO_GROUP = "(no group)"


def add_audience_history_commands(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    *,
    workspace: FindWorkspace,
    printer: Printer,
) -> None:
    """Add `history` and `backdate` to the verbs of `audiences`.

    Args:
        verbs: Where to.
        workspace: Finds the workspace that the options mean.
        printer: Shows the progress of something long.
    """
    history = verbs.add_parser("history", help="who was in an audience, as recorded")
    _add_arguments(history)
    history.set_defaults(command=lambda options: _history(workspace(options), options))

    backdating = verbs.add_parser(
        "backdate", help="who was in an audience, worked out from the facts"
    )
    _add_arguments(backdating)
    backdating.set_defaults(
        command=lambda options: _backdate(workspace(options), options, printer)
    )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the audience")
    parser.add_argument(
        "--as-of", required=True, help="the instant, UTC (2026-06-30, 2026-06-30T12:00)"
    )
    parser.add_argument(
        "--json", action="store_true", help="as one JSON object, with every member's id"
    )


def _history(workspace: Workspace, options: argparse.Namespace) -> int:
    # A database driver takes a while to load, and most commands do without.
    from audiences.history import recorded_members
    from cli.profile import open_profiles

    as_of = parse_instant(options.as_of, where="--as-of")
    with open_profiles(workspace.target, workspace.published_path) as warehouse:
        recorded = recorded_members(warehouse, options.name, as_of)
    print(recorded_json(recorded) if options.json else render_recorded(recorded))
    return 0


def _backdate(
    workspace: Workspace, options: argparse.Namespace, printer: Printer
) -> int:
    from orchestration.audience_backdating import backdate

    as_of = parse_instant(options.as_of, where="--as-of")
    if options.json:
        print(backdated_json(backdate(workspace, options.name, as_of)))
        return 0
    with printer() as tell:
        found = backdate(workspace, options.name, as_of, tell=tell)
    print(render_backdated(found))
    return 0


def render_recorded(recorded: "Recorded") -> str:
    """An audience at an instant, as recorded."""
    lines = [
        f"{recorded.name} at {recorded.as_of:%Y-%m-%d %H:%M} UTC, as recorded",
        "",
        f"  evaluated  {recorded.evaluated_at:%Y-%m-%d %H:%M}",
        f"  version    {recorded.definition_version or 'removed'}",
        *_size_lines(len(recorded.members), recorded.groups),
    ]
    if recorded.members:
        lines += ["", "  Why they had entered"]
        shown = recorded.reasons[:SHOWN_REASONS]
        lines += [f"  {count:>9,}  {reason}" for reason, count in shown]
        rest = sum(count for _, count in recorded.reasons[SHOWN_REASONS:])
        lines += [f"  {rest:>9,}  other reasons"] if rest else []
    return "\n".join(lines)


def render_backdated(found: "Backdated") -> str:
    """An audience at a past instant, worked out, and how that agrees with what was recorded."""
    lines = [
        f"{found.name} at {found.as_of:%Y-%m-%d %H:%M} UTC, worked out from the facts known now",
        "",
        *_size_lines(len(found.groups), found.group_sizes),
        "",
    ]
    if found.agreement is None:
        return "\n".join([*lines, "  Nothing was recorded then."])
    return "\n".join([*lines, *_agreement_lines(found.agreement)])


def recorded_json(recorded: "Recorded") -> str:
    """An audience at an instant, as one JSON object."""
    return json.dumps(
        {
            "audience": recorded.name,
            "as_of": recorded.as_of.isoformat(),
            "evaluated_at": recorded.evaluated_at.isoformat(),
            "definition_version": recorded.definition_version,
            "member_count": len(recorded.members),
            "members": [
                {
                    "member_id": member.member_id,
                    "customer_id": member.customer_id,
                    "split_group": member.split_group,
                    "entered_at": member.entered_at.isoformat(),
                    "entered_because": member.entered_because,
                }
                for member in recorded.members
            ],
        },
        indent=2,
    )


def backdated_json(found: "Backdated") -> str:
    """An audience at a past instant, worked out, as one JSON object."""
    agreement = found.agreement
    return json.dumps(
        {
            "audience": found.name,
            "as_of": found.as_of.isoformat(),
            "member_count": len(found.groups),
            "recorded": None
            if agreement is None
            else {
                "both_count": agreement.both_count,
                "only_recorded_count": agreement.only_recorded_count,
                "only_worked_out_count": agreement.only_worked_out_count,
                "gone_count": agreement.gone_count,
            },
            "members": [
                {"member_id": member, "split_group": group}
                for member, group in found.groups.items()
            ],
        },
        indent=2,
    )


def _size_lines(count: int, groups: Mapping[str | None, int]) -> list[str]:
    lines = [f"  members    {count:,}"]
    if set(groups) - {None}:
        lines += [
            f"    {name or _NO_GROUP:<14} {size:,}" for name, size in groups.items()
        ]
    return lines


def _agreement_lines(agreement: "Agreement") -> list[str]:
    lines = [
        "  Recorded then",
        f"  {agreement.both_count:>9,}  the same members",
        f"  {agreement.only_recorded_count:>9,}  recorded, and not found in the facts known now",
        f"  {agreement.only_worked_out_count:>9,}  found in the facts known now, and not recorded",
    ]
    if agreement.gone_count:
        lines.append(
            f"  {agreement.gone_count:>9,}  recorded, and no customers any more"
        )
    return lines
