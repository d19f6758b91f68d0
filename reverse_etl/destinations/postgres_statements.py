"""The statements with which records reach a table of PostgreSQL. Pure.

Records come in through a temporary table that has the target's columns, and two of its
own: the record's place in the batch, and the number of its shape. See `postgres_batches`
for what is remembered of a batch.
"""

from collections.abc import Iterable, Sequence

from sqlglot import exp

from reverse_etl.destinations.postgres_sql import (
    aliased,
    column_of,
    identifier,
    on_conflict,
    sql_text,
)
from reverse_etl.destinations.postgres_table import Shape, TargetTable

INCOMING = "_retl_incoming"
POSITION = "_retl_position"
SHAPE = "_retl_shape"
_HELD, _SENT = "held", "sent"

# Types that have no equality: their texts are compared.
_WITHOUT_EQUALITY = frozenset(
    ("box", "circle", "json", "line", "lseg", "path", "point", "polygon", "xml")
)

EMPTY_INCOMING = f"truncate table {INCOMING}"
DROP_INCOMING = f"drop table {INCOMING}"

READ_COLUMNS = """
select attribute.attname, type.typname, type.typcategory
from pg_catalog.pg_attribute as attribute
join pg_catalog.pg_class as class on class.oid = attribute.attrelid
join pg_catalog.pg_namespace as namespace on namespace.oid = class.relnamespace
join pg_catalog.pg_type as type on type.oid = attribute.atttypid
where namespace.nspname = %s and class.relname = %s
    and attribute.attnum > 0 and not attribute.attisdropped
order by attribute.attnum
"""


def limit_locks(timeout: str) -> str:
    """How long the transaction waits for what somebody else holds."""
    return f"set local lock_timeout = {exp.Literal.string(timeout).sql('postgres')}"


def create_incoming(target: TargetTable) -> str:
    """The temporary table. `DROP_INCOMING` ends it, and so does a rolled back batch."""
    columns = [column_of(name, _HELD) for name in target.columns]
    own = [
        exp.alias_(exp.cast(exp.Literal.number(0), "int"), name)
        for name in (POSITION, SHAPE)
    ]
    query = exp.select(*columns, *own).from_(aliased(_table(target), _HELD))
    return sql_text(
        exp.Create(
            this=exp.to_table(INCOMING),
            kind="TABLE",
            expression=query,
            properties=exp.Properties(
                expressions=[exp.TemporaryProperty(), exp.WithDataProperty(no=True)]
            ),
        )
    )


def copy_incoming(columns: Iterable[str]) -> str:
    """Takes rows in: these columns, then place and shape."""
    names = [identifier(name) for name in columns]
    own = [exp.to_identifier(name) for name in (POSITION, SHAPE)]
    return sql_text(
        exp.Copy(
            this=exp.Schema(this=exp.to_table(INCOMING), expressions=[*names, *own]),
            kind=True,
            files=[exp.to_identifier("stdin")],
        )
    )


def upsert(target: TargetTable, shape: Shape) -> str:
    """Create records, and update those that are there and differ."""
    excluded = "excluded"
    statement = _insert(target, shape.columns, _sent(shape))
    if not shape.fields:
        return on_conflict(statement, shape.keys)
    return on_conflict(
        statement,
        shape.keys,
        [
            exp.EQ(this=column_of(name), expression=column_of(name, excluded))
            for name in shape.fields
        ],
        _differs(target, shape.fields, target.name, excluded),
    )


def insert(target: TargetTable, shape: Shape) -> str:
    """Create the records that are not there."""
    query = _sent(shape).where(exp.not_(_exists(target, shape.keys)))
    return sql_text(_insert(target, shape.columns, query))


def append(target: TargetTable, shape: Shape, event_column: str | None) -> str:
    """Add records, each event once where its id has a column."""
    statement = _insert(target, shape.columns, _sent(shape))
    if event_column is None:
        return sql_text(statement)
    return on_conflict(statement, (event_column,))


def update(target: TargetTable, shape: Shape) -> str:
    """Write the fields of records that are there and differ."""
    is_other = _differs(target, shape.fields, _HELD, _SENT)
    condition = exp.and_(_same_keys(shape.keys), _of(shape), is_other)
    return sql_text(
        exp.Update(
            this=aliased(_table(target), _HELD),
            expressions=[
                exp.EQ(this=column_of(name), expression=column_of(name, _SENT))
                for name in shape.fields
            ],
            from_=exp.From(this=aliased(exp.to_table(INCOMING), _SENT)),
            where=exp.Where(this=condition),
        )
    )


def delete(target: TargetTable, shape: Shape) -> str:
    """Delete records by their keys."""
    return sql_text(
        exp.Delete(
            this=aliased(_table(target), _HELD),
            using=[aliased(exp.to_table(INCOMING), _SENT)],
            where=exp.Where(this=exp.and_(_same_keys(shape.keys), _of(shape))),
        )
    )


def positions(target: TargetTable, shape: Shape, *, are_there: bool) -> str:
    """Places of the records that are in the table, or of those that are not."""
    exists = _exists(target, shape.keys)
    return sql_text(
        exp.select(column_of(POSITION, _SENT))
        .from_(aliased(exp.to_table(INCOMING), _SENT))
        .where(_of(shape))
        .where(exists if are_there else exp.not_(exists))
        .order_by(column_of(POSITION, _SENT))
    )


def _insert(
    target: TargetTable, columns: Sequence[str], query: exp.Select
) -> exp.Insert:
    return exp.insert(
        query, into=_table(target), columns=[identifier(name) for name in columns]
    )


def _sent(shape: Shape) -> exp.Select:
    return (
        exp.select(*[column_of(name, _SENT) for name in shape.columns])
        .from_(aliased(exp.to_table(INCOMING), _SENT))
        .where(_of(shape))
        .order_by(column_of(POSITION, _SENT))
    )


def _exists(target: TargetTable, keys: Iterable[str]) -> exp.Exists:
    held = exp.select("1").from_(aliased(_table(target), _HELD))
    return exp.Exists(this=held.where(_same_keys(keys)))


def _of(shape: Shape) -> exp.Expr:
    return exp.column(SHAPE, table=_SENT).eq(shape.number)


def _same_keys(keys: Iterable[str]) -> exp.Expr:
    return exp.and_(
        *[
            exp.EQ(this=column_of(name, _HELD), expression=column_of(name, _SENT))
            for name in keys
        ]
    )


def _differs(
    target: TargetTable, names: Iterable[str], one: str, other: str
) -> exp.Expr:
    def compared(name: str, table: str) -> exp.Expr:
        column = column_of(name, table)
        if target.columns[name].type_name in _WITHOUT_EQUALITY:
            return exp.cast(column, "text")
        return column

    return exp.or_(
        *[
            exp.NullSafeNEQ(this=compared(name, one), expression=compared(name, other))
            for name in names
        ]
    )


def _table(target: TargetTable) -> exp.Table:
    """The target."""
    return exp.table_(target.name, db=target.schema, quoted=True)
