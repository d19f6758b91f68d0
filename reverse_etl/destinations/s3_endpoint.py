"""Which addresses of a store may be asked."""

from urllib.parse import urlsplit

from reverse_etl.addresses import (
    AddressRefusedError,
    checked_addresses,
    is_this_machine,
)
from reverse_etl.errors import SyncConfigurationError
from reverse_etl.transport import HttpOptions


def check_endpoint(url: str, options: HttpOptions) -> None:
    """Refuse an address that may not be asked. Its name is looked up again later.

    Raises:
        SyncConfigurationError: It may not, or is no address.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise SyncConfigurationError(
            "The url of 's3' is not an http(s) URL with a host. Give it like "
            "https://storage.example.com, or leave it out for AWS."
        )
    if parts.scheme == "http" and not is_this_machine(host):
        raise SyncConfigurationError(
            f"The url of 's3' is plain http to {host}: the records could be read on the "
            "way. Use https."
        )
    try:
        checked_addresses(
            host,
            parts.port or (443 if parts.scheme == "https" else 80),
            allow_private=options.allow_private_addresses,
            resolve=options.resolve,
        )
    except AddressRefusedError as error:
        raise SyncConfigurationError(str(error)) from None
    except OSError:
        # A proxy may know the name; if nobody does, the upload says so.
        return
