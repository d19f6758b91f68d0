"""Every sync as a Dagster asset: what a destination holds, downstream of the model that says so.

The factory knows no sync: exposures describe them and `reverse_etl` carries them out. Metadata
are counts and codes; no row of a sync reaches Dagster.
"""

from collections.abc import Iterator, Mapping

import dagster as dg

from orchestration.dbt_assets import WAREHOUSE_POOL
from orchestration.dbt_project import model_key
from orchestration.failures import told_to_dagster
from orchestration.progress import Tell
from orchestration.sync_runs import SyncRun, concerns, describe, send_sync
from orchestration.workspace import Workspace
from reverse_etl.run_reports import RunReport
from reverse_etl.spec import SyncSpec
from warehouse.manifest import Manifest

SYNC_NAME = "sync"
"""Metadata that marks counts as those of a sync."""

SEAL_TAG = "kenning/seal"
"""Tag of a run that sends one plan and no other."""

CHECK = "delivered"
"""Warns where rows were refused, are in doubt, or have been for too long."""

PAUSED = "paused"
"""Status of a sync that a person has paused."""


def sync_key(spec: SyncSpec) -> dg.AssetKey:
    """The asset of what the destination holds: [destination, rest of the sync's name]."""
    return dg.AssetKey(
        [spec.destination, spec.name.removeprefix(f"{spec.destination}__")]
    )


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
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=sync_key(spec),
                description="Rows were taken, none is in doubt or refused for too long.",
            )
        ],
    )
    def sync(
        context: dg.AssetExecutionContext, tell: dg.ResourceParam[Tell]
    ) -> Iterator[dg.MaterializeResult[None]]:
        with told_to_dagster():
            run = send_sync(
                workspace,
                spec,
                tell=tell,
                log=context.log.info,
                seal=context.run.tags.get(SEAL_TAG),
            )
        metadata = run_metadata(run)
        if run.is_failed and run.report is not None:
            raise dg.Failure(
                description=(
                    f"Sync '{spec.name}' was {run.report.status}: {run.report.message}"
                ),
                metadata=metadata,
                allow_retries=False,
            )
        yield dg.MaterializeResult(metadata=metadata, check_results=[check_result(run)])

    return sync


def check_result(run: SyncRun) -> dg.AssetCheckResult:
    """Whether somebody should look at what came of a run."""
    found = concerns(run)
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(found) or None,
        metadata={
            "refused": dg.MetadataValue.json(dict(run.status.refused)),
            "refused_for_too_long": dg.MetadataValue.int(run.status.dead),
            "in_doubt": dg.MetadataValue.int(run.status.in_doubt),
        },
    )


def run_metadata(run: SyncRun) -> Mapping[str, dg.MetadataValue]:
    """What Dagster shows of a run: counts, codes and moments."""
    report = run.report
    if report is None:
        return {
            SYNC_NAME: dg.MetadataValue.text(run.status.sync),
            "status": dg.MetadataValue.text(PAUSED),
            "result": dg.MetadataValue.text(describe(run)),
        }
    found: dict[str, dg.MetadataValue] = {
        SYNC_NAME: dg.MetadataValue.text(report.sync),
        "status": dg.MetadataValue.text(report.status.value),
        "result": dg.MetadataValue.text(describe(run)),
        "seconds": dg.MetadataValue.float(
            (report.finished_at - report.started_at).total_seconds()
        ),
        **{
            name: dg.MetadataValue.int(count) for name, count in _counts(report).items()
        },
    }
    if report.run_id:
        found["sync_run"] = dg.MetadataValue.text(report.run_id)
    if report.seal is not None:
        found["seal"] = dg.MetadataValue.text(report.seal)
    if report.findings:
        found["guards"] = dg.MetadataValue.json(
            [finding.guard for finding in report.findings]
        )
    if report.resume_at is not None:
        found["resume_at"] = dg.MetadataValue.text(report.resume_at.isoformat())
    return found


def _counts(report: RunReport) -> Mapping[str, int]:
    return {
        "planned": report.planned,
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "rejected": report.rejected,
        "in_doubt": report.in_doubt,
        "cancelled": report.cancelled,
        "uncounted": report.uncounted,
        "left": report.left,
        "unchanged": report.unchanged,
        "waiting": report.waiting,
        "invalid": report.invalid,
        "skipped_no_consent": report.skipped_no_consent,
        "held": report.held,
        "requests": report.requests,
    }
