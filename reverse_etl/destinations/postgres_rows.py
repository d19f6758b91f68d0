"""The way of one batch's rows into a table of PostgreSQL.

Rows that the database refuses are found by halving, inside the transaction of their batch.
Whether the transaction is committed is `postgres`' matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reverse_etl.destinations import postgres_statements as statements
from reverse_etl.destinations.postgres_failures import (
    FOREIGN_KEY_CODE,
    ROW_FAMILIES,
    UNIQUE_CODE,
    row_class,
)
from reverse_etl.destinations.postgres_table import Shape, TargetTable
from reverse_etl.destinations.postgres_values import Row, as_sent
from reverse_etl.destinations.protocol import RejectedRow
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.modes import Action, Op

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class RowWriter:
    """Writes rows into the target, inside the transaction of a batch."""

    connection: "psycopg.Connection"
    target: TargetTable
    keys: tuple[str, ...]
    action: Action
    event_column: str | None

    def isolated(self, rows: Sequence[Row]) -> list[RejectedRow]:
        """Write rows; those that the database refuses are found by halving.

        Returns:
            The rows that were refused. All others are written.
        """
        import psycopg  # noqa: PLC0415  an extra

        if not rows:
            return []
        try:
            with self.connection.transaction():
                return self._written(rows)
        except psycopg.Error as error:
            code = error.sqlstate
            if code is None or code[:2] not in ROW_FAMILIES:
                raise
            if len(rows) == 1:
                return [self._rejected(rows[0], error, code)]
        middle = len(rows) // 2
        return self.isolated(rows[:middle]) + self.isolated(rows[middle:])

    def _written(self, rows: Sequence[Row]) -> list[RejectedRow]:
        shapes = self._copy(rows)
        ops = {row.position: row.record.op for row in rows}
        rejected: list[RejectedRow] = []
        for shape in shapes:
            rejected += self._refused_by_presence(shape, ops)
            statement = self._statement(shape)
            if statement is not None:
                execute(self.connection, statement)
        return rejected

    def _copy(self, rows: Sequence[Row]) -> list[Shape]:
        """Put rows into the temporary table; returns the shapes that they have."""
        names = tuple(dict.fromkeys(name for row in rows for name in row.fields))
        types = [self.target.columns[name] for name in names]
        shapes: dict[frozenset[str], Shape] = {}
        execute(self.connection, statements.EMPTY_INCOMING)
        copying = statements.copy_incoming((*self.keys, *names)).encode()
        with self.connection.cursor() as cursor, cursor.copy(copying) as copy:
            for row in rows:
                present = frozenset(row.fields)
                shape = shapes.get(present)
                if shape is None:
                    fields = tuple(name for name in names if name in present)
                    shape = Shape(len(shapes), self.keys, fields)
                    shapes[present] = shape
                values = [
                    as_sent(row.fields.get(name), kind)
                    for name, kind in zip(names, types, strict=True)
                ]
                copy.write_row((*row.keys, *values, row.position, shape.number))
        return list(shapes.values())

    def _statement(self, shape: Shape) -> str | None:
        match self.action:
            case Action.UPSERT:
                return statements.upsert(self.target, shape)
            case Action.CREATE:
                return statements.insert(self.target, shape)
            case Action.UPDATE:
                return statements.update(self.target, shape) if shape.fields else None
            case Action.APPEND:
                return statements.append(self.target, shape, self.event_column)
            case Action.DELETE | Action.ERASE:
                return statements.delete(self.target, shape)
        raise FatalDeliveryError(
            f"PostgreSQL does not do '{self.action}'.", error_class=ErrorClass.INTERNAL
        )

    def _refused_by_presence(
        self, shape: Shape, ops: Mapping[int, Op]
    ) -> list[RejectedRow]:
        """Rows to create that are there, and rows to update that are not."""
        if self.action not in (Action.CREATE, Action.UPDATE):
            return []
        are_there = self.action is Action.CREATE
        query = statements.positions(self.target, shape, are_there=are_there)
        found = [int(position) for (position,) in execute(self.connection, query)]
        if are_there:
            return [
                RejectedRow(position, ErrorClass.CONFLICT, code=UNIQUE_CODE)
                for position in found
            ]
        # Fields of a record that is gone are as clear as they can be.
        return [
            RejectedRow(position, ErrorClass.NOT_FOUND)
            for position in found
            if ops[position] is not Op.REMOVE
        ]

    def _rejected(self, row: Row, error: "psycopg.Error", code: str) -> RejectedRow:
        field = self._field_at_fault(row, error)
        error_class = row_class(code)
        if field in self.keys and error_class is ErrorClass.INVALID_FIELD:
            error_class = ErrorClass.INVALID_KEY
        return RejectedRow(
            row.position,
            error_class,
            code=code,
            field=field,
            # The row that it refers to may come later.
            is_retryable=code == FOREIGN_KEY_CODE,
        )

    def _field_at_fault(self, row: Row, error: "psycopg.Error") -> str | None:
        if error.diag.column_name is not None:
            return error.diag.column_name
        # "COPY _retl_incoming, line 1, column age: "…"": nothing is taken of it but the
        # name, which is one of ours.
        context = error.diag.context or ""
        return next(
            (
                name
                for name in (*self.keys, *row.fields)
                if f", column {name}:" in context
            ),
            None,
        )


def execute(connection: "psycopg.Connection", statement: str) -> "psycopg.Cursor":
    """Run a statement of `postgres_statements`."""
    # Without parameters nothing in the text is a placeholder.
    return connection.execute(statement.encode())
