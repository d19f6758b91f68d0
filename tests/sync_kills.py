"""Runs a sync in a child process that is killed with SIGKILL, on command.

A process of its own, so that a fork copies no threads of the test. It imports everything
once; each command forks a child that opens the world of a folder and runs its sync.

    python -m tests.sync_kills <folder> <mailer|log|jobs> [<url> <token>]

Commands, one a line on standard input, each answered by one line:

- `run`: to the end. Answers "done <calls>", the number of calls that could be killed at.
- `at <n> <before|after>`: killed around the n-th call to ledger, destination or warehouse.
- `in <seconds>`: killed after that time.

A child that was killed is answered "killed", one that got to its end before, "done <calls>".

The destinations are where the child cannot take them with it: the mailer of the simulator,
a log that rows are appended to (twice where they are sent twice), and a folder of jobs that
are done when they are asked for the second time.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson

from reverse_etl.destinations.memory import CAPABILITIES
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Destination,
    Idempotency,
)
from reverse_etl.destinations.registry import open_destination
from reverse_etl.engine import run_sync
from reverse_etl.errors import JobLostError
from reverse_etl.invocations import RunOptions
from reverse_etl.modes import Mode, Op, Removal
from reverse_etl.transport import HttpOptions, RetryPolicy
from tests.sync_world import AT_ONCE, NOW, SPEC, open_sync_world

BATCH_ROWS = 3

_COUNTED = frozenset(
    {
        "begin_run",
        "write",
        "compact",
        "settled",
        "resume_at",
        "close_run",
        "send",
        "poll",
        "execute",
        "insert",
    }
)

_SPECS = {
    "mailer": replace(SPEC, on_removal=Removal.DELETE, on_withdrawal=Removal.DELETE),
    "log": replace(SPEC, mode=Mode.APPEND),
    "jobs": SPEC,
}


class SmallBatches:
    """Another destination with batches small enough for several of them."""

    def __init__(self, inner: Destination) -> None:
        self._inner = inner
        self.capabilities = replace(
            inner.capabilities, max_batch_rows=BATCH_ROWS, max_workers=2
        )

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


class Log:
    """Appends each row to a file; nobody can tell whether it has been there before."""

    capabilities = replace(
        CAPABILITIES,
        idempotency=Idempotency.NONE,
        max_batch_rows=BATCH_ROWS,
        max_workers=2,
    )
    request_count = 0

    def __init__(self, folder: Path) -> None:
        self._path = folder / "log.jsonl"

    def send(self, batch: Batch) -> BatchResult:
        self.request_count += 1
        lines = b"".join(
            orjson.dumps([record.event_id, record.key, record.fields]) + b"\n"
            for record in batch.rows
        )
        with self._path.open("ab", buffering=0) as file:
            file.write(lines)
        return BatchResult()

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        raise AssertionError


class Jobs:
    """Takes batches on as files, and does each when it is asked for the second time."""

    capabilities = replace(
        CAPABILITIES, is_async=True, max_batch_rows=BATCH_ROWS, max_workers=2
    )
    request_count = 0

    def __init__(self, folder: Path) -> None:
        self._jobs = folder / "jobs"
        self._records = folder / "records"
        self._jobs.mkdir(exist_ok=True)
        self._records.mkdir(exist_ok=True)

    def send(self, batch: Batch) -> BatchResult:
        self.request_count += 1
        job = f"{time.time_ns()}-{threading.get_ident()}"
        rows = [[record.op, record.key, record.fields] for record in batch.rows]
        (self._jobs / job).write_bytes(orjson.dumps(rows))
        return BatchResult(job=job)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        self.request_count += 1
        path, asked = self._jobs / job, self._jobs / f"{job}.asked"
        if not path.exists():
            raise JobLostError("There is no such job.", is_in_doubt=True)
        if not asked.exists():
            asked.touch()
            return None
        for op, key, fields in orjson.loads(path.read_bytes()):
            record = self._records / key
            if op == Op.REMOVE:
                record.unlink(missing_ok=True)
            else:
                unfinished = record.with_suffix(f".{job}")
                unfinished.write_bytes(orjson.dumps(fields))
                unfinished.rename(record)
        return BatchResult()


class Counted:
    """Stands before a collaborator, and counts the calls that change something."""

    def __init__(self, inner: object, around: Callable[[Callable[[], object]], object]):
        self._inner = inner
        self._around = around

    def __getattr__(self, name: str) -> object:
        found = getattr(self._inner, name)
        if name not in _COUNTED:
            return found
        return lambda *given, **named: self._around(lambda: found(*given, **named))


@contextlib.contextmanager
def opened(kind: str, folder: Path, address: list[str]) -> Iterator[Destination]:
    """The destination of a kind."""
    if kind == "log":
        yield Log(folder)
    elif kind == "jobs":
        yield Jobs(folder)
    else:
        url, token = address
        environ = {"KENNING_MAILER_URL": url, "KENNING_MAILER_TOKEN": token}
        http = HttpOptions(
            policy=RetryPolicy(first_wait_s=0.0), allow_private_addresses=True
        )
        with open_destination(_SPECS["mailer"], environ, folder, http) as mailer:
            yield SmallBatches(mailer)


def run(
    folder: Path, kind: str, address: list[str], kill_call: int, kill_before: bool
) -> int:
    """Run the sync once; kill this process around a call. Returns how many there were."""
    calls = 0
    lock = threading.Lock()

    def around(call: Callable[[], object]) -> object:
        nonlocal calls
        with lock:
            calls += 1
            mine = calls
        if mine == kill_call and kill_before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call()
        if mine == kill_call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    with open_sync_world(folder) as world, opened(kind, folder, address) as destination:
        report = run_sync(
            _SPECS[kind],
            warehouse=Counted(world.warehouse, around),
            ledger=Counted(world.ledger, around),
            destination=Counted(destination, around),
            now=lambda: NOW,
            log=lambda _: None,
            options=RunOptions(policy=replace(AT_ONCE, max_workers=2)),
        )
    assert report.status == "succeeded", report.message
    assert report.left == 0
    return calls


def fork(work: Callable[[], int], kill_after_s: float | None) -> str:
    """Do the work in a child. Returns what became of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.write(writing, str(work()).encode())
        os._exit(0)
    os.close(writing)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    told = os.read(reading, 100).decode()
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and not told:
        return "killed"
    return f"done {told}" if told else f"failed {status}"


def main() -> None:
    """Answer commands until the input ends."""
    folder, kind, address = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    print("ready", flush=True)  # noqa: T201  a protocol, not a message
    for line in sys.stdin:
        command, *arguments = line.split()
        kill_call, kill_before, kill_after_s = 0, False, None
        if command == "at":
            kill_call, kill_before = int(arguments[0]), arguments[1] == "before"
        if command == "in":
            kill_after_s = float(arguments[0])

        def work(call: int = kill_call, before: bool = kill_before) -> int:
            return run(folder, kind, address, call, before)

        print(fork(work, kill_after_s), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
