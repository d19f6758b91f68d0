"""Every destination, one line each. The name is what an exposure writes.

Adding one: a module beside this one, its line here, a page under docs/destinations/, and
an exposure that uses it. tests/contract/test_destinations.py then runs on it unasked.
"""

import contextlib
import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from reverse_etl.destinations import files, mailer
from reverse_etl.destinations.protocol import Capabilities, Destination
from reverse_etl.errors import SpecError, UnknownDestinationError
from reverse_etl.spec import SyncSpec

Opened: TypeAlias = contextlib.AbstractContextManager[Destination]


@dataclass(frozen=True, slots=True)
class DestinationType:
    """A kind of destination: what it can do, and how one is opened.

    `open` takes the environment (secrets and addresses) and the folder for what runs leave
    behind.
    """

    capabilities: Capabilities
    open: Callable[[Mapping[str, str], Path], Opened]


@contextlib.contextmanager
def _files(environ: Mapping[str, str], base_dir: Path) -> Iterator[Destination]:
    del environ
    yield files.FilesDestination(base_dir / files.OUTBOX)


@contextlib.contextmanager
def _mailer(environ: Mapping[str, str], base_dir: Path) -> Iterator[Destination]:
    del base_dir
    with mailer.mailer_transport(environ) as transport:
        yield mailer.MailerDestination(transport)


DESTINATIONS: Mapping[str, DestinationType] = {
    "files": DestinationType(files.CAPABILITIES, _files),
    "mailer": DestinationType(mailer.CAPABILITIES, _mailer),
}


def destination_type(spec: SyncSpec) -> DestinationType:
    """The kind of destination that a sync names, checked against its mode.

    Raises:
        UnknownDestinationError: There is none of that name.
        SpecError: It cannot do the sync's mode.
    """
    found = DESTINATIONS.get(spec.destination)
    if found is None:
        nearest = difflib.get_close_matches(spec.destination, DESTINATIONS, n=1)
        hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
        raise UnknownDestinationError(
            f"Sync '{spec.name}' in {spec.path}: there is no destination "
            f"'{spec.destination}'.{hint} Known: {', '.join(DESTINATIONS)}."
        )
    if spec.mode not in found.capabilities.modes:
        modes = ", ".join(sorted(found.capabilities.modes))
        raise SpecError(
            f"Sync '{spec.name}' in {spec.path}: destination '{spec.destination}' does "
            f"not do mode '{spec.mode}'. It does: {modes}."
        )
    return found


def open_destination(
    spec: SyncSpec, environ: Mapping[str, str], base_dir: Path
) -> Opened:
    """The sync's destination, closed when the context ends.

    Args:
        spec: The sync.
        environ: Secrets and addresses, normally `os.environ`.
        base_dir: Folder for what runs leave behind, normally data/.

    Raises:
        SyncConfigurationError: The destination is unknown, cannot do the mode, or lacks
            something in the environment.
    """
    return destination_type(spec).open(environ, base_dir)
