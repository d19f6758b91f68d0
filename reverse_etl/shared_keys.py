"""The SQL for rows that are not alone: of one key, or of one record at the destination. Pure."""

from sqlglot import exp

from reverse_etl.change_query import withdrawn_op
from reverse_etl.query_text import filled, filled_select
from reverse_etl.spec import SyncSpec
from reverse_etl.sync_actions import Actions
from reverse_etl.wire_columns import model_column, model_table

_BALANCE = """
select
    coalesce(sum(case when is_in_source then 1 else 0 end), 0) as source_rows,
    count(distinct case when is_held then key end) as held_keys

from compared
"""

_SHARED_KEYS = """
select
    key,
    count(*) as row_count

from keys
where key is not null and trim(key) <> ''
group by key
having count(*) > 1
"""

_COMPARED_SHARED_KEYS = """
select
    key,
    count(*) as row_count

from compared
where is_in_source and op <> 'keyless'
group by key
having count(*) > 1
"""

# A key that several rows share is one row of the comparison: it is invalid, and it is
# removed all the same if any of these rows has lost its consent.
_AMBIGUOUS = """
select
    shared.key,
    true as is_in_source,
    max(case when compared.is_held then 1 else 0 end) = 1 as is_held,
    min(compared.customer_id) as customer_id,
    min(compared.has_consent) as has_consent,
    cast(null as text) as row_hash,
    cast(null as text) as match_text,
    cast(null as text) as fault,
    min(compared.held_customer_id) as held_customer_id,
    min(compared.held_hash) as held_hash,
    min(compared.state) as state,
    min(compared.held_match_text) as held_match_text,
    min(compared.dest_id) as dest_id,
    false as is_different,
    false as is_waiting,
    false as has_held_consent,
    min(shared.row_count) as row_count,
    case
        when
            max(case when compared.is_held then 1 else 0 end) = 1
            and min(compared.has_consent) = 0
            then :withdrawn
        when max(case when compared.is_held then 1 else 0 end) = 1 and :removes_ambiguous
            then 'absent'
        when min(compared.has_consent) = 0 and max(compared.has_consent) = 0
            then 'skipped'
        else 'ambiguous'
    end as op

from shared
inner join compared on shared.key = compared.key
group by shared.key
"""

# Two rows with the same identifiers are one record there. It stays while one of them does;
# but who withdrew consent leaves whoever else stands for it.
_INHERIT = """
update compared
set op = case when compared.op = 'rematch' then 'change' else 'inherited' end
from (
    select distinct snapshot.match_text
    from snapshot
    inner join leaving on snapshot.match_text = leaving.held_match_text
    left join others on snapshot.key = others.key
    where
        snapshot.sync_name = :sync
        and snapshot.state = 'acked'
        and leaving.op in ('absent', 'rematch')
        and (others.key is null or others.op = 'unchanged')
) as staying
where
    compared.op in ('absent', 'rematch')
    and compared.held_match_text = staying.match_text
"""

_DELETE_SHARED = """
delete from compared
where key in (select shared.key from shared)
"""


def balance_query(*, compared: exp.Table, dialect: str) -> exp.Select:
    """Rows of the model and keys held that the comparison holds: one row of two."""
    return filled_select(_BALANCE, {"compared": compared}, dialect=dialect)


def shared_keys_query(
    spec: SyncSpec, *, compared: exp.Table | None, dialect: str
) -> exp.Select:
    """Keys that several rows share, with how many: among those that differ, or all.

    Args:
        spec: The sync.
        compared: The comparison, to look among its rows; None to look at the model.
        dialect: The engine that will run the query.
    """
    if compared is not None:
        return filled_select(
            _COMPARED_SHARED_KEYS, {"compared": compared}, dialect=dialect
        )
    keys = exp.select(
        exp.alias_(exp.cast(model_column(spec.key), "text"), "key")
    ).from_(model_table(spec))
    return filled_select(_SHARED_KEYS, {"keys": keys}, dialect=dialect)


def ambiguous_query(
    *,
    shared: exp.Table,
    compared: exp.Table,
    wanted_actions: Actions,
    removes_ambiguous: bool,
    dialect: str,
) -> exp.Select:
    """One row per shared key, of the comparison's columns, in place of its several.

    `removes_ambiguous` says whether a held key that several rows share is removed. It
    stays where records are kept one by one; where all is written anew, it cannot.
    """
    return filled_select(
        _AMBIGUOUS,
        {"shared": shared, "compared": compared},
        {
            "withdrawn": withdrawn_op(wanted_actions),
            "removes_ambiguous": exp.Boolean(this=removes_ambiguous),
        },
        dialect=dialect,
    )


def delete_shared_query(
    *, shared: exp.Table, compared: exp.Table, dialect: str
) -> exp.Expr:
    """Takes the rows of shared keys out of the comparison."""
    return filled(
        _DELETE_SHARED, {"shared": shared, "compared": compared}, dialect=dialect
    )


def inherit_query(
    spec: SyncSpec, *, compared: exp.Table, snapshot: exp.Table, dialect: str
) -> exp.Expr:
    """Lets records stay that a row leaves and another one, unchanged, stands for."""
    return filled(
        _INHERIT,
        {
            "compared": compared,
            "leaving": compared,
            "others": compared,
            "snapshot": snapshot,
        },
        {"sync": exp.Literal.string(spec.name)},
        dialect=dialect,
    )
