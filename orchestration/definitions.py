"""The code location: puts the pieces together and decides nothing."""

from collections.abc import Mapping

import dagster as dg

from orchestration.dbt_assets import build_dbt_assets
from orchestration.jobs import build_jobs
from orchestration.parsing import prepare_manifest
from orchestration.publish import build_publish_asset
from orchestration.quality.outbound_checks import build_outbound_check
from orchestration.raw_inputs import build_raw_inputs
from orchestration.resources import build_resources
from orchestration.retention_asset import build_retention_asset
from orchestration.schedules import build_schedules
from orchestration.sync_assets import build_sync_asset
from orchestration.workspace import (
    Workspace,
    find_workspace,
    read_manifest,
)
from reverse_etl.spec_reading import sync_specs


def build_definitions(
    workspace: Workspace, *, resources: Mapping[str, object] | None = None
) -> dg.Definitions:
    """Everything that Dagster knows of one workspace, whose manifest is there.

    Args:
        workspace: Project, warehouse and folders.
        resources: Laid over the ordinary ones, for tests and the command line.
    """
    manifest = read_manifest(workspace)
    specs = sync_specs(manifest)
    raw_inputs = build_raw_inputs(workspace, manifest)
    return dg.Definitions(
        assets=[
            *([raw_inputs] if raw_inputs else []),
            build_dbt_assets(workspace),
            build_publish_asset(workspace, manifest),
            *[build_sync_asset(workspace, manifest, spec) for spec in specs],
            *([build_retention_asset(workspace)] if specs else []),
        ],
        asset_checks=[
            build_outbound_check(workspace, manifest, spec) for spec in specs
        ],
        jobs=build_jobs(manifest, specs),
        schedules=build_schedules(),
        resources={**build_resources(workspace), **(resources or {})},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The code location that `dagster dev` and `dg` load."""
    workspace = find_workspace()
    prepare_manifest(workspace)
    return build_definitions(workspace)
