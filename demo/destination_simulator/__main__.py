"""Runs the demo's own tool, the mailer, in the foreground until it is interrupted.

`kenning simulator` runs the others too.
"""

import argparse
import contextlib
import threading
from pathlib import Path

from demo.destination_simulator.server import running_simulator


def main(arguments: list[str] | None = None) -> None:
    """Print the variables that lead the mailer destination here, then answer requests."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.destination_simulator",
        description="A marketing tool on this machine, for the mailer destination.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--store", type=Path, default=Path("data/simulator.sqlite"))
    options = parser.parse_args(arguments)
    with running_simulator(
        options.store, vendors=("mailer",), port=options.port
    ) as simulator:
        for name, value in simulator.environ.items():
            print(f"{name}={value}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
