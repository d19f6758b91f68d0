"""The statements by which a schema of PostgreSQL remembers its batches. Pure.

A batch that was applied is in `_retl_batch`, which is written in the batch's transaction.
"""

from sqlglot import exp

from reverse_etl.destinations.postgres_sql import on_conflict, sql_text

BATCHES = "_retl_batch"
_KEPT_DAYS = 30


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

    return sql_text(
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
    return sql_text(exp.Delete(this=_batches(schema), where=exp.Where(this=old)))


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
    return on_conflict(
        exp.insert(values, into=_batches(schema), columns=list(names)), ("batch_key",)
    )


def note_rejected(schema: str, *, key: str, rejected: str) -> str:
    """Note which rows of a batch were refused."""
    return sql_text(
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
    return sql_text(
        exp.select("row_count", "rejected")
        .from_(_batches(schema))
        .where(exp.column("batch_key").eq(key))
    )


def _batches(schema: str) -> exp.Table:
    """The table that remembers batches."""
    return exp.table_(BATCHES, db=schema, quoted=True)
