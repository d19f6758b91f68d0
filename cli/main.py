"""`kenning`: the commands, their arguments, and what they print.

Exit codes: 0 done, 1 a problem with data or delivery, 2 with configuration. Errors are one message;
`--debug` shows where they came from.
"""

import argparse
import errno
import os
import shutil
import sqlite3
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.audience_commands import add_audience_commands
from cli.audience_history import add_audience_history_commands
from cli.experiment_commands import add_experiment_commands
from cli.identity_commands import add_identity_commands
from cli.profile_commands import add_profile_commands
from cli.progress import ProgressPrinter
from cli.simulator import add_simulator_command
from cli.sync_commands import add_sync_commands
from orchestration.workspace import (
    PROJECT_DIR,
    Workspace,
    find_workspace,
    parse_instant,
)
from warehouse.errors import EXIT_DATA_PROBLEM, KenningError

if TYPE_CHECKING:
    from orchestration.summary import RunSummary

DEMO_PEOPLE = 5_000
DEMO_SEED = 1
DEMO_AS_OF = "2026-06-30T00:00:00"
EXIT_INTERRUPTED = 130

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SQLITE_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = build_parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        exit_code = command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        return _read_enough()
    except KenningError as error:
        return _refuse(options, error, str(error), error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. What was built and sent until now stays.\n")
        return EXIT_INTERRUPTED
    except Exception as error:
        if not _is_disk_full(error):
            raise
        return _refuse(
            options,
            error,
            "No room left on the disk. The tables and files that were complete are as they were. "
            "Free some space, then run again.",
            EXIT_DATA_PROBLEM,
        )
    return exit_code


def build_parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    parser = argparse.ArgumentParser(
        prog="kenning",
        description="Identity, profiles, audiences and reverse ETL on your own warehouse.",
    )
    parser.add_argument(
        "--project-dir", type=Path, help="folder with dbt_project.yml (the checkout)"
    )
    parser.add_argument("--target", help="target of profiles.yml (KENNING_TARGET)")
    parser.add_argument(
        "--debug", action="store_true", help="show where an error came from"
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser("demo", help="make the demo company and run everything")
    demo.add_argument(
        "--people", type=_count, default=DEMO_PEOPLE, help="how many people"
    )
    demo.add_argument(
        "--seed", type=int, default=DEMO_SEED, help="another seed, another world"
    )
    demo.add_argument(
        "--as-of", default=DEMO_AS_OF, help="when the world ends, UTC (%(default)s)"
    )
    demo.set_defaults(command=_demo)

    build = commands.add_parser(
        "build",
        help="check the raw tables, build and test the models, publish; send nothing",
    )
    build.add_argument(
        "--select", help="only these models, as dbt selects (+dim_customers)"
    )
    build.set_defaults(command=_build)

    add_sync_commands(
        commands,
        workspace=_workspace,
        count=_count,
        printer=_printer,
        print_summary=_print_summary,
    )

    audiences = commands.add_parser(
        "audiences",
        aliases=["audience"],
        help="definitions of audiences, the models they compile to, and who is in them",
    )
    verbs = audiences.add_subparsers(required=True, metavar="verb")
    compiling = verbs.add_parser("compile", help="write the models of every definition")
    compiling.set_defaults(command=_audiences_compile)
    checking = verbs.add_parser(
        "check", help="fail when a model differs from its definition"
    )
    checking.set_defaults(command=_audiences_check)
    add_audience_commands(verbs, workspace=_workspace)
    add_audience_history_commands(verbs, workspace=_workspace, printer=_printer)

    add_experiment_commands(commands, workspace=_workspace, count=_count)
    add_profile_commands(commands, workspace=_workspace, count=_count)
    add_identity_commands(commands, workspace=_workspace, count=_count)
    add_simulator_command(commands)
    return parser


def _build(options: argparse.Namespace) -> int:
    from orchestration.run import run_build

    with _printer() as tell:
        summary = run_build(_workspace(options), select=options.select, tell=tell)
    return _print_summary(summary)


def _audiences_compile(options: argparse.Namespace) -> int:
    from audiences.project import compile_audiences
    from audiences.report import summary

    print(summary(compile_audiences(options.project_dir or PROJECT_DIR)))
    return 0


def _audiences_check(options: argparse.Namespace) -> int:
    from audiences.project import check_audiences
    from audiences.report import difference, summary

    compilation = check_audiences(options.project_dir or PROJECT_DIR)
    if compilation.is_current:
        print(summary(compilation))
        return 0
    sys.stderr.write(f"{difference(compilation)}\n")
    return EXIT_DATA_PROBLEM


def _demo(options: argparse.Namespace) -> int:
    as_of = parse_instant(options.as_of, where="--as-of")
    from cli.report import render_report
    from demo.world import WorldSpec
    from orchestration.demo_run import run_demo

    workspace = _workspace(options)
    spec = WorldSpec(people=options.people, seed=options.seed, as_of=as_of)
    with _printer() as tell:
        outcome = run_demo(workspace, spec, tell=tell)
    if outcome.report is None:
        return _print_summary(outcome.summary)
    steps = next_steps(workspace, outcome.example_email)
    print()
    print(render_report(outcome.report, outcome.previous, steps))
    return 0


def next_steps(workspace: Workspace, example_email: str | None) -> list[str]:
    """Where to look after a demo run."""
    steps = [
        ("make ui", "assets, checks and runs in Dagster"),
        ("make docs", "models, columns and lineage"),
        (_shown(workspace.target.path), "the warehouse, for DuckDB"),
        (_shown(workspace.published_path), "its public tables, for a BI tool"),
    ]
    if example_email is not None:
        command = _shown(Path(sys.executable).with_name("kenning"))
        steps.append((f"{command} profile show {example_email}", "one customer"))
    width = max(len(what) for what, _ in steps)
    return [f"{what:<{width}}  {why}" for what, why in steps]


def _shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    return str(
        path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    )


def _print_summary(summary: "RunSummary") -> int:
    from cli.summary import render_summary

    text = render_summary(summary)
    if summary.is_green:
        print(text)
        return 0
    sys.stderr.write(f"{text}\n")
    return max(failure.exit_code for failure in summary.failures)


def _workspace(options: argparse.Namespace) -> Workspace:
    return find_workspace(project_dir=options.project_dir, target_name=options.target)


def _printer() -> ProgressPrinter:
    return ProgressPrinter(
        sys.stdout,
        is_terminal=sys.stdout.isatty(),
        columns=lambda: shutil.get_terminal_size().columns,
    )


def _refuse(
    options: argparse.Namespace, error: BaseException, message: str, exit_code: int
) -> int:
    if options.debug:
        traceback.print_exception(error)
    sys.stderr.write(f"kenning: {message}\n")
    return exit_code


def _read_enough() -> int:
    """Whoever reads the output, such as `head`, has what they want: no reason for a complaint."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _is_disk_full(error: BaseException | None) -> bool:
    """Whether the disk, or this process's share of it, is at the bottom of an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            return True
        if isinstance(error, sqlite3.Error) and (
            getattr(error, "sqlite_errorcode", None) in _SQLITE_FULL
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _count(text: str) -> int:
    """A number of things, from 1."""
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return count


if __name__ == "__main__":
    raise SystemExit(main())
