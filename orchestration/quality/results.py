"""quality.expectation_results: what every suite found in every run, by counts.

The table is the memory that volume drift is measured against, and an ordinary table for a
dashboard. No value of a row enters it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlglot import exp

from orchestration.quality.expectations import Outcome
from warehouse.connection import Warehouse

SCHEMA = "quality"
TABLE = "expectation_results"
VOLUME = "volume"
"""Name under which a raw table's row count is kept; no expectation of the library."""

_COLUMNS = (
    ("run_id", "text"),
    ("suite", "text"),
    ("asset", "text"),
    ("expectation", "text"),
    ("column_name", "text"),
    ("severity", "text"),
    ("success", "boolean"),
    ("row_count", "bigint"),
    ("unexpected_count", "bigint"),
    ("checked_at", "timestamp"),
)


def keep(
    warehouse: Warehouse,
    outcomes: Mapping[str, Sequence[Outcome]],
    *,
    run_id: str,
    suite: str,
    checked_at: datetime,
) -> None:
    """Add one suite's outcomes, replacing what the same run kept before.

    Args:
        warehouse: Open for writing.
        outcomes: By asset ("shopify.order", "sync_mailer__cart_abandoners").
        run_id: Dagster's.
        suite: Which suite.
        checked_at: UTC without a zone.
    """
    _create(warehouse)
    rows = [
        (
            run_id,
            suite,
            asset,
            outcome.expectation.name,
            outcome.expectation.column,
            outcome.expectation.severity.value,
            outcome.is_met,
            outcome.row_count,
            outcome.unexpected_count,
            checked_at,
        )
        for asset, asset_outcomes in outcomes.items()
        for outcome in asset_outcomes
    ]
    with warehouse.transaction():
        warehouse.execute(
            exp.delete(_table())
            .where(exp.column("run_id").eq(run_id))
            .where(exp.column("suite").eq(suite))
            .where(exp.column("asset").isin(*outcomes))
        )
        warehouse.insert(
            SCHEMA,
            TABLE,
            {
                name: [row[index] for row in rows]
                for index, (name, _) in enumerate(_COLUMNS)
            },
        )


def previous_volumes(warehouse: Warehouse, *, suite: str) -> dict[str, int]:
    """Row counts by asset, each of the last run in which its volume was in order.

    A run whose volume was refused is no measure for the next one, or the second fall would pass.
    """
    if not warehouse.columns(SCHEMA, TABLE):
        return {}
    recency = exp.Window(
        this=exp.RowNumber(),
        partition_by=[exp.column("asset")],
        order=exp.Order(
            expressions=[
                exp.Ordered(this=exp.column("checked_at"), desc=True),
                exp.Ordered(this=exp.column("run_id"), desc=True),
            ]
        ),
    )
    met = (
        exp.select("asset", "row_count", exp.alias_(recency, "recency_index"))
        .from_(_table())
        .where(exp.column("suite").eq(suite))
        .where(exp.column("expectation").eq(VOLUME))
        .where(exp.column("success"))
    )
    latest = (
        exp.select("asset", "row_count")
        .from_(met.subquery("met"))
        .where(exp.column("recency_index").eq(1))
    )
    return {
        str(asset): int(str(row_count)) for asset, row_count in warehouse.query(latest)
    }


def forget_volumes(warehouse: Warehouse, *, suite: str) -> None:
    """Start without a past, because the raw tables are another company's from now on."""
    if warehouse.columns(SCHEMA, TABLE):
        warehouse.execute(
            exp.delete(_table())
            .where(exp.column("suite").eq(suite))
            .where(exp.column("expectation").eq(VOLUME))
        )


def _create(warehouse: Warehouse) -> None:
    warehouse.execute(
        exp.Create(this=exp.table_(SCHEMA, quoted=True), kind="SCHEMA", exists=True)
    )
    warehouse.execute(
        exp.Create(
            this=exp.Schema(
                this=_table(),
                expressions=[
                    exp.ColumnDef(
                        this=exp.to_identifier(name, quoted=True),
                        kind=exp.DataType.build(data_type),
                    )
                    for name, data_type in _COLUMNS
                ],
            ),
            kind="TABLE",
            exists=True,
        )
    )


def _table() -> exp.Table:
    return exp.table_(TABLE, db=SCHEMA, quoted=True)
