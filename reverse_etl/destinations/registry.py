"""Every destination, one line each. The name is what an exposure writes.

Adding one: a module beside this one that gives `DESTINATION`, its line here, a page under
docs/destinations/, and a tool under demo/destination_simulator/vendors/ when it speaks
HTTP. tests/contract/test_destinations.py then runs on it unasked. How to:
docs/how-to/add-a-destination.md. One without code is `custom_http`'s.

A module is imported when its destination is first asked for, so that nothing that only one
of them needs stands in the way of the others.
"""

import dataclasses
import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

from reverse_etl.accounts import (
    CUSTOM_FOLDER,
    NO_ACCOUNTS,
    Account,
    Accounts,
    allows_private_addresses,
    credentials,
    effective_limits,
    read_accounts,
)
from reverse_etl.destinations.custom_http import read_custom_types
from reverse_etl.destinations.protocol import (
    Capabilities,
    DestinationType,
    Opened,
    Opening,
    RateLimit,
)
from reverse_etl.destinations.sync_checks import listed, problems_of
from reverse_etl.errors import (
    SpecError,
    SyncConfigurationError,
    UnknownDestinationError,
)
from reverse_etl.spec import SyncSpec
from reverse_etl.transport import HttpOptions
from reverse_etl.yaml_reading import nearest

DESTINATION_NAMES = (
    "braze",
    "customerio",
    "files",
    "google_data_manager",
    "hubspot",
    "intercom",
    "iterable",
    "klaviyo",
    "linkedin",
    "mailchimp",
    "mailer",
    "marketo",
    "meta",
    "postgres",
    "s3",
    "salesforce",
    "sftp",
    "slack",
    "tiktok",
    "webhook",
    "zendesk",
)


class _Modules(Mapping[str, DestinationType]):
    """Kinds of destination by name, each imported when it is first asked for."""

    def __getitem__(self, name: str) -> DestinationType:
        if name not in self:
            raise KeyError(name)
        module_name = f"reverse_etl.destinations.{name}"
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise SyncConfigurationError(
                f"The destination '{name}' needs the package '{error.name}', which is "
                f"not installed. Install it with pip install 'kenning[{name}]'."
            ) from error
        found = module.DESTINATION
        if not isinstance(found, DestinationType) or found.name != name:
            raise TypeError(f"{module_name}.DESTINATION is not the DestinationType")
        return found

    def __contains__(self, name: object) -> bool:
        return (
            name in DESTINATION_NAMES
            and importlib.util.find_spec(f"reverse_etl.destinations.{name}") is not None
        )

    def __iter__(self) -> Iterator[str]:
        return (name for name in DESTINATION_NAMES if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


DESTINATIONS: Mapping[str, DestinationType] = _Modules()


def load_accounts(root: Path) -> Accounts:
    """What a project adds: destinations.yml, and its own kinds under destinations/.

    Args:
        root: The project's folder.

    Raises:
        SyncConfigurationError: A file cannot be meant as it is written.
    """
    types = read_custom_types(root / CUSTOM_FOLDER, reserved=DESTINATION_NAMES)
    known = _Kinds(types)
    return Accounts(by_name=read_accounts(root, known), types=types)


def destination_type(name: str, accounts: Accounts = NO_ACCOUNTS) -> DestinationType:
    """The kind of destination behind an account, or of this very name.

    Raises:
        UnknownDestinationError: There is none; the message names the nearest.
        SyncConfigurationError: It needs a package that is not installed.
    """
    known = _Kinds(accounts.types)
    type_name = accounts.get(name).type_name
    if type_name not in known:
        names = (*accounts.by_name, *known)
        raise UnknownDestinationError(
            f"There is no destination '{name}'.{nearest(name, names)} "
            f"Known: {', '.join(dict.fromkeys(names))}."
        )
    return known[type_name]


def capabilities_of(spec: SyncSpec, accounts: Accounts = NO_ACCOUNTS) -> Capabilities:
    """What the sync's destination can do with its object, once the sync was checked.

    Raises:
        UnknownDestinationError: There is no such destination.
        SpecError: It has no such object, or cannot do what the sync asks of it: the mode,
            what happens to records that leave, identifiers, settings.
    """
    kind = _type_of(spec, accounts)
    found = kind.capabilities(spec.object)
    if found is None:
        raise SpecError(
            f"{_place(spec)}: destination '{spec.destination}' has no object "
            f"'{spec.object}'.{nearest(spec.object, kind.objects)} "
            f"It has: {listed(kind.objects)}."
        )
    problem = next(problems_of(spec, found), None)
    if problem is not None:
        raise SpecError(f"{_place(spec)}: {problem}")
    return found


def limits_of(name: str, accounts: Accounts = NO_ACCOUNTS) -> tuple[RateLimit, ...]:
    """The limits that an account is used with.

    Raises:
        UnknownDestinationError: There is no such destination.
    """
    return effective_limits(accounts.get(name), destination_type(name, accounts).limits)


def open_destination(
    spec: SyncSpec,
    environ: Mapping[str, str],
    base_dir: Path,
    http: HttpOptions | None = None,
    accounts: Accounts = NO_ACCOUNTS,
) -> Opened:
    """The sync's destination, closed when the context ends.

    Args:
        spec: The sync.
        environ: Secrets and addresses, normally `os.environ`.
        base_dir: Folder for what runs leave behind, normally data/.
        http: How requests are made, with the limiter of the account.
        accounts: From `load_accounts`.

    Raises:
        SyncConfigurationError: The destination is unknown, has no such object, or lacks a
            credential.
    """
    kind = _type_of(spec, accounts)
    capabilities_of(spec, accounts)
    account = accounts.get(spec.destination)
    return kind.open(
        Opening(
            account=account.name,
            object=spec.object,
            settings=spec.settings,
            credentials=credentials(account, kind.credentials, environ),
            base_dir=base_dir,
            http=_allowed(http or HttpOptions(), account, environ),
        )
    )


class _Kinds(Mapping[str, DestinationType]):
    """The kinds that are built in, and the project's own."""

    def __init__(self, own: Mapping[str, DestinationType]) -> None:
        self._own = own

    def __getitem__(self, name: str) -> DestinationType:
        return self._own[name] if name in self._own else DESTINATIONS[name]

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in DESTINATIONS

    def __iter__(self) -> Iterator[str]:
        yield from DESTINATIONS
        yield from self._own

    def __len__(self) -> int:
        return len(DESTINATIONS) + len(self._own)


def _type_of(spec: SyncSpec, accounts: Accounts) -> DestinationType:
    try:
        return destination_type(spec.destination, accounts)
    except UnknownDestinationError as error:
        raise UnknownDestinationError(f"{_place(spec)}: {error}") from None


def _place(spec: SyncSpec) -> str:
    return f"Sync '{spec.name}' in {spec.path}"


def _allowed(
    http: HttpOptions, account: Account, environ: Mapping[str, str]
) -> HttpOptions:
    if not allows_private_addresses(account, environ):
        return http
    return dataclasses.replace(http, allow_private_addresses=True)
