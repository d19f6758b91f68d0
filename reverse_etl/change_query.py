"""The SQL of a plan: who may go, what differs from what was acknowledged, in which order.

Pure: returns sqlglot expressions. The texts below are ours and hold no value;
relations, columns and values are put in as expressions, so no name or value of a user
becomes SQL.

A run makes two tables, the frozen source (`frozen_source`) and its comparison with what
the destination holds (`comparison_query`), and reads three things from them: counts,
the plan's rows, and what the destination should hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlglot import exp

from reverse_etl.content_hash import TypeTag, row_hash, type_tag
from reverse_etl.plan import Counts
from reverse_etl.query_text import filled_select
from reverse_etl.spec import CUSTOMER_COLUMN, Mode, SyncSpec
from warehouse.values import Column, Relation, Row, Value

CONSENTS = Relation("core", "customer_consents")
"""One row per customer and purpose: customer_id, purpose, is_granted."""

# A customer with a contradictory or missing consent row has not consented.
_GRANTED_CUSTOMERS = """
select cast(consents.customer_id as text) as customer_id
from consents
where consents.purpose = :purpose
group by cast(consents.customer_id as text)
having min(case when consents.is_granted then 1 else 0 end) = 1
"""

_NO_CUSTOMERS = """
select cast(null as text) as customer_id
where 1 = 0
"""

# A key that several rows share is compared as one: it is invalid, and it is removed all
# the same if any of these rows has lost its consent.
_COMPARISON = """
with

granted_customers as (

    select granted.customer_id from granted

),

source_keys as (

    select
        frozen.key,
        count(*) as row_count,
        min(frozen.has_consent) as has_consent,
        min(frozen.customer_id) as customer_id,
        min(frozen.row_hash) as row_hash

    from frozen
    where frozen.key is not null and trim(frozen.key) <> ''
    group by frozen.key

),

held_keys as (

    select
        snapshot.key,
        snapshot.customer_id,
        snapshot.row_hash

    from snapshot
    where snapshot.sync_name = :sync

),

standing_rejections as (

    select
        rejected.key_sha256,
        rejected.row_hash

    from rejected
    where rejected.sync_name = :sync

),

matched_keys as (

    select
        coalesce(source_keys.key, held_keys.key) as key,
        source_keys.row_count,
        source_keys.has_consent,
        source_keys.customer_id,
        source_keys.row_hash,
        held_keys.customer_id as held_customer_id,
        held_keys.row_hash as held_hash,
        source_keys.key is not null as is_in_source,
        held_keys.key is not null as is_held

    from source_keys
    full outer join held_keys on source_keys.key = held_keys.key

),

-- One row per key still: keys and customers are unique on the right of each join.
judged_keys as (

    select
        matched_keys.*,
        standing_rejections.key_sha256 is not null as is_waiting,
        granted_customers.customer_id is not null as has_held_consent

    from matched_keys
    left join standing_rejections
        on sha256_text(matched_keys.key) = standing_rejections.key_sha256
        and matched_keys.row_hash = standing_rejections.row_hash
    left join granted_customers
        on matched_keys.held_customer_id = granted_customers.customer_id

)

select
    judged_keys.*,
    case
        when is_in_source and has_consent = 0 and is_held then 'remove'
        when is_in_source and has_consent = 0 then 'skipped'
        when is_in_source and row_count > 1 and is_held and :removes_ambiguous
            then 'remove'
        when is_in_source and row_count > 1 then 'invalid'
        when is_in_source and is_waiting then 'waiting'
        when is_in_source and not is_held then 'add'
        when is_in_source and row_hash is distinct from held_hash then 'change'
        when is_in_source then 'unchanged'
        when :removes_absent then 'remove'
        when :needs_consent and not has_held_consent then 'remove'
        else 'kept'
    end as op

from judged_keys
"""

_COUNTS = """
select
    op,
    count(*) as key_count,
    sum(row_count) as source_row_count,
    sum(case when has_consent = 0 then row_count end) as skipped_row_count,
    sum(case when has_consent = 1 and row_count > 1 then row_count end)
        as ambiguous_row_count,
    sum(case when is_held then 1 end) as held_count,
    sum(case when is_held and held_hash is null then 1 end) as unknown_count

from compared
group by op
"""

_KEYLESS = """
select count(*) as row_count
from frozen
where frozen.key is null or trim(frozen.key) = ''
"""

_PLAN_ROWS = """
with

operations as (

    select
        compared.*,
        case compared.op when 'remove' then 1 when 'change' then 2 else 3 end as op_rank

    from compared
    where compared.op in ('remove', 'change', 'add')

)

select
    row_number() over (order by operations.op_rank, operations.key) as seq,
    operations.op,
    operations.key,
    sha256_text(operations.key) as key_sha256,
    case
        when operations.op = 'remove' then operations.held_customer_id
        else operations.customer_id
    end as customer_id,
    case when operations.op <> 'remove' then operations.row_hash end as row_hash

from operations
-- A key that is changed or added is in the source once.
left join frozen
    on operations.key = frozen.key
    and operations.op <> 'remove'
order by seq
"""

_WANTED_ROWS = """
select frozen.key
from compared
inner join frozen on compared.key = frozen.key
where compared.op in ('add', 'change', 'unchanged')
order by frozen.key
"""


def field_columns(spec: SyncSpec) -> tuple[str, ...]:
    """Columns of a plan that hold the mapped fields, in mapping order.

    Fields with a constant have none, so the names (field_1 …) may skip a number.
    """
    return tuple(name for name, _ in _columns_of_fields(spec))


def frozen_source(
    spec: SyncSpec, columns: Sequence[Column], *, dialect: str
) -> exp.Select:
    """One consistent read of the model: key, consent, fingerprint and mapped columns.

    Args:
        spec: The sync.
        columns: Columns of the model as the warehouse has them; every mapped one is
            there.
        dialect: The engine that will run the query.

    Returns:
        A select of key (text), customer_id (text, null without a purpose), has_consent
        (1 or 0), row_hash and field_1 … in mapping order. One row per row of the model.
    """
    types = {column.name: column.data_type for column in columns}
    hashed = {
        name: (
            _model_column(name),
            type_tag(types[name], column=name, model=spec.model),
        )
        for name in spec.columns
    }
    needs_consent = spec.purpose is not None
    customer: exp.Expr = (
        exp.cast(_model_column(CUSTOMER_COLUMN), "text")
        if needs_consent
        else exp.cast(exp.null(), "text")
    )
    selected: list[exp.Expr] = [
        exp.alias_(exp.cast(_model_column(spec.key), "text"), "key"),
        exp.alias_(customer, "customer_id"),
        exp.alias_(_has_consent(spec), "has_consent"),
        exp.alias_(row_hash(spec.mapping, hashed, dialect=dialect), "row_hash"),
    ]
    selected += [
        exp.alias_(_sent(*hashed[column]), name)
        for name, column in _columns_of_fields(spec)
    ]
    query = exp.select(*selected).from_(
        exp.alias_(spec.relation.to_table(), "model", table=True)
    )
    if not needs_consent:
        return query
    # Granted customers are unique, so the join multiplies no row.
    return query.join(
        _granted(spec, dialect=dialect).subquery("granted"),
        on=customer.eq(_granted_customer()),
        join_type="left",
    )


def comparison_query(
    spec: SyncSpec,
    *,
    frozen: exp.Table,
    snapshot: exp.Table,
    rejected: exp.Table,
    removes_ambiguous: bool,
    dialect: str,
) -> exp.Select:
    """One row per key that is in the source, held by the destination, or both.

    Args:
        spec: The sync.
        frozen: Rows of `frozen_source`.
        snapshot: What destinations have acknowledged.
        rejected: What destinations have refused.
        removes_ambiguous: Whether a held key that several rows share is removed. It
            stays where records are kept one by one; where all is written anew, it cannot.
        dialect: The engine that will run the query.

    Returns:
        A select of key and op (add, change, remove, unchanged, waiting, invalid,
        skipped, kept), with what `count_query`, `plan_query` and `wanted_query` need.
    """
    return filled_select(
        _COMPARISON,
        {
            "frozen": frozen,
            "snapshot": snapshot,
            "rejected": rejected,
            "granted": _granted(spec, dialect=dialect),
        },
        {
            "sync": exp.Literal.string(spec.name),
            "removes_absent": exp.Boolean(this=spec.mode is Mode.MIRROR),
            "removes_ambiguous": exp.Boolean(this=removes_ambiguous),
            "needs_consent": exp.Boolean(this=spec.purpose is not None),
        },
        dialect=dialect,
    )


def count_query(*, compared: exp.Table, dialect: str) -> exp.Select:
    """One row per op: see `read_counts`."""
    return filled_select(_COUNTS, {"compared": compared}, dialect=dialect)


def keyless_query(*, frozen: exp.Table, dialect: str) -> exp.Select:
    """How many rows of the frozen source have no key, or a blank one."""
    return filled_select(_KEYLESS, {"frozen": frozen}, dialect=dialect)


def plan_query(
    spec: SyncSpec, *, frozen: exp.Table, compared: exp.Table, dialect: str
) -> exp.Select:
    """The rows of a plan, in the order in which they are sent.

    Returns:
        A select of seq (from 1, without gaps), op, key, key_sha256, customer_id, row_hash
        and field_1 … Fields and row_hash are null for a removal.
    """
    relations = {"frozen": frozen, "compared": compared}
    query = filled_select(_PLAN_ROWS, relations, dialect=dialect)
    return query.select(*_frozen_fields(spec))


def wanted_query(
    spec: SyncSpec, *, frozen: exp.Table, compared: exp.Table, dialect: str
) -> exp.Select:
    """What the destination should hold after the run: key and field_1 …, in key order."""
    relations = {"frozen": frozen, "compared": compared}
    query = filled_select(_WANTED_ROWS, relations, dialect=dialect)
    return query.select(*_frozen_fields(spec))


def read_counts(rows: Sequence[Row], *, keyless: int) -> Counts:
    """Counts of a plan from the answers of `count_query` and `keyless_query`."""
    by_op = {
        str(op): _OpCounts(*(_number(value) for value in numbers))
        for op, *numbers in rows
    }
    every = by_op.values()

    def keys(op: str) -> int:
        return by_op[op].keys if op in by_op else 0

    return Counts(
        add=keys("add"),
        change=keys("change"),
        remove=keys("remove"),
        unchanged=keys("unchanged"),
        waiting=keys("waiting"),
        invalid=sum(counts.ambiguous_rows for counts in every) + keyless,
        skipped_no_consent=sum(counts.skipped_rows for counts in every),
        source=sum(counts.source_rows for counts in every) + keyless,
        held=sum(counts.held for counts in every),
        unknown_change=by_op["change"].unknown if "change" in by_op else 0,
    )


@dataclass(frozen=True, slots=True)
class _OpCounts:
    keys: int
    source_rows: int
    skipped_rows: int
    ambiguous_rows: int
    held: int
    unknown: int


def _granted(spec: SyncSpec, *, dialect: str) -> exp.Select:
    if spec.purpose is None:
        return filled_select(_NO_CUSTOMERS, {}, dialect=dialect)
    return filled_select(
        _GRANTED_CUSTOMERS,
        {"consents": CONSENTS.to_table()},
        {"purpose": exp.Literal.string(spec.purpose)},
        dialect=dialect,
    )


def _has_consent(spec: SyncSpec) -> exp.Expr:
    if spec.purpose is None:
        return exp.Literal.number(1)
    is_missing = exp.Is(this=_granted_customer(), expression=exp.null())
    return exp.Case(
        ifs=[exp.If(this=is_missing, true=exp.Literal.number(0))],
        default=exp.Literal.number(1),
    )


def _granted_customer() -> exp.Column:
    return exp.column("customer_id", "granted")


def _sent(column: exp.Expr, tag: TypeTag) -> exp.Expr:
    # Some types are read as objects of their own by the driver (uuid), and sent as text.
    return exp.cast(column.copy(), "text") if tag is TypeTag.TEXT else column.copy()


def _model_column(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True), "model")


def _frozen_fields(spec: SyncSpec) -> list[exp.Column]:
    return [exp.column(name, "frozen") for name in field_columns(spec)]


def _columns_of_fields(spec: SyncSpec) -> list[tuple[str, str]]:
    return [
        (f"field_{position}", field.column)
        for position, field in enumerate(spec.mapping, start=1)
        if field.column is not None
    ]


def _number(value: Value) -> int:
    return int(value) if isinstance(value, int | Decimal) else 0
