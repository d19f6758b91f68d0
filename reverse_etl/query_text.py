"""SQL written as text, with relations and values put in as expressions.

The long queries of this room read better as SQL than as builder calls. They are constants
in sqlglot's own dialect: a bare table name stands for a relation given by the caller, a
`:name` for a value. Nothing a user wrote is ever pasted into them.
"""

import functools
from collections.abc import Mapping

import sqlglot
from sqlglot import exp

from reverse_etl.content_hash import sha256_text


def filled(
    text: str,
    relations: Mapping[str, exp.Expr],
    values: Mapping[str, exp.Expr] | None = None,
    *,
    dialect: str,
) -> exp.Expr:
    """Parse a text and put in what its names stand for.

    Args:
        text: One statement. `sha256_text(x)` in it becomes the engine's own SHA-256.
        relations: Table or select by the bare table name that stands for it; the name
            stays as its alias.
        values: Expression by placeholder.
        dialect: The engine that will run the statement.
    """

    def place(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Table) and not node.db and node.name in relations:
            return _placed(node, relations[node.name])
        if isinstance(node, exp.Anonymous) and node.name == "sha256_text":
            return sha256_text(node.expressions[0].copy(), dialect=dialect)
        return node

    statement = _parsed(text).transform(place)
    return exp.replace_placeholders(statement, **(values or {}))


def filled_select(
    text: str,
    relations: Mapping[str, exp.Expr],
    values: Mapping[str, exp.Expr] | None = None,
    *,
    dialect: str,
) -> exp.Select:
    """`filled`, for a text that is a select."""
    query = filled(text, relations, values, dialect=dialect)
    if not isinstance(query, exp.Select):
        raise TypeError(f"expected a select, found {type(query).__name__}")
    return query


@functools.cache
def _parsed(text: str) -> exp.Expr:
    """The texts are constants; `transform` works on a copy."""
    return sqlglot.parse_one(text)


def _placed(node: exp.Table, relation: exp.Expr) -> exp.Expr:
    if isinstance(relation, exp.Select):
        return relation.copy().subquery(node.name)
    if isinstance(node.parent, exp.Schema):
        # The table that an insert names with its columns; not every engine aliases it.
        return relation.copy()
    return exp.alias_(relation.copy(), node.name, table=True)
