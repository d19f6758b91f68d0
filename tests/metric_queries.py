"""Metrics of the project as MetricFlow answers them, on a DuckDB file.

The definitions come from the semantic manifest that dbt writes beside its manifest. Not here: what the figures
should be (tests/integration/core/test_metrics.py).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
from metricflow.data_table.mf_table import MetricFlowDataTable
from metricflow.engine.metricflow_engine import (
    MetricFlowEngine,
    MetricFlowQueryRequest,
)
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow.sql.render.sql_plan_renderer import SqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import (
    parse_manifest_from_dbt_generated_manifest,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
from metricflow_semantics.sql.sql_bind_parameters import SqlBindParameterSet

Row = tuple[object, ...]

_NO_PARAMETERS = SqlBindParameterSet()


class DuckDbClient:
    """What MetricFlow asks of a warehouse, answered by a connection that only reads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    @property
    def sql_engine_type(self) -> SqlEngine:
        return SqlEngine.DUCKDB

    @property
    def sql_plan_renderer(self) -> SqlPlanRenderer:
        return DuckDbSqlPlanRenderer()

    def query(
        self, stmt: str, sql_bind_parameter_set: SqlBindParameterSet = _NO_PARAMETERS
    ) -> MetricFlowDataTable:
        found = self._connection.execute(stmt)
        return MetricFlowDataTable.create_from_rows(
            column_names=[column[0] for column in found.description],
            rows=found.fetchall(),
        )

    def execute(
        self, stmt: str, sql_bind_parameter_set: SqlBindParameterSet = _NO_PARAMETERS
    ) -> None:
        self._connection.execute(stmt)

    def dry_run(
        self, stmt: str, sql_bind_parameter_set: SqlBindParameterSet = _NO_PARAMETERS
    ) -> None:
        self._connection.execute(f"explain {stmt}")

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        return f"${bind_parameter_key}"

    def close(self) -> None:
        self._connection.close()


class Metrics:
    """The metrics of one project on one warehouse file."""

    def __init__(self, engine: MetricFlowEngine) -> None:
        self._engine = engine

    @property
    def names(self) -> Sequence[str]:
        return sorted(metric.name for metric in self._engine.list_metrics())

    def query(self, *metrics: str, by: Sequence[str] = ()) -> list[Row]:
        """Rows of the groups and then the metrics, in the order of the groups."""
        answer = self._engine.query(
            MetricFlowQueryRequest.create(
                metric_names=metrics, group_by_names=by, order_by_names=by
            )
        )
        table = answer.result_df
        assert table is not None
        places = [table.column_name_index(name) for name in (*by, *metrics)]
        return [tuple(row[place] for place in places) for row in table.rows]


@contextmanager
def open_metrics(warehouse: Path, semantic_manifest: Path) -> Iterator[Metrics]:
    """The metrics that a manifest defines, on a warehouse that nobody writes meanwhile."""
    manifest = parse_manifest_from_dbt_generated_manifest(
        semantic_manifest.read_text(encoding="utf-8")
    )
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        yield Metrics(
            MetricFlowEngine(
                semantic_manifest_lookup=SemanticManifestLookup(manifest),
                sql_client=DuckDbClient(connection),
            )
        )
