"""`python -m audiences compile|check`, for a checkout where `kenning` is not installed."""

import argparse
import sys
from pathlib import Path

from audiences.project import Compilation, check_audiences, compile_audiences
from warehouse.errors import KenningError


def main(arguments: list[str] | None = None) -> int:
    """Compile or check the project in the working directory, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m audiences", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("compile", help="write the models of every definition")
    commands.add_parser("check", help="fail when a model differs from its definition")
    command = parser.parse_args(arguments).command
    try:
        if command == "compile":
            print(summary(compile_audiences(Path.cwd())))
            return 0
        compilation = check_audiences(Path.cwd())
    except KenningError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if compilation.is_current:
        print(summary(compilation))
        return 0
    print(difference(compilation), file=sys.stderr)
    return 1


def summary(compilation: Compilation) -> str:
    """One line on what compiling did."""
    return (
        f"{len(compilation.written)} written, {len(compilation.removed)} removed, "
        f"{len(compilation.unchanged)} unchanged."
    )


def difference(compilation: Compilation) -> str:
    """The files that differ from their definitions, and what to do about it."""
    lines = [
        f"{path.as_posix()} differs from its definition."
        for path in compilation.written
    ]
    lines += [f"{path.as_posix()} has no definition." for path in compilation.removed]
    return "\n".join([*lines, "Run `kenning audiences compile` and commit the result."])


if __name__ == "__main__":
    sys.exit(main())
