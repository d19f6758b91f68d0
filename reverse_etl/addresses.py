"""Which network addresses a destination may have, and the look-up of names. No HTTP here.

A URL comes from configuration, and what a name leads to is decided by whoever runs its
DNS. Without a check, a URL could make this machine ask services that only it can reach.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeAlias

Resolver: TypeAlias = Callable[[str, int], Sequence[str]]
"""Addresses of a host name and port, as text. Raises OSError when there are none."""

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# Addresses at which clouds tell a machine its own secrets, beside 169.254.169.254, which is
# link-local: Azure, Alibaba, Oracle, AWS over IPv6.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefusedError(Exception):
    """A host has an address that a destination may not have. Its text is for people."""


class AddressKind(StrEnum):
    """What an address leads to.

    FORBIDDEN are addresses that are no destination in any network: link-local ones with
    the clouds' metadata services, multicast, unspecified and reserved ones.
    """

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    FORBIDDEN = "forbidden"


def kind_of(address: str) -> AddressKind:
    """What an address leads to; an IPv4 address inside an IPv6 one counts for itself.

    Raises:
        ValueError: The text is not an address.
    """
    return _kind(ipaddress.ip_address(address.partition("%")[0]))


def is_address(host: str) -> bool:
    """Whether a host is an address rather than a name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def is_this_machine(host: str) -> bool:
    """Whether a host, as a URL writes it, means this machine."""
    if host == "localhost":
        return True
    return is_address(host) and kind_of(host) is AddressKind.LOOPBACK


def resolve(host: str, port: int) -> tuple[str, ...]:
    """Addresses of a name, each once, in the order in which the system prefers them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_address(host: str, address: str, *, allow_private: bool) -> None:
    """Refuse an address that may not be asked.

    Args:
        host: What configuration says, for the message.
        address: What that leads to.
        allow_private: Whether this machine and private networks may be asked.

    Raises:
        AddressRefusedError: It may not.
    """
    kind = kind_of(address)
    is_allowed = kind is AddressKind.PUBLIC or (
        allow_private and kind is not AddressKind.FORBIDDEN
    )
    if is_allowed:
        return
    advice = (
        "Such an address is never asked. Check the URL."
        if kind is AddressKind.FORBIDDEN
        else "If that is meant, set allow_private_addresses for its account in "
        "destinations.yml, or KENNING_ALLOW_PRIVATE_ADDRESSES=1 in the environment."
    )
    what = {
        AddressKind.LOOPBACK: "this machine itself",
        AddressKind.PRIVATE: "a private network",
    }.get(kind, "an address that no service of others has")
    raise AddressRefusedError(
        f"The destination's host {host} leads to {what}. Nothing was sent. {advice}"
    )


def checked_addresses(
    host: str, port: int, *, allow_private: bool, resolve: Resolver = resolve
) -> tuple[str, ...]:
    """The addresses of a host, all of which may be asked, in order of preference.

    A connection goes to one of them, and not to the name, which may lead elsewhere by then.

    Raises:
        AddressRefusedError: One of them may not be asked.
        OSError: The name has no address.
    """
    try:
        addresses = tuple(resolve(host, port))
    except UnicodeError:
        raise OSError("the name is no name of a host") from None
    if not addresses:
        raise OSError("the name has no address")
    for address in addresses:
        check_address(host, address, allow_private=allow_private)
    return addresses


def _kind(address: _Address) -> AddressKind:
    inner = _inner_address(address)
    if inner is not None:
        return _kind(inner)
    if address.is_loopback:
        return AddressKind.LOOPBACK
    if (
        address in _METADATA
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
    ):
        return AddressKind.FORBIDDEN
    return AddressKind.PUBLIC if address.is_global else AddressKind.PRIVATE


def _inner_address(address: _Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address is translated or tunnelled to."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
