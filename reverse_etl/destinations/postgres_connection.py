"""How a PostgreSQL server is reached: only at checked addresses, and over verified TLS.

A connection goes to the address that was looked up and checked here; the certificate is
still checked against the name. Opens nothing.
"""

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from reverse_etl.addresses import (
    AddressKind,
    AddressRefusedError,
    checked_addresses,
    kind_of,
)
from reverse_etl.destinations.protocol import Opening
from reverse_etl.errors import SyncConfigurationError
from reverse_etl.transport import Secret

_DEFAULT_PORT = 5432
_VERIFYING = ("verify-ca", "verify-full")
_NOT_TAKEN = ("hostaddr", "passfile", "service", "servicefile")


def connection_text(opening: Opening) -> Secret:
    """What libpq connects with, from the account's url and password.

    Raises:
        SyncConfigurationError: The url cannot be read, or leads where it may not.
    """
    import psycopg  # noqa: PLC0415  an extra
    from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415

    account = opening.account
    try:
        read = conninfo_to_dict(opening.credentials["url"].reveal())
    except psycopg.Error:
        raise SyncConfigurationError(
            f"The url of '{account}' is not one of PostgreSQL. Give it like "
            "postgresql://user@db.example.com:5432/name."
        ) from None
    given = {name: str(value) for name, value in read.items() if value is not None}
    for name in _NOT_TAKEN:
        if name in given:
            raise SyncConfigurationError(
                f"The url of '{account}' has '{name}', which is not taken. Give host and "
                "user, and the password as password."
            )
    missing = [name for name in ("host", "user", "dbname") if not given.get(name)]
    if missing:
        raise SyncConfigurationError(
            f"The url of '{account}' lacks {' and '.join(missing)}. Give it like "
            "postgresql://user@db.example.com:5432/name."
        )
    password = opening.credentials["password"].reveal()
    if password:
        given["password"] = password
    try:
        places = [
            place
            for host, port in _hosts(given["host"], given.get("port", ""))
            for place in _places(host, port, opening)
        ]
    except AddressRefusedError as error:
        raise SyncConfigurationError(str(error)) from None
    timeout_s = max(2, round(opening.http.policy.timeout_s))
    parameters = {
        "application_name": "kenning",
        "client_encoding": "utf8",
        "connect_timeout": str(timeout_s),
        "keepalives_idle": "30",
        "tcp_user_timeout": str(4 * timeout_s * 1000),
        **given,
        "host": ",".join(host for host, _, _ in places),
        "hostaddr": ",".join(address for _, address, _ in places),
        "port": ",".join(str(port) for _, _, port in places),
        **_tls(account, given, [address for _, address, _ in places]),
    }
    return Secret(make_conninfo(**parameters))


def _hosts(hosts: str, ports: str) -> Iterator[tuple[str, int]]:
    """Host and port of each server; one port may stand for all of them."""
    names, numbers = hosts.split(","), [port for port in ports.split(",") if port]
    if len(numbers) == 1:
        numbers *= len(names)
    for name, number in zip_longest(names, numbers[: len(names)]):
        yield str(name), int(number) if str(number).isdecimal() else _DEFAULT_PORT


def _places(host: str, port: int, opening: Opening) -> list[tuple[str, str, int]]:
    """(host, address, port) of each address of a server, all of which may be asked."""
    allow_private = opening.http.allow_private_addresses
    if host.startswith(("/", "@")):
        # A socket of this machine, which has no address.
        checked_addresses(
            host, port, allow_private=allow_private, resolve=lambda *_: ["127.0.0.1"]
        )
        return [(host, "", port)]
    try:
        addresses = checked_addresses(
            host, port, allow_private=allow_private, resolve=opening.http.resolve
        )
    except OSError:
        raise SyncConfigurationError(
            f"The host {host} of '{opening.account}' has no address. Check the url."
        ) from None
    return [(host, address, port) for address in addresses]


def _tls(
    account: str, given: Mapping[str, str], addresses: list[str]
) -> Mapping[str, str]:
    """Settings that make others unable to read, or to answer in the server's place."""
    kinds = {kind_of(address) for address in addresses if address}
    mode = given.get("sslmode")
    if mode is None and kinds <= {AddressKind.LOOPBACK}:
        return {}
    if mode is None:
        mode = "verify-full"
    elif mode not in _VERIFYING and AddressKind.PUBLIC in kinds:
        raise SyncConfigurationError(
            f"The url of '{account}' has sslmode {mode}, with which somebody on the way "
            "could read or answer. Take it out, or use verify-full, with sslrootcert for "
            "a certificate of your own authority."
        )
    if mode in _VERIFYING:
        return {"sslmode": mode, "sslrootcert": given.get("sslrootcert", "system")}
    return {"sslmode": mode}
