"""The tables of schema `retl`: what they are called, their columns, and how they are made.

- sync_runs: one row per run, with its counts.
- sync_outcomes: one row per row that a run meant to send, with what became of it.
- sync_rejected: rows that a destination refused and that have not changed since. They are
  tried again at next_retry_at, or, where that is null, when they change.
- sync_snapshot: what each destination has acknowledged. A row whose answer was lost is
  `unknown` when it is sent again: it has no row_hash. It is `in_doubt` when a person has to
  decide about it: its row_hash is of what may be there, null where it may be gone.
- plan__<sync>: the rows of the run that is under way, until it is over.

Outcomes and rejections name a row by the SHA-256 of its key. The snapshot holds the key,
because a removal needs it.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlglot import exp

from warehouse.connection import Warehouse
from warehouse.values import Relation, Value

SCHEMA = "retl"
RUNS = Relation(SCHEMA, "sync_runs")
OUTCOMES = Relation(SCHEMA, "sync_outcomes")
REJECTED = Relation(SCHEMA, "sync_rejected")
SNAPSHOT = Relation(SCHEMA, "sync_snapshot")

TABLES: Mapping[Relation, Mapping[str, str]] = {
    RUNS: {
        "run_id": "text",
        "sync_name": "text",
        "destination": "text",
        "object": "text",
        "key_column": "text",
        "settings": "text",
        "mode": "text",
        "purpose": "text",
        "status": "text",
        "message": "text",
        "is_open": "boolean",
        "seal": "text",
        "mapping_fingerprint": "text",
        "schema_fingerprint": "text",
        "account_fingerprint": "text",
        "planned_count": "bigint",
        "added_count": "bigint",
        "changed_count": "bigint",
        "removed_count": "bigint",
        "rejected_count": "bigint",
        "in_doubt_count": "bigint",
        "cancelled_count": "bigint",
        "uncounted_count": "bigint",
        "source_count": "bigint",
        "unchanged_count": "bigint",
        "waiting_count": "bigint",
        "invalid_count": "bigint",
        "skipped_no_consent_count": "bigint",
        "kept_count": "bigint",
        "held_count": "bigint",
        "request_count": "bigint",
        "resume_at": "timestamp",
        "started_at": "timestamp",
        "finished_at": "timestamp",
    },
    OUTCOMES: {
        "run_id": "text",
        "sync_name": "text",
        "seq": "bigint",
        "action": "text",
        "op": "text",
        "key_sha256": "text",
        "row_hash": "text",
        "status": "text",
        "error_class": "text",
        "error_code": "text",
        "error_field": "text",
        "recorded_at": "timestamp",
    },
    REJECTED: {
        "sync_name": "text",
        "key_sha256": "text",
        "row_hash": "text",
        "error_class": "text",
        "error_code": "text",
        "error_field": "text",
        "attempt_count": "bigint",
        "first_rejected_at": "timestamp",
        "last_rejected_at": "timestamp",
        "next_retry_at": "timestamp",
    },
    SNAPSHOT: {
        "sync_name": "text",
        "key": "text",
        "customer_id": "text",
        "row_hash": "text",
        "state": "text",
        "match_text": "text",
        "dest_id": "text",
        "run_id": "text",
        "acknowledged_at": "timestamp",
    },
}


def exist(warehouse: Warehouse) -> bool:
    """Whether every table of the schema is there."""
    return {(table.schema, table.name) for table in TABLES} <= warehouse.tables()


def create_missing(warehouse: Warehouse) -> None:
    """Make the schema and those of its tables and columns that are not there."""
    if not exist(warehouse):
        schema = exp.Table(db=exp.to_identifier(SCHEMA, quoted=True))
        warehouse.execute(exp.Create(this=schema, kind="SCHEMA", exists=True))
        for relation, columns in TABLES.items():
            warehouse.execute(_create(relation.to_table(), columns, exists=True))
    for relation, columns in TABLES.items():
        _add_missing_columns(warehouse, relation, columns)


def create_temporary(
    warehouse: Warehouse, name: str, columns: Mapping[str, str]
) -> exp.Table:
    """Make an empty temporary table of this name, in place of any that is there."""
    table = temporary(name)
    drop(warehouse, table)
    create = _create(table, columns, exists=False)
    create.set("properties", _temporary_property())
    warehouse.execute(create)
    return table


def create_temporary_as(
    warehouse: Warehouse, name: str, query: exp.Select
) -> exp.Table:
    """Make a temporary table of a query's rows, in place of any that is there."""
    table = temporary(name)
    drop(warehouse, table)
    create = query.ctas(table)
    create.set("properties", _temporary_property())
    warehouse.execute(create)
    return table


def temporary(name: str) -> exp.Table:
    """A temporary table inside a query: by name alone."""
    return exp.table_(name, quoted=True)


def drop(warehouse: Warehouse, table: exp.Table) -> None:
    """Drop a table if it is there."""
    warehouse.execute(exp.Drop(tables=[table.copy()], kind="TABLE", exists=True))


def literal(value: Value) -> exp.Expr:
    """A value inside a query. Timestamps are cast, since engines differ on bare text."""
    if isinstance(value, datetime):
        text = exp.Literal.string(value.isoformat(sep=" "))
        return exp.cast(text, "timestamp")
    return exp.convert(value)


def _add_missing_columns(
    warehouse: Warehouse, relation: Relation, columns: Mapping[str, str]
) -> None:
    there = {
        column.name for column in warehouse.columns(relation.schema, relation.name)
    }
    missing = {name: text for name, text in columns.items() if name not in there}
    for name, data_type in missing.items():
        warehouse.execute(
            exp.Alter(
                this=relation.to_table(),
                kind="TABLE",
                actions=[_column(name, data_type)],
            )
        )
    if relation == SNAPSHOT and "state" in missing:
        # Rows of an earlier version: what had no fingerprint was not known.
        is_known = exp.Not(
            this=exp.Is(this=exp.column("row_hash"), expression=exp.null())
        )
        state = exp.Case(
            ifs=[exp.If(this=is_known, true=exp.Literal.string("acked"))],
            default=exp.Literal.string("unknown"),
        )
        warehouse.execute(exp.update(relation.to_table(), {"state": state}))


def _column(name: str, data_type: str) -> exp.ColumnDef:
    return exp.ColumnDef(
        this=exp.to_identifier(name, quoted=True), kind=exp.DataType.build(data_type)
    )


def _create(
    table: exp.Table, columns: Mapping[str, str], *, exists: bool
) -> exp.Create:
    definitions = [_column(name, text) for name, text in columns.items()]
    return exp.Create(
        this=exp.Schema(this=table.copy(), expressions=definitions),
        kind="TABLE",
        exists=exists,
    )


def _temporary_property() -> exp.Properties:
    return exp.Properties(expressions=[exp.TemporaryProperty()])
