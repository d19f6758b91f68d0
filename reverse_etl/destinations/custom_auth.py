"""Who we are at a project's own destination: a token, or a signature."""

from collections.abc import Mapping
from typing import assert_never

from reverse_etl.auth import client_credentials
from reverse_etl.destinations.basic_auth import basic_auth
from reverse_etl.destinations.custom_definition import Auth, AuthKind
from reverse_etl.destinations.protocol import Opening
from reverse_etl.destinations.signing import signature
from reverse_etl.transport import Auth as AuthOfClient
from reverse_etl.transport import Secret, Signer, TokenAuth


def auth_of(auth: Auth, credentials: Mapping[str, Secret]) -> AuthOfClient | None:
    """Who we are, as the client sends it with each request; None where it is not sent."""
    match auth.kind:
        case AuthKind.NONE | AuthKind.HMAC:
            return None
        case AuthKind.BEARER | AuthKind.HEADER:
            return TokenAuth(credentials["token"], auth.name, auth.prefix)
        case AuthKind.BASIC:
            return basic_auth(credentials["user"].reveal(), credentials["password"])
        case AuthKind.OAUTH:
            return client_credentials(
                auth.token_url,
                client_id=credentials["client_id"].reveal(),
                client_secret=credentials["client_secret"],
                scope=auth.scope or None,
            )
        case _:
            assert_never(auth.kind)


def signer_of(auth: Auth, opening: Opening) -> Signer | None:
    """What signs each request's body; None for a tool that wants no signature."""
    if auth.kind is not AuthKind.HMAC:
        return None
    secret = opening.credentials["secret"]

    def sign(content: bytes) -> Mapping[str, str]:
        at_s = int(opening.http.now().timestamp())
        return {auth.name: signature(content, at_s=at_s, secrets=(secret,))}

    return sign
