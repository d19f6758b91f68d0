"""The raw tables as Dagster assets, and the gate before the first model.

Loaders that we do not own write them; this step looks at what is there. A broken promise of the
sources or a red distribution fails the step before dbt starts, so the tables built before stay.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg
from sqlglot import exp

from orchestration.as_of import resolve_as_of
from orchestration.dbt_assets import WAREHOUSE_POOL
from orchestration.dbt_project import RAW_LAYER, raw_key
from orchestration.errors import RawInputError
from orchestration.failures import told_to_dagster
from orchestration.preflight import (
    Contents,
    Finding,
    LandedTable,
    Suspect,
    check_contents,
    check_shape,
    check_sources,
    describe,
    table_name,
)
from orchestration.progress import Progress, Tell
from orchestration.quality.checks import check_result
from orchestration.quality.raw_checks import (
    RawVerdict,
    judge_raw_tables,
    rules_for,
)
from orchestration.quality.raw_suite import EARLIEST
from orchestration.workspace import Workspace
from warehouse.connection import Value, Warehouse, open_warehouse
from warehouse.errors import WarehouseMissingError
from warehouse.manifest import Manifest, Source

RAW_STEP = "raw_inputs"
STAGE = "raw tables"
VOLUME_CHECK = "volume"
DISTRIBUTIONS_CHECK = "distributions"
ROW_COUNT = "dagster/row_count"
"""Metadata key that Dagster draws a chart of."""


def build_raw_inputs(
    workspace: Workspace, manifest: Manifest
) -> dg.AssetsDefinition | None:
    """One asset per raw table that is switched on; None when every source is off.

    The checks run inside this step, not beside it: dbt's own tests of a source belong to the same
    asset, and Dagster does not hold a step back for checks on an asset that it checks itself.
    """
    sources = {
        raw_key(source.source_name, source.name): source
        for source in manifest.sources.values()
        if source.is_on
    }
    if not sources:
        return None

    @dg.multi_asset(
        name=RAW_STEP,
        specs=[_asset_spec(key, source) for key, source in sources.items()],
        check_specs=[
            spec
            for key, source in sources.items()
            for spec in _check_specs(key, source)
        ],
        can_subset=True,
        pool=WAREHOUSE_POOL,
    )
    def raw_inputs(
        context: dg.AssetExecutionContext, tell: dg.ResourceParam[Tell]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        selected = {
            key: source
            for key, source in sources.items()
            if key in context.selected_asset_keys
        }
        with told_to_dagster():
            landed, verdict = _look(
                workspace,
                list(selected.values()),
                run_id=context.run.run_id,
                now=resolve_as_of(context, workspace),
                tell=tell,
            )
        by_name = {table.name: table for table in landed}
        for key, source in selected.items():
            yield _materialization(key, by_name[table_name(source)])
        for check_key in sorted(context.selected_asset_check_keys):
            table = table_name(sources[check_key.asset_key])
            outcomes = (
                verdict.volumes
                if check_key.name == VOLUME_CHECK
                else verdict.distributions
            )
            yield check_result(outcomes[table], key=check_key)

    return raw_inputs


def inspect(
    warehouse: Warehouse, sources: Sequence[Source]
) -> tuple[list[LandedTable], list[Finding]]:
    """Look at every table: what is there, and all that is wrong with it."""
    tables: list[LandedTable] = []
    findings: list[Finding] = []
    for source in sources:
        landed = warehouse.columns(source.relation.schema, source.relation.name)
        shape = check_shape(source, landed, dialect=warehouse.dialect)
        findings += shape.findings
        if not landed:
            continue
        present = frozenset(column.name.lower() for column in landed)
        contents, newest_load = _count(warehouse, source, shape.suspects, present)
        findings += check_contents(source, shape.suspects, contents)
        tables.append(LandedTable(source, contents.row_count, newest_load))
    findings += check_sources({table.name: table.row_count for table in tables})
    return tables, findings


def _look(
    workspace: Workspace,
    sources: Sequence[Source],
    *,
    run_id: str,
    now: datetime,
    tell: Tell,
) -> tuple[list[LandedTable], RawVerdict]:
    tell(Progress(STAGE, f"looking at {len(sources):,} tables"))
    if not workspace.target.path.exists():
        raise WarehouseMissingError(
            f"The warehouse {workspace.target.path} does not exist, so there is no raw table to "
            "read. Land your sources in it, or make the demo company with `kenning demo`."
        )
    with open_warehouse(workspace.target) as warehouse:
        tables, findings = inspect(warehouse, sources)
        if findings:
            raise RawInputError(describe(findings))
        row_count = sum(table.row_count for table in tables)
        tell(Progress(STAGE, f"{row_count:,} rows in order, judging distributions"))
        verdict = judge_raw_tables(warehouse, tables, run_id=run_id, now=now)
    tell(Progress(STAGE, f"{row_count:,} rows in {len(tables):,} tables", is_done=True))
    return tables, verdict


def _asset_spec(key: dg.AssetKey, source: Source) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=key,
        description=source.description or None,
        group_name=RAW_LAYER,
        skippable=True,
        kinds={"table"},
    )


def _check_specs(key: dg.AssetKey, source: Source) -> Iterator[dg.AssetCheckSpec]:
    yield dg.AssetCheckSpec(
        name=VOLUME_CHECK,
        asset=key,
        blocking=True,
        description="The table has not lost half of its rows since the run before.",
    )
    if rules_for(source, table_name(source), now=EARLIEST):
        yield dg.AssetCheckSpec(
            name=DISTRIBUTIONS_CHECK,
            asset=key,
            blocking=True,
            description="The newest rows look like such rows do: ranges, shapes, times.",
        )


def _materialization(
    key: dg.AssetKey, table: LandedTable
) -> dg.MaterializeResult[None]:
    metadata: dict[str, dg.MetadataValue] = {
        ROW_COUNT: dg.MetadataValue.int(table.row_count)
    }
    if table.newest_load is not None:
        metadata["newest_load"] = dg.MetadataValue.timestamp(
            table.newest_load.replace(tzinfo=UTC)
        )
    return dg.MaterializeResult(asset_key=key, metadata=metadata)


def _count(
    warehouse: Warehouse,
    source: Source,
    suspects: Sequence[Suspect],
    present: frozenset[str],
) -> tuple[Contents, datetime | None]:
    key = [name for name in source.primary_key if name.lower() in present]
    loaded_at = source.loaded_at_field
    measures = {
        "row_count": exp.Count(this=exp.Star()),
        "newest_load": exp.Max(this=_column(loaded_at))
        if loaded_at and loaded_at.lower() in present
        else exp.null(),
        "empty_key_count": exp.Count(
            this=exp.case().when(
                exp.or_(*[_column(name).is_(exp.null()) for name in key]),
                exp.Literal.number(1),
            )
        )
        if key
        else exp.Literal.number(0),
        **{
            f"filled_{index}": exp.Count(this=_column(suspect.name))
            for index, suspect in enumerate(suspects)
        },
    }
    query = exp.select(
        *[exp.alias_(measure, name) for name, measure in measures.items()]
    ).from_(source.relation.to_table())
    row = dict(zip(measures, warehouse.query(query)[0], strict=True))
    contents = Contents(
        row_count=_integer(row["row_count"]),
        filled_counts={
            suspect.name: _integer(row[f"filled_{index}"])
            for index, suspect in enumerate(suspects)
        },
        duplicate_key_count=_duplicates(warehouse, source, key),
        empty_key_count=_integer(row["empty_key_count"]),
    )
    newest = row["newest_load"]
    return contents, newest if isinstance(newest, datetime) else None


def _duplicates(warehouse: Warehouse, source: Source, key: Sequence[str]) -> int:
    if not key:
        return 0
    columns = [_column(name) for name in key]
    repeated = (
        exp.select(*columns)
        .from_(source.relation.to_table())
        .where(
            exp.and_(*[exp.not_(column.copy().is_(exp.null())) for column in columns])
        )
        .group_by(*[column.copy() for column in columns])
        .having(
            exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1))
        )
    )
    query = exp.select(exp.Count(this=exp.Star())).from_(repeated.subquery("repeated"))
    return _integer(warehouse.query(query)[0][0])


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _integer(value: Value) -> int:
    return int(str(value))
