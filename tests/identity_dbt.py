"""Runs dbt on command in a process that stays, so that a run costs seconds and not its imports and its parsing.

    python -m tests.identity_dbt <project folder>

One JSON object a line on standard input, {"arguments": [...], "environ": {...}, "kill_at": null},
answered by one line on standard output, {"is_done": ..., "message": ..., "statements": ...}: how many
statements dbt sent to the warehouse. Between two commands the warehouse is closed.

A command with kill_at, a number, runs in a child that kills itself with SIGKILL as it sends its n-th
statement to the warehouse: "killed", unless it had ended before. A process that is given such commands is
given no others, since dbt's threads do not live through a fork.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

Outcome = dict[str, object]


class Statements:
    """Counts the statements that dbt sends, and ends the process at the n-th, where one is given."""

    def __init__(self, kill_at: int | None) -> None:
        self.count = 0
        self._kill_at = kill_at

    def __call__(self, event: Any) -> None:
        if event.info.name == "SQLQuery":
            self.count += 1
            if self.count == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open("dbt.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
    for line in sys.stdin:
        command = json.loads(line)
        is_killed = command["kill_at"] is not None
        outcome = _in_a_child(command) if is_killed else _run(command)
        print(json.dumps(outcome), file=answers, flush=True)


def _run(command: dict[str, Any]) -> Outcome:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    os.environ.update(command["environ"])
    statements = Statements(command["kill_at"])
    result = dbtRunner(callbacks=[statements]).invoke(
        [*command["arguments"], "--quiet"]
    )
    DuckDBConnectionManager.close_all_connections()
    failures = [
        f"{each.node.name}: {each.message}"
        for each in getattr(result.result, "results", [])
        if str(each.status) not in {"success", "pass", "skipped", "no-op"}
    ]
    failures += [str(result.exception)] if result.exception else []
    return {
        "is_done": result.success,
        "message": "\n".join(failures),
        "statements": statements.count,
    }


def _in_a_child(command: dict[str, Any]) -> Outcome:
    import dbt.adapters.duckdb.connections
    import dbt.cli.main  # noqa: F401 (so that each child finds it imported)

    ended = Path("outcome.json")
    ended.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        outcome = _run(command)
        ended.write_text(json.dumps(outcome))
        os._exit(0)
    os.waitpid(child, 0)
    if not ended.exists():
        return {"is_done": False, "message": "killed", "statements": command["kill_at"]}
    return dict(json.loads(ended.read_text()))


if __name__ == "__main__":
    os.chdir(Path(sys.argv[1]))
    main()
