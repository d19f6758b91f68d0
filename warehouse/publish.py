"""A copy of the public tables that BI tools may keep open.

DuckDB admits one writer, so a dashboard on the warehouse file would stop the next
build. The copy is written beside its final name and then moved over it: a reader has
the old file or the new one, never half of one.

Rows of one customer lie together, so that whoever asks for one customer reads little.
The file may be read by its owner and their group, and written to by nobody: it holds
personal data, and a client that opened it to write would keep all others out.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
from sqlglot import exp

from warehouse.connection import translated
from warehouse.errors import WarehouseError, WarehouseMissingError
from warehouse.target import STORAGE_VERSION, Target

PUBLIC_SCHEMAS = ("identity", "core", "audiences")
"""Schemas whose tables are the interface to the outside (docs/architecture.md)."""

BOOKKEEPING = ("changed_run", "recheck_at")
"""Columns by which a table finds its own work; outside they mean nothing."""

_COPY = "published_copy"
_OWNER_AND_GROUP_READ = 0o440
_TOGETHER = "customer_id"
_PRIVATE = exp.Literal.string("int_")


def publish(
    target: Target, path: Path, *, schemas: Sequence[str] = PUBLIC_SCHEMAS
) -> int:
    """Copy the public tables and views of the public schemas into one DuckDB file.

    Intermediate models (`int_`) and the columns of BOOKKEEPING are no interface to
    anyone and stay behind. Sorting spills to the folder of `path`, within the target's
    memory_limit if it sets one.

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
        unfinished.chmod(_OWNER_AND_GROUP_READ)
        unfinished.replace(path)
    except OSError as error:
        raise WarehouseError(
            f"{path} could not be written ({error.strerror}). The file published "
            "before is as it was. Check the folder's rights and the disk's space."
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
        unfinished.with_name(f"{unfinished.name}.wal").unlink(missing_ok=True)
        shutil.rmtree(_spilled(unfinished), ignore_errors=True)
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

        limits = {"temp_directory": str(_spilled(unfinished))} | {
            name: value
            for name, value in target.settings.items()
            if name in ("memory_limit", "threads")
        }
        for name, value in limits.items():
            run(
                exp.Set(
                    expressions=[
                        exp.SetItem(
                            this=exp.EQ(
                                this=exp.to_identifier(name),
                                expression=exp.Literal.string(value),
                            )
                        )
                    ]
                )
            )
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
            columns = run(_columns(database, schema, name), at=target.path)
            names = [column for (column,) in columns if column not in BOOKKEEPING]
            source = exp.table_(name, db=schema, catalog=database, quoted=True)
            query = exp.select(
                *[exp.column(column, quoted=True) for column in names]
            ).from_(source)
            if _TOGETHER in names:
                query = query.order_by(_TOGETHER)
            run(query.ctas(exp.table_(name, db=schema, catalog=_COPY, quoted=True)))
        run(exp.Detach(this=exp.var(_COPY)))
    return len(relations)


def _columns(database: str, schema: str, name: str) -> exp.Select:
    return (
        exp.select("column_name")
        .from_("information_schema.columns")
        .where(exp.column("table_catalog").eq(database))
        .where(exp.column("table_schema").eq(schema))
        .where(exp.column("table_name").eq(name))
        .order_by("ordinal_position")
    )


def _spilled(unfinished: Path) -> Path:
    """Where sorting puts what memory does not hold; gone afterwards."""
    return unfinished.with_name(f"{unfinished.name}.spilled")
