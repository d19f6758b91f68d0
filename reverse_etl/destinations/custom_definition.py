"""What a project's own destination is, and its YAML read into that.

One file describes one tool: where it is, how to prove who we are, and for each object the
requests that write it and how their answers are read. Types and reading only; `custom_http`
sends. Format: docs/destinations/custom-http.md, and custom_http.schema.json for editors.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from reverse_etl.accounts import read_limits
from reverse_etl.destinations.placeholders import Template, parse_template
from reverse_etl.destinations.protocol import (
    ANY_ASSOCIATION,
    Capabilities,
    Credential,
    Idempotency,
    RateLimit,
)
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.yaml_reading import Item, optional
from warehouse.manifest import Json

_BATCH_NAMES = (
    "sync",
    "object",
    "action",
    "run_id",
    "batch_id",
    "row_count",
)
_ROW_NAMES = ("key", "op", "event_id", "dest_id", "match", "fields", "associations")
_NESTED_NAMES = ("match", "fields", "associations")
_EACH = "each"

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "authorization"}
)

_FIXED_ACTIONS = (Action.RUN,)
_ACTION_NAMES = tuple(a.value for a in Action if a not in _FIXED_ACTIONS)

_WRITE_MODES: Mapping[Action, Mode] = {
    Action.UPSERT: Mode.UPSERT,
    Action.CREATE: Mode.INSERT,
    Action.UPDATE: Mode.UPDATE,
    Action.ADD: Mode.ADD,
    Action.REMOVE: Mode.REMOVE,
    Action.ARCHIVE: Mode.ARCHIVE,
    Action.APPEND: Mode.APPEND,
}
_REMOVALS: Mapping[Action, Removal] = {
    Action.UPDATE: Removal.CLEAR,
    Action.REMOVE: Removal.REMOVE,
    Action.ARCHIVE: Removal.ARCHIVE,
    Action.DELETE: Removal.DELETE,
}
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
_AUTH_SETTINGS: Mapping[AuthKind, tuple[str, ...]] = {
    AuthKind.NONE: (),
    AuthKind.BEARER: (),
    AuthKind.HEADER: ("name", "prefix"),
    AuthKind.BASIC: (),
    AuthKind.HMAC: ("name",),
    AuthKind.OAUTH: ("token_url", "scope"),
}


def read_definition(name: str, content: Item) -> CustomDestination:
    """Read one file.

    Args:
        name: What the file is called, which is the destination's name.
        content: The whole file.

    Raises:
        SyncConfigurationError: It cannot be meant as it is written; the message says line
            and setting.
    """
    settings = content.map(
        ("label", "url", "auth", "headers", "limits", "errors", "objects")
    )
    label, url = optional(settings, "label"), optional(settings, "url")
    auth, limits = optional(settings, "auth"), optional(settings, "limits")
    errors, headers = optional(settings, "errors"), optional(settings, "headers")
    objects = _needed(content, settings, "objects").map()
    if not objects:
        raise settings["objects"].refusal("there is no object in it.")
    return CustomDestination(
        name=name,
        label=name if label is None else label.text(),
        url=None if url is None else url.text(),
        auth=Auth() if auth is None else _read_auth(auth),
        headers={} if headers is None else _read_plain_headers(headers),
        limits=() if limits is None else read_limits(limits),
        errors=Errors() if errors is None else _read_errors(errors),
        objects={name: _read_object(item) for name, item in objects.items()},
    )


def _needed(item: Item, settings: Mapping[str, Item], name: str) -> Item:
    found = optional(settings, name)
    if found is None:
        raise item.refusal(f"'{name}' is missing.")
    return found


def _read_auth(item: Item) -> Auth:
    every = sorted({name for names in _AUTH_SETTINGS.values() for name in names})
    settings = item.map(("kind", *every))
    kind = _needed(item, settings, "kind").choice(AuthKind)
    for name, found in settings.items():
        if name not in ("kind", *_AUTH_SETTINGS[kind]):
            raise found.refusal(f"auth of kind {kind} has no '{name}'.")
    if kind is AuthKind.OAUTH:
        scope = optional(settings, "scope")
        return Auth(
            kind,
            token_url=_needed(item, settings, "token_url").text(),
            scope="" if scope is None else scope.text(),
        )
    if kind not in (AuthKind.HEADER, AuthKind.HMAC):
        return Auth(kind)
    name_item = _needed(item, settings, "name")
    prefix = optional(settings, "prefix")
    return Auth(
        kind,
        name=_header_name(name_item, name_item.text(), is_auth=True),
        prefix="" if prefix is None else prefix.text(),
    )


def _read_plain_headers(item: Item) -> Mapping[str, str]:
    return {
        _header_name(value, name): _header_text(value)
        for name, value in item.map().items()
    }


def _header_name(item: Item, name: str, *, is_auth: bool = False) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise item.refusal(f"'{name}' is not the name of a header.")
    lower = name.lower()
    if lower in _OWN_HEADERS and not (is_auth and lower == "authorization"):
        raise item.refusal(
            f"the header '{name}' is not set here. Say who we are under 'auth'; the rest "
            "of these headers is made with each request."
        )
    return lower


def _header_text(item: Item) -> str:
    text = item.text()
    if not (text.isascii() and text.isprintable()):
        raise item.refusal("a header is printable ASCII text on one line.")
    return text


def _read_errors(item: Item) -> Errors:
    signs = ("throttled", "quota", "retried", "refused", "auth")
    settings = item.map(("code", *signs, "classes", "retryable"))
    code, classes = optional(settings, "code"), optional(settings, "classes")
    retryable = optional(settings, "retryable")
    read = {
        name: _read_signs(found, is_quota=name == "quota", has_code=code is not None)
        for name in signs
        if (found := optional(settings, name)) is not None
    }
    quota_wait_s = 3600.0
    quota = optional(settings, "quota")
    if quota is not None:
        wait = optional(quota.map(), "wait_s")
        quota_wait_s = 3600.0 if wait is None else wait.number(above=0, most=86_400)
    return Errors(
        code=None if code is None else code.text(),
        **read,
        quota_wait_s=quota_wait_s,
        classes={}
        if classes is None
        else {name: found.choice(ErrorClass) for name, found in classes.map().items()},
        retryable=frozenset() if retryable is None else frozenset(retryable.texts()),
    )


def _read_signs(item: Item, *, is_quota: bool, has_code: bool) -> Signs:
    settings = item.map(("statuses", "codes", *(("wait_s",) if is_quota else ())))
    statuses, codes = optional(settings, "statuses"), optional(settings, "codes")
    if codes is not None and not has_code:
        raise codes.refusal(
            "'errors.code' does not say where in an answer the code is. Give its path."
        )
    return Signs(
        frozenset() if statuses is None else _read_statuses(statuses),
        frozenset()
        if codes is None
        else frozenset(str(code.json()) for code in codes.list()),
    )


def _read_statuses(item: Item) -> frozenset[int]:
    return frozenset(each.whole(least=200, most=599) for each in item.list())


def _read_object(item: Item) -> CustomObject:
    settings = item.map(
        (
            "match",
            "requires_all_match",
            "max_batch_rows",
            "max_batch_bytes",
            "max_row_bytes",
            "max_workers",
            "idempotency",
            "optional_settings",
            "actions",
        )
    )
    actions = _needed(item, settings, "actions").map(_ACTION_NAMES)
    if not actions:
        raise settings["actions"].refusal("there is no action in it.")
    match = optional(settings, "match")
    max_rows = _whole(settings, "max_batch_rows") or 1
    scope = _Scope(
        match=() if match is None else match.texts(), is_one_row=max_rows == 1
    )
    requests = {
        Action(name): scope.request(Action(name), found)
        for name, found in actions.items()
    }
    if Action.ADD in requests and Action.UPSERT in requests:
        raise actions["add"].refusal(
            "an object is either a list, with 'add' and 'remove', or holds records, with "
            "'upsert'. Describe two objects."
        )
    optional_settings = optional(settings, "optional_settings")
    may_miss = () if optional_settings is None else optional_settings.texts()
    need_all = optional(settings, "requires_all_match")
    idempotency = optional(settings, "idempotency")
    gives_ids = any(request.rows and request.rows.id for request in requests.values())
    return CustomObject(
        Capabilities(
            modes=_modes(requests),
            removals=frozenset(_REMOVALS[a] for a in requests if a in _REMOVALS),
            max_batch_rows=max_rows,
            max_batch_bytes=_whole(settings, "max_batch_bytes"),
            max_row_bytes=_whole(settings, "max_row_bytes"),
            idempotency=Idempotency.NONE
            if idempotency is None
            else idempotency.choice(Idempotency),
            match_fields=scope.match,
            requires_all_match_fields=need_all is not None and need_all.boolean(),
            is_membership=Action.ADD in requests,
            max_workers=_whole(settings, "max_workers") or 4,
            gives_ids=gives_ids,
            can_erase=Action.ERASE in requests,
            settings=tuple(sorted(scope.settings - set(may_miss))),
            optional_settings=may_miss,
            associations=ANY_ASSOCIATION,
        ),
        requests,
    )


def _whole(settings: Mapping[str, Item], name: str) -> int | None:
    found = optional(settings, name)
    return None if found is None else found.whole()


def _modes(actions: Collection[Action]) -> frozenset[Mode]:
    modes = {_WRITE_MODES[action] for action in actions if action in _WRITE_MODES}
    if Action.ADD in actions:
        modes.add(Mode.UPSERT)
    leaves = {Action.REMOVE} if Action.ADD in actions else set(_REMOVALS)
    if Mode.UPSERT in modes and leaves & set(actions):
        modes.add(Mode.MIRROR)
    return frozenset(modes)


class _Scope:
    """Reads requests of one object, and notes the settings that they mention."""

    def __init__(self, match: tuple[str, ...], *, is_one_row: bool) -> None:
        self.match = match
        self.settings: set[str] = set()
        self._is_one_row = is_one_row

    def request(self, action: Action, item: Item) -> Request:
        settings = item.map(
            (
                "method",
                "path",
                "headers",
                "query",
                "body",
                "accepts",
                "on_404",
                "answer",
            )
        )
        method = optional(settings, "method")
        path = _needed(item, settings, "path")
        body = optional(settings, "body")
        if body is None and not self._is_one_row:
            raise item.refusal(
                "'body' is missing, and with it the records. Without one, set "
                "max_batch_rows: 1 and name the record in 'path'."
            )
        read_path = self.template(path, in_row=self._is_one_row)
        if not path.text().startswith("/"):
            raise path.refusal("a path begins with a slash.")
        read_body = None if body is None else self.body(body, in_row=self._is_one_row)
        if body is not None and not self._is_one_row and not _has_each(read_body):
            raise body.refusal(
                "the records are nowhere in it. Put `each:` with one record's template "
                "where the list of records goes, or set max_batch_rows: 1."
            )
        accepts = optional(settings, "accepts")
        answer = optional(settings, "answer")
        success, rows = (None, None) if answer is None else self.answer(answer)
        return Request(
            method=Method.POST if method is None else method.choice(Method),
            path=read_path,
            headers=self._named(settings, "headers"),
            query=self._named(settings, "query"),
            body=read_body,
            accepts=frozenset() if accepts is None else _read_statuses(accepts),
            not_found=self._not_found(action, settings, read_path),
            success=success,
            rows=rows,
        )

    def _named(self, settings: Mapping[str, Item], name: str) -> Mapping[str, Template]:
        found = optional(settings, name)
        if found is None:
            return {}
        return {
            _header_name(each, inner) if name == "headers" else inner: self.template(
                each, in_row=self._is_one_row
            )
            for inner, each in found.map().items()
        }

    def _not_found(
        self, action: Action, settings: Mapping[str, Item], path: Template
    ) -> NotFound:
        found = optional(settings, "on_404")
        if found is not None:
            return found.choice(NotFound)
        names_row = any(name.partition(".")[0] in _ROW_NAMES for name in path.names)
        if not names_row:
            return NotFound.STOP
        return NotFound.DONE if action in LEAVING else NotFound.REJECTED

    def template(self, item: Item, *, in_row: bool) -> Template:
        value = item.json()
        if isinstance(value, bool | list | dict) or value is None:
            raise item.refusal("this is text, perhaps with {names} in it.")
        try:
            template = parse_template(str(value))
        except ValueError as error:
            raise item.refusal(str(error)) from None
        for name in template.names:
            self._check_name(item, name, in_row=in_row)
        return template

    def body(self, item: Item, *, in_row: bool) -> Body:
        if item.is_map:
            parts = item.map()
            if tuple(parts) == (_EACH,):
                if in_row and not self._is_one_row:
                    raise item.refusal("an `each` has no place inside another one.")
                return Each(self.body(parts[_EACH], in_row=True))
            return Parts(
                {name: self.body(part, in_row=in_row) for name, part in parts.items()}
            )
        if item.is_list:
            return Elements(
                tuple(self.body(part, in_row=in_row) for part in item.list())
            )
        value = item.json()
        if isinstance(value, str):
            return self.template(item, in_row=in_row)
        return Constant(value)

    def answer(self, item: Item) -> tuple[Check | None, RowAnswers | None]:
        settings = item.map(("success", "rows"))
        success, rows = optional(settings, "success"), optional(settings, "rows")
        return (
            None if success is None else _read_check(success),
            None if rows is None else self._row_answers(rows),
        )

    def _row_answers(self, item: Item) -> RowAnswers:
        settings = item.map(
            (
                "list",
                "by",
                "index",
                "key",
                "equals",
                "holds",
                "failed",
                "code",
                "field",
                "id",
            )
        )
        pairing = _needed(item, settings, "by").choice(Pairing)
        holds = _needed(item, settings, "holds").choice(_Holds)
        failed, equals = optional(settings, "failed"), optional(settings, "equals")
        if pairing is Pairing.ORDER and holds is not _Holds.ALL:
            raise settings["by"].refusal(
                "by order, the list must have an entry for every record. Write "
                "`holds: all`, or pair by index or key."
            )
        if holds is _Holds.ALL and failed is None:
            raise item.refusal(
                "'failed' is missing: the path and the values by which a failed record is "
                "known among the others."
            )
        for needed in (Pairing.INDEX, Pairing.KEY):
            if pairing is needed:
                _needed(item, settings, needed.value)
            elif needed.value in settings:
                raise settings[needed.value].refusal(
                    f"records are paired by {pairing}."
                )
        return RowAnswers(
            list=_path(settings, "list") or "",
            pairing=pairing,
            index=_path(settings, "index") or "",
            key=_path(settings, "key") or "",
            equals=parse_template("{key}")
            if equals is None
            else self.template(equals, in_row=True),
            are_all=holds is _Holds.ALL,
            failed=None if failed is None else _read_check(failed),
            code=_path(settings, "code"),
            field=_path(settings, "field"),
            id=_path(settings, "id"),
        )

    def _check_name(self, item: Item, name: str, *, in_row: bool) -> None:
        first, _, rest = name.partition(".")
        if first == "settings" and rest:
            self.settings.add(rest)
            return
        if name in _BATCH_NAMES:
            return
        is_row_name = name in _ROW_NAMES or (first in _NESTED_NAMES and rest != "")
        if is_row_name and not in_row:
            raise item.refusal(
                f"{{{name}}} is of one record, and a batch has several. Use it inside "
                "`each`, or set max_batch_rows: 1."
            )
        if not is_row_name:
            known = (*_BATCH_NAMES, "settings.NAME", *_ROW_NAMES, "fields.NAME")
            raise item.refusal(f"there is no {{{name}}}. Known: {', '.join(known)}.")
        if first == "match" and rest and self.match and rest not in self.match:
            raise item.refusal(
                f"'{rest}' is not among the identifiers under 'match': "
                f"{', '.join(self.match)}."
            )


class _Holds(StrEnum):
    """Whether a list of an answer speaks of all records or of failed ones."""

    ALL = "all"
    FAILED = "failed"


def _path(settings: Mapping[str, Item], name: str) -> str | None:
    found = optional(settings, name)
    return None if found is None else found.text()


def _read_check(item: Item) -> Check:
    settings = item.map(("path", "equals"))
    equals = _needed(item, settings, "equals")
    values = equals.list() if equals.is_list else (equals,)
    return Check(
        _needed(item, settings, "path").text(), tuple(value.json() for value in values)
    )


def _has_each(body: Body | None) -> bool:
    match body:
        case Each():
            return True
        case Parts(by_name):
            return any(_has_each(part) for part in by_name.values())
        case Elements(items):
            return any(_has_each(part) for part in items)
    return False
