"""What every sync would do now, without doing it. Needs no Dagster."""

import difflib

from orchestration.errors import UnknownSyncError
from orchestration.parsing import prepare_manifest
from orchestration.workspace import Workspace, read_manifest
from reverse_etl.clock import utc_now
from reverse_etl.engine import plan_sync
from reverse_etl.ledger import open_ledger
from reverse_etl.plan import SyncPlan
from reverse_etl.spec import SyncSpec, sync_specs
from warehouse.connection import open_warehouse


def plan_syncs(
    workspace: Workspace, *, name: str | None = None
) -> tuple[tuple[SyncSpec, SyncPlan], ...]:
    """The plans of one sync or of all, by name; nothing is sent and nothing is written.

    Raises:
        UnknownSyncError: No sync has that name.
    """
    specs = choose_specs(workspace, name=name)
    with (
        open_warehouse(workspace.target, read_only=True) as warehouse,
        open_ledger(workspace.ledger_path) as ledger,
    ):
        return tuple(
            (spec, plan_sync(spec, warehouse=warehouse, ledger=ledger, now=utc_now))
            for spec in specs
        )


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
