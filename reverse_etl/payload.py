"""From a row of the plan to what a destination is told. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

from reverse_etl.errors import ContractError
from reverse_etl.plan import Op
from reverse_etl.spec import SyncSpec
from warehouse.values import Value

WireValue: TypeAlias = str | int | float | bool | None
"""What a field may be on the wire: a JSON scalar."""


@dataclass(frozen=True, slots=True)
class Change:
    """One operation on one record. `fields` is empty for a removal.

    Key and fields are somebody's data, so they stay out of the representation.
    """

    op: Op
    key: str = field(repr=False)
    fields: Mapping[str, WireValue] = field(repr=False)


def to_change(op: Op, key: str, values: Sequence[Value], spec: SyncSpec) -> Change:
    """Map one row.

    Args:
        op: What is done to it.
        key: Its key.
        values: Its mapped columns in the order of the mapping; constants have none.
        spec: The sync.

    Raises:
        ContractError: A value has no JSON form. The message names the field.
    """
    if op is Op.REMOVE:
        return Change(op, key, {})
    column_values = iter(values)
    return Change(
        op,
        key,
        {
            mapped.field: mapped.constant
            if mapped.column is None
            else wire_value(next(column_values), field=mapped.field, sync=spec.name)
            for mapped in spec.mapping
        },
    )


def wire_value(value: Value, *, field: str, sync: str) -> WireValue:
    """A value as JSON can say it.

    Times become ISO 8601 in UTC ("2026-06-30T12:00:00Z"), dates "2026-06-30". A decimal
    becomes a number, or its text when a 64-bit float cannot hold all its digits.

    Raises:
        ContractError: A float is not finite, or the type has no JSON form.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        as_float = float(value)
        return as_float if Decimal(repr(as_float)) == value else format(value, "f")
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, date):
        return value.isoformat()
    raise ContractError(
        f"Field '{field}' of sync '{sync}' holds a value that JSON cannot say (a number "
        f"that is not finite, or a {type(value).__name__}). Make it null or text in the "
        "model."
    )
