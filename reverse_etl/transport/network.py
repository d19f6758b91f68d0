"""The network below the client: every name is looked up and checked before it is reached.

The rules for addresses are in `reverse_etl.addresses`.
"""

import ssl
import threading
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from reverse_etl.addresses import check_address, is_address, is_this_machine
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.transport.attempts import Attempts
from reverse_etl.transport.options import HttpOptions

_ADDRESS_LIFE_S = 60.0
"""How long a name that was looked up and checked is not looked up again."""


class _CheckedNetwork(httpx.BaseTransport):
    """A network that reaches only addresses that were looked up and checked here.

    The connection goes to the address itself, so that a name which leads elsewhere a
    moment later gains nothing. The certificate is still checked against the name.

    A proxy looks names up by itself: what this machine knows of them is checked all the
    same, and the request is left to the proxy.
    """

    def __init__(
        self, inner: httpx.BaseTransport, options: HttpOptions, *, is_proxied: bool
    ) -> None:
        self._inner = inner
        self._options = options
        self._is_proxied = is_proxied
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        place = (
            host,
            request.url.port or (443 if request.url.scheme == "https" else 80),
        )
        addresses = self._addresses(place, request)
        if self._is_proxied:
            return self._inner.handle_request(request)
        for position, address in enumerate(addresses):
            try:
                return self._inner.handle_request(_pinned(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                is_last = position == len(addresses) - 1
                if is_last or _certificate_error(error) is not None:
                    with self._lock:
                        self._known.pop(place, None)
                    raise
        raise httpx.ConnectError("the name has no address", request=request)

    def close(self) -> None:
        self._inner.close()

    def _addresses(
        self, place: tuple[str, int], request: httpx.Request
    ) -> tuple[str, ...]:
        now = self._options.clock()
        with self._lock:
            looked_up_at, addresses = self._known.get(place, (now, ()))
        if addresses and now - looked_up_at < _ADDRESS_LIFE_S:
            return addresses
        try:
            addresses = tuple(self._options.resolve(*place))
        except (OSError, UnicodeError):
            if self._is_proxied:
                return ()
            # Raised without its cause, whose text may come from outside.
            raise httpx.ConnectError(
                "the name has no address", request=request
            ) from None
        for address in addresses:
            check_address(
                place[0],
                address,
                allow_private=self._options.allow_private_addresses,
            )
        with self._lock:
            self._known[place] = (now, addresses)
        return addresses


def _pinned(request: httpx.Request, address: str) -> httpx.Request:
    """The request for this very address; host header and certificate keep the name."""
    extensions = dict(request.extensions)
    if not is_address(request.url.host):
        extensions["sni_hostname"] = request.url.host
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions=extensions,
    )


def network_to(base_url: str, options: HttpOptions) -> httpx.BaseTransport:
    """The network by which a service is reached, past the company's proxy if there is one."""
    proxy = _proxy_of_environment(base_url)
    return _CheckedNetwork(
        httpx.HTTPTransport(proxy=proxy), options, is_proxied=proxy is not None
    )


def _proxy_of_environment(base_url: str) -> str | None:
    """The company's proxy, which has no business with this machine's own services."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if is_this_machine(host) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies_environment()
    return proxies.get(parts.scheme) or proxies.get("all") or None


def check_certificate(error: httpx.RequestError, place: str, attempt: Attempts) -> None:
    """Stop at once for a certificate that is not good: trying again does not mend it."""
    found = _certificate_error(error)
    if found is not None:
        raise FatalDeliveryError(
            f"The certificate of {place} could not be verified "
            f"({found.verify_message.partition(',')[0]}). Nothing was sent. Check the URL; "
            "for a certificate of your own authority, name its file in SSL_CERT_FILE.",
            is_in_doubt=attempt.may_be_applied,
            error_class=ErrorClass.CONFIG,
        ) from None


def _certificate_error(
    error: BaseException,
) -> ssl.SSLCertVerificationError | None:
    return next(
        (
            link
            for link in _causes(error)
            if isinstance(link, ssl.SSLCertVerificationError)
        ),
        None,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__
