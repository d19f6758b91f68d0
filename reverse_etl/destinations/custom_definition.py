"""What a project's own destination is: types alone.

A tool is where it is, how to prove who we are, and for each object the requests that write
it and how their answers are read. `custom_reading` makes it from YAML, `custom_http` sends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from reverse_etl.destinations.placeholders import Template
from reverse_etl.destinations.protocol import Capabilities, Credential, RateLimit
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action
from warehouse.manifest import Json

LEAVING = frozenset({Action.REMOVE, Action.ARCHIVE, Action.DELETE, Action.ERASE})
"""Actions after which a record that is not there is what was wanted."""


class AuthKind(StrEnum):
    """How a request proves who we are.

    NONE does not. BEARER and HEADER send a token, BASIC a user and a password. HMAC signs
    the body. OAUTH fetches a token for a client's id and secret first.
    """

    NONE = "none"
    BEARER = "bearer"
    HEADER = "header"
    BASIC = "basic"
    HMAC = "hmac"
    OAUTH = "oauth_client_credentials"


class Method(StrEnum):
    """HTTP methods that write."""

    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class NotFound(StrEnum):
    """What 404 means: it is DONE, the record is REJECTED, or the run must STOP."""

    DONE = "done"
    REJECTED = "rejected"
    STOP = "stop"


class Pairing(StrEnum):
    """How an entry of an answer names its record: by ORDER, an INDEX, or a KEY."""

    ORDER = "order"
    INDEX = "index"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Auth:
    """See `AuthKind`. `name` and `prefix` are of the header that carries it."""

    kind: AuthKind = AuthKind.NONE
    name: str = "authorization"
    prefix: str = "Bearer "
    token_url: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Constant:
    """A part of a body that is always the same."""

    value: Json


@dataclass(frozen=True, slots=True)
class Each:
    """A list with one entry for each record of the batch."""

    entry: "Body"


@dataclass(frozen=True, slots=True)
class Parts:
    """A map; names without a value are left out."""

    by_name: Mapping[str, "Body"]


@dataclass(frozen=True, slots=True)
class Elements:
    """A list; entries without a value are left out."""

    items: tuple["Body", ...]


Body: TypeAlias = Constant | Template | Each | Parts | Elements


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the value at a path is one of these."""

    path: str
    equals: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class RowAnswers:
    """Where an answer speaks of single records.

    Attributes:
        list: Path of the list; "" is the whole answer.
        pairing: See `Pairing`.
        index: Path of the index in an entry, from 0.
        key: Path of the key in an entry.
        equals: What that key is on our side.
        are_all: The list has an entry for every record, rather than for failed ones.
        failed: Which entries are failures; None: all of them, when it lists failures.
        code: Path of the code in an entry.
        field: Path of the field at fault in an entry.
        id: Path of the tool's own id in an entry.
    """

    list: str
    pairing: Pairing
    index: str
    key: str
    equals: Template
    are_all: bool
    failed: Check | None
    code: str | None
    field: str | None
    id: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """The request of one action.

    Attributes:
        method: HTTP method.
        path: Below the URL; values are percent-encoded.
        headers: Beside those of the tool.
        query: Parameters after the question mark.
        body: None sends none.
        accepts: Statuses beside 2xx whose answer is read like a success.
        not_found: What 404 means.
        success: What the answer must say beside a good status.
        rows: See `RowAnswers`; None when the status says all.
    """

    method: Method
    path: Template
    headers: Mapping[str, Template]
    query: Mapping[str, Template]
    body: Body | None
    accepts: frozenset[int]
    not_found: NotFound
    success: Check | None
    rows: RowAnswers | None


@dataclass(frozen=True, slots=True)
class Signs:
    """Statuses and codes by which an answer is known."""

    statuses: frozenset[int] = frozenset()
    codes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Errors:
    """How the tool says that something is wrong.

    Attributes:
        code: Path of the code in an answer about the whole request.
        throttled: Too fast.
        quota: Nothing more for `quota_wait_s` seconds.
        retried: A fault that may pass.
        refused: The batch is at fault; halves of it are tried.
        auth: The token is no longer good.
        classes: Class by code, for records and for batches.
        retryable: Codes of records that the same content may pass later.
    """

    code: str | None = None
    throttled: Signs = Signs()
    quota: Signs = Signs()
    quota_wait_s: float = 3600.0
    retried: Signs = Signs()
    refused: Signs = Signs()
    auth: Signs = Signs()
    classes: Mapping[str, ErrorClass] = field(default_factory=dict)
    retryable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CustomObject:
    """One object of the tool: what it can do, and the request for each action."""

    capabilities: Capabilities
    requests: Mapping[Action, Request]


@dataclass(frozen=True, slots=True)
class CustomDestination:
    """A tool as its file describes it. See the module's docstring."""

    name: str
    label: str
    url: str | None
    auth: Auth
    headers: Mapping[str, str]
    limits: tuple[RateLimit, ...]
    errors: Errors
    objects: Mapping[str, CustomObject]

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """What opening it needs."""
        url = Credential(
            "url", "Address of the interface.", is_secret=False, default=self.url
        )
        return (url, *(Credential(*each) for each in _CREDENTIALS[self.auth.kind]))


_CREDENTIALS: Mapping[AuthKind, tuple[tuple[str, str], ...]] = {
    AuthKind.NONE: (),
    AuthKind.BEARER: (("token", "Token of the account."),),
    AuthKind.HEADER: (("token", "Token of the account."),),
    AuthKind.BASIC: (("user", "User name."), ("password", "Password.")),
    AuthKind.HMAC: (("secret", "Secret that requests are signed with."),),
    AuthKind.OAUTH: (
        ("client_id", "Id of the client."),
        ("client_secret", "Secret of the client."),
    ),
}
