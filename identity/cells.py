"""Cells of a result as the types that their columns promise. Pure."""

from datetime import date, datetime

from warehouse.values import Value


def integer(value: Value) -> int:
    """A whole number; a sum that an engine gives as a decimal too."""
    return int(str(value))


def integer_or_none(value: Value) -> int | None:
    """A whole number, where there is one."""
    return None if value is None else integer(value)


def text_or_none(value: Value) -> str | None:
    """A text, where there is one."""
    return None if value is None else str(value)


def instant_or_none(value: Value) -> datetime | None:
    """An instant in UTC, where there is one; a day counts from its beginning."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    return None
