"""The YAML of a project's own destination, read: one file describes one tool. Pure.

The whole tool is read here: who we are, errors, limits. Objects are
`custom_object_reading`'s, requests and answers have modules beside it.
"""

from collections.abc import Mapping

from reverse_etl.accounts import read_limits
from reverse_etl.destinations.custom_definition import (
    Auth,
    AuthKind,
    CustomDestination,
    Errors,
    Signs,
)
from reverse_etl.destinations.custom_object_reading import read_object
from reverse_etl.destinations.custom_values import header_name, needed, read_statuses
from reverse_etl.errors import ErrorClass
from reverse_etl.yaml_reading import Item, optional

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
    objects = needed(content, settings, "objects").map()
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
        objects={name: read_object(item) for name, item in objects.items()},
    )


def _read_auth(item: Item) -> Auth:
    every = sorted({name for names in _AUTH_SETTINGS.values() for name in names})
    settings = item.map(("kind", *every))
    kind = needed(item, settings, "kind").choice(AuthKind)
    for name, found in settings.items():
        if name not in ("kind", *_AUTH_SETTINGS[kind]):
            raise found.refusal(f"auth of kind {kind} has no '{name}'.")
    if kind is AuthKind.OAUTH:
        scope = optional(settings, "scope")
        return Auth(
            kind,
            token_url=needed(item, settings, "token_url").text(),
            scope="" if scope is None else scope.text(),
        )
    if kind not in (AuthKind.HEADER, AuthKind.HMAC):
        return Auth(kind)
    name_item = needed(item, settings, "name")
    prefix = optional(settings, "prefix")
    return Auth(
        kind,
        name=header_name(name_item, name_item.text(), is_auth=True),
        prefix="" if prefix is None else prefix.text(),
    )


def _read_plain_headers(item: Item) -> Mapping[str, str]:
    return {
        header_name(value, name): _header_text(value)
        for name, value in item.map().items()
    }


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
        frozenset() if statuses is None else read_statuses(statuses),
        frozenset()
        if codes is None
        else frozenset(str(code.json()) for code in codes.list()),
    )
