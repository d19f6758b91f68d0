"""A small company for definitions of audiences: its catalogue, and its tables in DuckDB and pandas."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from audiences.catalogue import Catalogue, read_catalogue
from audiences.contracts import Column, Columns, ColumnType

AS_OF = datetime(2026, 6, 30)
World = Mapping[str, pd.DataFrame]

_SQL_TYPES = {
    ColumnType.TEXT: "text",
    ColumnType.NUMBER: "decimal(18, 2)",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.TIMESTAMP: "timestamp",
    ColumnType.DATE: "date",
}
_TEXT, _NUMBER = Column(ColumnType.TEXT), Column(ColumnType.NUMBER)
_FLAG, _TIME = Column(ColumnType.BOOLEAN), Column(ColumnType.TIMESTAMP)
CHANNELS = ("app", "store", "web")

TABLES: Mapping[str, Columns] = {
    "dim_customers": {
        "customer_id": _TEXT,
        "city": _TEXT,
        "lifecycle_stage": Column(ColumnType.TEXT, ("lead", "regular", "lapsed")),
        "order_count": _NUMBER,
        "revenue_eur": _NUMBER,
        "is_b2b": _FLAG,
        "last_seen_at": _TIME,
        "last_ordered_at": _TIME,
        "birth_date": Column(ColumnType.DATE),
        "changed_run": _NUMBER,
    },
    "dim_accounts": {
        "account_id": _TEXT,
        "industry": _TEXT,
        "employee_count": _NUMBER,
        "last_ordered_at": _TIME,
    },
    "dim_households": {"household_id": _TEXT, "city": _TEXT, "person_count": _NUMBER},
    "customer_accounts": {
        "customer_id": _TEXT,
        "account_id": _TEXT,
        "is_primary": _FLAG,
    },
    "customer_households": {
        "customer_id": _TEXT,
        "household_id": _TEXT,
        "is_current": _FLAG,
    },
    "fct_orders": {
        "order_key": _TEXT,
        "customer_id": _TEXT,
        "channel": Column(ColumnType.TEXT, CHANNELS),
        "total_eur": _NUMBER,
        "is_cancelled": _FLAG,
        "shipped_at": _TIME,
        "ordered_at": _TIME,
        "changed_run": _NUMBER,
    },
    "fct_customer_events": {
        "event_key": _TEXT,
        "customer_id": _TEXT,
        "event_name": _TEXT,
        "subject": _TEXT,
        "amount": _NUMBER,
        "occurred_at": _TIME,
        "changed_run": _NUMBER,
    },
    "customer_traits": {
        "customer_id": _TEXT,
        "trait_name": _TEXT,
        "value_text": _TEXT,
        "value_number": _NUMBER,
        "value_time": _TIME,
        "changed_run": _NUMBER,
    },
    "customer_consents": {
        "customer_id": _TEXT,
        "purpose": _TEXT,
        "channel": _TEXT,
        "is_granted": _FLAG,
        "changed_run": _NUMBER,
    },
    "suppressed_customers": {"customer_id": _TEXT, "reason": _TEXT},
}

_RELATIONS = """\
entities:
  customer: {model: dim_customers, id: customer_id}
  account: {model: dim_accounts, id: account_id}
  household: {model: dim_households, id: household_id}
links:
  - {model: customer_accounts, between: [customer_id, account_id], where: is_primary}
  - {model: customer_households, between: [customer_id, household_id], where: is_current}
relations:
  people: {model: dim_customers, key: customer_id}
  accounts: {model: dim_accounts, key: account_id}
  households: {model: dim_households, key: household_id}
  orders: {model: fct_orders, key: customer_id, time: ordered_at}
  events: {model: fct_customer_events, key: customer_id, time: occurred_at}
  traits: {model: customer_traits, key: customer_id}
  consents: {model: customer_consents, key: customer_id}
  suppressions: {model: suppressed_customers, key: customer_id}
"""

_VARIABLES = {
    "customer_traits": [
        {"trait": "favourite_channel", "aggregate": "most_frequent", "type": "text"},
        {"trait": "orders_90_days", "aggregate": "count"},
        {"trait": "last_refunded_at", "aggregate": "max", "type": "time"},
    ],
    "consent_purposes": [
        {"purpose": "email_marketing", "channel": "email"},
        {"purpose": "ads", "channel": "online"},
    ],
}


def small_catalogue() -> Catalogue:
    """What definitions of the small company can name."""
    return read_catalogue(
        _RELATIONS, file="relations.yml", models=TABLES, variables=_VARIABLES
    )


def frames(rows: Mapping[str, list[Mapping[str, Any]]]) -> World:
    """Every table as pandas has it; values are Python's own, and unknown is None."""
    return {
        table: pd.DataFrame(
            [[row.get(name) for name in columns] for row in rows.get(table, [])],
            columns=list(columns),
            dtype=object,
        )
        for table, columns in TABLES.items()
    }


def create_tables(connection: Any) -> None:
    """Every table, empty."""
    connection.execute("set timezone = 'UTC'")
    for table, columns in TABLES.items():
        typed = ", ".join(
            f"{name} {_SQL_TYPES[column.type]}" for name, column in columns.items()
        )
        connection.execute(f"create or replace table {table} ({typed})")


def fill_tables(connection: Any, world: World) -> None:
    """The rows of a world instead of those that are there."""
    for table, frame in world.items():
        connection.execute(f"delete from {table}")
        if len(frame):
            places = ", ".join("?" * len(frame.columns))
            connection.executemany(
                f"insert into {table} values ({places})",
                [tuple(row) for row in frame.itertuples(index=False)],
            )


def number(text: str) -> Decimal:
    """A number as tables and documents hold it."""
    return Decimal(text)
