"""The fingerprint of a row: MD5, 128 bits, over a canonical text of what is sent of it.

Pure: builds sqlglot expressions. Not a matter of security: a collision would need one key
to get, by accident, two contents with the same digest (2 ** -128). MD5 because every
warehouse has it and none changes it between versions, unlike an engine's own `hash`.

The canonical text joins one part per column, in the order of the columns' names:

- null: `~`
- text: `s`, length in characters, `:`, text. The length keeps neighbours apart.
- else: type tag, text, `;`. No such text holds a semicolon, and the tag keeps the text '1'
  apart from the number 1.

Exact numbers share a tag and lose trailing zeros, so that widening an integer or a scale
resends nothing. How columns become fields is not in it: a changed mapping is a decision of
its own (`spec.mapping_fingerprint`), whose digest stands in front.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import reduce

from sqlglot import exp

from reverse_etl.errors import ContractError

SUPPORTED_DIALECTS = ("duckdb", "postgres")
"""Engines whose text forms of numbers, dates and timestamps are known to agree."""

_NULL = "~"
_PARAMETERS = re.compile(r"\(.*\)")
_SCALE = re.compile(r"\(\s*\d+\s*,\s*(\d+)\s*\)")


class TypeTag(StrEnum):
    """What a column's values are, whatever the engine calls their type.

    A DECIMAL's text always has a point; a NUMERIC's scale differs from value to value.
    """

    TEXT = "s"
    NUMBER = "n"
    DECIMAL = "n."
    NUMERIC = "n?"
    FLOAT = "f"
    BOOLEAN = "b"
    TIMESTAMP = "t"
    DATE = "d"


_TYPES: Mapping[str, TypeTag] = {
    **dict.fromkeys(
        ("VARCHAR", "TEXT", "CHARACTER VARYING", "CHAR", "CHARACTER", "UUID", "ENUM"),
        TypeTag.TEXT,
    ),
    **dict.fromkeys(
        (
            "TINYINT",
            "SMALLINT",
            "INTEGER",
            "BIGINT",
            "HUGEINT",
            "UTINYINT",
            "USMALLINT",
            "UINTEGER",
            "UBIGINT",
        ),
        TypeTag.NUMBER,
    ),
    **dict.fromkeys(("DECIMAL", "NUMERIC"), TypeTag.NUMERIC),
    **dict.fromkeys(("DOUBLE", "DOUBLE PRECISION", "FLOAT", "REAL"), TypeTag.FLOAT),
    "BOOLEAN": TypeTag.BOOLEAN,
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE"), TypeTag.TIMESTAMP),
    "DATE": TypeTag.DATE,
}


def type_tag(data_type: str, *, column: str, model: str) -> TypeTag:
    """The tag of an engine's type name.

    Raises:
        ContractError: The type has no one canonical text (timestamps with a zone, JSON,
            lists, structs).
    """
    tag = _TYPES.get(_PARAMETERS.sub("", data_type).strip().upper())
    scale = _SCALE.search(data_type)
    if tag is TypeTag.NUMERIC and scale is not None:
        return TypeTag.DECIMAL if int(scale.group(1)) > 0 else TypeTag.NUMBER
    if tag is None:
        raise ContractError(
            f"Column '{column}' of {model} is of type {data_type}, which a sync cannot "
            "send. Cast it in the model to text, a number, boolean, date or timestamp "
            "(UTC, without time zone)."
        )
    return tag


def row_hash(
    head: str, columns: Mapping[str, tuple[exp.Expr, TypeTag]], *, dialect: str
) -> exp.Expr:
    """The fingerprint as an expression: 32 lower-case hexadecimal digits, never null.

    Args:
        head: Digest of the mapping; another one makes every row another.
        columns: Expression and tag of each column that is sent, by column name.
        dialect: Engine that will compute it.

    Raises:
        ContractError: The engine is not one whose text forms are known.
    """
    if dialect not in SUPPORTED_DIALECTS:
        raise ContractError(
            f"Rows cannot be fingerprinted on '{dialect}' yet. Supported: "
            f"{', '.join(SUPPORTED_DIALECTS)}. Add its text forms to "
            "reverse_etl/content_hash.py."
        )
    parts = [part for name in sorted(columns) for part in _parts(*columns[name])]
    # One call for all of them: a chain of || copies the text once for each.
    return exp.MD5(
        this=exp.Anonymous(
            this="concat", expressions=[exp.Literal.string(head), *parts]
        )
    )


def sha256_text(value: exp.Expr, *, dialect: str) -> exp.Expr:
    """SHA-256 of a text as lower-case hexadecimal digits.

    Postgres hashes bytes, the others text.
    """
    if dialect == "postgres":
        value = exp.Anonymous(
            this="convert_to", expressions=[value, exp.Literal.string("UTF8")]
        )
    return exp.SHA2(this=value, length=exp.Literal.number(256))


def _parts(column: exp.Expr, tag: TypeTag) -> tuple[exp.Expr, ...]:
    text = _TEXT_FORMS[tag](column)
    if tag is TypeTag.BOOLEAN:
        return (text,)
    if tag is TypeTag.TEXT:
        length = exp.cast(exp.Length(this=text), "text")
        head = (exp.Literal.string(tag.value), length, exp.Literal.string(":"))
        # `concat` leaves a null out, so the text itself needs no copy of its own.
        return (_or_null_mark(head), text.copy())
    return (
        _or_null_mark(
            (exp.Literal.string(tag.value[0]), text, exp.Literal.string(";"))
        ),
    )


def _or_null_mark(pieces: Sequence[exp.Expr]) -> exp.Expr:
    # A null among the pieces makes the whole of them null.
    return exp.Coalesce(this=_joined(pieces), expressions=[exp.Literal.string(_NULL)])


def _joined(parts: Sequence[exp.Expr]) -> exp.Expr:
    return reduce(lambda left, right: exp.DPipe(this=left, expression=right), parts)


def _as_text(column: exp.Expr) -> exp.Expr:
    return exp.cast(column.copy(), "text")


def _as_boolean_text(column: exp.Expr) -> exp.Expr:
    """The whole part, since the three values have no text form that engines share."""
    return exp.Case(
        ifs=[
            exp.If(this=column.copy(), true=exp.Literal.string("b1;")),
            exp.If(this=exp.Not(this=column.copy()), true=exp.Literal.string("b0;")),
        ],
        default=exp.Literal.string(_NULL),
    )


def _as_timestamp_text(column: exp.Expr) -> exp.Expr:
    return exp.TimeToStr(
        this=column.copy(), format=exp.Literal.string("%Y-%m-%d %H:%M:%S.%f")
    )


def _as_decimal_text(column: exp.Expr) -> exp.Expr:
    return _right_trimmed(_right_trimmed(_as_text(column), "0"), ".")


def _as_numeric_text(column: exp.Expr) -> exp.Expr:
    text = _as_text(column)
    has_point = exp.GT(
        this=exp.StrPosition(this=text.copy(), substr=exp.Literal.string(".")),
        expression=exp.Literal.number(0),
    )
    return exp.Case(
        ifs=[exp.If(this=has_point, true=_as_decimal_text(column))], default=text.copy()
    )


def _right_trimmed(text: exp.Expr, characters: str) -> exp.Expr:
    return exp.Anonymous(
        this="rtrim", expressions=[text.copy(), exp.Literal.string(characters)]
    )


_TEXT_FORMS: Mapping[TypeTag, Callable[[exp.Expr], exp.Expr]] = {
    TypeTag.TEXT: _as_text,
    TypeTag.NUMBER: _as_text,
    TypeTag.DECIMAL: _as_decimal_text,
    TypeTag.NUMERIC: _as_numeric_text,
    TypeTag.FLOAT: _as_text,
    TypeTag.BOOLEAN: _as_boolean_text,
    TypeTag.TIMESTAMP: _as_timestamp_text,
    TypeTag.DATE: _as_text,
}
