"""Pieces of SQL that statements for PostgreSQL are made of, and no more. Pure."""

from collections.abc import Iterable, Sequence

from sqlglot import exp


def on_conflict(
    statement: exp.Insert,
    keys: Iterable[str],
    sets: Sequence[exp.Expr] = (),
    where: exp.Expr | None = None,
) -> str:
    """An insert that does something else, or nothing, where a key is there already."""
    statement.set(
        "conflict",
        exp.OnConflict(
            conflict_keys=[identifier(name) for name in keys],
            action=exp.Var(this="DO UPDATE" if sets else "DO NOTHING"),
            expressions=list(sets),
            where=None if where is None else exp.Where(this=where),
        ),
    )
    return sql_text(statement)


def aliased(table: exp.Table, alias: str) -> exp.Expr:
    """A table by another name."""
    return exp.alias_(table, alias, table=True)


def column_of(name: str, table: str | None = None) -> exp.Column:
    """A column, of a table where one is named."""
    return exp.column(
        identifier(name), table=None if table is None else identifier(table)
    )


def identifier(name: str) -> exp.Identifier:
    """A name, quoted: it may be any."""
    return exp.to_identifier(name, quoted=True)


def sql_text(statement: exp.Expr) -> str:
    """A statement as PostgreSQL reads it."""
    return statement.sql(dialect="postgres")
