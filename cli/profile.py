"""One customer and everything that is known of them, found by any identifier.

Reads the published file, which may be read while a build writes to the warehouse; the warehouse
itself only when nothing was published yet. For the operator at the terminal: nothing is logged.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from identity.errors import CustomerNotFoundError, NotBuiltError
from identity.identifiers import candidates
from warehouse.connection import Value, Warehouse, open_warehouse
from warehouse.publish import BOOKKEEPING
from warehouse.target import Target
from warehouse.values import Relation

IDENTITY_MAP = Relation("identity", "identity_map")
CUSTOMERS = Relation("core", "dim_customers")
SHOWN_FIELDS = ("email", "phone", "user_id", "loyalty_id")
"""Columns of the profile whose value finds everybody who shows it: people may share a telephone."""

Record = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Section:
    """A table that has rows of a customer.

    Attributes:
        name: What the rows are called in the JSON.
        relation: The table; when it is not there, the section is left out.
        ordered_by: The column that orders them.
        is_newest_first: Newest first and no more than the limit; otherwise all, ascending.
    """

    name: str
    relation: Relation
    ordered_by: str
    is_newest_first: bool = True


SECTIONS = (
    Section(
        "consents",
        Relation("core", "customer_consents"),
        "purpose",
        is_newest_first=False,
    ),
    Section("orders", Relation("core", "fct_orders"), "ordered_at"),
    Section("tickets", Relation("core", "fct_support_tickets"), "created_at"),
    Section("sessions", Relation("core", "fct_sessions"), "started_at"),
    Section("events", Relation("core", "fct_customer_events"), "occurred_at"),
)


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier of the customer; a shared one merges nobody."""

    type: str
    value: str
    is_shared: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A customer that what was typed may mean, and the types of identifier that say so."""

    customer_id: str
    matched_by: tuple[str, ...]
    name: str
    city: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one customer.

    `fields` are the columns of dim_customers in their order; `sections` the rows of every other
    table that is there, by the section's name, in its order.
    """

    customer_id: str
    identifiers: tuple[Identifier, ...]
    fields: Record
    sections: Mapping[str, tuple[Record, ...]]


@contextmanager
def open_profiles(target: Target, published: Path) -> Iterator[Warehouse]:
    """The published file, read only; the warehouse when there is none.

    Raises:
        NotBuiltError: Nothing has been built yet.
        WarehouseMissingError: There is neither file.
        WarehouseLockedError: Nothing was published yet, and a build is writing to the warehouse.
    """
    source = (
        dataclasses.replace(target, path=published) if published.exists() else target
    )
    with open_warehouse(source, read_only=True) as warehouse:
        if not warehouse.columns(CUSTOMERS.schema, CUSTOMERS.name):
            raise NotBuiltError(
                f"{CUSTOMERS} is not there yet. Build it with `kenning demo` or `kenning build`."
            )
        yield warehouse


def find_matches(warehouse: Warehouse, typed: str) -> tuple[Match, ...]:
    """Every customer that an identifier may mean, ordered by id.

    Customers who have it as an identifier of their own, or who are called by that id. When nobody
    does, those who share it or whose profile shows it: a household's telephone finds all who gave
    it.

    Args:
        warehouse: From `open_profiles`.
        typed: Any identifier: e-mail, phone, card, account, cookie, or the customer_id itself.

    Raises:
        CustomerNotFoundError: Nobody has this identifier.
    """
    values = candidates(typed)
    found = warehouse.query(
        exp.select("customer_id", "identifier_type", "is_shared")
        .from_(IDENTITY_MAP.to_table())
        .where(exp.column("identifier_value").isin(*values))
    )
    reasons = {
        (str(customer), str(kind))
        for customer, kind, is_shared in found
        if not is_shared
    } | _called(warehouse, values)
    if not reasons:
        reasons = {
            (str(customer), str(kind)) for customer, kind, _ in found
        } | _showing(warehouse, values)
    if not reasons:
        raise CustomerNotFoundError(
            "Nobody is known by this identifier. Give an e-mail address, a phone number with its "
            "country code, a loyalty card, an account, cookie or customer id, as the sources have "
            "it."
        )
    customers = sorted({customer for customer, _ in reasons})
    names = _names(warehouse, customers)
    return tuple(
        Match(
            customer,
            tuple(sorted(kind for other, kind in reasons if other == customer)),
            *names.get(customer, ("", "")),
        )
        for customer in customers
    )


def read_profile(warehouse: Warehouse, customer_id: str, *, limit: int = 10) -> Profile:
    """Everything about one customer.

    Args:
        warehouse: From `open_profiles`.
        customer_id: From `find_matches`.
        limit: How many of the latest events, orders, tickets and sessions to read.
    """
    mine = exp.column("customer_id").eq(customer_id)
    fields = _records(warehouse, CUSTOMERS, exp.select().where(mine))
    sections = {}
    for section in SECTIONS:
        columns = _columns(warehouse, section.relation)
        if section.ordered_by not in columns:
            continue
        query = exp.select().where(mine)
        order = exp.column(section.ordered_by)
        query = (
            query.order_by(order.desc(), exp.column(columns[0])).limit(limit)
            if section.is_newest_first
            else query.order_by(order, exp.column(columns[0]))
        )
        sections[section.name] = tuple(_records(warehouse, section.relation, query))
    return Profile(
        customer_id=customer_id,
        identifiers=_identifiers(warehouse, customer_id),
        fields=fields[0] if fields else {},
        sections=sections,
    )


def _called(warehouse: Warehouse, values: Sequence[str]) -> set[tuple[str, str]]:
    found = warehouse.query(
        exp.select("customer_id")
        .from_(CUSTOMERS.to_table())
        .where(exp.column("customer_id").isin(*values))
    )
    return {(str(customer), "customer_id") for (customer,) in found}


def _showing(warehouse: Warehouse, values: Sequence[str]) -> set[tuple[str, str]]:
    shown = set()
    for name in set(SHOWN_FIELDS) & set(_columns(warehouse, CUSTOMERS)):
        found = warehouse.query(
            exp.select("customer_id")
            .from_(CUSTOMERS.to_table())
            .where(exp.column(name).isin(*values))
        )
        shown |= {(str(customer), name) for (customer,) in found}
    return shown


def _names(
    warehouse: Warehouse, customers: Sequence[str]
) -> Mapping[str, tuple[str, str]]:
    wanted = ("first_name", "last_name", "city")
    known = set(_columns(warehouse, CUSTOMERS))
    found = warehouse.query(
        exp.select(
            "customer_id",
            *[exp.column(name) if name in known else exp.null() for name in wanted],
        )
        .from_(CUSTOMERS.to_table())
        .where(exp.column("customer_id").isin(*customers))
    )
    return {
        str(customer): (
            " ".join(str(part) for part in (first, last) if part),
            str(city or ""),
        )
        for customer, first, last, city in found
    }


def _identifiers(warehouse: Warehouse, customer_id: str) -> tuple[Identifier, ...]:
    rows = warehouse.query(
        exp.select("identifier_type", "identifier_value", "is_shared")
        .from_(IDENTITY_MAP.to_table())
        .where(exp.column("customer_id").eq(customer_id))
        .order_by("identifier_type", "identifier_value")
    )
    return tuple(
        Identifier(str(kind), str(value), bool(is_shared))
        for kind, value, is_shared in rows
    )


def _records(
    warehouse: Warehouse, relation: Relation, query: exp.Select
) -> list[Record]:
    names = _columns(warehouse, relation)
    rows = warehouse.query(
        query.select(*[exp.column(name, quoted=True) for name in names]).from_(
            relation.to_table()
        )
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def _columns(warehouse: Warehouse, relation: Relation) -> tuple[str, ...]:
    return tuple(
        column.name
        for column in warehouse.columns(relation.schema, relation.name)
        if column.name not in BOOKKEEPING
    )
