"""Rows that a sync sends in the benchmarks: customers with twelve columns, all consenting."""

from pathlib import Path

import duckdb

from reverse_etl.modes import Mode, Removal
from reverse_etl.spec import FieldMapping, Guards, MatchMapping, SyncSpec
from warehouse.target import STORAGE_VERSION, Target
from warehouse.values import Relation

COLUMNS = (
    "email",
    "first_name",
    "last_name",
    "country",
    "city",
    "segment",
    "order_count",
    "revenue",
    "last_seen_at",
    "first_order_date",
    "is_member",
    "score",
)
HUBSPOT_COLUMNS = ("first_name", "last_name", "country", "city", "segment")
KEY = "k"
PURPOSE = "email_marketing"
THREADS = 2

_ANYTHING_GOES = Guards(
    max_remove_rate=1,
    max_change_rate=1,
    max_growth_rate=1_000_000,
    max_consent_drop=1,
    allow_empty=True,
)
# 7919 and 10,000,019 share no divisor, so each key comes once, in no order.
_ROWS = """
create table activation.sync_sink as
select
    'c' || lpad(((i * 7919) % 10000019)::varchar, 9, '0') as k,
    'customer' || i as customer_id,
    'user' || i || '@example.com' as email,
    'First' || (i % 5000) as first_name,
    'Last' || (i % 20000) as last_name,
    ['NL', 'NO', 'PL'][1 + i % 3] as country,
    'City' || (i % 800) as city,
    'segment' || (i % 50) as segment,
    (i % 100)::integer as order_count,
    ((i * 37) % 1000000 / 100.0)::decimal(18, 2) as revenue,
    timestamp '2026-01-01' + interval (i % 31536000) second as last_seen_at,
    date '2020-01-01' + (i % 2000)::integer as first_order_date,
    i % 2 = 0 as is_member,
    (i / 7)::double as score
from range({rows}) as t (i)
"""
_CONSENTS = """
create table core.customer_consents as
select customer_id, '{purpose}' as purpose, true as is_granted
from activation.sync_sink
"""


def make_rows(path: Path, rows: int) -> None:
    """A warehouse with the model and the consents of its customers."""
    with duckdb.connect(
        str(path), config={"storage_compatibility_version": STORAGE_VERSION}
    ) as connection:
        connection.execute(f"set threads = {THREADS}")
        connection.execute("set preserve_insertion_order = false")
        connection.execute("create schema activation; create schema core")
        connection.execute(_ROWS.format(rows=rows))
        connection.execute(_CONSENTS.format(purpose=PURPOSE))


def change_one_in_a_hundred(path: Path) -> None:
    """Let one row in a hundred have another city."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "update activation.sync_sink set city = city || '!' where order_count = 7"
        )


def sync(
    *,
    destination: str = "sink",
    object_name: str = "rows",
    columns: tuple[str, ...] = COLUMNS,
    match: str | None = None,
    purpose: str | None = PURPOSE,
    name: str | None = None,
) -> SyncSpec:
    """The sync of these rows; without a `match` the key is a field too."""
    names = columns if match else (KEY, *columns)
    return SyncSpec(
        name=name or f"{destination}__{object_name}",
        model="sync_sink",
        model_unique_id="model.kenning.sync_sink",
        relation=Relation("activation", "sync_sink"),
        destination=destination,
        object=object_name,
        mode=Mode.MIRROR,
        key=KEY,
        mapping=tuple(FieldMapping(name, column=name) for name in names),
        match=(MatchMapping(match, match),) if match else (),
        purpose=purpose,
        guards=_ANYTHING_GOES,
        on_removal=Removal.ARCHIVE if match else Removal.DELETE,
        path="bench",
    )


def target(path: Path, memory: str) -> Target:
    """The warehouse as the project opens it, with a limit to DuckDB's memory."""
    return Target(
        name="bench",
        engine="duckdb",
        path=path,
        config={"storage_compatibility_version": STORAGE_VERSION},
        settings={
            "timezone": "UTC",
            "preserve_insertion_order": "false",
            "threads": str(THREADS),
            "memory_limit": memory,
        },
    )
