"""Runs a sink in the foreground until it is interrupted, and prints where it is."""

import argparse
import asyncio
import contextlib
from collections.abc import Sequence

from demo.destination_simulator.sink import Sink, serve


async def _run(sink: Sink, port: int) -> None:
    server = await serve(sink, port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the address, then take requests until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.destination_simulator.sink",
        description="Takes every batch at once and keeps nothing.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--answer", default="{}", help="body of every answer (%(default)s)"
    )
    parser.add_argument(
        "--marker", default='"key":', help="text that each row has once (%(default)s)"
    )
    parser.add_argument(
        "--fail-every", type=int, default=0, help="refuse one row of so many (none)"
    )
    options = parser.parse_args(arguments)
    sink = Sink(
        answer=options.answer.encode(),
        marker=options.marker.encode(),
        fail_every=options.fail_every,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(sink, options.port))


if __name__ == "__main__":
    main()
