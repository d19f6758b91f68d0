"""Where files go by SFTP, and as whom: the account's credentials, checked and read."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reverse_etl.destinations.protocol import Opening
from reverse_etl.errors import SyncConfigurationError
from reverse_etl.transport import Secret

if TYPE_CHECKING:
    import asyncssh


_MOST_PORT = 65_535


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


def read_login(opening: Opening) -> Login:
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
