"""Values as JSON can say them, and the rules that a mapping has for them. Pure.

Whole rows are read in `records`; the warehouse's own JSON is in `fields_json`.
"""

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

from reverse_etl.errors import ErrorClass
from reverse_etl.normalising import NORMALISERS
from reverse_etl.spec import FieldMapping, MatchMapping
from warehouse.manifest import Json
from warehouse.values import Value

LEAST_INTEGER, MOST_INTEGER = -(2**63), 2**64 - 1
"""Integers that readers of JSON can be expected to take."""


WireValue: TypeAlias = str | int | float | bool | None
"""What a field may be on the wire: a JSON scalar."""


Apply: TypeAlias = Callable[[str], str | None]


def wire_value(value: Value) -> WireValue:
    """A value as JSON can say it.

    Times become ISO 8601 in UTC ("2026-06-30T12:00:00Z"), dates "2026-06-30". A decimal
    becomes a number, or its text when a 64-bit float cannot hold all its digits; an
    integer its text when it takes more than 64 bits.

    Raises:
        ValueError: A float is not finite, or the type has no JSON form.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if LEAST_INTEGER <= value <= MOST_INTEGER else str(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        as_float = float(value)
        return as_float if Decimal(repr(as_float)) == value else format(value, "f")
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, date):
        return value.isoformat()
    raise ValueError(type(value).__name__)


class UnsendableError(Exception):
    """A row that cannot go; caught where rows are read."""

    def __init__(self, error_class: ErrorClass, field: str | None) -> None:
        super().__init__(error_class.value)
        self.error_class = error_class
        self.field = field


def field_rule(mapped: FieldMapping, region: str | None) -> Apply | None:
    """What a mapped field's value goes through; None where it goes as it is."""
    if mapped.normaliser is None:
        return None
    return _normalise(mapped.normaliser, mapped.is_hashed, region)


def said_value(value: Value, field: str) -> WireValue:
    """`wire_value`, or an error that names the field at fault."""
    try:
        return wire_value(value)
    except ValueError:
        raise UnsendableError(ErrorClass.INVALID_FIELD, field) from None


def match_rule(each: MatchMapping, region: str | None) -> tuple[str, Apply]:
    """The name of an identifier, and what its value goes through."""
    if each.normaliser is None:
        return each.identifier, str
    return each.identifier, _normalise(each.normaliser, each.is_hashed, region)


def _normalise(name: str, is_hashed: bool, region: str | None) -> Apply:  # noqa: FBT001
    normaliser = NORMALISERS[name]
    if is_hashed:
        normaliser = normaliser.for_hashed()
    apply = normaliser.apply
    return lambda value: apply(value, region)


def nested_fields(fields: Mapping[str, Json]) -> dict[str, Json]:
    """Fields with dots in their names as objects inside objects."""
    nested: dict[str, Json] = {}
    for name, value in fields.items():
        *parents, last = name.split(".")
        place = nested
        for parent in parents:
            inner = place.setdefault(parent, {})
            assert isinstance(inner, dict)  # noqa: S101  spec_reading refuses the rest
            place = inner
        place[last] = value
    return nested
