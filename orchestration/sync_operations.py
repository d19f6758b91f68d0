"""What a person asks and tells syncs, beside running them: opens what it takes, and calls.

What each does is `reverse_etl.operations`' and `reverse_etl.history`'s. Reads with the
warehouse open for reading alone, so that it can be asked while a BI tool reads; a run under
way has the file to itself. Needs no Dagster.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from orchestration.errors import UnknownSyncError
from orchestration.sync_setup import (
    SyncSetup,
    choose_specs,
    open_limiter,
    open_sync_ledger,
    project_accounts,
    run_options,
    set_up,
)
from orchestration.workspace import Workspace
from reverse_etl import operations
from reverse_etl.accounts import Accounts, CredentialState, credential_states
from reverse_etl.clock import utc_now
from reverse_etl.destinations.protocol import DestinationType, RateLimit
from reverse_etl.destinations.registry import (
    DESTINATIONS,
    destination_type,
    limits_of,
)
from reverse_etl.engine import plan_sync
from reverse_etl.errors import (
    ContractError,
    DriftedPlanError,
    SpecError,
    SyncConfigurationError,
)
from reverse_etl.history import RowHistory, SyncStatus, row_history, sync_status
from reverse_etl.ledger import Ledger
from reverse_etl.operations import InDoubt, Reset, Retried
from reverse_etl.plan import SyncPlan, drifted
from reverse_etl.row_outlook import RowOutlook, row_outlook
from reverse_etl.spec import SyncSpec
from warehouse.connection import Warehouse, open_warehouse


@dataclass(frozen=True, slots=True)
class RowStory:
    """Everything about one row of one sync.

    Attributes:
        spec: The sync.
        key: As it was asked for.
        history: What happened to it.
        outlook: What the next run would do; None when that cannot be told.
        no_outlook: Why it cannot.
    """

    spec: SyncSpec
    key: str
    history: RowHistory
    outlook: RowOutlook | None
    no_outlook: str = ""


@dataclass(frozen=True, slots=True)
class DestinationView:
    """A destination, or an account of one, as this project has it.

    Attributes:
        name: What an exposure writes.
        kind: The kind of destination.
        limits: It is used with.
        credentials: Whether they are set, and where.
        syncs: That send to it.
    """

    name: str
    kind: DestinationType
    limits: tuple[RateLimit, ...]
    credentials: tuple[CredentialState, ...]
    syncs: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        """Whether nothing is missing to open it."""
        return all(
            state.is_set or state.default is not None for state in self.credentials
        )


@dataclass(frozen=True, slots=True)
class UnusableDestination:
    """A destination that cannot be used here, and why."""

    name: str
    reason: str


def plan_syncs(
    workspace: Workspace, *, name: str | None = None, with_samples: bool = False
) -> tuple[tuple[SyncSetup, SyncPlan], ...]:
    """The plans of one sync or of all, by name; nothing is sent and nothing is written.

    Raises:
        UnknownSyncError: No sync has that name.
    """
    specs = choose_specs(workspace, name=name)
    accounts = project_accounts(workspace)
    setups = [set_up(spec, accounts) for spec in specs]
    with _reading(workspace) as (warehouse, ledger):
        return tuple(
            (setup, _plan(setup, warehouse, ledger, with_samples=with_samples))
            for setup in setups
        )


def check_seal(workspace: Workspace, name: str, *, seal: str) -> None:
    """Know that the plan a person looked at is still the plan, before anything is tested.

    The run asks again, in the transaction that it sends from.

    Raises:
        DriftedPlanError: It is not.
    """
    with _decided(workspace, name) as (_, plan, _):
        if plan.seal != seal:
            raise DriftedPlanError(drifted(plan, seal=seal))


def approve(
    workspace: Workspace, name: str, *, seal: str | None
) -> tuple[SyncSetup, SyncPlan]:
    """Let a held plan go with the next run, if its numbers are still the same then.

    Raises:
        NothingToDecideError: No guard holds it, or it is not the plan of that seal any more.
    """
    with _decided(workspace, name) as (setup, plan, ledger):
        operations.approve(setup.spec, plan, ledger=ledger, now=utc_now(), seal=seal)
    return setup, plan


def reject(
    workspace: Workspace, name: str, *, seal: str | None
) -> tuple[SyncSetup, SyncPlan]:
    """Put a held plan away until its numbers change.

    Raises:
        NothingToDecideError: See `approve`.
    """
    with _decided(workspace, name) as (setup, plan, ledger):
        operations.reject(setup.spec, plan, ledger=ledger, now=utc_now(), seal=seal)
    return setup, plan


def pause(workspace: Workspace, name: str, *, reason: str) -> None:
    """Let runs of a sync end before they begin; one that is under way goes on."""
    spec = _spec(workspace, name)
    with open_sync_ledger(workspace) as ledger:
        operations.pause(spec, ledger=ledger, now=utc_now(), reason=reason)


def resume(workspace: Workspace, name: str) -> bool:
    """Let runs of a sync begin again; whether it was paused."""
    spec = _spec(workspace, name)
    with open_sync_ledger(workspace) as ledger:
        return operations.resume(spec, ledger=ledger, now=utc_now())


def reset(workspace: Workspace, name: str, *, as_sent: bool) -> Reset:
    """Forget what the destination holds; with `as_sent`, take the model as sent."""
    setup = _setup(workspace, name)
    with _writing(workspace) as (warehouse, ledger):
        return operations.reset(
            setup.spec,
            setup.capabilities,
            warehouse=warehouse,
            ledger=ledger,
            now=utc_now,
            as_sent=as_sent,
        )


def resend(workspace: Workspace, name: str, *, keys: Sequence[str] | None) -> int:
    """Let the next run send rows again: those of these keys, or all. How many are held."""
    spec = _spec(workspace, name)
    with _writing(workspace) as (warehouse, ledger):
        return operations.resend(
            spec, warehouse=warehouse, ledger=ledger, now=utc_now, keys=keys
        )


def retry(workspace: Workspace, name: str, *, in_doubt: InDoubt | None) -> Retried:
    """Let the next run try again what was refused, and decide about rows in doubt."""
    spec = _spec(workspace, name)
    with _writing(workspace) as (warehouse, ledger):
        return operations.retry(
            spec, warehouse=warehouse, ledger=ledger, now=utc_now, in_doubt=in_doubt
        )


def statuses(
    workspace: Workspace, *, name: str | None = None
) -> tuple[tuple[SyncSpec, SyncStatus], ...]:
    """How one sync stands, or all of them."""
    specs = choose_specs(workspace, name=name)
    with _reading(workspace) as (warehouse, ledger):
        return tuple(
            (
                spec,
                sync_status(spec, warehouse=warehouse, ledger=ledger, now=utc_now()),
            )
            for spec in specs
        )


def explain(workspace: Workspace, name: str, key: str) -> RowStory:
    """Everything that happened to a row, and what the next run would do with it."""
    setup = _setup(workspace, name)
    with _reading(workspace) as (warehouse, ledger):
        history = row_history(setup.spec, key, warehouse=warehouse)
        try:
            with open_limiter(setup, ledger) as limiter:
                outlook = row_outlook(
                    setup.spec,
                    setup.capabilities,
                    key,
                    warehouse=warehouse,
                    ledger=ledger,
                    now=utc_now,
                    options=run_options(setup, limiter),
                )
        except (ContractError, SpecError) as error:
            return RowStory(setup.spec, key, history, None, str(error))
    return RowStory(setup.spec, key, history, outlook)


def destinations(
    workspace: Workspace,
) -> tuple[DestinationView | UnusableDestination, ...]:
    """Every kind of destination and every account of the project, by name."""
    accounts = project_accounts(workspace)
    used = _used(workspace)
    names = dict.fromkeys([*accounts.by_name, *DESTINATIONS, *accounts.types])
    found: list[DestinationView | UnusableDestination] = []
    for name in sorted(names):
        try:
            found.append(_view(name, accounts, used))
        except SyncConfigurationError as error:
            found.append(UnusableDestination(name, str(error)))
    return tuple(found)


def destination(workspace: Workspace, name: str) -> DestinationView:
    """One destination or account.

    Raises:
        UnknownDestinationError: There is none of that name.
    """
    return _view(name, project_accounts(workspace), _used(workspace))


def _view(name: str, accounts: Accounts, used: Sequence[SyncSpec]) -> DestinationView:
    kind = destination_type(name, accounts)
    return DestinationView(
        name,
        kind,
        limits_of(name, accounts),
        credential_states(accounts.get(name), kind.credentials, os.environ),
        tuple(spec.name for spec in used if spec.destination == name),
    )


def _used(workspace: Workspace) -> tuple[SyncSpec, ...]:
    """The project's syncs; a project without one still has destinations."""
    try:
        return choose_specs(workspace)
    except UnknownSyncError:
        return ()


def _spec(workspace: Workspace, name: str) -> SyncSpec:
    (spec,) = choose_specs(workspace, name=name)
    return spec


def _setup(workspace: Workspace, name: str) -> SyncSetup:
    return set_up(_spec(workspace, name), project_accounts(workspace))


def _plan(
    setup: SyncSetup, warehouse: Warehouse, ledger: Ledger, *, with_samples: bool
) -> SyncPlan:
    with open_limiter(setup, ledger) as limiter:
        return plan_sync(
            setup.spec,
            setup.capabilities,
            warehouse=warehouse,
            ledger=ledger,
            now=utc_now,
            options=run_options(setup, limiter),
            with_samples=with_samples,
        )


@contextmanager
def _decided(
    workspace: Workspace, name: str
) -> Iterator[tuple[SyncSetup, SyncPlan, Ledger]]:
    setup = _setup(workspace, name)
    with _reading(workspace) as (warehouse, ledger):
        yield setup, _plan(setup, warehouse, ledger, with_samples=False), ledger


@contextmanager
def _reading(workspace: Workspace) -> Iterator[tuple[Warehouse, Ledger]]:
    with (
        open_warehouse(workspace.target, read_only=True) as warehouse,
        open_sync_ledger(workspace) as ledger,
    ):
        yield warehouse, ledger


@contextmanager
def _writing(workspace: Workspace) -> Iterator[tuple[Warehouse, Ledger]]:
    # What is not there yet is no reason to make an empty warehouse.
    with open_warehouse(workspace.target, read_only=True):
        pass
    with (
        open_warehouse(workspace.target) as warehouse,
        open_sync_ledger(workspace) as ledger,
    ):
        yield warehouse, ledger
