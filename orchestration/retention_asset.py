"""The last step of a run that sends: what is past its time is forgotten.

It waits for no other step, so that a sync that fails for weeks keeps nothing longer; its
priority puts it behind every step that can run.
"""

import dagster as dg

from orchestration.dbt_assets import WAREHOUSE_POOL
from orchestration.failures import told_to_dagster
from orchestration.progress import Progress, Tell
from orchestration.sync_retention import describe, purge_syncs
from orchestration.workspace import Workspace

STAGE = "retention"
RETENTION_KEY = dg.AssetKey(["retl", "retention"])

_LAST = {"dagster/priority": "-100"}


def build_retention_asset(workspace: Workspace) -> dg.AssetsDefinition:
    """The asset of what is kept of earlier runs."""

    @dg.asset(
        key=RETENTION_KEY,
        group_name="syncs",
        description="What syncs keep of earlier runs is forgotten when its time has passed.",
        pool=WAREHOUSE_POOL,
        op_tags=_LAST,
    )
    def retention(tell: dg.ResourceParam[Tell]) -> dg.MaterializeResult[None]:
        with told_to_dagster():
            purged = purge_syncs(workspace)
        if not purged.is_nothing:
            tell(Progress(STAGE, describe(purged), is_done=True))
        return dg.MaterializeResult(
            metadata={
                "outcomes": dg.MetadataValue.int(purged.outcomes),
                "runs": dg.MetadataValue.int(purged.runs),
                "plans": dg.MetadataValue.int(purged.plans),
                "payloads": dg.MetadataValue.int(purged.payloads),
            }
        )

    return retention
