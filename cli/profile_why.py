"""Why a profile says what it says: every value of one field of a customer, the winner first.

For the operator at the terminal: values are printed as they are, and nothing is logged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from identity.errors import NotBuiltError
from warehouse.connection import Warehouse
from warehouse.errors import ConfigurationError
from warehouse.values import Relation

FIELD_VALUES = Relation("core", "customer_field_values")
_COLUMNS = (
    "value_rank",
    "field_value",
    "rule_name",
    "source_model",
    "record_key",
    "observed_at",
    "correction_state",
    "corrected_by",
    "correction_reason",
)


class UnknownFieldError(ConfigurationError):
    """No profile has a field of that name. Name one that vars.profile_fields lists."""


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One value of a field and what speaks for it.

    Attributes:
        rank: From 1, which the profile shows.
        value: As text.
        rule: The rule that ranked it; manual_override for a correction by hand.
        source_model: The table that it comes from.
        record_key: The row of that table.
        observed_at: When the row said so, UTC. None when it gives no time.
        correction: in_force, agreed or superseded, and who decided it and why. None for a source.
    """

    rank: int
    value: str
    rule: str
    source_model: str
    record_key: str
    observed_at: datetime | None
    correction: str | None


def field_values(
    warehouse: Warehouse, customer_id: str, field: str
) -> tuple[FieldValue, ...]:
    """Every value of a field, by rank; empty when no source knows one.

    Args:
        warehouse: The published file or the warehouse, read only.
        customer_id: The customer.
        field: A field of vars.profile_fields, such as email.

    Raises:
        NotBuiltError: The table of values is not there yet.
        UnknownFieldError: No customer has a value of such a field.
    """
    if not warehouse.columns(FIELD_VALUES.schema, FIELD_VALUES.name):
        raise NotBuiltError(
            f"{FIELD_VALUES} is not there yet. Build it with `kenning demo` or `kenning build`."
        )
    is_field = exp.column("field_name").eq(field)
    rows = warehouse.query(
        exp.select(*_COLUMNS)
        .from_(FIELD_VALUES.to_table())
        .where(exp.column("customer_id").eq(customer_id), is_field)
        .order_by("value_rank")
    )
    if not rows:
        _check_field(warehouse, field)
    return tuple(
        FieldValue(
            rank=int(str(rank)),
            value=str(value),
            rule=str(rule),
            source_model=str(source),
            record_key=str(key),
            observed_at=seen if isinstance(seen, datetime) else None,
            correction=f"{state!s} ({author!s}: {reason!s})" if state else None,
        )
        for rank, value, rule, source, key, seen, state, author, reason in rows
    )


def render_field_values(field: str, values: Sequence[FieldValue]) -> str:
    """The values as text for a terminal, two lines each."""
    if not values:
        return f"Why {field}: no source knows one."
    lines = [f"Why {field}: {len(values):,} values, the first one is shown"]
    for value in values:
        when = (
            f"{value.observed_at:%Y-%m-%d %H:%M:%S}" if value.observed_at else "no time"
        )
        lines.append(f"  {value.rank}  {value.value}")
        lines.append(
            f"     {value.source_model} {value.record_key}  {when}  by {value.rule}"
            + (f"  correction {value.correction}" if value.correction else "")
        )
    return "\n".join(lines)


def _check_field(warehouse: Warehouse, field: str) -> None:
    found = warehouse.query(
        exp.select("field_name").distinct().from_(FIELD_VALUES.to_table())
    )
    names = sorted(str(name) for (name,) in found)
    if field not in names:
        raise UnknownFieldError(
            f"No profile has a field '{field}'. Fields: {', '.join(names) or 'none yet'}."
        )
