"""Files on a server that is reached by SFTP.

Files <path>/<sync>/<run id>/<file> hold what a run changed. Each is written under another
name and gets its own in one step; the manifest comes last, and a run without one is not
whole. The same run writes the same names. What is in the files: `run_files`.

Credentials: host, port, user; password, or private_key with its passphrase; and what the
server is known by: fingerprint, or lines of a known_hosts file. Nothing of the user's own
SSH configuration is used.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from reverse_etl.destinations.extras import extra
from reverse_etl.destinations.file_options import read_options
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Credential,
    Destination,
    DestinationType,
    Opening,
)
from reverse_etl.destinations.run_files import (
    OUTBOX,
    RunFiles,
    file_capabilities,
    written_run,
)
from reverse_etl.errors import JobLostError

if TYPE_CHECKING:
    import asyncssh
from reverse_etl.destinations.backoff import wait_before_next_try
from reverse_etl.destinations.sftp_connection import connect
from reverse_etl.destinations.sftp_failures import FailedError, failed_run
from reverse_etl.destinations.sftp_login import Login, read_login

CAPABILITIES = file_capabilities(optional_settings=("path",))

_UNFINISHED_PREFIX = ".unfinished-"


class SftpDestination:
    """Writes into one folder of a server. Connects for each run.

    Args:
        opening: What it was opened with.
        login: Where to, and as whom.
    """

    capabilities = CAPABILITIES

    def __init__(self, opening: Opening, login: Login) -> None:
        self._login = login
        self._http = opening.http
        self._options = read_options(opening.settings)
        self._path = PurePosixPath(opening.settings.get("path", "."))
        self._outbox = opening.base_dir / OUTBOX
        self.request_count = 0

    def send(self, batch: Batch) -> BatchResult:
        """Write the run's files, the manifest last.

        A line that breaks is made anew, and what was written stays written.

        Raises:
            FatalDeliveryError: They could not be written. Without a manifest nothing of
                the run counts, so it is only in doubt when the manifest was on its way.
        """
        folder = self._path / batch.sync / batch.run_id
        written: list[str] = []
        with written_run(self._outbox, batch, self._options) as files:
            for failed_tries in range(1, self._http.policy.max_attempts + 1):
                try:
                    asyncio.run(self._write(files, folder, written))
                except FailedError as failed:
                    is_last = failed_tries == self._http.policy.max_attempts
                    if failed.may_pass and not is_last:
                        wait_before_next_try(self._http, failed_tries)
                        continue
                    is_in_doubt = len(written) == len(files.names) - 1
                    raise failed_run(
                        failed, self._login.host, is_in_doubt=is_in_doubt
                    ) from None
                break
        return BatchResult()

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: a file is there or not."""
        del job, batch
        raise JobLostError("SFTP has no jobs.")

    async def _write(
        self, files: RunFiles, folder: PurePosixPath, written: list[str]
    ) -> None:
        import asyncssh  # noqa: PLC0415  an extra

        try:
            async with (
                await connect(self._login, self._http) as connection,
                connection.start_sftp_client() as sftp,
            ):
                await sftp.makedirs(folder, exist_ok=True)
                for name in files.names[len(written) :]:
                    self.request_count += 1
                    unfinished = folder / f"{_UNFINISHED_PREFIX}{name}"
                    await sftp.put(files.folder / name, unfinished)
                    await _name(sftp, unfinished, folder / name)
                    written.append(name)
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise FailedError(error) from None


async def _name(
    sftp: "asyncssh.SFTPClient", unfinished: PurePosixPath, name: PurePosixPath
) -> None:
    """Give a file its name, in one step where the server can replace what is there."""
    import asyncssh  # noqa: PLC0415  an extra

    try:
        await sftp.posix_rename(unfinished, name)
    except asyncssh.SFTPOpUnsupported:
        if await sftp.exists(name):
            await sftp.remove(name)
        await sftp.rename(unfinished, name)


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    with extra("sftp"):
        import asyncssh  # noqa: F401, PLC0415  an extra
    yield SftpDestination(opening, read_login(opening))


DESTINATION = DestinationType(
    name="sftp",
    label="SFTP",
    objects={"*": CAPABILITIES},
    credentials=(
        Credential("host", "name of the server", is_secret=False),
        Credential("port", "its port", is_secret=False, default="22"),
        Credential("user", "user there", is_secret=False),
        Credential("password", "their password", default=""),
        Credential("private_key", "their private key, in place of it", default=""),
        Credential("passphrase", "of the private key", default=""),
        Credential(
            "fingerprint",
            "SHA-256 fingerprint of the server's key, or several",
            is_secret=False,
            default="",
        ),
        Credential(
            "known_hosts",
            "lines of a known_hosts file, in place of it",
            is_secret=False,
            default="",
        ),
    ),
    open=_open,
)
