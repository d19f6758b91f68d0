"""The statements with which records reach a table of PostgreSQL. Pure.

Records come in through a temporary table that has the target's columns, and two of its
own: the record's place in the batch, and the number of its shape. Records with the same
fields are of one shape, so that a field which a record does not have is left as it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

INCOMING = "_retl_incoming"
POSITION = "_retl_position"
SHAPE = "_retl_shape"
BATCHES = "_retl_batch"

_HELD, _SENT = "held", "sent"
_KEPT_DAYS = 30

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


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of the target: the name of its type, and whether that is an array."""

    type_name: str
    is_array: bool = False

    @property
    def is_json(self) -> bool:
        """Whether its values are JSON."""
        return self.type_name in ("json", "jsonb")


@dataclass(frozen=True, slots=True)
class TargetTable:
    """The table that records go into, as its catalog describes it."""

    schema: str
    name: str
    columns: Mapping[str, TableColumn] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shape:
    """Columns of records that have the same fields.

    Attributes:
        number: Its number in the batch.
        keys: Columns that a record is found by.
        fields: Columns that are written.
    """

    number: int
    keys: tuple[str, ...]
    fields: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, the keys first."""
        return (*self.keys, *self.fields)


def limit_locks(timeout: str) -> str:
    """How long the transaction waits for what somebody else holds."""
    return f"set local lock_timeout = {exp.Literal.string(timeout).sql('postgres')}"


def create_incoming(target: TargetTable) -> str:
    """The temporary table. `DROP_INCOMING` ends it, and so does a rolled back batch."""
    columns = [_column(name, _HELD) for name in target.columns]
    own = [
        exp.alias_(exp.cast(exp.Literal.number(0), "int"), name)
        for name in (POSITION, SHAPE)
    ]
    query = exp.select(*columns, *own).from_(_aliased(_table(target), _HELD))
    return _text(
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
    names = [_identifier(name) for name in columns]
    own = [exp.to_identifier(name) for name in (POSITION, SHAPE)]
    return _text(
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
        return _on_conflict(statement, shape.keys)
    return _on_conflict(
        statement,
        shape.keys,
        [
            exp.EQ(this=_column(name), expression=_column(name, excluded))
            for name in shape.fields
        ],
        _differs(target, shape.fields, target.name, excluded),
    )


def insert(target: TargetTable, shape: Shape) -> str:
    """Create the records that are not there."""
    query = _sent(shape).where(exp.not_(_exists(target, shape.keys)))
    return _text(_insert(target, shape.columns, query))


def append(target: TargetTable, shape: Shape, event_column: str | None) -> str:
    """Add records, each event once where its id has a column."""
    statement = _insert(target, shape.columns, _sent(shape))
    if event_column is None:
        return _text(statement)
    return _on_conflict(statement, (event_column,))


def update(target: TargetTable, shape: Shape) -> str:
    """Write the fields of records that are there and differ."""
    is_other = _differs(target, shape.fields, _HELD, _SENT)
    condition = exp.and_(_same_keys(shape.keys), _of(shape), is_other)
    return _text(
        exp.Update(
            this=_aliased(_table(target), _HELD),
            expressions=[
                exp.EQ(this=_column(name), expression=_column(name, _SENT))
                for name in shape.fields
            ],
            from_=exp.From(this=_aliased(exp.to_table(INCOMING), _SENT)),
            where=exp.Where(this=condition),
        )
    )


def delete(target: TargetTable, shape: Shape) -> str:
    """Delete records by their keys."""
    return _text(
        exp.Delete(
            this=_aliased(_table(target), _HELD),
            using=[_aliased(exp.to_table(INCOMING), _SENT)],
            where=exp.Where(this=exp.and_(_same_keys(shape.keys), _of(shape))),
        )
    )


def positions(target: TargetTable, shape: Shape, *, are_there: bool) -> str:
    """Places of the records that are in the table, or of those that are not."""
    exists = _exists(target, shape.keys)
    return _text(
        exp.select(_column(POSITION, _SENT))
        .from_(_aliased(exp.to_table(INCOMING), _SENT))
        .where(_of(shape))
        .where(exists if are_there else exp.not_(exists))
        .order_by(_column(POSITION, _SENT))
    )


def create_batches(schema: str) -> str:
    """The table that remembers which batches were applied."""
    text, moment = exp.DataType.build("text"), exp.DataType.build("timestamptz")
    not_null = exp.ColumnConstraint(kind=exp.NotNullColumnConstraint())

    def column(
        name: str, kind: exp.DataType, *others: exp.ColumnConstraint
    ) -> exp.Expr:
        return exp.ColumnDef(
            this=exp.to_identifier(name),
            kind=kind.copy(),
            constraints=[*others, not_null.copy()],
        )

    return _text(
        exp.Create(
            this=exp.Schema(
                this=_batches(schema),
                expressions=[
                    column(
                        "batch_key",
                        text,
                        exp.ColumnConstraint(kind=exp.PrimaryKeyColumnConstraint()),
                    ),
                    column("sync_name", text),
                    column("run_id", text),
                    column("row_count", exp.DataType.build("int")),
                    column("rejected", text),
                    column(
                        "applied_at",
                        moment,
                        exp.ColumnConstraint(
                            kind=exp.DefaultColumnConstraint(
                                this=exp.CurrentTimestamp()
                            )
                        ),
                    ),
                ],
            ),
            kind="TABLE",
            exists=True,
        )
    )


def forget_batches(schema: str) -> str:
    """Drop the memory of batches that nobody sends any more."""
    age = exp.Interval(
        this=exp.Literal.string(str(_KEPT_DAYS)), unit=exp.Var(this="DAY")
    )
    old = exp.LT(
        this=exp.column("applied_at"),
        expression=exp.Sub(this=exp.CurrentTimestamp(), expression=age),
    )
    return _text(exp.Delete(this=_batches(schema), where=exp.Where(this=old)))


def take_batch(schema: str, *, key: str, sync: str, run_id: str, row_count: int) -> str:
    """Note a batch; touches no row when it was applied before."""
    values = exp.Values(
        expressions=[
            exp.Tuple(
                expressions=[
                    exp.Literal.string(key),
                    exp.Literal.string(sync),
                    exp.Literal.string(run_id),
                    exp.Literal.number(row_count),
                    exp.Literal.string("[]"),
                ]
            )
        ]
    )
    names = ("batch_key", "sync_name", "run_id", "row_count", "rejected")
    return _on_conflict(
        exp.insert(values, into=_batches(schema), columns=list(names)), ("batch_key",)
    )


def note_rejected(schema: str, *, key: str, rejected: str) -> str:
    """Note which rows of a batch were refused."""
    return _text(
        exp.Update(
            this=_batches(schema),
            expressions=[
                exp.EQ(
                    this=exp.column("rejected"), expression=exp.Literal.string(rejected)
                )
            ],
            where=exp.Where(this=exp.column("batch_key").eq(key)),
        )
    )


def read_batch(schema: str, *, key: str) -> str:
    """How many rows a batch had, and which were refused."""
    return _text(
        exp.select("row_count", "rejected")
        .from_(_batches(schema))
        .where(exp.column("batch_key").eq(key))
    )


def _insert(
    target: TargetTable, columns: Sequence[str], query: exp.Select
) -> exp.Insert:
    return exp.insert(
        query, into=_table(target), columns=[_identifier(name) for name in columns]
    )


def _on_conflict(
    statement: exp.Insert,
    keys: Iterable[str],
    sets: Sequence[exp.Expr] = (),
    where: exp.Expr | None = None,
) -> str:
    statement.set(
        "conflict",
        exp.OnConflict(
            conflict_keys=[_identifier(name) for name in keys],
            action=exp.Var(this="DO UPDATE" if sets else "DO NOTHING"),
            expressions=list(sets),
            where=None if where is None else exp.Where(this=where),
        ),
    )
    return _text(statement)


def _sent(shape: Shape) -> exp.Select:
    return (
        exp.select(*[_column(name, _SENT) for name in shape.columns])
        .from_(_aliased(exp.to_table(INCOMING), _SENT))
        .where(_of(shape))
        .order_by(_column(POSITION, _SENT))
    )


def _exists(target: TargetTable, keys: Iterable[str]) -> exp.Exists:
    held = exp.select("1").from_(_aliased(_table(target), _HELD))
    return exp.Exists(this=held.where(_same_keys(keys)))


def _of(shape: Shape) -> exp.Expr:
    return exp.column(SHAPE, table=_SENT).eq(shape.number)


def _same_keys(keys: Iterable[str]) -> exp.Expr:
    return exp.and_(
        *[
            exp.EQ(this=_column(name, _HELD), expression=_column(name, _SENT))
            for name in keys
        ]
    )


def _differs(
    target: TargetTable, names: Iterable[str], one: str, other: str
) -> exp.Expr:
    def compared(name: str, table: str) -> exp.Expr:
        column = _column(name, table)
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
    return exp.table_(target.name, db=target.schema, quoted=True)


def _batches(schema: str) -> exp.Table:
    return exp.table_(BATCHES, db=schema, quoted=True)


def _aliased(table: exp.Table, alias: str) -> exp.Expr:
    return exp.alias_(table, alias, table=True)


def _column(name: str, table: str | None = None) -> exp.Column:
    return exp.column(
        _identifier(name), table=None if table is None else _identifier(table)
    )


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _text(statement: exp.Expr) -> str:
    return statement.sql(dialect="postgres")
