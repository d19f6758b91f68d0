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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from reverse_etl.addresses import AddressRefusedError, checked_addresses
from reverse_etl.destinations.extras import extra
from reverse_etl.destinations.file_formats import read_options
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
from reverse_etl.errors import (
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    SyncConfigurationError,
)
from reverse_etl.transport import HttpOptions, Secret

if TYPE_CHECKING:
    import asyncssh

CAPABILITIES = file_capabilities(optional_settings=("path",))

_UNFINISHED_PREFIX = ".unfinished-"
_KEEPALIVE_S = 15.0
_MOST_PORT = 65_535

# By the name of asyncssh's error; whatever is not here may pass, or is a lost line.
_CLASSES: Mapping[str, ErrorClass] = {
    "HostKeyNotVerifiable": ErrorClass.CONFIG,
    "KeyExchangeFailed": ErrorClass.CONFIG,
    "PermissionDenied": ErrorClass.AUTH,
    "SFTPNoSuchFile": ErrorClass.CONFIG,
    "SFTPNoSuchPath": ErrorClass.CONFIG,
    "SFTPNotADirectory": ErrorClass.CONFIG,
    "SFTPPermissionDenied": ErrorClass.PERMISSION,
    "SFTPWriteProtect": ErrorClass.PERMISSION,
}
_ADVICE: Mapping[str, str] = {
    "HostKeyNotVerifiable": (
        "Its key is not the one that it is known by. If its owner says that the key is "
        "new, set fingerprint or known_hosts anew; otherwise somebody else answered."
    ),
    "KeyExchangeFailed": (
        "It and this machine have no way of encryption in common, or its key is of "
        "another kind than known_hosts has."
    ),
    "PermissionDenied": (
        "It does not know the user with this password or key. Set them anew."
    ),
    "SFTPNoSpaceOnFilesystem": "Its disk is full.",
    "SFTPPermissionDenied": "The user may not write there. Check settings.path.",
    "SFTPQuotaExceeded": "The user's share of its disk is used up.",
}


@dataclass(frozen=True, slots=True)
class Login:
    """Where files go, and as whom.

    Attributes:
        host: Name or address of the server.
        port: Its port.
        user: The user there.
        password: Their password; None for none.
        key: Their private key; None for none.
        fingerprints: SHA-256 of the server's keys, as "SHA256:…"; empty for `known_hosts`.
        known_hosts: The server's keys otherwise.
    """

    host: str
    port: int
    user: str
    password: Secret | None
    key: "asyncssh.SSHKey | None" = field(repr=False)
    fingerprints: frozenset[str]
    known_hosts: "asyncssh.SSHKnownHosts | None" = field(repr=False)


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
            for tries_left in reversed(range(self._http.policy.max_attempts)):
                try:
                    asyncio.run(self._write(files, folder, written))
                except _FailedError as failed:
                    if failed.may_pass and tries_left:
                        self._wait(tries_left)
                        continue
                    is_in_doubt = len(written) == len(files.names) - 1
                    raise self._told(failed, is_in_doubt=is_in_doubt) from None
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
                await self._connect() as connection,
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
            raise _FailedError(error) from None

    async def _connect(self) -> "asyncssh.SSHClientConnection":
        """A connection to a checked address whose server proved its key."""
        import asyncssh  # noqa: PLC0415  an extra

        login, policy = self._login, self._http.policy
        addresses = _addresses(login, self._http)
        client = _client_class(login)
        for position, address in enumerate(addresses):
            try:
                return await asyncssh.connect(
                    address,
                    login.port,
                    host_key_alias=login.host,
                    client_factory=client,
                    # With nothing in these lists the client is asked about the key.
                    known_hosts=login.known_hosts or ([], [], []),
                    username=login.user,
                    password=login.password and login.password.reveal(),
                    client_keys=[login.key] if login.key else None,
                    config=None,
                    agent_path=None,
                    gss_host=None,
                    x509_trusted_certs=None,
                    connect_timeout=policy.timeout_s,
                    login_timeout=policy.timeout_s,
                    keepalive_interval=_KEEPALIVE_S,
                    keepalive_count_max=4,
                )
            except OSError:
                if position == len(addresses) - 1:
                    raise
        raise OSError("the name has no address")

    def _wait(self, tries_left: int) -> None:
        policy = self._http.policy
        longest = policy.first_wait_s * 2.0 ** (policy.max_attempts - 1 - tries_left)
        self._http.sleep(self._http.jitter() * min(longest, policy.max_wait_s))

    def _told(self, failed: "_FailedError", *, is_in_doubt: bool) -> FatalDeliveryError:
        advice = _ADVICE.get(
            failed.name, "The run is not whole there. Run again: it is written anew."
        )
        return FatalDeliveryError(
            f"The SFTP server {self._login.host} did not take a run's files "
            f"({failed.name}). {advice}",
            is_in_doubt=is_in_doubt and failed.may_pass,
            error_class=failed.error_class,
            code=failed.name,
        )


class _FailedError(Exception):
    """Something went wrong with the server. Holds none of its words."""

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.name = type(error).__name__
        self.error_class = _CLASSES.get(self.name, ErrorClass.TRANSIENT)
        # What the server says about a file stays so; a line that broke does not.
        self.may_pass = self.error_class is ErrorClass.TRANSIENT and (
            not self.name.startswith("SFTP")
            or self.name in ("SFTPConnectionLost", "SFTPNoConnection")
        )


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


def _addresses(login: Login, http: HttpOptions) -> tuple[str, ...]:
    try:
        return checked_addresses(
            login.host,
            login.port,
            allow_private=http.allow_private_addresses,
            resolve=http.resolve,
        )
    except AddressRefusedError as error:
        raise FatalDeliveryError(str(error), error_class=ErrorClass.CONFIG) from None


def _client_class(login: Login) -> "type[asyncssh.SSHClient]":
    """A client that knows the server by the fingerprint of its key."""
    import asyncssh  # noqa: PLC0415  an extra

    class Client(asyncssh.SSHClient):
        def validate_host_public_key(
            self, host: str, addr: str, port: int, key: asyncssh.SSHKey
        ) -> bool:
            del host, addr, port
            return key.get_fingerprint("sha256") in login.fingerprints

    return Client


def _login(opening: Opening) -> Login:
    """Who logs in where, from the account's credentials.

    Raises:
        SyncConfigurationError: Something is missing, or cannot be read.
    """
    import asyncssh  # noqa: PLC0415  an extra

    secrets = {name: secret.reveal() for name, secret in opening.credentials.items()}
    account = opening.account
    port = secrets["port"]
    if not port.isdecimal() or not 0 < int(port) <= _MOST_PORT:
        raise SyncConfigurationError(f"The port of '{account}' is not one: 1 to 65535.")
    if not secrets["password"] and not secrets["private_key"]:
        raise SyncConfigurationError(
            f"The destination '{account}' needs password or private_key."
        )
    if bool(secrets["fingerprint"]) == bool(secrets["known_hosts"]):
        raise SyncConfigurationError(
            f"The destination '{account}' needs fingerprint or known_hosts, one of them: "
            "without it, anybody could answer in the server's place. Its owner knows the "
            "fingerprint; it looks like SHA256:…"
        )
    fingerprints = frozenset(secrets["fingerprint"].replace(",", " ").split())
    if not all(each.startswith("SHA256:") for each in fingerprints):
        raise SyncConfigurationError(
            f"The fingerprint of '{account}' does not look like SHA256:…"
        )
    try:
        key = (
            asyncssh.import_private_key(
                secrets["private_key"], secrets["passphrase"] or None
            )
            if secrets["private_key"]
            else None
        )
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        raise SyncConfigurationError(
            f"The private_key of '{account}' cannot be read: it is not one, its "
            "passphrase is another, or it is encrypted in OpenSSH's own way, for which "
            "the package bcrypt is needed."
        ) from None
    try:
        known_hosts = (
            asyncssh.import_known_hosts(secrets["known_hosts"])
            if secrets["known_hosts"]
            else None
        )
    except ValueError:
        raise SyncConfigurationError(
            f"The known_hosts of '{account}' are not lines of a known_hosts file."
        ) from None
    return Login(
        host=secrets["host"],
        port=int(port),
        user=secrets["user"],
        password=opening.credentials["password"] if secrets["password"] else None,
        key=key,
        fingerprints=fingerprints,
        known_hosts=known_hosts,
    )


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    with extra("sftp"):
        import asyncssh  # noqa: F401, PLC0415  an extra
    yield SftpDestination(opening, _login(opening))


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
