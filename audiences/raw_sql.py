"""Conditions in SQL: a query for ids that a person wrote, checked node by node.

Only what is listed here passes: reading public models, comparing, counting and joining. A
function that reads a file, a setting or a clock is not listed, and neither is one that nobody
thought of. The text that leaves is generated from the checked tree: values are placeholders as
everywhere, models are `ref()`, and nothing of what was written is copied.
"""

import re
from collections.abc import Mapping
from string import Template

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, ParseError, SqlglotError
from sqlglot.optimizer.qualify import qualify

from audiences.catalogue import Entity
from audiences.conditions import RawSql
from audiences.contracts import Columns, ColumnType
from audiences.layout import INDENT, indented
from audiences.literals import AS_OF, text_literal
from audiences.parts import Part

MAX_LENGTH = 5_000

_NODES: tuple[type[exp.Expr], ...] = (
    # queries
    exp.Select,
    exp.Subquery,
    exp.With,
    exp.CTE,
    exp.From,
    exp.Join,
    exp.Where,
    exp.Group,
    exp.Having,
    exp.Distinct,
    exp.Exists,
    exp.Table,
    exp.TableAlias,
    exp.Alias,
    exp.Column,
    exp.Identifier,
    exp.Star,
    # values
    exp.Literal,
    exp.Boolean,
    exp.Null,
    exp.Neg,
    exp.Paren,
    exp.Tuple,
    # logic
    exp.And,
    exp.Or,
    exp.Not,
    exp.EQ,
    exp.NEQ,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Case,
    exp.If,
    exp.Coalesce,
    exp.Nullif,
    # arithmetic and text
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Abs,
    exp.Lower,
    exp.Upper,
    exp.Length,
    exp.Trim,
    exp.DPipe,
    exp.Greatest,
    exp.Least,
    # aggregates and windows
    exp.Count,
    exp.Sum,
    exp.Min,
    exp.Max,
    exp.Avg,
    exp.Window,
    exp.Order,
    exp.Ordered,
    exp.RowNumber,
    exp.Rank,
    exp.DenseRank,
    exp.Lag,
    exp.Lead,
)
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?\Z")
_RESERVED_PREFIX = "kenning_"
_PLACEHOLDER = re.compile(r":p(\d+)\b")
_MODEL = re.compile(rf"\b{_RESERVED_PREFIX}model_(\d+)\b")
_MOMENTS = ("as_of", "days_ago")

_QUERY = Template("""\
    select picked.$id
    from (
        -- noqa: disable=all
$sql
    ) as picked
    -- noqa: enable=all
    where picked.$id is not null
    group by picked.$id
""")


class UnusableSqlError(Exception):
    """A query that cannot be taken, and why, in a sentence for the person who wrote it."""


def checked_sql(text: str, models: Mapping[str, Columns], member_id: str) -> str:
    """The query as dbt is to run it, on several lines.

    Args:
        text: What a person wrote.
        models: Columns of the models that it may read.
        member_id: The one column that it has to give.

    Raises:
        UnusableSqlError: It is no single query, reads or calls something else, or gives
            something else.
    """
    tree = _parsed(text)
    for node in tree.walk():
        _check_node(node)
    _check_tables(tree, models)
    _check_columns(tree, models, member_id)
    return _rendered(tree, models)


def raw_sql_part(columns: Mapping[RawSql, str], entity: Entity) -> Part:
    """The queries of all conditions in SQL, and what they say."""
    return Part(
        queries={
            name: _QUERY.substitute(id=entity.id, sql=indented(leaf.sql, 2))
            for leaf, name in columns.items()
        },
        joined=tuple(columns.values()),
        flags={
            leaf: f"{name}.{entity.id} is not null" for leaf, name in columns.items()
        },
        compared=frozenset(columns),
        early=frozenset(columns.values()),
    )


def _parsed(text: str) -> exp.Select:
    if len(text) > MAX_LENGTH:
        message = f"it has {len(text):,} characters. Use at most {MAX_LENGTH:,}."
        raise UnusableSqlError(message)
    try:
        statements = sqlglot.parse(text)
    except ParseError as error:
        [first, *_] = error.errors
        message = (
            f"it cannot be parsed at its line {first['line']}: {first['description']}."
        )
        raise UnusableSqlError(message) from error
    except (SqlglotError, RecursionError) as error:
        message = "it cannot be parsed."
        raise UnusableSqlError(message) from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        message = "it has to be exactly one select statement."
        raise UnusableSqlError(message)
    return statements[0]


def _check_node(node: exp.Expr) -> None:
    if isinstance(node, exp.Anonymous):
        _check_moment(node)
    elif type(node) not in _NODES:
        written = node.sql()[:40]
        message = f"{written!r} is not supported in it."
        raise UnusableSqlError(message)
    if isinstance(node, exp.Identifier) and not (
        _NAME.match(node.name) and not node.name.startswith(_RESERVED_PREFIX)
    ):
        message = f"the name {node.name!r} is not supported. Use lower-case letters, digits and _."
        raise UnusableSqlError(message)
    if isinstance(node, exp.Literal) and not (
        node.is_string or _NUMBER.match(node.name)
    ):
        message = f"the number {node.name!r} is not supported. Write digits."
        raise UnusableSqlError(message)
    if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
        message = "write the columns instead of *."
        raise UnusableSqlError(message)


def _check_moment(node: exp.Anonymous) -> None:
    name, arguments = node.name.lower(), node.expressions
    if name not in _MOMENTS:
        message = (
            f"the function {node.name!r} is not supported in it. For the time there are "
            f"as_of() and days_ago(30)."
        )
        raise UnusableSqlError(message)
    is_right = (
        not arguments
        if name == "as_of"
        else len(arguments) == 1 and re.match(r"[0-9]{1,5}\Z", arguments[0].sql())
    )
    if not is_right:
        message = "as_of() takes nothing, and days_ago(30) a whole number of days."
        raise UnusableSqlError(message)


def _check_tables(tree: exp.Select, models: Mapping[str, Columns]) -> None:
    names = [cte.alias for cte in tree.find_all(exp.CTE)]
    for name in names:
        if name in models or names.count(name) > 1:
            message = f"the name {name!r} of a subquery is taken. Choose another."
            raise UnusableSqlError(message)
    for table in tree.find_all(exp.Table):
        is_plain = isinstance(table.this, exp.Identifier) and not table.args.get("db")
        if not is_plain or table.name not in {*models, *names}:
            message = (
                f"it reads {table.sql()[:60]!r}, which is no public model. "
                f"Name a model as docs/architecture.md lists them, such as fct_orders."
            )
            raise UnusableSqlError(message)


def _check_columns(
    tree: exp.Select, models: Mapping[str, Columns], member_id: str
) -> None:
    schema: dict[str, object] = {
        model: {name: _SCHEMA_TYPES[column.type] for name, column in columns.items()}
        for model, columns in models.items()
    }
    plain = tree.transform(_without_moments)
    try:
        qualified = qualify(plain, schema=schema, identify=False)
    except (OptimizeError, SqlglotError, RecursionError) as error:
        message = f"{str(error).splitlines()[0].rstrip('.')}."
        raise UnusableSqlError(message) from error
    given = qualified.named_selects if isinstance(qualified, exp.Select) else []
    if given != [member_id]:
        message = f"it gives {', '.join(given) or 'nothing'}, and has to give {member_id} alone."
        raise UnusableSqlError(message)


_SCHEMA_TYPES: Mapping[ColumnType, str] = {
    ColumnType.TEXT: "text",
    ColumnType.NUMBER: "double",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.TIMESTAMP: "timestamp",
    ColumnType.DATE: "date",
    ColumnType.OTHER: "text",
}


def _without_moments(node: exp.Expr) -> exp.Expr:
    return exp.null() if isinstance(node, exp.Anonymous) else node


def _rendered(tree: exp.Select, models: Mapping[str, Columns]) -> str:
    """The text of a tree that was checked: no name, value or comment of it is copied as text."""
    values: list[str] = []
    read: list[str] = []

    def replaced(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Anonymous):
            days = node.expressions[0].name if node.expressions else None
            values.append(f"{{{{ days_ago({days}) }}}}" if days else AS_OF)
            return exp.Placeholder(this=f"p{len(values) - 1}")
        if isinstance(node, exp.Literal) and node.is_string:
            values.append(text_literal(node.name))
            return exp.Placeholder(this=f"p{len(values) - 1}")
        if isinstance(node, exp.Table) and node.name in models:
            read.append(node.name)
            alias = node.alias or node.name
            model = exp.to_table(
                f"{_RESERVED_PREFIX}model_{len(read) - 1}", alias=alias
            )
            model.set("joins", node.args.get("joins"))
            return model
        return node

    text = tree.transform(replaced).sql(
        pretty=True, comments=False, pad=len(INDENT), indent=len(INDENT)
    )
    text = _MODEL.sub(
        lambda found: f"{{{{ ref('{read[int(found[1])]}') }}}}", text.lower()
    )
    return _PLACEHOLDER.sub(lambda found: values[int(found[1])], text)
