"""`kenning audiences preview`, `list`, `overlap` and `diff`: what they take, and what they call."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from orchestration.workspace import Workspace

if TYPE_CHECKING:
    from warehouse.values import Value

FindWorkspace: TypeAlias = Callable[[argparse.Namespace], Workspace]
Work: TypeAlias = Callable[[Workspace, argparse.Namespace], str]


def add_audience_commands(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    *,
    workspace: FindWorkspace,
) -> None:
    """Add the verbs that look at audiences to those of `audiences`.

    Args:
        verbs: Where to.
        workspace: Finds the workspace that the options mean.
    """
    preview = verbs.add_parser(
        "preview", help="who would be in an audience now, why, and who is reached"
    )
    preview.add_argument("audience", help="its name, or the file of a definition")
    preview.add_argument(
        "--with",
        dest="others",
        action="append",
        default=[],
        metavar="NAME",
        help="compare with this audience as built last (again for more)",
    )
    preview.add_argument(
        "--sql", action="store_true", help="only the SQL that gives the members"
    )
    _finish(preview, _preview, workspace)

    listing = verbs.add_parser("list", help="every audience, its size and its owner")
    _finish(listing, _list, workspace)

    overlap = verbs.add_parser("overlap", help="how many members audiences share")
    overlap.add_argument("names", nargs="*", help="audiences (all)")
    _finish(overlap, _overlap, workspace)

    differing = verbs.add_parser(
        "diff", help="whom a changed definition adds and removes, before it is merged"
    )
    differing.add_argument("file", help="the definition, or the name of an audience")
    _finish(differing, _diff, workspace)


def _finish(
    parser: argparse.ArgumentParser, work: Work, workspace: FindWorkspace
) -> None:
    parser.add_argument("--json", action="store_true", help="as one JSON object")

    def run(options: argparse.Namespace) -> int:
        print(work(workspace(options), options))
        return 0

    parser.set_defaults(command=run)


# A database driver and the compiler take a while to load, and most commands do without.


def _preview(workspace: Workspace, options: argparse.Namespace) -> str:
    from audiences.preview import preview
    from audiences.preview_candidate import find_candidate
    from audiences.preview_evaluation import whole_sql
    from cli.audience_views import preview_json, preview_text
    from cli.profile import open_profiles

    root = workspace.project_dir
    candidate = find_candidate(root, options.audience)
    with open_profiles(workspace.target, workspace.published_path) as warehouse:
        if options.sql:
            return whole_sql(warehouse, candidate, root)
        found = preview(
            warehouse, candidate, root, mask=_shown, compared_with=options.others
        )
    return preview_json(found) if options.json else preview_text(found)


def _list(workspace: Workspace, options: argparse.Namespace) -> str:
    from audiences.listing import read_listing
    from cli.audience_views import listing_json, listing_text
    from cli.profile import open_profiles

    with open_profiles(workspace.target, workspace.published_path) as warehouse:
        found = read_listing(warehouse, workspace.project_dir)
    return listing_json(found) if options.json else listing_text(found)


def _overlap(workspace: Workspace, options: argparse.Namespace) -> str:
    from audiences.overlap import read_overlaps
    from cli.audience_views import overlaps_json, overlaps_text
    from cli.profile import open_profiles

    with open_profiles(workspace.target, workspace.published_path) as warehouse:
        found = read_overlaps(warehouse, options.names)
    return overlaps_json(found) if options.json else overlaps_text(found)


def _diff(workspace: Workspace, options: argparse.Namespace) -> str:
    from audiences.differences import read_difference
    from audiences.preview_candidate import find_candidate
    from cli.audience_views import difference_json, difference_text
    from cli.profile import open_profiles

    root = workspace.project_dir
    candidate = find_candidate(root, options.file)
    with open_profiles(workspace.target, workspace.published_path) as warehouse:
        found = read_difference(warehouse, candidate, root, mask=_shown)
    return difference_json(found) if options.json else difference_text(found)


def _shown(value: "Value", is_public: bool) -> str:  # noqa: FBT001 - what a Mask is
    from reverse_etl.masking import masked

    return masked(value, is_public=is_public)
