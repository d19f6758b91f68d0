"""Runs dbt on command in a process that stays alive, so that a run costs seconds and not its imports.

    python -m tests.identity_dbt <project folder>

One JSON object a line on standard input, {"arguments": [...], "environ": {...}}, answered by one line
on standard output, {"is_done": ..., "message": ...}. The warehouse is closed between two commands.
"""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open("dbt.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)

    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    runner = dbtRunner()
    print(json.dumps({"is_done": True, "message": "ready"}), file=answers)
    for line in sys.stdin:
        command = json.loads(line)
        os.environ.update(command["environ"])
        result = runner.invoke([*command["arguments"], "--quiet"])
        DuckDBConnectionManager.close_all_connections()
        failures = [
            f"{each.node.name}: {each.message}"
            for each in getattr(result.result, "results", [])
            if str(each.status) not in {"success", "pass", "skipped", "no-op"}
        ]
        message = "\n".join(
            [*failures, *([str(result.exception)] * bool(result.exception))]
        )
        print(json.dumps({"is_done": result.success, "message": message}), file=answers)


if __name__ == "__main__":
    os.chdir(Path(sys.argv[1]))
    main()
