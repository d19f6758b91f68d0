"""Records as rows of PostgreSQL, and their values as its texts. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reverse_etl.destinations.postgres_table import TableColumn, TargetTable
from reverse_etl.destinations.protocol import Batch, Record, RejectedRow
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.modes import Action
from warehouse.manifest import Json

_NUL_CODE = "22021"


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a batch, as values of columns."""

    position: int
    record: Record
    keys: tuple[str, ...]
    fields: Mapping[str, Json]


def read_rows(
    batch: Batch, names: tuple[str, ...], event_column: str | None
) -> tuple[list[Row], list[RejectedRow]]:
    """Records as rows, beside those that lack a part of the key or cannot be said.

    Args:
        batch: Of records.
        names: Columns of the key.
        event_column: Where the events of mode append have their id.
    """
    rows: list[Row] = []
    rejected: list[RejectedRow] = []
    is_removal = batch.action in (Action.DELETE, Action.ERASE)
    for position, record in enumerate(batch.rows):
        missing = next((name for name in names if name not in record.match), None)
        if missing is not None:
            rejected.append(
                RejectedRow(position, ErrorClass.INVALID_KEY, field=missing)
            )
            continue
        fields: dict[str, Json] = (
            {} if is_removal else {**record.fields, **record.associations}
        )
        if event_column is not None and batch.action is Action.APPEND:
            fields[event_column] = record.event_id
        for name in names:
            fields.pop(name, None)
        unsayable = next(
            (
                name
                for name, value in (*record.match.items(), *fields.items())
                if _has_nul(value)
            ),
            None,
        )
        if unsayable is not None:
            rejected.append(
                RejectedRow(
                    position,
                    ErrorClass.INVALID_FIELD,
                    code=_NUL_CODE,
                    field=unsayable,
                )
            )
            continue
        keys = tuple(record.match[name] for name in names)
        rows.append(Row(position, record, keys, fields))
    return rows, rejected


def check_columns(
    target: TargetTable, keys: Sequence[str], rows: Sequence[Row]
) -> None:
    """Make sure that the table has every column that is written.

    Raises:
        FatalDeliveryError: It has not; the message names the first, and what it has.
    """
    names = dict.fromkeys([*keys, *(name for row in rows for name in row.fields)])
    missing = [name for name in names if name not in target.columns]
    if missing:
        raise FatalDeliveryError(
            f"PostgreSQL table '{target.schema}.{target.name}' has no column "
            f"'{missing[0]}'. Change the mapping, or add the column. It has: "
            f"{', '.join(target.columns)}.",
            error_class=ErrorClass.CONFIG,
        )


def _has_nul(value: Json) -> bool:
    """Whether there is a character in it that no text of PostgreSQL can hold."""
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(each) for pair in value.items() for each in pair)
    return isinstance(value, list) and any(_has_nul(each) for each in value)


def as_sent(value: Json, column: TableColumn) -> str | list[str | None] | None:
    """A value as text, which the database reads by the column's type."""
    if value is None or (isinstance(value, str) and not column.is_array):
        return value
    if column.is_array and isinstance(value, list):
        return [None if each is None else _plain(each) for each in value]
    return json.dumps(value) if column.is_json else _plain(value)


def _plain(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
