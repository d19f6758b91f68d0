"""The one connection to the warehouse: execute, stream, describe, insert in bulk.

Statements are sqlglot expressions (or text that a person wrote); the dialect is the
target's. Driver errors become `WarehouseError`s without a value of any row. Holds no
SQL of its own beyond the catalog.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import duckdb
from sqlglot import exp

from warehouse.errors import (
    WarehouseCorruptError,
    WarehouseError,
    WarehouseFullError,
    WarehouseLockedError,
    WarehouseMissingError,
    safe_reason,
)
from warehouse.target import Target
from warehouse.values import Column, Row, Value

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = [
    "Column",
    "ColumnData",
    "Row",
    "Statement",
    "Value",
    "Warehouse",
    "open_warehouse",
    "translated",
]

Statement: TypeAlias = exp.Expr | str
ColumnData: TypeAlias = (
    "Sequence[object] | np.ndarray[tuple[int], np.dtype[np.generic]]"
)

_INSERT_VIEW = "_kenning_insert"
_NAME_ERRORS = (duckdb.CatalogException, duckdb.BinderException)


class Warehouse:
    """An open target. Made by `open_warehouse`; not for use by two threads at once."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, target: Target, *, read_only: bool
    ) -> None:
        self._connection = connection
        self._statement_count = 0
        self._in_transaction = False
        self.target = target
        self.read_only = read_only

    def __repr__(self) -> str:
        return f"Warehouse({self.target.name!r}, read_only={self.read_only})"

    @property
    def dialect(self) -> str:
        """The sqlglot name of the engine's SQL."""
        return self.target.engine

    def execute(self, statement: Statement) -> int:
        """Run one statement.

        Returns:
            Rows that an insert, update, delete or create-table-as touched; 0 for any
            other.
        """
        self._run(statement)
        description = self._connection.description or []
        if [column[0] for column in description] != ["Count"]:
            return 0
        row = self._connection.fetchone()
        return int(row[0]) if row else 0

    def rows(self, query: Statement, *, batch_rows: int = 5_000) -> Iterator[Row]:
        """Stream a query in the order it gives.

        One stream at a time: the next statement on this warehouse ends it, and reading
        on then raises instead of mixing two results.

        Args:
            query: A select.
            batch_rows: Rows that Python holds at once.
        """
        self._run(query)
        mine = self._statement_count
        while True:
            if mine != self._statement_count:
                raise WarehouseError(
                    "A stream of rows was read after another statement had run on the "
                    "same warehouse. Read it to its end first, or use query()."
                )
            batch = self._fetch_many(batch_rows)
            if not batch:
                return
            yield from batch

    def query(self, query: Statement) -> list[Row]:
        """All rows of a query that is known to be small."""
        return list(self.rows(query))

    def columns(self, schema: str, table: str) -> tuple[Column, ...]:
        """Columns of a table or view in their order; empty when there is none such."""
        found = self.query(
            exp.select("column_name", "data_type")
            .from_("information_schema.columns")
            .where(exp.column("table_schema").eq(schema))
            .where(exp.column("table_name").eq(table))
            .where(exp.column("table_catalog").eq(exp.func("current_database")))
            .order_by("ordinal_position")
        )
        return tuple(Column(str(name), str(data_type)) for name, data_type in found)

    def tables(self) -> frozenset[tuple[str, str]]:
        """(schema, name) of every table and view but temporary ones."""
        found = self.query(
            exp.select("table_schema", "table_name")
            .from_("information_schema.tables")
            .where(exp.column("table_catalog").eq(exp.func("current_database")))
        )
        return frozenset((str(schema), str(name)) for schema, name in found)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside, or none of them. Does not nest."""
        if self._in_transaction:
            raise WarehouseError("A transaction is open already; they do not nest.")
        self._run("begin transaction")
        self._in_transaction = True
        try:
            yield
        except BaseException:
            self._in_transaction = False
            self._roll_back()
            raise
        self._in_transaction = False
        try:
            self._run("commit")
        except BaseException:
            self._roll_back()
            raise

    def insert(
        self,
        schema: str,
        table: str,
        columns: "pd.DataFrame | Mapping[str, ColumnData]",
    ) -> int:
        """Append column-wise data to an existing table in one statement.

        Args:
            schema: Of the table; empty for a temporary table.
            table: Its name.
            columns: Equal-length columns by the table's column names, in any order.
                Columns of the table that are not given become null; values are cast to
                the table's types.

        Returns:
            Rows inserted.
        """
        import pandas as pd  # noqa: PLC0415  half a second, and reading does without it

        frame = (
            columns
            if isinstance(columns, pd.DataFrame)
            else pd.DataFrame(dict(columns))
        )
        if frame.empty:
            return 0
        names = [exp.to_identifier(str(name), quoted=True) for name in frame.columns]
        statement = exp.insert(
            exp.select(*[exp.column(name.copy()) for name in names]).from_(
                _INSERT_VIEW
            ),
            into=exp.table_(table, db=schema or None, quoted=True),
            columns=list(names),
        )
        try:
            self._connection.register(_INSERT_VIEW, frame)
            return self.execute(statement)
        except duckdb.Error as error:
            raise translated(error, self.target.path) from None
        finally:
            self._connection.unregister(_INSERT_VIEW)

    def _run(self, statement: Statement) -> None:
        sql = (
            statement
            if isinstance(statement, str)
            else statement.sql(dialect=self.dialect)
        )
        self._statement_count += 1
        try:
            self._connection.execute(sql)
        except duckdb.Error as error:
            raise translated(error, self.target.path) from None

    def _fetch_many(self, count: int) -> list[Row]:
        try:
            return self._connection.fetchmany(count)
        except duckdb.Error as error:
            raise translated(error, self.target.path) from None

    def _roll_back(self) -> None:
        self._statement_count += 1
        with contextlib.suppress(duckdb.Error):
            # The engine already rolled back (it does so when the disk is full); the
            # error that brought us here is the one to tell.
            self._connection.execute("rollback")


@contextlib.contextmanager
def open_warehouse(target: Target, *, read_only: bool = False) -> Iterator[Warehouse]:
    """Open the target's database and close it afterwards.

    Args:
        target: From `load_target`.
        read_only: Open an existing file without the right to change it. Several readers
            may share a file; a writer shares it with nobody.

    Raises:
        WarehouseMissingError: `read_only`, and there is no file.
        WarehouseLockedError: Another process has the file open.
        WarehouseCorruptError: The file is not a database that this DuckDB reads.
        WarehouseFullError: No room on the disk.
    """
    connection = _connect(target, read_only=read_only)
    try:
        for name, value in target.settings.items():
            connection.execute(
                exp.Set(
                    expressions=[
                        exp.SetItem(
                            this=exp.EQ(
                                this=exp.to_identifier(name),
                                expression=exp.Literal.string(value),
                            )
                        )
                    ]
                ).sql(dialect=target.engine)
            )
        yield Warehouse(connection, target, read_only=read_only)
    except duckdb.Error as error:
        raise translated(error, target.path) from None
    finally:
        connection.close()


def _connect(target: Target, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    if read_only and not target.path.exists():
        raise WarehouseMissingError(
            f"The warehouse {target.path} does not exist. Build it with `kenning demo` "
            "or `kenning build`, or set KENNING_DUCKDB_PATH to the file you mean."
        )
    try:
        if not read_only:
            target.path.parent.mkdir(parents=True, exist_ok=True)
        return duckdb.connect(
            str(target.path), read_only=read_only, config=dict(target.config)
        )
    except duckdb.Error as error:
        raise translated(error, target.path) from None
    except OSError as error:
        raise WarehouseError(
            f"The folder {target.path.parent} cannot be created ({error.strerror}). "
            "Set KENNING_DUCKDB_PATH to a file in a folder you may write to."
        ) from None


def translated(error: duckdb.Error, path: Path) -> WarehouseError:
    """The error to raise instead of the driver's, for the database file at `path`."""
    text = str(error)
    if "Could not set lock" in text or "different configuration" in text:
        return WarehouseLockedError(
            f"The warehouse {path} is open elsewhere{_holder(text)}. Nothing was "
            "changed. Close that program (a BI tool should open "
            "data/published/kenning.duckdb instead) or wait for its run to end, then "
            "try again."
        )
    if "No space left" in text or _is_disk_full(path):
        return WarehouseFullError(
            f"No room left on the disk of {path}. The statement was rolled back and "
            "the tables are as they were. Free some space, then run again."
        )
    if (
        "not a valid DuckDB database file" in text
        or "Corrupt database file" in text
        or isinstance(error, duckdb.SerializationException)
    ):
        return WarehouseCorruptError(
            f"The warehouse {path} is not a DuckDB database that can be read "
            f"({safe_reason(text)}). Restore it from a copy, or move it away and build "
            "again."
        )
    if isinstance(error, _NAME_ERRORS):
        # These name tables and columns, not rows; the query text that follows is left
        # out.
        reason = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    else:
        reason = safe_reason(text)
    return WarehouseError(
        f"The warehouse {path} refused a statement: {reason.rstrip('.?!')}. Values are "
        "left out of this message; run the statement in a database client to see them."
    )


def _holder(text: str) -> str:
    _, found, rest = text.partition("(PID ")
    process_id, closed, _ = rest.partition(")")
    return f" (process {process_id})" if found and closed else " in this process"


def _is_disk_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free == 0
    except OSError:
        return False
