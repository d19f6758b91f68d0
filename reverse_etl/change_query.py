"""The SQL of the comparison: what differs from what was acknowledged. Pure.

Returns sqlglot expressions. The texts here and in the modules beside it (`consent_query`,
`model_query`, `shared_keys`, `send_query`) are ours and hold no value; relations, columns and
values are put in as expressions, so no name or value of a user becomes SQL.

Rows that are as the destination has them never leave the query that finds the others: a
run writes down what differs (`comparison_query`), counts it, and reads the model once more
for the rows that go (`send_query`). Both readings belong into one transaction.
"""

from sqlglot import exp

from reverse_etl.consent_query import NO_CUSTOMERS
from reverse_etl.modes import Mode
from reverse_etl.query_text import filled_select
from reverse_etl.spec import SyncSpec
from reverse_etl.sync_actions import Actions

# Rows without a key match nothing and stay: they are counted as invalid. What is as it was,
# and whose it was, is left out here, which keeps the result as small as the difference.
_COMPARISON = """
with

held as (

    select
        snapshot.key,
        snapshot.customer_id,
        snapshot.row_hash,
        snapshot.state,
        snapshot.match_text,
        snapshot.dest_id,
        snapshot.acknowledged_at

    from snapshot
    where snapshot.sync_name = :sync

),

matched as (

    select
        coalesce(source.key, held.key) as key,
        source.is_in_source is not null as is_in_source,
        held.key is not null as is_held,
        source.customer_id,
        source.has_consent,
        source.row_hash,
        source.match_text,
        source.fault,
        held.customer_id as held_customer_id,
        held.row_hash as held_hash,
        held.state,
        held.match_text as held_match_text,
        held.dest_id,
        source.row_hash is distinct from held.row_hash
            or coalesce(held.acknowledged_at < :stale_before, false) as is_different

    from source
    full outer join held on source.key = held.key
    where not (
        source.is_in_source is not null
        and held.key is not null
        and source.has_consent = 1
        and source.fault is null
        and held.state = 'acked'
        and source.row_hash is not distinct from held.row_hash
        and source.customer_id is not distinct from held.customer_id
        and not coalesce(held.acknowledged_at < :stale_before, false)
    )

),

standing as (

    select
        rejected.key_sha256,
        rejected.row_hash

    from rejected
    where
        rejected.sync_name = :sync
        and (rejected.next_retry_at is null or rejected.next_retry_at > :now)

),

-- One row per row still: keys and customers are unique on the right of each join.
judged as (

    select
        matched.*,
        standing.key_sha256 is not null as is_waiting,
        granted.customer_id is not null as has_held_consent

    from matched
    left join standing
        on sha256_text(matched.key) = standing.key_sha256
        and matched.row_hash = standing.row_hash
    left join granted on matched.held_customer_id = granted.customer_id

)

select
    judged.*,
    1 as row_count,
    case
        when is_in_source and trim(coalesce(key, '')) = '' then 'keyless'
        -- A removal may have been applied; twice may be once too often.
        when is_held and state = 'in_doubt' and held_hash is null then 'in_doubt'
        when is_in_source and has_consent = 0 and is_held then :withdrawn
        when is_in_source and has_consent = 0 then 'skipped'
        when is_in_source and is_held and state = 'in_doubt' then 'in_doubt'
        when is_in_source and fault is not null then 'faulty'
        when is_in_source and is_waiting then 'waiting'
        when is_in_source and not is_held then 'add'
        when
            is_in_source
            and :is_membership
            and match_text is distinct from held_match_text
            then 'rematch'
        when is_in_source and held_hash is null then 'change'
        when is_in_source and is_different then :changed
        when is_in_source then 'unchanged'
        when :removes_absent then :absent
        when :needs_consent and not has_held_consent then :withdrawn
        when state = 'in_doubt' then 'in_doubt'
        else 'kept'
    end as op

from judged
"""

_HELD_COUNT = """
select count(*) as row_count
from snapshot
where sync_name = :sync
"""

_COUNTS = """
select
    op,
    count(*) as key_count,
    coalesce(sum(case when is_in_source then row_count end), 0) as source_row_count,
    coalesce(sum(case when is_in_source and has_consent = 0 then row_count end), 0)
        as skipped_row_count,
    coalesce(sum(case when is_held then 1 end), 0) as held_count,
    coalesce(sum(case when is_held and held_hash is null then 1 end), 0)
        as unknown_count,
    coalesce(sum(case when not is_in_source then 1 end), 0) as gone_count

from compared
group by op
"""


def comparison_query(
    spec: SyncSpec,
    *,
    source: exp.Select,
    granted: exp.Select,
    snapshot: exp.Table,
    rejected: exp.Table,
    wanted_actions: Actions,
    is_membership: bool,
    now: exp.Expr,
    stale_before: exp.Expr,
    dialect: str,
) -> exp.Select:
    """What differs between the model and what the destination holds.

    Args:
        spec: The sync.
        source: See `source_query`.
        granted: See `granted_query`.
        snapshot: What destinations have acknowledged.
        rejected: What destinations have refused.
        wanted_actions: What happens to rows that leave.
        is_membership: Whether the object is a list or an audience.
        now: The present moment.
        stale_before: Rows acknowledged before it are sent again though unchanged.
        dialect: The engine that will run the query.

    Returns:
        A select with one row per row of the model that differs, and per key that is held
        and not in the model: key and op (add, change, rematch, absent, withdraw, waiting,
        in_doubt, faulty, keyless, skipped, unchanged, kept; see `inherit_query` for one
        more), with what the other queries need. Keys that several rows share are there
        several times: see `ambiguous_query`.
    """
    removes_absent = (
        spec.mode in (Mode.MIRROR, Mode.FULL) and wanted_actions.absent is not None
    )
    needs_held_consent = spec.needs_consent and not removes_absent
    return filled_select(
        _COMPARISON,
        {
            "source": source,
            "snapshot": snapshot,
            "rejected": rejected,
            "granted": granted
            if needs_held_consent
            else filled_select(NO_CUSTOMERS, {}, dialect=dialect),
        },
        {
            "sync": exp.Literal.string(spec.name),
            "now": now,
            "stale_before": stale_before,
            "is_membership": exp.Boolean(
                this=is_membership and spec.mode in (Mode.MIRROR, Mode.ADD, Mode.UPSERT)
            ),
            "changed": exp.Literal.string(
                "unchanged" if spec.mode is Mode.INSERT else "change"
            ),
            "removes_absent": exp.Boolean(this=removes_absent),
            "absent": exp.Literal.string("absent"),
            "withdrawn": withdrawn_op(wanted_actions),
            "needs_consent": exp.Boolean(this=needs_held_consent),
        },
        dialect=dialect,
    )


def held_count_query(
    spec: SyncSpec, *, snapshot: exp.Table, dialect: str
) -> exp.Select:
    """How many rows the destination holds by our record."""
    return filled_select(
        _HELD_COUNT,
        {"snapshot": snapshot},
        {"sync": exp.Literal.string(spec.name)},
        dialect=dialect,
    )


def count_query(*, compared: exp.Table, dialect: str) -> exp.Select:
    """One row per op: see `plan.read_counts`."""
    return filled_select(_COUNTS, {"compared": compared}, dialect=dialect)


def withdrawn_op(wanted_actions: Actions) -> exp.Literal:
    """What a held row is called whose consent is gone: it leaves, unless it cannot."""
    is_kept = wanted_actions.withdrawn is None
    return exp.Literal.string("kept" if is_kept else "withdraw")
