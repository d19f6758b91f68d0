"""Who we are, as headers of a request. Tokens that are fetched are in `reverse_etl.auth`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from reverse_etl.transport.options import Secret

if TYPE_CHECKING:
    from reverse_etl.transport.client import HttpClient


Signer: TypeAlias = Callable[[bytes], Mapping[str, str]]
"""Headers that are made from the body, anew for each try: a signature with its time."""


class Auth(Protocol):
    """Who we are, as headers of a request."""

    def headers(self, client: "HttpClient") -> Mapping[str, str]:
        """Headers of the next request; may fetch a token first."""
        ...

    def refresh(self) -> bool:
        """Forget a token that was refused. False when there is no other to be had."""
        ...


@dataclass(frozen=True, slots=True)
class TokenAuth:
    """A token that does not change: `<header>: <prefix><token>`."""

    token: Secret
    header: str = "authorization"
    prefix: str = "Bearer "

    def headers(self, client: "HttpClient") -> Mapping[str, str]:
        """The one header."""
        del client
        return {self.header: f"{self.prefix}{self.token.reveal()}"}

    def refresh(self) -> bool:
        """There is no other token."""
        return False
