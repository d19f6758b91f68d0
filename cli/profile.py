"""One customer's profile and latest events, found by any identifier.

For the operator at the terminal: values are printed as they are, and nothing is logged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlglot import exp

from identity.errors import CustomerNotFoundError, NotBuiltError
from identity.identifiers import candidates
from warehouse.connection import Value, Warehouse, open_warehouse
from warehouse.manifest import Relation
from warehouse.target import Target

IDENTITY_MAP = Relation("identity", "identity_map")
CUSTOMERS = Relation("core", "dim_customers")
EVENTS = Relation("core", "fct_customer_events")


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier of the customer; a shared one merges nobody."""

    type: str
    value: str
    is_shared: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one customer.

    `fields` are the columns of the profile in their order; `events` the latest ones, newest first,
    by column.
    """

    customer_id: str
    identifiers: tuple[Identifier, ...]
    fields: Mapping[str, Value]
    events: tuple[Mapping[str, Value], ...]


def find_profile(target: Target, typed: str, *, event_limit: int = 10) -> Profile:
    """Look a customer up.

    Args:
        target: The warehouse, read only.
        typed: Any identifier: e-mail, phone, card, account, cookie, or the customer_id itself.
        event_limit: How many of the latest events to read.

    Raises:
        NotBuiltError: Nothing has been built yet.
        CustomerNotFoundError: Nobody has this identifier.
    """
    with open_warehouse(target, read_only=True) as warehouse:
        if not warehouse.columns(CUSTOMERS.schema, CUSTOMERS.name):
            raise NotBuiltError(
                f"{CUSTOMERS} is not there yet. Build it with `kenning demo` or `kenning build`."
            )
        customer_id = _customer_id(warehouse, candidates(typed))
        [fields] = _records(
            warehouse,
            CUSTOMERS,
            where=exp.column("customer_id").eq(customer_id),
        ) or [{}]
        events = _records(
            warehouse,
            EVENTS,
            where=exp.column("customer_id").eq(customer_id),
            newest_by="occurred_at",
            limit=event_limit,
        )
        return Profile(
            customer_id=customer_id,
            identifiers=_identifiers(warehouse, customer_id),
            fields=fields,
            events=tuple(events),
        )


def render(profile: Profile) -> str:
    """The profile as text for a terminal."""
    known = {
        name: _text(value)
        for name, value in profile.fields.items()
        if value is not None and name != "customer_id"
    }
    sections = [
        f"Customer {profile.customer_id}",
        _section(
            "Profile", [(name.replace("_", " "), text) for name, text in known.items()]
        ),
        _section(
            f"Identifiers ({len(profile.identifiers):,})",
            [
                (
                    identifier.type,
                    f"{identifier.value}{' (shared)' * identifier.is_shared}",
                )
                for identifier in profile.identifiers
            ],
        ),
        _section(
            "Latest events",
            [
                (_text(event["occurred_at"]), _event_text(event))
                for event in profile.events
            ],
        ),
    ]
    return "\n\n".join(section for section in sections if section)


def _customer_id(warehouse: Warehouse, values: Sequence[str]) -> str:
    found = warehouse.query(
        exp.select("customer_id", "identifier_value")
        .from_(IDENTITY_MAP.to_table())
        .where(
            exp.or_(
                exp.column("identifier_value").isin(*values),
                exp.column("customer_id").isin(*values),
            )
        )
        .order_by("is_shared", "customer_id")
    )
    if not found:
        raise CustomerNotFoundError(
            "Nobody is known by this identifier. Give an e-mail address, a phone number with its "
            "country code, a loyalty card, an account, cookie or customer id, as the sources have "
            "it."
        )
    return str(found[0][0])


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
    warehouse: Warehouse,
    relation: Relation,
    *,
    where: exp.Expr,
    newest_by: str | None = None,
    limit: int | None = None,
) -> list[Mapping[str, Value]]:
    names = [
        column.name for column in warehouse.columns(relation.schema, relation.name)
    ]
    if not names:
        return []
    query = (
        exp.select(*[exp.column(name, quoted=True) for name in names])
        .from_(relation.to_table())
        .where(where)
    )
    if newest_by is not None:
        query = query.order_by(exp.column(newest_by).desc())
    if limit is not None:
        query = query.limit(limit)
    return [dict(zip(names, row, strict=True)) for row in warehouse.query(query)]


def _section(title: str, lines: Sequence[tuple[str, str]]) -> str:
    if not lines:
        return ""
    width = max(len(name) for name, _ in lines)
    return "\n".join([title, *[f"  {name:<{width}}  {text}" for name, text in lines]])


def _event_text(event: Mapping[str, Value]) -> str:
    amount, currency = event.get("amount"), event.get("currency") or ""
    parts = [
        str(event["event_name"]).replace("_", " "),
        str(event.get("subject") or ""),
        f"{_text(amount)} {_text(currency)}".strip() if amount is not None else "",
        f"({_text(event['source_name'])})" if event.get("source_name") else "",
    ]
    return "  ".join(part for part in parts if part)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
