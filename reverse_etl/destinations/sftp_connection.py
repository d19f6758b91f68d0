"""A connection to a server of SFTP, at a checked address, that has proved its key."""

from typing import TYPE_CHECKING

from reverse_etl.addresses import AddressRefusedError, checked_addresses
from reverse_etl.destinations.sftp_login import Login
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.transport import HttpOptions

if TYPE_CHECKING:
    import asyncssh

_KEEPALIVE_S = 15.0


async def connect(login: Login, http: HttpOptions) -> "asyncssh.SSHClientConnection":
    """A connection to a checked address whose server proved its key.

    Raises:
        FatalDeliveryError: The address may not be asked.
        OSError: It cannot be reached.
        asyncssh.Error: It is another server, or does not know the user.
    """
    import asyncssh  # noqa: PLC0415  an extra

    policy = http.policy
    addresses = _addresses(login, http)
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
