"""The SQL by which a warehouse learns what became of a plan. Pure.

In which order it is run, and with what, is in `settling`.
"""

SPANS = "settled_spans"
REFUSALS = "settled_refusals"
DEST_IDS = "settled_dest_ids"
REFUSED = "settled_refused"
DONE = "settled_done"
STANDING = "settled_standing"

ALREADY_DONE = """
select outcomes.seq
from outcomes
where outcomes.run_id = :run_id
"""

REFUSED_ROWS = """
insert into refused (
    seq, key, key_sha256, error_class, error_code, error_field, is_retryable, is_in_doubt
)
select
    plan.seq,
    plan.key,
    sha256_text(plan.key),
    refusals.error_class,
    refusals.error_code,
    refusals.error_field,
    refusals.is_retryable,
    :is_in_doubt and refusals.error_code is distinct from :not_sent

from plan
inner join refusals on plan.seq = refusals.seq
where :is_theirs and plan.seq not in (select done.seq from done)
"""

REFUSED_WHOLE = """
insert into refused (
    seq, key, key_sha256, error_class, error_code, error_field, is_retryable, is_in_doubt
)
select
    plan.seq,
    plan.key,
    sha256_text(plan.key),
    :error_class,
    :error_code,
    cast(null as text),
    :is_retryable,
    :is_in_doubt

from plan
where
    :is_theirs
    and plan.seq not in (select done.seq from done)
    and plan.seq not in (select refused.seq from refused)
"""

OUTCOMES_OF_FATE = """
insert into outcomes (
    run_id, sync_name, seq, action, op, key_sha256, row_hash, status, error_class,
    recorded_at
)
select
    :run_id,
    :sync,
    plan.seq,
    plan.action,
    plan.op,
    sha256_text(plan.key),
    plan.row_hash,
    :status,
    :error_class,
    :now

from plan
where :is_theirs
"""

OUTCOMES_OF_REFUSED = """
insert into outcomes (
    run_id, sync_name, seq, action, op, key_sha256, row_hash, status, error_class,
    error_code, error_field, recorded_at
)
select
    :run_id,
    :sync,
    plan.seq,
    plan.action,
    plan.op,
    sha256_text(plan.key),
    plan.row_hash,
    'rejected',
    refused.error_class,
    refused.error_code,
    refused.error_field,
    :now

from refused
inner join plan on refused.seq = plan.seq
"""

FORGET_KEYS = """
delete from snapshot
where
    sync_name = :sync
    and key in (select plan.key from plan where :is_theirs)
"""

NOTE_KEYS = """
insert into snapshot (
    sync_name, key, customer_id, row_hash, state, match_text, dest_id, run_id,
    acknowledged_at
)
select
    :sync,
    plan.key,
    plan.customer_id,
    case when :state <> 'unknown' then plan.row_hash end,
    :state,
    plan.match_text,
    plan.dest_id,
    :run_id,
    :now

from plan
where :is_theirs and (plan.op <> 'remove' or :keeps_removed)
"""

NOTE_DEST_IDS = """
update snapshot
set dest_id = known.dest_id
from (
    select
        plan.key,
        dest_ids.dest_id

    from plan
    inner join dest_ids on plan.seq = dest_ids.seq
) as known
where
    snapshot.sync_name = :sync
    and snapshot.run_id = :run_id
    and snapshot.key = known.key
"""

DOUBT_REFUSED = """
update snapshot
set row_hash = null, state = 'unknown'
where
    sync_name = :sync
    and key in (select refused.key from refused where refused.is_in_doubt)
"""

NOTE_REFUSED_IN_DOUBT = """
insert into snapshot (
    sync_name, key, customer_id, state, match_text, dest_id, run_id, acknowledged_at
)
select
    :sync,
    plan.key,
    plan.customer_id,
    'unknown',
    plan.match_text,
    plan.dest_id,
    :run_id,
    :now

from refused
inner join plan on refused.seq = plan.seq
where
    refused.is_in_doubt
    and plan.op <> 'remove'
    and plan.key not in (
        select snapshot.key from snapshot where snapshot.sync_name = :sync
    )
"""

STANDING_REJECTIONS = """
select
    refused.key_sha256,
    plan.row_hash,
    refused.error_class,
    refused.error_code,
    refused.error_field,
    coalesce(rejected.attempt_count, 0) + 1 as attempt_count,
    coalesce(rejected.first_rejected_at, :now) as first_rejected_at,
    case
        when not refused.is_retryable then cast(null as timestamp)
        when coalesce(rejected.attempt_count, 0) = 0 then :soon
        when coalesce(rejected.attempt_count, 0) = 1 then :later
        else :at_last
    end as next_retry_at

from refused
inner join plan on refused.seq = plan.seq
left join rejected
    on rejected.sync_name = :sync
    and refused.key_sha256 = rejected.key_sha256
"""

FORGET_REJECTIONS = """
delete from rejected
where
    sync_name = :sync
    and key_sha256 in (
        select outcomes.key_sha256
        from outcomes
        where
            outcomes.run_id = :run_id
            and outcomes.status in ('ok', 'rejected')
            and outcomes.seq not in (select done.seq from done)
    )
"""

NOTE_REJECTIONS = """
insert into rejected (
    sync_name, key_sha256, row_hash, error_class, error_code, error_field, attempt_count,
    first_rejected_at, last_rejected_at, next_retry_at
)
select
    :sync,
    standing.key_sha256,
    standing.row_hash,
    standing.error_class,
    standing.error_code,
    standing.error_field,
    standing.attempt_count,
    standing.first_rejected_at,
    :now,
    standing.next_retry_at
from standing
"""
