"""Every destination, one line each. The name is what an exposure writes.

Adding one: a module beside this one that gives `DESTINATION`, its line here, a page under
docs/destinations/, and a tool under demo/destination_simulator/vendors/ when it speaks
HTTP. tests/contract/test_destinations.py then runs on it unasked.
"""

import difflib
import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

from reverse_etl.destinations.protocol import (
    Credential,
    DestinationType,
    Opened,
    Opening,
)
from reverse_etl.errors import (
    SpecError,
    SyncConfigurationError,
    UnknownDestinationError,
)
from reverse_etl.modes import Mode
from reverse_etl.spec import SyncSpec
from reverse_etl.transport import HttpOptions, Secret

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
    "salesforce",
    "slack",
    "tiktok",
    "webhook",
    "zendesk",
)


def _destination(name: str) -> DestinationType | None:
    module_name = f"reverse_etl.destinations.{name}"
    if importlib.util.find_spec(module_name) is None:
        return None
    found = importlib.import_module(module_name).DESTINATION
    if not isinstance(found, DestinationType):
        raise TypeError(f"{module_name}.DESTINATION is not a DestinationType")
    return found


DESTINATIONS: Mapping[str, DestinationType] = {
    name: found
    for name in DESTINATION_NAMES
    if (found := _destination(name)) is not None
}


def destination_type(spec: SyncSpec) -> DestinationType:
    """The kind of destination that a sync names, checked against its object and mode.

    Raises:
        UnknownDestinationError: There is none of that name.
        SpecError: It has no such object, or cannot do the sync's mode.
    """
    found = DESTINATIONS.get(spec.destination)
    if found is None:
        nearest = difflib.get_close_matches(spec.destination, DESTINATIONS, n=1)
        hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
        raise UnknownDestinationError(
            f"Sync '{spec.name}' in {spec.path}: there is no destination "
            f"'{spec.destination}'.{hint} Known: {', '.join(DESTINATIONS)}."
        )
    capabilities = found.capabilities(spec.object)
    if capabilities is None:
        objects = ", ".join(sorted(found.objects))
        raise SpecError(
            f"Sync '{spec.name}' in {spec.path}: destination '{spec.destination}' has no "
            f"object '{spec.object}'. It has: {objects}."
        )
    if Mode(spec.mode) not in capabilities.modes:
        modes = ", ".join(sorted(capabilities.modes))
        raise SpecError(
            f"Sync '{spec.name}' in {spec.path}: destination '{spec.destination}' does "
            f"not do mode '{spec.mode}'. It does: {modes}."
        )
    return found


def open_destination(
    spec: SyncSpec,
    environ: Mapping[str, str],
    base_dir: Path,
    http: HttpOptions | None = None,
) -> Opened:
    """The sync's destination, closed when the context ends.

    Args:
        spec: The sync.
        environ: Secrets and addresses, normally `os.environ`.
        base_dir: Folder for what runs leave behind, normally data/.
        http: How requests are made.

    Raises:
        SyncConfigurationError: The destination is unknown, cannot do the mode, or lacks
            something in the environment.
    """
    kind = destination_type(spec)
    return kind.open(
        Opening(
            account=spec.destination,
            object=spec.object,
            settings={},
            credentials=credentials(spec.destination, kind.credentials, environ),
            base_dir=base_dir,
            http=http or HttpOptions(),
        )
    )


def credentials(
    account: str, wanted: tuple[Credential, ...], environ: Mapping[str, str]
) -> Mapping[str, Secret]:
    """What the environment says about an account, by credential name.

    Raises:
        SyncConfigurationError: A variable is missing that has no default.
    """
    given = {
        credential.name: environ.get(_variable(account, credential.name))
        or credential.default
        for credential in wanted
    }
    missing = [_variable(account, name) for name, text in given.items() if text is None]
    if missing:
        raise SyncConfigurationError(
            f"The destination '{account}' needs {' and '.join(missing)} in the "
            f"environment. docs/destinations/{account}.md says what they are."
        )
    return {name: Secret(text) for name, text in given.items() if text is not None}


def _variable(account: str, name: str) -> str:
    return f"KENNING_{account}_{name}".upper()
