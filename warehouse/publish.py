"""A copy of the public tables that BI tools may keep open.

DuckDB admits one writer, so a dashboard on the warehouse file would stop the next
build. The copy is written beside its final name and then moved over it: a reader has
the old file or the new one, never half of one.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb
from sqlglot import exp

from warehouse.connection import translated
from warehouse.errors import WarehouseError, WarehouseMissingError
from warehouse.target import STORAGE_VERSION, Target

PUBLIC_SCHEMAS = ("identity", "core", "audiences")
"""Schemas whose tables are the interface to the outside (docs/architecture.md)."""

_COPY = "published_copy"
_PRIVATE = exp.Literal.string("int_")


def publish(
    target: Target, path: Path, *, schemas: Sequence[str] = PUBLIC_SCHEMAS
) -> int:
    """Copy the public tables and views of the public schemas into one DuckDB file.

    Intermediate models (`int_`) are no interface to anyone and stay behind.

    Args:
        target: The warehouse to copy from; opened read-only, so no other process may be
            writing to it.
        path: The file to replace.
        schemas: What to copy. A schema without tables is left out.

    Returns:
        Tables written.

    Raises:
        WarehouseError: The warehouse cannot be read, nothing is there to publish, or
            the file cannot be written. A file published earlier is then as it was.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        count = _copy(target, unfinished, schemas)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise WarehouseError(
            f"{path} could not be written ({error.strerror}). The file published "
            "before is as it was. Check the folder's rights and the disk's space."
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
        unfinished.with_name(f"{unfinished.name}.wal").unlink(missing_ok=True)
    return count


def _copy(target: Target, unfinished: Path, schemas: Sequence[str]) -> int:
    if not target.path.exists():
        raise WarehouseMissingError(
            f"The warehouse {target.path} does not exist, so there is nothing to "
            "publish. Build it first with `kenning demo` or `kenning build`."
        )
    with duckdb.connect() as connection:

        def run(statement: exp.Expr, *, at: Path = unfinished) -> list[tuple[str, ...]]:
            try:
                return connection.execute(statement.sql(dialect="duckdb")).fetchall()
            except duckdb.Error as error:
                raise translated(error, at) from None

        # Attached under its own name, because views name the database they were made
        # in.
        run(
            exp.Attach(
                this=exp.Literal.string(str(target.path)),
                expressions=[exp.AttachOption(this=exp.var("read_only"))],
            ),
            at=target.path,
        )
        run(
            exp.Attach(
                this=exp.alias_(exp.Literal.string(str(unfinished)), _COPY),
                expressions=[
                    exp.AttachOption(
                        this=exp.var("storage_version"),
                        expression=exp.Literal.string(STORAGE_VERSION),
                    )
                ],
            )
        )
        relations = run(
            exp.select("table_catalog", "table_schema", "table_name")
            .from_("information_schema.tables")
            .where(exp.column("table_catalog").neq(_COPY))
            .where(exp.column("table_schema").isin(*schemas))
            .where(
                exp.not_(exp.func("starts_with", exp.column("table_name"), _PRIVATE))
            )
            .order_by("table_schema", "table_name"),
            at=target.path,
        )
        if not relations:
            raise WarehouseError(
                f"{target.path} has no table in {', '.join(schemas)}, so there is "
                "nothing to publish. Build the models first with `kenning build`."
            )
        for schema in sorted({schema for _, schema, _ in relations}):
            run(
                exp.Create(
                    this=exp.Table(
                        db=exp.to_identifier(schema, quoted=True),
                        catalog=exp.to_identifier(_COPY),
                    ),
                    kind="SCHEMA",
                )
            )
        for database, schema, name in relations:
            run(
                exp.select("*")
                .from_(exp.table_(name, db=schema, catalog=database, quoted=True))
                .ctas(exp.table_(name, db=schema, catalog=_COPY, quoted=True))
            )
        run(exp.Detach(this=exp.var(_COPY)))
    return len(relations)
