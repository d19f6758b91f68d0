"""A real PostgreSQL for tests: a new cluster in a folder, on a port of this machine.

PostgreSQL does not run as root, so that it runs as the system's user `postgres` then.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of a server that runs until the context ends: postgresql://… .

    Skips the test where PostgreSQL is not installed.
    """
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    # Not a folder of pytest's, which only its own user may enter.
    with tempfile.TemporaryDirectory(prefix="kenning-postgres-") as name:
        folder = Path(name)
        as_whom = _as_whom(folder)
        data = folder / "cluster"
        _run(as_whom, programs / "initdb", "-D", data, "-U", "kenning", "--auth=trust")
        port = _free_port()
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off "
            f"-c unix_socket_directories={data}"
        )
        control = (programs / "pg_ctl", "-D", data, "-w")
        _run(as_whom, *control, "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql://kenning@127.0.0.1:{port}/postgres"
        finally:
            _run(as_whom, *control, "-m", "immediate", "stop")


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return installed[-1] if installed else None


def _as_whom(folder: Path) -> tuple[str, ...]:
    if os.getuid() != 0:
        return ()
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")


def _run(as_whom: tuple[str, ...], *command: object) -> None:
    subprocess.run(
        [*as_whom, *map(str, command)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
