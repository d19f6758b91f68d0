"""The columns of a plan that go to the destination: identifiers, fields, associations. Pure.

What a row of them becomes in Python is in `records`.
"""

from collections.abc import Mapping, Sequence

from sqlglot import exp

from reverse_etl.content_hash import TypeTag, type_tag
from reverse_etl.spec import Cast, FieldMapping, SyncSpec, columns_of, template_parts
from warehouse.values import Column

_MATCH = "match_"
_FIELD = "field_"
_ASSOCIATION = "assoc_"


def field_names(spec: SyncSpec) -> tuple[str, ...]:
    """Columns of a plan that hold the mapped fields, in mapping order.

    Fields with a constant have none, so the names (field_1 …) may skip a number.
    """
    return tuple(
        f"{_FIELD}{position}"
        for position, mapped in enumerate(spec.mapping, start=1)
        if columns_of(mapped)
    )


def match_names(spec: SyncSpec) -> tuple[str, ...]:
    """Columns of a plan that hold the identifiers, in their order: match_1 and so on."""
    return tuple(f"{_MATCH}{each}" for each in range(1, len(spec.match) + 1))


def association_names(spec: SyncSpec) -> tuple[str, ...]:
    """Columns of a plan that hold the associations, in their order: assoc_1 and so on."""
    return tuple(
        f"{_ASSOCIATION}{each}" for each in range(1, len(spec.associations) + 1)
    )


def wire_columns(spec: SyncSpec, columns: Sequence[Column]) -> list[exp.Expr]:
    """Every column that goes, under its name in the plan, as the mapping wants it."""
    types = {column.name: column.data_type for column in columns}
    selected: list[exp.Expr] = [
        exp.alias_(exp.cast(model_column(each.column), "text"), name)
        for name, each in zip(match_names(spec), spec.match, strict=True)
    ]
    for position, mapped in enumerate(spec.mapping, start=1):
        if columns_of(mapped):
            selected.append(
                exp.alias_(_wire(mapped, types, spec.model), f"{_FIELD}{position}")
            )
    selected += [
        exp.alias_(exp.cast(model_column(each.column), "text"), name)
        for name, each in zip(association_names(spec), spec.associations, strict=True)
    ]
    return selected


def _wire(mapped: FieldMapping, types: Mapping[str, str], model: str) -> exp.Expr:
    if mapped.template is not None:
        return _filled_template(mapped.template)
    column = str(mapped.column)
    tag = type_tag(types[column], column=column, model=model)
    if mapped.normaliser is not None:
        return exp.cast(model_column(column), "text")
    if mapped.cast is not None:
        return cast_value(mapped, tag)
    # Some types are read as objects of their own by the driver (uuid), and sent as text.
    return (
        exp.cast(model_column(column), "text")
        if tag is TypeTag.TEXT
        else model_column(column)
    )


_CASTS: Mapping[Cast, str] = {
    Cast.TEXT: "text",
    Cast.INTEGER: "bigint",
    Cast.NUMBER: "double",
    Cast.BOOLEAN: "boolean",
    Cast.DATE: "date",
    Cast.TIMESTAMP: "timestamp",
}


def cast_value(mapped: FieldMapping, tag: TypeTag) -> exp.Expr:
    """The value as the mapping wants it; null where it cannot be that."""
    column = model_column(str(mapped.column))
    if mapped.cast in (Cast.UNIX_SECONDS, Cast.UNIX_MILLISECONDS):
        moment = exp.TryCast(this=column, to=exp.DataType.build("timestamp"))
        seconds = exp.Extract(this=exp.var("EPOCH"), expression=moment)
        scale = 1 if mapped.cast is Cast.UNIX_SECONDS else 1000
        return exp.cast(
            exp.Floor(this=exp.Mul(this=seconds, expression=exp.Literal.number(scale))),
            "bigint",
        )
    wanted = _CASTS[Cast(str(mapped.cast))]
    if mapped.cast is Cast.INTEGER and tag is TypeTag.TEXT:
        # '12.0' is no integer to some engines, and 12 to others: only digits are one.
        digits = exp.RegexpLike(
            this=exp.Trim(this=exp.cast(column.copy(), "text")),
            expression=exp.Literal.string("^[+-]?[0-9]{1,18}$"),
        )
        return exp.Case(ifs=[exp.If(this=digits, true=exp.cast(column, wanted))])
    return exp.TryCast(this=column, to=exp.DataType.build(wanted))


def _filled_template(template: str) -> exp.Expr:
    parts: list[exp.Expr] = []
    for text, name in template_parts(template):
        if text:
            parts.append(exp.Literal.string(text))
        if name is not None:
            parts.append(exp.cast(model_column(name), "text"))
    joined = parts[0]
    for part in parts[1:]:
        joined = exp.DPipe(this=joined, expression=part)
    return joined


def model_column(name: str) -> exp.Column:
    """A column of the model, quoted: its name is the user's."""
    return exp.column(exp.to_identifier(name, quoted=True), "model")


def model_table(spec: SyncSpec) -> exp.Expr:
    """The model, under the name that `model_column` uses."""
    return exp.alias_(spec.relation.to_table(), "model", table=True)
