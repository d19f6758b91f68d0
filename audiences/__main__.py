"""`python -m audiences compile|check|schema`, for a checkout where `kenning` is not installed."""

import argparse
import json
import sys
from pathlib import Path

from audiences.project import check_audiences, compile_audiences
from audiences.report import difference, summary
from audiences.schema import definition_schema
from warehouse.errors import EXIT_DATA_PROBLEM, KenningError


def main(arguments: list[str] | None = None) -> int:
    """Compile or check the project in the working directory, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m audiences", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("compile", help="write the models of every definition")
    commands.add_parser("check", help="fail when a model differs from its definition")
    commands.add_parser("schema", help="print the JSON Schema of definitions")
    command = parser.parse_args(arguments).command
    if command == "schema":
        print(json.dumps(definition_schema(), indent=2))
        return 0
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
    return EXIT_DATA_PROBLEM


if __name__ == "__main__":
    sys.exit(main())
