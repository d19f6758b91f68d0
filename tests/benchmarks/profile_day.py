"""One day in the life of one customer in a hundred, as new, late, changed and deleted raw rows.

The customers are those of whom `hash(customer_id) % 100` is 7, once the company is built. Of each of them and of
each kind of row the two newest are landed once more, under keys of their own and with their times moved to the
new day; what belongs to an order, a refund, a sale or a ticket comes along. Every tenth of these rows is late: its
times lie twelve days back. Every fiftieth cookie is a new one. Every second record of these people changes, and one
in fifty of their visits and sales goes.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

CHOSEN = "hash(customer_id) % 100 = 7"
NEWEST = 2
LATE_DAYS = 12
NUMBER_STEP = 700_000_000_000_000
"""Added to a key that is a number; the generator's keys have fewer digits."""


@dataclass(frozen=True)
class Children:
    """Rows that belong to others: `parent` names the column that holds the key of theirs."""

    table: str
    parent: str
    keys: tuple[str, ...]
    children: tuple["Children", ...] = ()


@dataclass(frozen=True)
class Happening:
    """A kind of row that comes anew every day.

    `keys` are the columns that name the row itself and rows that come with it; the first one is what
    int_core__records calls it by.
    """

    table: str
    model: str
    keys: tuple[str, ...]
    happened_at: str
    children: tuple[Children, ...] = ()


def _message(table: str, model: str, *keys: str) -> Happening:
    return Happening(f"segment.{table}", model, ("id", *keys), "timestamp")


HAPPENINGS = (
    _message("pages", "stg_segment__pages"),
    _message("screens", "stg_segment__screens"),
    _message("identifies", "stg_segment__identifies"),
    _message("tracks", "stg_segment__tracks"),
    _message("product_viewed", "stg_segment__products_viewed"),
    _message("product_added", "stg_segment__products_added", "cart_id"),
    _message("checkout_started", "stg_segment__checkouts_started", "cart_id"),
    _message("order_completed", "stg_segment__orders_completed", "checkout_id"),
    Happening(
        'shopify."order"',
        "stg_shopify__orders",
        ("id",),
        "created_at",
        (
            Children("shopify.order_line", "order_id", ("id",)),
            Children(
                "shopify.refund",
                "order_id",
                ("id",),
                (
                    Children(
                        "shopify.order_line_refund",
                        "refund_id",
                        ("id", "order_line_id"),
                    ),
                ),
            ),
        ),
    ),
    Happening(
        "shopify.abandoned_checkout",
        "stg_shopify__abandoned_checkouts",
        ("id",),
        "created_at",
    ),
    Happening(
        "zendesk.ticket",
        "stg_zendesk__tickets",
        ("id",),
        "created_at",
        (Children("zendesk.ticket_comment", "ticket_id", ("id",)),),
    ),
    Happening("klaviyo.event", "stg_klaviyo__events", ("id", "uuid"), "datetime"),
    Happening("stripe.charge", "stg_stripe__charges", ("id",), "created"),
    Happening(
        "till.sale",
        "stg_till__sales",
        ("sale_id",),
        "sold_at",
        (Children("till.sale_line", "sale_id", ()),),
    ),
    Happening(
        "consent_log.consent",
        "stg_consent_log__consents",
        ("consent_id",),
        "recorded_at",
    ),
)

CHANGES = (
    ("shopify.customer", "stg_shopify__customers", "id", "first_name"),
    ("klaviyo.person", "stg_klaviyo__persons", "id", "city"),
    ("loyalty.member", "stg_loyalty__members", "member_id", "street"),
    ("hubspot.contact", "stg_hubspot__contacts", "id", "property_jobtitle"),
    ("salesforce.contact", "stg_salesforce__contacts", "id", "title"),
    ("zendesk.user", "stg_zendesk__users", "id", "name"),
)
DELETIONS = (
    ("segment.pages", "stg_segment__pages", "id"),
    ("till.sale", "stg_till__sales", "sale_id"),
)


def live_through(warehouse: Path, day: datetime) -> dict[str, int]:
    """Let the day that begins at `day` happen in the raw tables. Returns how many rows of which kind."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("set timezone = 'UTC'; set threads = 2")
        connection.execute(f"set variable day = timestamp '{day.isoformat()}'")
        connection.execute(
            "create temp table theirs as select source_model, record_key, customer_id "
            f"from core.int_core__records where is_current and {CHOSEN}"
        )
        # Found before anything is added, so that what changes and goes is of the days before.
        changed = sum(_change(connection, *change) for change in CHANGES)
        deleted = sum(_delete(connection, *deletion) for deletion in DELETIONS)
        [(customers,)] = connection.execute(
            f"select count(*) from core.dim_customers where {CHOSEN}"
        ).fetchall()
        return {
            "customers": customers,
            "new_rows": sum(_happen(connection, kind) for kind in HAPPENINGS),
            "changed_rows": changed,
            "deleted_rows": deleted,
        }


def _happen(connection: duckdb.DuckDBPyConnection, kind: Happening) -> int:
    connection.execute(
        f"""
        create or replace temp table anew as
        select
            happened.{kind.keys[0]} as key,
            datediff('day', max(happened.{kind.happened_at}), getvariable('day'))
                - case when hash(happened.{kind.keys[0]}) % 10 = 0 then {LATE_DAYS} else 0 end as days
        from {kind.table} as happened
        inner join theirs
            on
                theirs.source_model = '{kind.model}'
                and cast(happened.{kind.keys[0]} as varchar) = theirs.record_key
        group by happened.{kind.keys[0]}, theirs.customer_id
        qualify row_number() over (
            partition by theirs.customer_id order by max(happened.{kind.happened_at}) desc, key
        ) <= {NEWEST}
        """
    )
    return _repeat(
        connection, Children(kind.table, kind.keys[0], kind.keys, kind.children), "anew"
    )


def _repeat(connection: duckdb.DuckDBPyConnection, rows: Children, parents: str) -> int:
    """Land rows of these parents (key, days) again, and what belongs to them."""
    replaced = {
        name: f"{name} + to_days(cast(parents.days as integer))"
        for name in _times(connection, rows.table)
    }
    replaced |= {
        name: _other_key(connection, rows.table, name)
        for name in (*rows.keys, rows.parent)
    }
    if rows.table.startswith("segment."):
        replaced["anonymous_id"] = (
            "case when hash(anonymous_id) % 50 = 0 then 'n' || anonymous_id else anonymous_id end"
        )
    own_key = rows.keys[0] if rows.keys else rows.parent
    scratch = f"anew_{rows.table.split('.')[1].strip(chr(34))}"
    connection.execute(
        f"create or replace temp table {scratch} as select distinct found.{own_key} as key, parents.days "
        f"from {rows.table} as found inner join {parents} as parents on found.{rows.parent} = parents.key"
    )
    [(count,)] = connection.execute(
        f"insert into {rows.table} select found.* replace ("
        + ", ".join(f"{made} as {name}" for name, made in replaced.items())
        + f") from {rows.table} as found inner join {parents} as parents on found.{rows.parent} = parents.key"
    ).fetchall()
    return int(count) + sum(
        _repeat(connection, child, scratch) for child in rows.children
    )


def _change(
    connection: duckdb.DuckDBPyConnection, table: str, model: str, key: str, column: str
) -> int:
    [(count,)] = connection.execute(
        f"update {table} set {column} = coalesce({column}, 'New') || ' II' "
        f"where hash({key}) % 2 = 0 and cast({key} as varchar) in "
        f"(select record_key from theirs where source_model = '{model}')"
    ).fetchall()
    return int(count)


def _delete(
    connection: duckdb.DuckDBPyConnection, table: str, model: str, key: str
) -> int:
    [(count,)] = connection.execute(
        f"delete from {table} where hash({key}) % 50 = 0 and {key} in "
        f"(select record_key from theirs where source_model = '{model}')"
    ).fetchall()
    return int(count)


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    return dict(
        connection.execute(
            f"select column_name, column_type from (describe {table})"
        ).fetchall()
    )


def _times(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [
        f'"{name}"'
        for name, kind in _columns(connection, table).items()
        if kind == "TIMESTAMP"
    ]


def _other_key(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> str:
    if _columns(connection, table)[column] == "VARCHAR":
        return f"'n' || {column}"
    return f"{column} + {NUMBER_STEP}"
