"""The SQL of what goes: the rows of a plan in their order, and all that should be held. Pure."""

from collections.abc import Sequence

from sqlglot import exp

from reverse_etl.destinations.protocol import FIRST_ASSOCIATION
from reverse_etl.modes import Action
from reverse_etl.query_text import filled_select
from reverse_etl.spec import SyncSpec
from reverse_etl.sync_actions import Actions
from reverse_etl.wire_columns import model_column, model_table, wire_columns
from warehouse.values import Column

_OPERATIONS = """
select
    compared.key,
    compared.customer_id,
    compared.held_customer_id,
    compared.row_hash,
    compared.match_text,
    compared.held_match_text,
    compared.dest_id,
    case
        when compared.op = 'withdraw' then :withdraw_action
        when compared.op = 'absent' then :absent_action
        when compared.op = 'rematch' then :rematch_action
        else :write_action
    end as action,
    case
        when compared.op in ('withdraw', 'absent', 'rematch') then 'remove'
        else compared.op
    end as op

from compared
where
    compared.op = 'withdraw'
    or (
        compared.op in ('absent', 'rematch', 'change', 'add')
        and not :only_withdrawals
    )
"""

_PLAN_ROWS = """
select
    operations.action,
    operations.op,
    operations.key,
    case
        when operations.op = 'remove' then operations.held_customer_id
        else operations.customer_id
    end as customer_id,
    case when operations.op <> 'remove' then operations.row_hash end as row_hash,
    case
        when operations.op = 'remove' then operations.held_match_text
        else operations.match_text
    end as match_text,
    operations.dest_id

from operations
-- A key that is changed or added is in the model once.
left join model
    on operations.key = cast(:model_key as text)
    and operations.op <> 'remove'
"""

_ORDER = (
    "case operations.op when 'remove' then 1 else 2 end",
    "operations.action",
    "case operations.op when 'change' then 1 else 2 end",
    "operations.locality",
    "operations.key",
)

_NUMBERED = """
select
    row_number() over () as seq,
    ordered.*

from ordered
"""

_WANTED_ROWS = """
select cast(:model_key as text) as key
from model
left join unwanted on cast(:model_key as text) = unwanted.key
where
    unwanted.key is null
    and cast(:model_key as text) is not null
    and trim(cast(:model_key as text)) <> ''
order by cast(:model_key as text)
"""

_UNWANTED = """
select compared.key
from compared
where
    compared.is_in_source
    and compared.op not in ('add', 'change', 'unchanged', 'rematch', 'keyless')
"""


def plan_query(
    spec: SyncSpec,
    columns: Sequence[Column],
    *,
    compared: exp.Table,
    wanted_actions: Actions,
    order_by: str | None,
    only_withdrawals: bool,
    dialect: str,
    is_sorted: bool = True,
) -> exp.Select:
    """The rows of a plan, in the order in which they are sent.

    Args:
        spec: The sync.
        columns: Columns of the model as the warehouse has them.
        compared: The comparison, shared keys settled.
        wanted_actions: What happens to rows that are written, or that leave.
        order_by: Name of a match or an association whose equal values go next to each
            other; None for plain key order.
        only_withdrawals: Leave out everything but those who withdrew consent.
        dialect: The engine that will run the query.
        is_sorted: False for rows of one op and action, which may come as they are found.

    Returns:
        A select of action, op, key, customer_id, row_hash, match_text, dest_id, then
        match_1 …, field_1 …, assoc_1 …, which are null for a removal. Rows of one action
        follow each other, removals first.
    """
    model = spec.relation.to_table()
    operations = filled_select(
        _OPERATIONS,
        {"compared": compared},
        {
            "write_action": exp.Literal.string(wanted_actions.write.value),
            "absent_action": exp.Literal.string(
                (wanted_actions.absent or wanted_actions.write).value
            ),
            "withdraw_action": exp.Literal.string(
                (wanted_actions.withdrawn or wanted_actions.write).value
            ),
            "rematch_action": exp.Literal.string(Action.REMOVE.value),
            "only_withdrawals": exp.Boolean(this=only_withdrawals),
        },
        dialect=dialect,
    )
    query = filled_select(
        _PLAN_ROWS,
        {
            "operations": _placed_next_to_each_other(spec, operations, order_by),
            "model": model,
        },
        {"model_key": model_column(spec.key)},
        dialect=dialect,
    )
    query = query.select(*wire_columns(spec, columns))
    return query.order_by(*_ORDER) if is_sorted else query


def numbered(plan_rows: exp.Select, *, dialect: str) -> exp.Select:
    """The rows of a plan with their sequence number: seq, from 1 without gaps."""
    return filled_select(_NUMBERED, {"ordered": plan_rows}, dialect=dialect)


def wanted_query(
    spec: SyncSpec, columns: Sequence[Column], *, compared: exp.Table, dialect: str
) -> exp.Select:
    """What the destination should hold after the run: key, match_1 …, field_1 … by key."""
    unwanted = filled_select(_UNWANTED, {"compared": compared}, dialect=dialect)
    query = filled_select(
        _WANTED_ROWS,
        {"model": spec.relation.to_table(), "unwanted": unwanted},
        {"model_key": model_column(spec.key)},
        dialect=dialect,
    )
    return query.select(*wire_columns(spec, columns))


def _placed_next_to_each_other(
    spec: SyncSpec, operations: exp.Select, order_by: str | None
) -> exp.Select:
    """Operations with what they are sorted by, before their key: locality."""
    columns = {each.identifier: each.column for each in spec.match}
    columns |= {each.name: each.column for each in spec.associations}
    if spec.associations:
        columns[FIRST_ASSOCIATION] = spec.associations[0].column
    column = columns.get(order_by or "")
    if column is None:
        return operations.select(exp.alias_(exp.Literal.string(""), "locality"))
    place = exp.Coalesce(
        this=exp.cast(model_column(column), "text"),
        expressions=[exp.Literal.string("")],
    )
    return operations.select(exp.alias_(place, "locality")).join(
        model_table(spec),
        # A key that leaves may be in the model several times.
        on=exp.and_(
            exp.column("key", "compared").eq(exp.cast(model_column(spec.key), "text")),
            exp.column("op", "compared").isin("add", "change"),
        ),
        join_type="left",
    )
