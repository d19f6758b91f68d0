"""URLs of destinations: what may be one, and its parts. Asks nobody."""

from urllib.parse import urlsplit

from reverse_etl.addresses import (
    AddressRefusedError,
    check_address,
    is_address,
    is_this_machine,
)
from reverse_etl.errors import SyncConfigurationError
from reverse_etl.transport.options import HttpOptions


def origin_and_path(url: str) -> tuple[str, str]:
    """A whole URL as (scheme, host and port; path and query, exactly as they are).

    For addresses that end where they end, and not below a base: of webhooks, for instance.

    Raises:
        SyncConfigurationError: It is no URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _no_url() from None
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path or '/'}{query}"


def _no_url() -> SyncConfigurationError:
    return SyncConfigurationError(
        "The destination's URL is not an http(s) URL with a host. Give it like "
        "https://api.example.com."
    )


def check_url(base_url: str, options: HttpOptions) -> None:
    """Know that a URL may be asked, before anything is sent.

    Raises:
        SyncConfigurationError: See `HttpClient`.
    """
    try:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        is_usable = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise _no_url()
    if parts.username or parts.password:
        raise SyncConfigurationError(
            f"The destination's URL for {host} holds a user or a password. Take them out, "
            "and give them as credentials."
        )
    if parts.scheme == "http" and not is_this_machine(host):
        raise SyncConfigurationError(
            f"The destination's URL is plain http to {host}: its token and the records "
            "could be read on the way. Use https."
        )
    if options.transport is None and is_address(host):
        try:
            check_address(host, host, allow_private=options.allow_private_addresses)
        except AddressRefusedError as error:
            raise SyncConfigurationError(str(error)) from None
