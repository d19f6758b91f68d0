"""The fields of a planned row as JSON, written by the warehouse. Pure: builds the expression.

What `records` says value by value in Python, an engine says of a hundred thousand rows at
once; both say the same, or the engine says nothing. It says nothing of types, and of single
values, that JSON and Python's numbers or times do not share: those rows are read value by
value.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import orjson
from sqlglot import exp

from warehouse.manifest import Json

SUPPORTED_DIALECTS = ("duckdb",)
"""Engines whose JSON functions are known to say the same."""

_EXACT_DIGITS = 15
"""So many digits of any decimal number survive in a 64-bit float."""

_AS_THEY_ARE = frozenset(
    {
        "VARCHAR",
        "BOOLEAN",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
    }
)
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_SECONDS = "%Y-%m-%dT%H:%M:%SZ"
_MICROSECONDS = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class JsonField:
    """A field of the destination, and the column of the plan that holds it.

    `clears` says whether a null is said as null; otherwise the field is left out.
    """

    name: str
    column: str
    clears: bool


@dataclass(frozen=True, slots=True)
class _Said:
    """A value inside a JSON object, and when that says what it is; None for always."""

    value: exp.Expr
    holds: exp.Expr | None = None


def fields_json(
    fields: Sequence[JsonField],
    constants: Mapping[str, Json],
    types: Mapping[str, str],
) -> exp.Expr | None:
    """The fields of a row as the text of one JSON object, or null for a row without one.

    Args:
        fields: Fields with a column.
        constants: Fields that are the same in every row.
        types: Type by column of the plan, as the engine names it.

    Returns:
        None when a column is of a type that the engine does not say as Python does.
    """
    said = [_said(field.column, types[field.column]) for field in fields]
    names = {name.casefold() for name in (*(f.name for f in fields), *constants)}
    if None in said or len(names) < len(fields) + len(constants):
        return None
    found = [
        (field, each)
        for field, each in zip(fields, said, strict=True)
        if each is not None
    ]
    parts = [
        part
        for part in (
            _without_nulls([pair for pair in found if not pair[0].clears]),
            _object([pair for pair in found if pair[0].clears]),
            exp.Literal.string(orjson.dumps(constants).decode()) if constants else None,
        )
        if part is not None
    ]
    text = reduce(_merged, parts) if parts else exp.Literal.string("{}")
    conditions = [each.holds for _, each in found if each.holds is not None]
    if not conditions:
        return text
    return exp.Case(ifs=[exp.If(this=exp.and_(*conditions), true=text)])


def _said(column: str, data_type: str) -> _Said | None:
    value = exp.column(exp.to_identifier(column, quoted=True))
    if data_type in _AS_THEY_ARE:
        return _Said(value)
    if data_type in ("DOUBLE", "FLOAT"):
        number = exp.cast(value, "double")
        return _Said(number, _or_null(value, _call("isfinite", number)))
    if data_type == "DATE":
        first, last = (
            exp.cast(exp.Literal.string(text), "date")
            for text in ("0001-01-01", "9999-12-31")
        )
        return _Said(value, _or_null(value, value.between(first, last)))
    if data_type == "TIMESTAMP":
        first, last = (
            exp.cast(exp.Literal.string(text), "timestamp")
            for text in ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999")
        )
        return _Said(_moment(value), _or_null(value, value.between(first, last)))
    decimal = _DECIMAL.fullmatch(data_type)
    if decimal is None:
        return None
    digits, scale = int(decimal[1]), int(decimal[2])
    number = exp.cast(value, "double")
    if digits <= _EXACT_DIGITS:
        return _Said(number)
    if scale > _EXACT_DIGITS:
        return None
    most = exp.Literal.number(10 ** (_EXACT_DIGITS - scale))
    return _Said(
        number, _or_null(value, exp.LT(this=_call("abs", value), expression=most))
    )


def _or_null(value: exp.Expr, condition: exp.Expr) -> exp.Expr:
    is_null = exp.Is(this=value.copy(), expression=exp.null())
    return exp.paren(exp.or_(is_null, condition))


def _moment(value: exp.Expr) -> exp.Expr:
    """As `datetime.isoformat` says it: microseconds only where there are any."""
    whole = _call("date_trunc", exp.Literal.string("second"), value)
    return exp.Case(
        ifs=[
            exp.If(
                this=value.copy().eq(whole),
                true=_call("strftime", value, exp.Literal.string(_SECONDS)),
            )
        ],
        default=_call("strftime", value, exp.Literal.string(_MICROSECONDS)),
    )


def _object(pairs: Sequence[tuple[JsonField, _Said]]) -> exp.Expr | None:
    if not pairs:
        return None
    struct = exp.Struct(
        expressions=[
            exp.PropertyEQ(
                this=exp.to_identifier(field.name, quoted=True),
                expression=said.value.copy(),
            )
            for field, said in pairs
        ]
    )
    return exp.cast(_call("to_json", struct), "text")


def _without_nulls(pairs: Sequence[tuple[JsonField, _Said]]) -> exp.Expr | None:
    whole = _object(pairs)
    if whole is None:
        return None
    # Nulls are taken out of the few rows that have one; it takes longer than all else.
    nulls = [
        exp.Is(
            this=exp.column(exp.to_identifier(field.column, quoted=True)),
            expression=exp.null(),
        )
        for field, _ in pairs
    ]
    stripped = exp.cast(
        _call("json_merge_patch", exp.Literal.string("{}"), whole.copy()), "text"
    )
    return exp.Case(ifs=[exp.If(this=exp.or_(*nulls), true=stripped)], default=whole)


def _merged(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Two objects as one: neither has a name of the other's, and the right one has some."""
    opened = _call("left", left, exp.Literal.number(-1))
    joined = exp.DPipe(
        this=exp.DPipe(this=opened, expression=exp.Literal.string(",")),
        expression=_call("substring", right, exp.Literal.number(2)),
    )
    is_empty = left.copy().eq(exp.Literal.string("{}"))
    return exp.Case(ifs=[exp.If(this=is_empty, true=right.copy())], default=joined)


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[each.copy() for each in arguments])
