"""The table of PostgreSQL that records go into, read and made ready."""

import contextlib
from typing import TYPE_CHECKING

from reverse_etl.destinations import postgres_batches as batches
from reverse_etl.destinations import postgres_statements as statements
from reverse_etl.destinations.postgres_rows import execute
from reverse_etl.destinations.postgres_table import TableColumn, TargetTable
from reverse_etl.errors import ErrorClass, FatalDeliveryError

if TYPE_CHECKING:
    import psycopg


def read_target(
    connection: "psycopg.Connection", schema: str, name: str
) -> TargetTable:
    """The table as it is now. Makes `_retl_batch` beside it, and forgets old batches.

    Raises:
        FatalDeliveryError: There is no such table.
        psycopg.Error: The user may not do this.
    """
    import psycopg  # noqa: PLC0415  an extra

    found = connection.execute(statements.READ_COLUMNS, (schema, name)).fetchall()
    if not found:
        raise FatalDeliveryError(
            f"PostgreSQL has no table '{schema}.{name}', or its user "
            "may not see it. Check the sync's object and settings.schema.",
            error_class=ErrorClass.CONFIG,
        )
    known = connection.execute(
        statements.READ_COLUMNS, (schema, batches.BATCHES)
    ).fetchall()
    if not known:
        # Another sync may create it at the same time: the server then finds the
        # table, the row type that comes with it, or either one's catalogue entry.
        with contextlib.suppress(
            psycopg.errors.DuplicateTable,
            psycopg.errors.DuplicateObject,
            psycopg.errors.UniqueViolation,
        ):
            execute(connection, batches.create_batches(schema))
    execute(connection, batches.forget_batches(schema))
    return TargetTable(
        schema,
        name,
        {
            str(column): TableColumn(str(type_name), category == "A")
            for column, type_name, category in found
        },
    )
