"""Runs a sync in a child process that is killed with SIGKILL, on command.

A process of its own, so that a fork copies no threads of the test. It imports everything
once; each command forks a child that opens the world of a folder and runs its sync.

    python -m tests.sync_kills <folder> <url> <token>

Commands, one a line on standard input, each answered by one line:

- `run`: to the end. Answers "done <calls>", the number of calls that could be killed at.
- `at <n> <before|after>`: killed around the n-th call to ledger, destination or warehouse.
- `in <seconds>`: killed after that time.

A child that was killed is answered "killed", one that got to its end before, "done <calls>".
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from reverse_etl.destinations.mailer import MailerDestination
from reverse_etl.destinations.protocol import Capabilities
from reverse_etl.engine import run_sync
from reverse_etl.spec import Mode
from reverse_etl.transport import HttpTransport, RetryPolicy, Secret
from tests.sync_world import ANYTHING_GOES, NOW, SPEC, open_sync_world

_COUNTED = frozenset(
    {
        "begin_run",
        "mark_sending",
        "mark_acked",
        "mark_failed",
        "close_run",
        "send",
        "execute",
        "insert",
    }
)


class SmallBatches(MailerDestination):
    """The mailer with batches small enough for several of them."""

    capabilities = Capabilities(frozenset(Mode), max_batch_rows=3)


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


def run(folder: Path, url: str, token: str, kill_call: int, kill_before: bool) -> int:
    """Run the sync once; kill this process around a call. Returns how many there were."""
    calls = 0

    def around(call: Callable[[], object]) -> object:
        nonlocal calls
        calls += 1
        if calls == kill_call and kill_before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call()
        if calls == kill_call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    policy = RetryPolicy(first_wait_s=0.0)
    with (
        open_sync_world(folder) as world,
        HttpTransport(url, Secret(token), policy=policy) as transport,
    ):
        report = run_sync(
            SPEC,
            warehouse=Counted(world.warehouse, around),
            ledger=Counted(world.ledger, around),
            destination=Counted(SmallBatches(transport), around),
            now=lambda: NOW,
            log=lambda _: None,
        )
    assert SPEC.guards == ANYTHING_GOES
    assert report.status == "succeeded", report.message
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
    folder, url, token = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    print("ready", flush=True)  # noqa: T201  a protocol, not a message
    for line in sys.stdin:
        command, *arguments = line.split()
        kill_call, kill_before, kill_after_s = 0, False, None
        if command == "at":
            kill_call, kill_before = int(arguments[0]), arguments[1] == "before"
        if command == "in":
            kill_after_s = float(arguments[0])

        def work(call: int = kill_call, before: bool = kill_before) -> int:
            return run(folder, url, token, call, before)

        print(fork(work, kill_after_s), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
