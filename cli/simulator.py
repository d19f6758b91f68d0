"""`kenning simulator`: the destinations' tools on this machine, until Ctrl-C."""

import argparse
import contextlib
import shlex
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from warehouse.errors import ConfigurationError

_PORT = 8900


def add_simulator_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add `simulator`."""
    simulator = commands.add_parser(
        "simulator", help="tools to sync to on this machine, until Ctrl-C"
    )
    simulator.add_argument(
        "--port", type=_port, default=_PORT, help="0 takes a free one (%(default)s)"
    )
    simulator.add_argument(
        "--vendor",
        action="append",
        default=[],
        metavar="NAME",
        help="only this tool; may be repeated (all)",
    )
    simulator.add_argument(
        "--limits",
        choices=("on", "off"),
        default="on",
        help="whether requests above a tool's limits are refused (%(default)s)",
    )
    simulator.add_argument(
        "--store", type=Path, help="file in which the mailer keeps what it holds (none)"
    )
    simulator.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    # Both load what speaks HTTP, and every command of kenning loads this module.
    from demo.destination_simulator import running_simulator
    from reverse_etl.accounts import ALLOW_PRIVATE_VARIABLE

    try:
        with running_simulator(
            options.store,
            vendors=options.vendor,
            port=options.port,
            has_limits=options.limits == "on",
        ) as simulator:
            environs = [
                # Tools of this machine are refused unless somebody allows them.
                {ALLOW_PRIVATE_VARIABLE: "1"},
                *[simulator.environ_of(name) for name in simulator.tools],
            ]
            print(render_environs(simulator.url, environs), flush=True)
            _wait_for_the_end()
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    except OSError as error:
        raise ConfigurationError(
            f"The simulator cannot listen on port {options.port} ({error.strerror}). "
            "Give it another one with --port; 0 takes a free one."
        ) from None
    return 0


def render_environs(url: str, environs: Sequence[Mapping[str, str]]) -> str:
    """What to put into the environment, for a shell to read."""
    lines = [f"# {url}: Ctrl-C stops it"]
    for environ in environs:
        lines += [
            "",
            *(f"export {name}={shlex.quote(value)}" for name, value in environ.items()),
        ]
    return "\n".join(lines)


def _wait_for_the_end() -> None:
    """Until Ctrl-C, or until somebody ends the process."""
    ended = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        with contextlib.suppress(KeyboardInterrupt):
            ended.wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return port
