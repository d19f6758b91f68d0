"""Rows of the warehouse as frames: only the columns that a suite reads, in declared types."""

from collections.abc import Sequence

import pandas as pd
from sqlglot import exp

from warehouse.connection import Warehouse
from warehouse.manifest import Source


def newest_rows(
    warehouse: Warehouse, source: Source, columns: Sequence[str], *, limit: int
) -> pd.DataFrame:
    """The rows of a raw table that arrived last, at most `limit`.

    Args:
        warehouse: Open.
        source: The table; without a load time the order is by key, so that a rerun repeats.
        columns: Declared columns to read, each cast to its declared type.
        limit: Most rows to hold in memory.
    """
    selected = [_typed(source, name) for name in columns]
    order = [
        exp.Ordered(this=_column(name), desc=True, nulls_first=False)
        for name in (source.loaded_at_field, *source.primary_key)
        if name is not None and name in source.columns
    ]
    query = (
        exp.select(*selected).from_(source.relation.to_table()).order_by(*order)
    ).limit(limit)
    return pd.DataFrame.from_records(warehouse.query(query), columns=list(columns))


def all_rows(
    warehouse: Warehouse, query: exp.Query, columns: Sequence[str]
) -> pd.DataFrame:
    """Every row of a query with these columns; for rows that are about to leave."""
    return pd.DataFrame.from_records(warehouse.query(query), columns=list(columns))


def _typed(source: Source, name: str) -> exp.Expr:
    declared = source.columns[name].data_type or "text"
    return exp.alias_(
        exp.cast(_column(name), exp.DataType.build(declared)), name, quoted=True
    )


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)
