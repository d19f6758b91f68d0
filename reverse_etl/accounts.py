"""Accounts: which credentials, limits and addresses a destination is used with.

A sync names a kind of destination (`klaviyo`), whose credentials come from the environment
(KENNING_KLAVIYO_TOKEN), or an account of the project's file `destinations.yml`:

    accounts:
      klaviyo_main:
        type: klaviyo
        token: {env: KLAVIYO_TOKEN}       # or {file: secrets/klaviyo}
        limits: [{max_requests: 5, window_s: 1}]
        share: 0.5
        allow_private_addresses: false

A secret is never written into that file. What kinds there are is `destinations.registry`'s.
"""

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from reverse_etl.destinations.protocol import (
    Credential,
    DestinationType,
    LimitKind,
    RateLimit,
)
from reverse_etl.errors import MissingCredentialError, SyncConfigurationError
from reverse_etl.transport import Secret
from reverse_etl.yaml_reading import Item, nearest, optional, read_yaml

ACCOUNTS_FILE = "destinations.yml"
CUSTOM_FOLDER = "destinations"
"""Folder of the project's own kinds of destination, one file each."""

ALLOW_PRIVATE_VARIABLE = "KENNING_ALLOW_PRIVATE_ADDRESSES"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DAY_S = 86_400.0
_SETTINGS = ("type", "limits", "share", "allow_private_addresses")
_SOURCES = ("env", "file")


@dataclass(frozen=True, slots=True)
class Given:
    """Where a credential comes from: one of the three.

    `text` is for what is no secret, an address or a number.
    """

    env: str | None = None
    file: Path | None = None
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a destination, as configured.

    Attributes:
        name: What syncs write. Limits are shared by everything that uses the same name.
        type_name: The kind of destination.
        given: Where its credentials come from; those that are missing here come from the
            environment as KENNING_<NAME>_<CREDENTIAL>, or have a default.
        limits: The project's own limits; they replace the vendor's of the same group.
        share: Part of every limit that may be used, above 0 and up to 1.
        allow_private_addresses: Whether it may be on this machine or in a private network.
    """

    name: str
    type_name: str
    given: Mapping[str, Given] = field(default_factory=dict)
    limits: tuple[RateLimit, ...] = ()
    share: float = 1.0
    allow_private_addresses: bool = False


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the project adds to the kinds of destination that are built in.

    Attributes:
        by_name: Its accounts.
        types: Its own kinds of destination.
    """

    by_name: Mapping[str, Account] = field(default_factory=dict)
    types: Mapping[str, DestinationType] = field(default_factory=dict)

    def get(self, name: str) -> Account:
        """The account of this name, or the one that stands for the kind of this name."""
        return self.by_name.get(name) or Account(name, name)


NO_ACCOUNTS = Accounts()


def read_accounts(
    root: Path, types: Mapping[str, DestinationType]
) -> Mapping[str, Account]:
    """The accounts of the project's `destinations.yml`; none when there is no such file.

    Args:
        root: The project's folder, which files of secrets are looked for in.
        types: Every kind of destination by name.

    Raises:
        SyncConfigurationError: Something in the file cannot be meant so; the message
            names file, line and setting.
    """
    path = root / ACCOUNTS_FILE
    if not path.exists():
        return {}
    content = read_yaml(path, shown=ACCOUNTS_FILE)
    if content is None:
        return {}
    accounts = optional(content.map(("accounts",)), "accounts")
    if accounts is None:
        return {}
    return {
        name: _read_account(name, item, root, types)
        for name, item in accounts.map().items()
    }


def credentials(
    account: Account, wanted: Sequence[Credential], environ: Mapping[str, str]
) -> Mapping[str, Secret]:
    """The account's credentials by name.

    Raises:
        MissingCredentialError: One is missing that has no default. Names every missing
            variable, no value.
    """
    found: dict[str, Secret] = {}
    missing: list[str] = []
    for credential in wanted:
        given = account.given.get(credential.name)
        variable = variable_of(account.name, credential.name)
        if given is None:
            given = Given(env=variable)
            default = credential.default
        else:
            default = None
        text = _text(given, environ, account.name) or default
        if text is None:
            missing.append(given.env or variable)
        else:
            found[credential.name] = Secret(text)
    if missing:
        raise MissingCredentialError(
            f"The destination '{account.name}' needs {' and '.join(missing)} in the "
            f"environment. The page of '{account.type_name}' under docs/destinations/ "
            "says what they are."
        )
    return found


@dataclass(frozen=True, slots=True)
class CredentialState:
    """Where a credential comes from, and whether it is there. Never what it is.

    Attributes:
        name: The destination's name for it.
        description: What it is.
        is_secret: Whether it is one.
        source: The environment variable, the file, or the project's file of accounts.
        is_set: Whether something is there.
        default: What is used otherwise; None where nothing is.
    """

    name: str
    description: str
    is_secret: bool
    source: str
    is_set: bool
    default: str | None = None


def credential_states(
    account: Account, wanted: Sequence[Credential], environ: Mapping[str, str]
) -> tuple[CredentialState, ...]:
    """Which of an account's credentials are there. Opens files of secrets, tells none."""
    states = []
    for credential in wanted:
        given = account.given.get(credential.name)
        variable = variable_of(account.name, credential.name)
        if given is None:
            given = Given(env=variable)
            default = credential.default
        else:
            default = None
        try:
            is_set = _text(given, environ, account.name) is not None
        except SyncConfigurationError:
            is_set = False
        source = ACCOUNTS_FILE if given.text is not None else given.env
        if given.file is not None:
            source = given.file.name
        states.append(
            CredentialState(
                credential.name,
                credential.description,
                credential.is_secret,
                source or variable,
                is_set,
                default,
            )
        )
    return tuple(states)


def account_fingerprint(
    account: Account, wanted: Sequence[Credential], environ: Mapping[str, str]
) -> str | None:
    """What tells an account from another of the same name: 32 hexadecimal digits.

    Its kind, and what of its credentials is no secret: address, number, user. A token that
    is renewed changes nothing, nor does the port of this machine's own services. None
    where one of them is not known here, so that nobody can tell.
    """
    parts = [account.type_name]
    for credential in wanted:
        if credential.is_secret:
            continue
        variable = variable_of(account.name, credential.name)
        given = account.given.get(credential.name) or Given(env=variable)
        text = _text(given, environ, account.name) or credential.default
        if text is None:
            return None
        parts += [credential.name, _place(text)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _place(text: str) -> str:
    """An address without its port and query, where that is what the text is."""
    if "://" not in text:
        return text
    parts = urlsplit(text)
    return f"{parts.hostname}{parts.path.rstrip('/')}"


def variable_of(account: str, credential: str) -> str:
    """The environment variable of an account's credential."""
    return f"KENNING_{account}_{credential}".upper()


def effective_limits(
    account: Account, vendor_limits: Sequence[RateLimit]
) -> tuple[RateLimit, ...]:
    """The limits that the account is used with: the project's own, else the vendor's.

    The share of each is taken; a share of less than one request makes the window longer.
    """
    own_groups = {limit.group for limit in account.limits}
    kept = [limit for limit in vendor_limits if limit.group not in own_groups]
    return tuple(_shared(limit, account.share) for limit in (*account.limits, *kept))


def allows_private_addresses(account: Account, environ: Mapping[str, str]) -> bool:
    """Whether the account, or the whole installation, may use inner addresses."""
    return account.allow_private_addresses or environ.get(ALLOW_PRIVATE_VARIABLE) == "1"


def read_limits(item: Item) -> tuple[RateLimit, ...]:
    """A list of limits, of an account or of a custom destination.

    Raises:
        SyncConfigurationError: See `read_accounts`.
    """
    return tuple(_read_limit(limit) for limit in item.list())


def _shared(limit: RateLimit, share: float) -> RateLimit:
    requests = limit.max_requests * share
    if requests >= 1:
        return dataclasses.replace(limit, max_requests=int(requests))
    return dataclasses.replace(
        limit, max_requests=1, window_s=limit.window_s / requests
    )


def _read_limit(item: Item) -> RateLimit:
    settings = item.map(("max_requests", "window_s", "group", "kind"))
    if "max_requests" not in settings:
        raise item.refusal("'max_requests' is missing.")
    kind_item = optional(settings, "kind")
    kind = LimitKind.WINDOW if kind_item is None else kind_item.choice(LimitKind)
    window = optional(settings, "window_s")
    if kind is LimitKind.WINDOW:
        if window is None:
            raise item.refusal(
                "'window_s' is missing: the window's length in seconds. For a number of "
                "requests at once write `kind: concurrency`, for a day `kind: daily`."
            )
        window_s = window.number(above=0, most=_DAY_S)
    else:
        if window is not None:
            raise window.refusal(f"a limit of kind {kind} has no window. Take it out.")
        window_s = _DAY_S if kind is LimitKind.DAILY else 0.0
    group = optional(settings, "group")
    return RateLimit(
        settings["max_requests"].whole(),
        window_s,
        group="default" if group is None else group.text(),
        kind=kind,
    )


def _read_account(
    name: str, item: Item, root: Path, types: Mapping[str, DestinationType]
) -> Account:
    if not _NAME.fullmatch(name):
        raise item.refusal(
            f"'{name}' is not a name. Use up to 40 lower-case letters, digits and "
            "underscores."
        )
    type_item = optional(item.map(), "type")
    if type_item is None:
        raise item.refusal(
            f"'type' is missing: the kind of destination. Known: {', '.join(types)}."
        )
    kind = types.get(type_item.text())
    if kind is None:
        raise type_item.refusal(
            f"there is no destination '{type_item.text()}'."
            f"{nearest(type_item.text(), types)} Known: {', '.join(types)}."
        )
    if name in types and name != kind.name:
        raise item.refusal(
            f"'{name}' is the name of another kind of destination. Choose another name."
        )
    wanted = {credential.name: credential for credential in kind.credentials}
    settings = item.map((*_SETTINGS, *wanted))
    limits, share = optional(settings, "limits"), optional(settings, "share")
    allow = optional(settings, "allow_private_addresses")
    return Account(
        name=name,
        type_name=kind.name,
        given={
            credential: _read_given(settings[credential], wanted[credential], root)
            for credential in wanted
            if credential in settings
        },
        limits=() if limits is None else read_limits(limits),
        share=1.0 if share is None else share.number(above=0, most=1),
        allow_private_addresses=False if allow is None else allow.boolean(),
    )


def _read_given(item: Item, credential: Credential, root: Path) -> Given:
    if item.is_map:
        sources = item.map(_SOURCES)
        if len(sources) != 1:
            raise item.refusal("give one of {env: NAME} and {file: PATH}.")
        if "env" in sources:
            variable = sources["env"].text()
            if not _VARIABLE.fullmatch(variable):
                # Perhaps somebody pasted the secret here, so it is not repeated.
                raise sources["env"].refusal(
                    "this is not the name of an environment variable."
                )
            return Given(env=variable)
        return Given(file=root / sources["file"].text())
    if credential.is_secret:
        raise item.refusal(
            f"a secret is not written into {ACCOUNTS_FILE}. Take it out, count it as "
            f"known to others, and give {{env: NAME}} or {{file: PATH}}."
        )
    value = item.json()
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise item.refusal("this is text, or {env: NAME}, or {file: PATH}.")
    return Given(text=str(value))


def _text(given: Given, environ: Mapping[str, str], account: str) -> str | None:
    if given.text is not None:
        return given.text
    if given.env is not None:
        return environ.get(given.env) or None
    if given.file is None:
        return None
    try:
        text = given.file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text:
        raise SyncConfigurationError(
            f"The destination '{account}' has a credential in the file {given.file.name}, "
            f"which is empty or could not be read. {ACCOUNTS_FILE} says where it is."
        )
    return text
