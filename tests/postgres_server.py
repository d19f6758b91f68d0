"""A PostgreSQL server of the tests' own, from the system's package: one for a whole run.

It listens on a free port of this machine alone, keeps its data in a temporary folder, and is
gone with the tests. Where the package is missing, the tests that need it are skipped.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

USER = "kenning"
MISSING = (
    "PostgreSQL is not installed. On Debian or Ubuntu: apt-get install postgresql; "
    ".ci/run does it."
)

_UNPRIVILEGED = "postgres"
_STARTS_IN_S = 30.0
# What is lost in a crash of the machine is of no interest here.
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True)
class PostgresServer:
    """A running server."""

    port: int
    password: str = field(repr=False)

    def url(self, database: str) -> str:
        """The address of a database, for libpq."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new, empty database, dropped afterwards."""
        name = f"test_{secrets.token_hex(6)}"
        self._execute(f'create database "{name}"')
        try:
            yield self.url(name)
        finally:
            self._execute(f'drop database "{name}" with (force)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server, started with the first test that asks for it."""
    programs = installed_programs()
    if programs is None:
        pytest.skip(MISSING)
    with running_server(programs) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a database for one test."""
    with postgres_server.database() as url:
        yield url


def installed_programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs, or None."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    folders = [
        path.parent
        for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")
        if path.parent.parent.name.isdecimal()
    ]
    return max(folders, key=lambda path: int(path.parent.name), default=None)


@contextlib.contextmanager
def running_postgres() -> Iterator[str]:
    """The address of a database of a server of one's own, for those who change it."""
    programs = installed_programs()
    if programs is None:
        pytest.skip(MISSING)
    with running_server(programs) as server:
        yield server.url("postgres")


@contextlib.contextmanager
def running_server(programs: Path) -> Iterator[PostgresServer]:
    """A new server, stopped when the context ends.

    Args:
        programs: From `installed_programs`.
    """
    # Not pytest's folder: that one is closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="kenning-postgres-"))
    user = _unprivileged_user()
    password = secrets.token_hex(16)
    try:
        data, password_file = folder / "data", folder / "password"
        password_file.write_text(password)
        if user is not None:
            for path in (folder, password_file):
                shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
        subprocess.run(
            [
                str(programs / "initdb"),
                f"--pgdata={data}",
                f"--username={USER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd="/",
            user=user,
        )
        server = PostgresServer(_free_port(), password)
        settings = (
            f"port={server.port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            *_QUICK,
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    str(programs / "postgres"),
                    "-D",
                    str(data),
                    *(word for setting in settings for word in ("-c", setting)),
                ],
                stdout=log,
                stderr=log,
                cwd="/",
                user=user,
            )
        try:
            _wait_for(server, process, folder / "log")
            yield server
        finally:
            # Does not wait for clients.
            process.send_signal(signal.SIGINT)
            process.wait(_STARTS_IN_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged_user() -> str | None:
    """Whom the server runs as when we are root, as whom it refuses to; None for us."""
    return _UNPRIVILEGED if os.geteuid() == 0 else None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_for(
    server: PostgresServer, process: "subprocess.Popen[bytes]", log: Path
) -> None:
    deadline = time.monotonic() + _STARTS_IN_S
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"PostgreSQL did not start: {log.read_text(errors='replace')}"
                ) from None
            time.sleep(0.05)
        else:
            return
