"""The model as it is compared: key, consent and fingerprint of each row. Pure.

What it is compared with, and how, is in `change_query`.
"""

from collections.abc import Mapping, Sequence

from sqlglot import exp

from reverse_etl.content_hash import row_hash, type_tag
from reverse_etl.query_text import filled_select
from reverse_etl.spec import CUSTOMER_COLUMN, SyncSpec, columns_of
from reverse_etl.wire_columns import cast_value, model_column, model_table
from warehouse.values import Column

_SOURCE_COUNT = """
select count(*) as row_count
from model
"""


def schema_fingerprint(spec: SyncSpec, columns: Sequence[Column]) -> str:
    """The kinds of value that a sync sends: its columns and their type tags, as text.

    The key is among them: as another type it may be another text, of another record.
    """
    types = {column.name: column.data_type for column in columns}
    return ",".join(
        f"{name}:{type_tag(types[name], column=name, model=spec.model).value[0]}"
        for name in sorted({*spec.columns, spec.key})
    )


def source_query(
    spec: SyncSpec,
    columns: Sequence[Column],
    *,
    head: str,
    granted: exp.Select,
    dialect: str,
) -> exp.Select:
    """The model as it is compared: key, consent and fingerprint of each row.

    Args:
        spec: The sync.
        columns: Columns of the model as the warehouse has them; every mapped one is
            there.
        head: See `content_hash.row_hash`.
        granted: See `granted_query`.
        dialect: The engine that will run the query.

    Returns:
        A select of is_in_source (1), key (text), customer_id (text, null without a
        purpose), has_consent (1 or 0), row_hash, match_text and fault (the first field
        whose value cannot be cast as the mapping wants). One row per row of the model.
    """
    types = {column.name: column.data_type for column in columns}
    hashed = {
        name: (model_column(name), type_tag(types[name], column=name, model=spec.model))
        for name in _compared_columns(spec)
    }
    customer: exp.Expr = (
        exp.cast(model_column(CUSTOMER_COLUMN), "text")
        if spec.purpose is not None
        else exp.cast(exp.null(), "text")
    )
    query = exp.select(
        exp.alias_(exp.Literal.number(1), "is_in_source"),
        exp.alias_(exp.cast(model_column(spec.key), "text"), "key"),
        exp.alias_(customer, "customer_id"),
        exp.alias_(_has_consent(spec), "has_consent"),
        exp.alias_(row_hash(head, hashed, dialect=dialect), "row_hash"),
        exp.alias_(_match_text(spec, dialect=dialect), "match_text"),
        exp.alias_(_fault(spec, types), "fault"),
    ).from_(model_table(spec))
    if not spec.needs_consent:
        return query
    # Granted customers are unique, so the join multiplies no row.
    return query.join(
        granted.subquery("granted"),
        on=customer.eq(exp.column("customer_id", "granted")),
        join_type="left",
    )


def source_count_query(spec: SyncSpec, *, dialect: str) -> exp.Select:
    """How many rows the model has."""
    return filled_select(
        _SOURCE_COUNT, {"model": spec.relation.to_table()}, dialect=dialect
    )


def _compared_columns(spec: SyncSpec) -> tuple[str, ...]:
    """Columns whose change is a change of the row: all but those written once."""
    once = {
        name
        for mapped in spec.mapping
        if mapped.is_first_write_only
        for name in columns_of(mapped)
    }
    lasting = {
        name
        for mapped in spec.mapping
        if not mapped.is_first_write_only
        for name in columns_of(mapped)
    }
    lasting |= {each.column for each in spec.match}
    lasting |= {each.column for each in spec.associations}
    return tuple(name for name in spec.columns if name not in once - lasting)


def _has_consent(spec: SyncSpec) -> exp.Expr:
    if not spec.needs_consent:
        return exp.Literal.number(1)
    is_missing = exp.Is(
        this=exp.column("customer_id", "granted"), expression=exp.null()
    )
    return exp.Case(
        ifs=[exp.If(this=is_missing, true=exp.Literal.number(0))],
        default=exp.Literal.number(1),
    )


def _match_text(spec: SyncSpec, *, dialect: str) -> exp.Expr:
    """The identifiers as JSON text, null where the key alone is one."""
    if not spec.match:
        return exp.cast(exp.null(), "text")
    pairs: list[exp.Expr] = []
    for each in spec.match:
        pairs += [
            exp.Literal.string(each.identifier),
            exp.cast(model_column(each.column), "text"),
        ]
    function = "json_build_object" if dialect == "postgres" else "json_object"
    return exp.cast(exp.Anonymous(this=function, expressions=pairs), "text")


def _fault(spec: SyncSpec, types: Mapping[str, str]) -> exp.Expr:
    """The first field whose value is there and cannot become what the mapping wants."""
    checks = []
    for mapped in spec.mapping:
        if mapped.cast is None or mapped.column is None:
            continue
        tag = type_tag(types[mapped.column], column=mapped.column, model=spec.model)
        wanted = cast_value(mapped, tag)
        fails = exp.and_(
            exp.Not(
                this=exp.Is(this=model_column(mapped.column), expression=exp.null())
            ),
            exp.Is(this=wanted, expression=exp.null()),
        )
        checks.append(exp.If(this=fails, true=exp.Literal.string(mapped.field)))
    if not checks:
        return exp.cast(exp.null(), "text")
    return exp.Case(ifs=checks)
