"""Parquet files from rows as JSON Lines, written by an engine of its own in memory.

Touches no warehouse: what is written was read from one before. Rows go through in their
order and a piece at a time, whatever their number.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import duckdb

from warehouse.errors import WarehouseError, safe_reason

_CONFIG = {"threads": "1", "memory_limit": "1GB"}
_MAX_ROW_BYTES = 64 * 1024 * 1024


class ColumnType(StrEnum):
    """What a column holds. TIMESTAMP is a moment in UTC, JSON is text that is JSON."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    JSON = "json"


_ENGINE_TYPES: Mapping[ColumnType, str] = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.NUMBER: "DOUBLE",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.DATE: "DATE",
    ColumnType.TIMESTAMP: "TIMESTAMPTZ",
    ColumnType.JSON: "VARCHAR",
}


def write_parquet(lines: Path, target: Path, columns: Mapping[str, ColumnType]) -> None:
    """Write rows into a new Parquet file, compressed with zstd.

    Args:
        lines: One JSON object a line; a name that a row does not have is null.
        target: The file to write. One that is there is replaced.
        columns: Types by name, in the order of the file's columns. Whatever is in a TEXT
            column becomes text.

    Raises:
        WarehouseError: A value is not of its column's type, or the file cannot be written.
            The message holds no value.
    """
    try:
        with duckdb.connect(":memory:", config=dict(_CONFIG)) as engine:
            engine.read_json(
                _as_pattern(lines),
                columns={name: _ENGINE_TYPES[kind] for name, kind in columns.items()},
                format="newline_delimited",
                maximum_object_size=_MAX_ROW_BYTES,
            ).write_parquet(str(target), compression="zstd")
    except duckdb.Error as error:
        raise WarehouseError(
            f"{target.name} could not be written: {safe_reason(str(error)).rstrip('.?!')}. "
            "Values are left out of this message."
        ) from None


def _as_pattern(path: Path) -> str:
    """The path as the engine's pattern that matches it alone."""
    return "".join(f"[{each}]" if each in "*?[" else each for each in str(path))
