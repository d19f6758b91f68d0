"""Tokens that are fetched: OAuth 2.0 client credentials, refresh tokens, signed assertions.

An `OAuth` is handed to an `HttpClient`. It fetches a token with the first request, another
shortly before that one runs out, and another once a request was refused with 401. Tokens
that do not change are `transport.TokenAuth`. Nothing is stored: a token lives as long as
the process.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias
from urllib.parse import urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from reverse_etl.errors import (
    DeliveryError,
    ErrorClass,
    FatalDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.transport import (
    HttpClient,
    HttpOptions,
    Reading,
    Response,
    Secret,
    Stopped,
)
from warehouse.manifest import Json

TOKEN_GROUP = "token"  # noqa: S105  the name of a limit group
"""The limit group of requests for tokens, which vendors count apart."""

_MARGIN_S = 60.0
"""A token is replaced so long before it runs out: a request may be on its way meanwhile."""

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
_KNOWN_CODES = frozenset(
    {
        "invalid_client",
        "invalid_client_id",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unauthorized",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)

Grant: TypeAlias = Callable[[datetime], Mapping[str, str]]
"""Parameters of a request for a token that is made at this moment (UTC)."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    good_until: float | None
    """By the client's clock; None when the answer did not say."""


class OAuth:
    """Fetches bearer tokens. For use by several threads, and several clients, at once.

    One thread fetches while the others wait for the same token. A token that several
    threads saw refused is replaced once.

    Args:
        token_url: Where tokens are had. Plain http only from this machine.
        grant: See `Grant`.
        is_query: Ask with GET and put the parameters after the question mark, as Marketo
            wants it; otherwise POST them as a form.
    """

    def __init__(self, token_url: str, grant: Grant, *, is_query: bool = False) -> None:
        self._token_url = token_url
        self._grant = grant
        self._is_query = is_query
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._rotated: str | None = None
        self._used = threading.local()

    def __repr__(self) -> str:
        return f"OAuth({urlsplit(self._token_url).hostname!r})"

    def headers(self, client: HttpClient) -> Mapping[str, str]:
        """The authorization header, with a token that is still good.

        Raises:
            FatalDeliveryError: No token is given to these credentials.
            RetryableDeliveryError: The token's server cannot be had for now.
        """
        now = client.options.clock()
        with self._lock:
            token = self._token
            if token is None or (
                token.good_until is not None and token.good_until <= now
            ):
                token = self._token = self._fetched(client.options)
        self._used.token = token
        return {"authorization": f"Bearer {token.text}"}

    def refresh(self) -> bool:
        """Forget the token that this thread used last, unless it was replaced already."""
        refused = getattr(self._used, "token", None)
        with self._lock:
            if self._token is refused:
                self._token = None
        return True

    def _fetched(self, options: HttpOptions) -> _Token:
        parameters = dict(self._grant(options.now()))
        if self._rotated is not None and "refresh_token" in parameters:
            parameters["refresh_token"] = self._rotated
        asked_at = options.clock()
        try:
            response = self._ask(parameters, options)
            answer = response.json()
            text = answer.get("access_token") if isinstance(answer, dict) else None
            if not isinstance(answer, dict) or not isinstance(text, str) or not text:
                raise response.undocumented()
        except DeliveryError as error:
            # No record went with a request for a token, whatever became of it.
            error.is_in_doubt = False
            raise
        rotated = answer.get("refresh_token")
        if isinstance(rotated, str) and rotated:
            self._rotated = rotated
        return _Token(text, _good_until(answer.get("expires_in"), asked_at))

    def _ask(self, parameters: Mapping[str, str], options: HttpOptions) -> Response:
        parts = urlsplit(self._token_url)
        origin = f"{parts.scheme}://{parts.netloc}"
        with HttpClient(origin, None, options, read=_read) as client:
            if self._is_query:
                return client.request(
                    "GET", parts.path, query=parameters, group=TOKEN_GROUP
                )
            return client.request(
                "POST",
                parts.path,
                content=urlencode(parameters).encode(),
                headers={"content-type": "application/x-www-form-urlencoded"},
                group=TOKEN_GROUP,
            )


def client_credentials(
    token_url: str,
    *,
    client_id: str,
    client_secret: Secret,
    scope: str | None = None,
    is_query: bool = False,
) -> OAuth:
    """The application acts for itself: `grant_type=client_credentials`.

    `is_query` puts id and secret after the question mark of a GET, as Marketo wants it.
    """

    def grant(now: datetime) -> Mapping[str, str]:
        del now
        return {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret.reveal(),
            **({} if scope is None else {"scope": scope}),
        }

    return OAuth(token_url, grant, is_query=is_query)


def refresh_token(
    token_url: str, *, client_id: str, client_secret: Secret, token: Secret
) -> OAuth:
    """The application acts for a person who once agreed: `grant_type=refresh_token`.

    A server that gives a new refresh token with each answer gets it back with the next
    request; the one that was configured must stay good for the next process.
    """

    def grant(now: datetime) -> Mapping[str, str]:
        del now
        return {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "client_secret": client_secret.reveal(),
            "refresh_token": token.reveal(),
        }

    return OAuth(token_url, grant)


@dataclass(frozen=True, slots=True)
class Claims:
    """Who asks for a token, for whom, and from whom, in a signed assertion.

    Attributes:
        issuer: The application: a consumer key, a service account.
        audience: The server that gives the token.
        subject: Whom the application acts for; None for itself.
        scope: What the token may do; None for all that the application may.
        life_s: Seconds for which the assertion itself is good.
    """

    issuer: str
    audience: str
    subject: str | None = None
    scope: str | None = None
    life_s: int = 180


def jwt_bearer(
    token_url: str, claims: Claims, *, private_key: Secret, key_id: str | None = None
) -> OAuth:
    r"""An assertion signed with RS256 stands for a password: RFC 7523.

    Args:
        token_url: Where tokens are had.
        claims: See `Claims`.
        private_key: RSA key as PEM. `\n` written out stands for a line's end, since
            environment variables seldom hold several lines.
        key_id: Which of the issuer's keys it is.

    Raises:
        SyncConfigurationError: The key is not one.
    """
    key = _rsa_key(private_key)

    def grant(now: datetime) -> Mapping[str, str]:
        return {
            "grant_type": _JWT_BEARER,
            "assertion": _signed(claims, key, key_id, now),
        }

    return OAuth(token_url, grant)


def google_service_account(
    account: Secret, *, scope: str, token_url: str | None = None
) -> OAuth:
    """A Google service account, by the JSON file of one of its keys.

    Args:
        account: The file's content.
        scope: What the token may do: one or more URLs, with spaces between.
        token_url: Where tokens are had instead of where the file says.

    Raises:
        SyncConfigurationError: It is not the JSON of a service account's key.
    """
    try:
        content: Json = json.loads(account.reveal())
    except ValueError:
        content = None
    found = content if isinstance(content, dict) else {}
    issuer, key = found.get("client_email"), found.get("private_key")
    if not isinstance(issuer, str) or not isinstance(key, str):
        raise SyncConfigurationError(
            "The service account is not the JSON of one of its keys: it needs at least "
            "client_email and private_key. Give the content of the file that Google "
            "made, not its path."
        )
    named_url, key_id = found.get("token_uri"), found.get("private_key_id")
    audience = named_url if isinstance(named_url, str) else _GOOGLE_TOKEN_URL
    return jwt_bearer(
        token_url or audience,
        Claims(issuer=issuer, audience=audience, scope=scope, life_s=3600),
        private_key=Secret(key),
        key_id=key_id if isinstance(key_id, str) else None,
    )


def _signed(
    claims: Claims, key: RSAPrivateKey, key_id: str | None, now: datetime
) -> str:
    payload: dict[str, object] = {
        "iss": claims.issuer,
        "aud": claims.audience,
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(seconds=claims.life_s)).timestamp()),
    }
    if claims.subject is not None:
        payload["sub"] = claims.subject
    if claims.scope is not None:
        payload["scope"] = claims.scope
    headers = None if key_id is None else {"kid": key_id}
    return jwt.encode(payload, key, algorithm="RS256", headers=headers)


def _rsa_key(private_key: Secret) -> RSAPrivateKey:
    text = private_key.reveal().replace("\\n", "\n")
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        # Raised without its cause, whose text may quote the key.
        raise SyncConfigurationError(
            "The private key is not an RSA key as PEM without a password. It begins with "
            "a line like -----BEGIN PRIVATE KEY-----. Give the key itself, not its path."
        )
    return key


def _good_until(expires_in: Json, asked_at: float) -> float | None:
    """When to fetch another, by the clock; half its life where the margin is too long."""
    if isinstance(expires_in, str) and expires_in.isdecimal():
        expires_in = int(expires_in)
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        return None
    return asked_at + max(expires_in - _MARGIN_S, expires_in / 2)


def _read(response: Response) -> Reading | None:
    """A refusal here is about who we are, whatever its status."""
    if response.status not in (400, 401, 403):
        return None
    try:
        answer = response.json()
    except FatalDeliveryError:
        answer = None
    code = answer.get("error") if isinstance(answer, dict) else None
    return Stopped(
        ErrorClass.AUTH,
        code=code if isinstance(code, str) and code in _KNOWN_CODES else None,
    )
