"""Runs a job in this process.

The run is kept in the workspace's Dagster history, so `make ui` shows it. Everything that Dagster
and dbt would print goes to one log file per run.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster_dbt import build_dbt_asset_selection

from orchestration.as_of import AS_OF_TAG
from orchestration.dbt_assets import MODELS_STEP
from orchestration.definitions import build_definitions
from orchestration.errors import SelectionError
from orchestration.instance import PROCESS_TAG, open_instance
from orchestration.jobs import BUILD, CHECK, REFRESH, SEND, send_job_name
from orchestration.parsing import prepare_manifest
from orchestration.progress import Tell, keep_silent
from orchestration.quality.outbound_checks import outbound_step
from orchestration.resources import build_resources
from orchestration.summary import RunSummary, summarise
from orchestration.sync_assets import SEAL_TAG, sync_key
from orchestration.sync_operations import check_seal
from orchestration.sync_setup import (
    choose_specs,
    open_sync_destination,
    project_accounts,
    set_up,
)
from orchestration.sync_threads import send_at_once
from orchestration.workspace import (
    Workspace,
    format_instant,
    read_manifest,
)
from reverse_etl.errors import SyncConfigurationError
from reverse_etl.spec import SyncSpec


def run_refresh(
    workspace: Workspace, *, as_of: datetime | None = None, tell: Tell = keep_silent
) -> RunSummary:
    """Do everything: raw tables, models, checks, publish, syncs."""
    return run_job(workspace, REFRESH, as_of=as_of, tell=tell)


def run_build(
    workspace: Workspace,
    *,
    select: str | None = None,
    as_of: datetime | None = None,
    tell: Tell = keep_silent,
) -> RunSummary:
    """Build and publish without sending.

    Args:
        workspace: What to build.
        select: dbt's selection syntax ("+dim_customers"); raw tables are looked at and public
            tables published only without it.
        as_of: Now, for the models.
        tell: Hears the progress.
    """
    return run_job(workspace, BUILD, as_of=as_of, select=select, tell=tell)


def run_syncs(
    workspace: Workspace,
    *,
    name: str | None = None,
    seal: str | None = None,
    at_once: int = 1,
    as_of: datetime | None = None,
    tell: Tell = keep_silent,
) -> RunSummary:
    """Test the tables as they stand and send one sync, or all of them.

    Args:
        workspace: Where.
        name: One sync; all of them without it.
        seal: Send this plan of the sync, and no other.
        at_once: Most syncs under way; see `sync_threads`.
        as_of: Now, for the checks.
        tell: Hears the progress.

    Returns:
        What came of it. Of several syncs, one whose destination lacks something in the
        environment has failed with what is missing, and the others went.

    Raises:
        UnknownSyncError: No sync has that name.
        SyncConfigurationError: No destination can be opened; nothing was tested and nothing
            sent.
        DriftedPlanError: The plan is not that of the seal any more; the same.
    """
    chosen = choose_specs(workspace, name=name)
    _check_any_opens(workspace, chosen)
    if name is not None and seal is not None:
        check_seal(workspace, name, seal=seal)
    if at_once > 1 and len(chosen) > 1:
        return _run_at_once(workspace, chosen, at_once=at_once, as_of=as_of, tell=tell)
    job = SEND if name is None else send_job_name(chosen[0])
    tags = {} if seal is None else {SEAL_TAG: seal}
    return run_job(workspace, job, as_of=as_of, tags=tags, tell=tell)


def _check_any_opens(workspace: Workspace, specs: Sequence[SyncSpec]) -> None:
    """Refuse before anything is tested when nothing could be sent."""
    accounts = project_accounts(workspace)
    refusals = []
    for spec in specs:
        try:
            with open_sync_destination(workspace, set_up(spec, accounts)):
                return
        except SyncConfigurationError as error:
            refusals.append(error)
    raise refusals[0]


def _run_at_once(
    workspace: Workspace,
    specs: Sequence[SyncSpec],
    *,
    at_once: int,
    as_of: datetime | None,
    tell: Tell,
) -> RunSummary:
    """Check everything, then send beside each other the syncs whose checks were green."""
    checked = run_job(workspace, CHECK, as_of=as_of, tell=tell)
    red = {failure.step for failure in checked.failures}
    manifest = read_manifest(workspace)
    ready = [
        spec
        for spec in specs
        if MODELS_STEP not in red and outbound_step(spec, manifest) not in red
    ]
    summary = send_at_once(
        workspace, ready, at_once=at_once, checked=checked, tell=tell
    )
    left = [
        sync_key(spec).to_python_identifier() for spec in specs if spec not in ready
    ]
    return replace(
        summary, skipped_steps=tuple(sorted({*summary.skipped_steps, *left}))
    )


def run_job(
    workspace: Workspace,
    job_name: str,
    *,
    as_of: datetime | None = None,
    select: str | None = None,
    tags: Mapping[str, str] | None = None,
    tell: Tell = keep_silent,
) -> RunSummary:
    """Run one job of the code location here and now.

    Args:
        workspace: Where.
        job_name: Which job.
        as_of: Now, for every step; the workspace's clock or the real time otherwise.
        select: Only these dbt nodes, in dbt's selection syntax, and nothing but models.
        tags: What else its steps should know.
        tell: Hears the progress, on the thread that runs the steps.

    Raises:
        KenningError: The run could not begin. What goes wrong in a step is in the summary.
    """
    prepare_manifest(workspace)
    definitions = build_definitions(
        workspace, resources=build_resources(workspace, tell=tell)
    )
    all_tags = {PROCESS_TAG: str(os.getpid()), **(tags or {})}
    if as_of is not None:
        all_tags[AS_OF_TAG] = format_instant(as_of)
    log_path = _log_path(workspace)
    with _printing_to(log_path), open_instance(workspace) as instance:
        result = definitions.resolve_job_def(job_name).execute_in_process(
            instance=instance,
            tags=all_tags,
            raise_on_error=False,
            asset_selection=_selected(definitions, select) if select else None,
        )
    return summarise(result, log_path=log_path)


def _selected(definitions: dg.Definitions, select: str) -> list[dg.AssetKey]:
    """The models that dbt's selection means."""
    models = next(
        definition
        for definition in definitions.resolve_asset_graph().assets_defs
        if definition.node_def.name == MODELS_STEP
    )
    selection = build_dbt_asset_selection([models], dbt_select=select)
    keys = sorted(selection.resolve([models]))
    if not keys:
        raise SelectionError(
            f"No model is selected by '{select}'. Write it as dbt does, such as "
            "'+dim_customers' or 'staging.shopify'."
        )
    return keys


def _log_path(workspace: Workspace) -> Path:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return workspace.logs_dir / f"run-{moment}-{os.getpid()}.log"


@contextmanager
def _printing_to(path: Path) -> Iterator[None]:
    """Send what libraries print to a file; the progress goes where its listener wrote before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("w", encoding="utf-8") as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        yield
