"""One batch inside its transaction in PostgreSQL.

The batch's key is noted first: where it is noted already, the batch was applied before, and
its result stands beside it.
"""

import json
from typing import TYPE_CHECKING

from reverse_etl.destinations import postgres_batches as batches
from reverse_etl.destinations import postgres_statements as statements
from reverse_etl.destinations.postgres_failures import FOREIGN_KEY_CODE
from reverse_etl.destinations.postgres_rows import RowWriter, execute
from reverse_etl.destinations.postgres_table import TargetTable
from reverse_etl.destinations.postgres_values import check_columns, read_rows
from reverse_etl.destinations.protocol import Batch, RejectedRow
from reverse_etl.errors import ErrorClass, FatalDeliveryError

if TYPE_CHECKING:
    import psycopg

LOCK_TIMEOUT = "60s"
"""A row that somebody else holds for longer is tried again later."""


def apply_batch(
    connection: "psycopg.Connection",
    target: TargetTable,
    batch: Batch,
    event_column: str | None,
) -> tuple[RejectedRow, ...]:
    """Write a batch, unless it was written before; its rows that were refused.

    Args:
        connection: Inside the batch's transaction.
        target: Where its rows go.
        batch: The batch.
        event_column: Column of an event's id, in mode append.

    Raises:
        FatalDeliveryError: The table lacks a column, or has another batch of this key.
        psycopg.Error: The database refused the batch as a whole.
    """
    execute(connection, statements.limit_locks(LOCK_TIMEOUT))
    key, row_count = batch.idempotency_key, len(batch.rows)
    taken = execute(
        connection,
        batches.take_batch(
            target.schema,
            key=key,
            sync=batch.sync,
            run_id=batch.run_id,
            row_count=row_count,
        ),
    )
    if taken.rowcount == 0:
        return _earlier_result(connection, target, key, row_count)
    names = tuple(dict.fromkeys(name for record in batch.rows for name in record.match))
    rows, rejected = read_rows(batch, names, event_column)
    check_columns(target, names, rows)
    execute(connection, statements.create_incoming(target))
    write = RowWriter(connection, target, names, batch.action, event_column)
    rejected += write.isolated(rows)
    execute(connection, statements.DROP_INCOMING)
    rejected.sort(key=lambda row: row.position)
    if rejected:
        noted = json.dumps(
            [(row.position, row.error_class, row.code, row.field) for row in rejected]
        )
        execute(
            connection,
            batches.note_rejected(target.schema, key=key, rejected=noted),
        )
    return tuple(rejected)


def _earlier_result(
    connection: "psycopg.Connection", target: TargetTable, key: str, row_count: int
) -> tuple[RejectedRow, ...]:
    """The answer to a batch that was applied before."""
    query = batches.read_batch(target.schema, key=key)
    found = execute(connection, query).fetchone()
    if found is None or found[0] != row_count:
        raise FatalDeliveryError(
            f"'{target.schema}.{batches.BATCHES}' has a batch of this key with other "
            "rows. Was it changed by hand? Nothing was written.",
            is_in_doubt=True,
            error_class=ErrorClass.INTERNAL,
        )
    return tuple(
        RejectedRow(
            position,
            error_class,
            code=code,
            field=field,
            is_retryable=code == FOREIGN_KEY_CODE,
        )
        for position, error_class, code, field in json.loads(found[1])
    )
