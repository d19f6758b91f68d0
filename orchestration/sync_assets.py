"""Every sync as a Dagster asset: what a destination holds, downstream of the model that says so.

The factory knows no sync: exposures describe them and `reverse_etl` carries them out. Metadata are
counts; no row of a sync reaches Dagster.
"""

import os
from collections.abc import Mapping

import dagster as dg

from orchestration.dbt_assets import WAREHOUSE_POOL
from orchestration.dbt_project import model_key
from orchestration.failures import told_to_dagster
from orchestration.progress import Progress, Tell
from orchestration.workspace import Workspace
from reverse_etl.clock import utc_now
from reverse_etl.destinations.registry import open_destination
from reverse_etl.engine import RunReport, run_sync
from reverse_etl.ledger import open_ledger
from reverse_etl.snapshot import RunStatus
from reverse_etl.spec import SyncSpec
from warehouse.connection import open_warehouse
from warehouse.manifest import Manifest

STAGE = "syncs"
SYNC_NAME = "sync"
"""Metadata that marks counts as those of a sync."""


def sync_key(spec: SyncSpec) -> dg.AssetKey:
    """The asset of what the destination holds."""
    return dg.AssetKey([spec.destination, spec.object])


def build_sync_asset(
    workspace: Workspace, manifest: Manifest, spec: SyncSpec
) -> dg.AssetsDefinition:
    """The asset of one sync; it fails when the sync was held by a guard or not delivered."""
    model = manifest.model_by_id(spec.model_unique_id)
    exposure = manifest.exposures[spec.name]

    @dg.asset(
        key=sync_key(spec),
        deps=[model_key(model.layer, model.name)],
        group_name="syncs",
        description=exposure.description or None,
        owners=[exposure.owner_email] if exposure.owner_email else None,
        kinds={"sync"},
        pool=WAREHOUSE_POOL,
    )
    def sync(tell: dg.ResourceParam[Tell]) -> dg.MaterializeResult[None]:
        with told_to_dagster():
            report = _run(workspace, spec, tell)
        if report.status is not RunStatus.SUCCEEDED:
            raise dg.Failure(
                description=f"Sync '{spec.name}' was {report.status}: {report.message}",
                metadata=_counts(report),
                allow_retries=False,
            )
        return dg.MaterializeResult(metadata=_counts(report))

    return sync


def _run(workspace: Workspace, spec: SyncSpec, tell: Tell) -> RunReport:
    def log(line: str) -> None:
        tell(Progress(STAGE, f"{spec.name}: {line}"))

    with (
        open_ledger(workspace.ledger_path) as ledger,
        open_warehouse(workspace.target) as warehouse,
        open_destination(spec, os.environ, workspace.data_dir) as destination,
    ):
        report = run_sync(
            spec,
            warehouse=warehouse,
            ledger=ledger,
            destination=destination,
            now=utc_now,
            log=log,
        )
    tell(Progress(STAGE, f"{spec.name}: {describe(report)}", is_done=True))
    return report


def describe(report: RunReport) -> str:
    """The report in one line, without what did not happen."""
    parts = [
        f"{count:,} {name}"
        for name, count in (
            ("added", report.added),
            ("changed", report.changed),
            ("removed", report.removed),
            ("rejected", report.rejected),
            ("in doubt", report.in_doubt),
            ("held back", report.held),
            ("without consent", report.skipped_no_consent),
            ("unchanged", report.unchanged),
        )
        if count
    ]
    return ", ".join(parts) or "nothing to do"


def _counts(report: RunReport) -> Mapping[str, dg.MetadataValue]:
    counts = {
        "planned": report.planned,
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "rejected": report.rejected,
        "in_doubt": report.in_doubt,
        "cancelled": report.cancelled,
        "unchanged": report.unchanged,
        "waiting": report.waiting,
        "invalid": report.invalid,
        "skipped_no_consent": report.skipped_no_consent,
        "held": report.held,
        "requests": report.requests,
    }
    seconds = (report.finished_at - report.started_at).total_seconds()
    return {
        SYNC_NAME: dg.MetadataValue.text(report.sync),
        "status": dg.MetadataValue.text(str(report.status)),
        "seconds": dg.MetadataValue.float(seconds),
        **{name: dg.MetadataValue.int(count) for name, count in counts.items()},
    }
