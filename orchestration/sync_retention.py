"""How long the record of syncs is kept, and forgetting what is older. Needs no Dagster."""

from collections.abc import Mapping

from orchestration.sync_setup import open_sync_ledger
from orchestration.workspace import Workspace
from reverse_etl.clock import utc_now
from reverse_etl.retention import DEFAULT_DAYS, Purged, purge
from warehouse.connection import open_warehouse
from warehouse.errors import ConfigurationError
from warehouse.manifest import project_variables

VARIABLE = "sync_retention_days"


def purge_syncs(workspace: Workspace, *, days: int | None = None) -> Purged:
    """Forget what is past its time, of every sync.

    Args:
        workspace: Where.
        days: How long outcomes and runs are kept; the project's own number by default.

    Raises:
        ConfigurationError: The project's number is none.
    """
    kept_days = days or retention_days(project_variables(workspace.project_dir))
    # An installation that sent nothing yet is no reason to make a warehouse.
    with open_warehouse(workspace.target, read_only=True):
        pass
    with (
        open_sync_ledger(workspace) as ledger,
        open_warehouse(workspace.target) as warehouse,
    ):
        return purge(warehouse=warehouse, ledger=ledger, now=utc_now, days=kept_days)


def retention_days(variables: Mapping[str, object]) -> int:
    """`vars.sync_retention_days` of the project.

    Raises:
        ConfigurationError: It is not a number of days, from 1.
    """
    days = variables.get(VARIABLE, DEFAULT_DAYS)
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        raise ConfigurationError(
            f"vars.{VARIABLE} in dbt_project.yml is not a number of days. Write a whole "
            "number, from 1."
        )
    return days


def describe(purged: Purged) -> str:
    """What was forgotten, in one line."""
    parts = [
        f"{count:,} {name}"
        for name, count in (
            ("outcomes", purged.outcomes),
            ("runs", purged.runs),
            ("plans of runs that are over", purged.plans),
            ("plans too old to be sent, but for their keys", purged.payloads),
        )
        if count
    ]
    return f"forgotten: {', '.join(parts)}" if parts else "nothing was past its time"
