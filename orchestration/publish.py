"""The published copy as an asset: written after every model is built and every test is green."""

import dagster as dg

from orchestration.dbt_assets import WAREHOUSE_POOL
from orchestration.dbt_project import model_key
from orchestration.failures import told_to_dagster
from orchestration.progress import Progress, Tell
from orchestration.workspace import Workspace
from warehouse.manifest import Manifest
from warehouse.publish import PUBLIC_SCHEMAS, publish

STAGE = "publish"
PUBLISHED_KEY = dg.AssetKey(["published", "kenning"])


def build_publish_asset(
    workspace: Workspace, manifest: Manifest
) -> dg.AssetsDefinition:
    """One asset downstream of every public table.

    It does not wait for the outbound checks: rows that may not leave for a tool are no reason to
    keep yesterday's tables in a dashboard.
    """

    @dg.asset(
        key=PUBLISHED_KEY,
        deps=[
            model_key(model.layer, model.name)
            for model in manifest.models.values()
            if model.relation.schema in PUBLIC_SCHEMAS
            and model.materialized != "ephemeral"
        ],
        group_name="published",
        kinds={workspace.target.engine},
        pool=WAREHOUSE_POOL,
        description="A copy of the public tables that BI tools may keep open.",
    )
    def published(tell: dg.ResourceParam[Tell]) -> dg.MaterializeResult[None]:
        tell(Progress(STAGE, "copying the public tables"))
        with told_to_dagster():
            count = publish(workspace.target, workspace.published_path)
        tell(Progress(STAGE, f"{count:,} tables", is_done=True))
        return dg.MaterializeResult(
            metadata={
                "tables": count,
                "path": dg.MetadataValue.path(str(workspace.published_path)),
            }
        )

    return published
