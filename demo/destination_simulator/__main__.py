"""Runs a simulator in the foreground until it is interrupted, and prints where it is."""

import argparse
import contextlib
import os
import threading
from pathlib import Path

from demo.destination_simulator.tool import TOKEN_VARIABLE, running_simulator


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
        options.store, port=options.port, token=os.environ.get(TOKEN_VARIABLE)
    ) as simulator:
        for name, value in simulator.environ.items():
            print(f"{name}={value}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
