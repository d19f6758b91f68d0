"""What the syncs of a workspace are run with: their specs, accounts, limits, ledger.

Opens what it is asked for and decides nothing. What is done with it is in `sync_runs`, for
runs, and in `sync_operations`, for everything else.
"""

import contextlib
import difflib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from orchestration.errors import UnknownSyncError
from orchestration.parsing import prepare_manifest
from orchestration.workspace import Workspace, read_manifest
from reverse_etl.accounts import Accounts, account_fingerprint
from reverse_etl.destinations.protocol import Capabilities, Destination, RateLimit
from reverse_etl.destinations.registry import (
    capabilities_of,
    destination_type,
    limits_of,
    load_accounts,
    open_destination,
)
from reverse_etl.errors import MissingCredentialError
from reverse_etl.invocations import RunOptions
from reverse_etl.ledger import Ledger, open_ledger
from reverse_etl.ledger_tables import URL_VARIABLE
from reverse_etl.rate_limits import SharedRateLimiter, open_rate_limiter
from reverse_etl.spec import SyncSpec
from reverse_etl.spec_reading import sync_specs
from reverse_etl.transport import HttpOptions


@dataclass(frozen=True, slots=True)
class SyncSetup:
    """One sync with what its account is.

    Attributes:
        spec: The sync.
        accounts: Of the project.
        capabilities: Of the destination's object, checked against the sync.
        limits: That the account is used with.
    """

    spec: SyncSpec
    accounts: Accounts
    capabilities: Capabilities
    limits: tuple[RateLimit, ...]


def choose_specs(
    workspace: Workspace, *, name: str | None = None
) -> tuple[SyncSpec, ...]:
    """One sync by its name, or all of them.

    Raises:
        UnknownSyncError: No sync has that name, or the project has none at all.
    """
    prepare_manifest(workspace)
    specs = sync_specs(read_manifest(workspace))
    if not specs:
        raise UnknownSyncError(
            "The project has no sync. Describe one as an exposure in models/activation/."
        )
    if name is None:
        return specs
    chosen = tuple(spec for spec in specs if spec.name == name)
    if not chosen:
        names = [spec.name for spec in specs]
        nearest = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
        raise UnknownSyncError(
            f"There is no sync '{name}'.{hint} Known: {', '.join(names)}."
        )
    return chosen


def set_up(spec: SyncSpec, accounts: Accounts) -> SyncSetup:
    """A sync with its account, once it is known that the two go together.

    Raises:
        SyncConfigurationError: There is no such destination, or it cannot do what the sync
            asks of it.
    """
    return SyncSetup(
        spec,
        accounts,
        capabilities_of(spec, accounts),
        limits_of(spec.destination, accounts),
    )


def project_accounts(workspace: Workspace) -> Accounts:
    """The accounts and own kinds of destination of the workspace's project.

    Raises:
        SyncConfigurationError: A file of them cannot be meant as it is written.
    """
    return load_accounts(workspace.project_dir)


def open_sync_ledger(
    workspace: Workspace,
) -> contextlib.AbstractContextManager[Ledger]:
    """The ledger of every sync: the shared one of KENNING_LEDGER_URL, or the workspace's."""
    return open_ledger(os.environ.get(URL_VARIABLE) or workspace.ledger_path)


@contextlib.contextmanager
def open_limiter(
    setup: SyncSetup, ledger: Ledger, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[SharedRateLimiter | None]:
    """The limiter of the sync's account; None where nobody limits it."""
    if not setup.limits:
        yield None
        return
    with open_rate_limiter(
        ledger, setup.spec.destination, setup.limits, sleep=sleep
    ) as limiter:
        yield limiter


def run_options(
    setup: SyncSetup, limiter: SharedRateLimiter | None, *, seal: str | None = None
) -> RunOptions:
    """How a sync is planned and run: its account, limits, and what is left of the day."""
    account = setup.accounts.get(setup.spec.destination)
    kind = destination_type(setup.spec.destination, setup.accounts)
    return RunOptions(
        seal=seal,
        account_fingerprint=account_fingerprint(account, kind.credentials, os.environ),
        limits=setup.limits,
        requests_left=None if limiter is None else limiter.requests_left(),
    )


def open_sync_destination(
    workspace: Workspace, setup: SyncSetup, limiter: SharedRateLimiter | None = None
) -> contextlib.AbstractContextManager[Destination]:
    """The sync's destination, asked no faster than its account allows.

    Raises:
        MissingCredentialError: It lacks a credential; names the sync that is not sent.
    """
    http = HttpOptions()
    if limiter is not None:
        http = replace(http, limiter=limiter)
    try:
        return open_destination(
            setup.spec, os.environ, workspace.data_dir, http, setup.accounts
        )
    except MissingCredentialError as error:
        raise MissingCredentialError(
            f"Sync '{setup.spec.name}' was not sent. {error}"
        ) from None
