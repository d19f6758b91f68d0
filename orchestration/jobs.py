"""The jobs: what may be run as a whole.

All of them run their steps one after another in one process, because DuckDB admits one writer.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.dbt_project import model_key
from orchestration.quality.outbound_checks import outbound_check_key
from orchestration.retention_asset import RETENTION_KEY
from orchestration.sync_assets import sync_key
from reverse_etl.spec import SyncSpec
from warehouse.manifest import Manifest

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

REFRESH = "refresh"
BUILD = "build"
SEND = "send"
CHECK = "check"


def send_job_name(spec: SyncSpec) -> str:
    """The job that sends one sync."""
    return f"{SEND}__{spec.name}"


def build_jobs(
    manifest: Manifest, specs: Sequence[SyncSpec]
) -> "list[UnresolvedAssetJobDefinition]":
    """The jobs of a project.

    `refresh` does everything, `build` all but send, `send` tests what stands and sends it,
    `check` only tests it.
    """
    everything = dg.AssetSelection.all()
    jobs = [
        _job(
            REFRESH,
            everything,
            "Look at the raw tables, build and test the models, publish, and send.",
        ),
        _job(
            BUILD,
            everything - _sent(specs) if specs else everything,
            "Look at the raw tables, build and test the models, and publish. Sends nothing.",
        ),
    ]
    if specs:
        sends = [(SEND, specs), *[(send_job_name(spec), [spec]) for spec in specs]]
        jobs.append(
            _job(
                CHECK,
                _check_selection(manifest, specs),
                "Test the tables as they stand. Builds and sends nothing.",
            )
        )
        jobs += [
            _job(
                name,
                _send_selection(manifest, chosen),
                "Test the tables as they stand, then send. Builds nothing.",
            )
            for name, chosen in sends
        ]
    return jobs


def _job(
    name: str, selection: dg.AssetSelection, description: str
) -> "UnresolvedAssetJobDefinition":
    return dg.define_asset_job(
        name,
        selection=selection,
        executor_def=dg.in_process_executor,
        description=description,
    )


def _send_selection(manifest: Manifest, specs: Sequence[SyncSpec]) -> dg.AssetSelection:
    """The syncs with the tests of every model upstream of them, and no model."""
    return _check_selection(manifest, specs) | _sent(specs)


def _check_selection(
    manifest: Manifest, specs: Sequence[SyncSpec]
) -> dg.AssetSelection:
    """The tests of every model upstream of these syncs."""
    models = {
        unique_id
        for spec in specs
        for unique_id in _upstream_models(manifest, spec.model_unique_id)
    }
    tested = [
        model_key(model.layer, model.name)
        for model in manifest.models.values()
        if model.unique_id in models
    ]
    outbound = [outbound_check_key(spec, manifest) for spec in specs]
    return dg.AssetSelection.checks_for_assets(*tested) | dg.AssetSelection.checks(
        *outbound
    )


def _sent(specs: Sequence[SyncSpec]) -> dg.AssetSelection:
    """What destinations hold, and what is kept of it."""
    return dg.AssetSelection.assets(*map(sync_key, specs), RETENTION_KEY)


def _upstream_models(manifest: Manifest, unique_id: str) -> set[str]:
    """The model and everything that it is made of."""
    by_id = {model.unique_id: model for model in manifest.models.values()}
    found: set[str] = set()
    waiting = [unique_id]
    while waiting:
        current = waiting.pop()
        if current in by_id and current not in found:
            found.add(current)
            waiting += by_id[current].depends_on
    return found
