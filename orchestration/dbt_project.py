"""The dbt project as Dagster sees it: the command line, and which key each node has."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
)
from packaging.version import Version

from orchestration.workspace import Workspace

RAW_LAYER = "raw"
"""First part of the asset key of every raw table, so that a source and a destination of the same
name (stripe/customer) never meet."""


class InstalledDbt(DbtCliResource):
    """The dbt command line, without two things that `DbtCliResource` does before each command.

    It starts `dbt --version`, 4 s, where the metadata of the package says the same at once; and it
    sets up an adapter here, 2 s, for row counts that would be asked of every view (dagster-dbt
    0.29, dbt 1.12, 2026-11).
    """

    @property
    def _cli_version(self) -> Version:
        return Version(importlib.metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:  # noqa: ANN401, ARG002
        return None


class KenningTranslator(DagsterDbtTranslator):
    """Names dbt nodes in Dagster: [layer, model], and [raw, source, table]."""

    def __init__(self) -> None:
        super().__init__(
            settings=DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True)
        )

    def get_asset_spec(
        self,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetSpec:
        """The node as an asset; group and owners are those of its dbt group."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        properties = self.get_resource_props(manifest, unique_id)
        return spec.replace_attributes(key=_asset_key(properties))


def raw_key(source_name: str, table_name: str) -> dg.AssetKey:
    """The asset of one raw table."""
    return dg.AssetKey([RAW_LAYER, source_name, table_name])


def model_key(layer: str, model_name: str) -> dg.AssetKey:
    """The asset of one model."""
    return dg.AssetKey([layer, model_name])


def _asset_key(properties: Mapping[str, Any]) -> dg.AssetKey:
    name = str(properties["name"])
    if properties["resource_type"] == "source":
        return raw_key(str(properties["source_name"]), name)
    if properties["resource_type"] == "seed":
        return dg.AssetKey([str(properties["schema"]), name])
    folders = properties["fqn"][1:-1]
    return model_key(str(folders[0]) if folders else str(properties["schema"]), name)


def dagster_project(workspace: Workspace) -> DbtProject:
    """The project with the target that this workspace means."""
    return DbtProject(
        project_dir=workspace.project_dir,
        target_path=workspace.dbt_target_dir,
        target=workspace.target.name,
    )
