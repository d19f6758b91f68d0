"""Reads the SQL of this room and fills in its variables; runs nothing but `set variable`."""

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files

from sqlglot import exp

from warehouse.connection import Warehouse


def script(name: str) -> str:
    """Text of a file below `demo/sql`, named with forward slashes."""
    return files("demo").joinpath("sql", *name.split("/")).read_text(encoding="utf-8")


def set_variables(warehouse: Warehouse, values: Mapping[str, object]) -> None:
    """Set what the SQL reads with `getvariable`, with the types that it counts on.

    Args:
        warehouse: Whose connection keeps them.
        values: Whole numbers become bigint, other numbers double, times timestamp.
    """
    for name, value in values.items():
        warehouse.execute(_setting(name, _literal(value), kind="VARIABLE"))


def set_settings(warehouse: Warehouse, values: Mapping[str, str]) -> None:
    """Set engine settings by their names."""
    for name, value in values.items():
        warehouse.execute(_setting(name, exp.convert(value), kind=None))


def _setting(name: str, value: exp.Expr, *, kind: str | None) -> exp.Set:
    item = exp.SetItem(
        this=exp.EQ(this=exp.to_identifier(name), expression=value), kind=kind
    )
    return exp.Set(expressions=[item])


def _literal(value: object) -> exp.Expr:
    match value:
        case int():
            return exp.cast(exp.convert(value), "bigint")
        case float():
            return exp.cast(exp.convert(value), "double")
        case datetime():
            return exp.cast(exp.convert(value.isoformat(sep=" ")), "timestamp")
        case _:
            return exp.convert(value)
