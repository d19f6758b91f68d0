"""The SQL by which a person's decision changes what is held to be at a destination. Pure.

When each may be run is in `operations`.
"""

FORGET_SNAPSHOT = """
delete from snapshot
where sync_name = :sync
"""

FORGET_REJECTED = """
delete from rejected
where sync_name = :sync
"""

# What the destination refused is known not to be there; it goes as it always would.
TAKEN = """
select
    compared.key,
    compared.customer_id,
    compared.row_hash,
    compared.match_text,
    compared.dest_id

from compared
where
    (compared.op in ('change', 'rematch') or (compared.op = 'add' and :takes_new))
    and sha256_text(compared.key) not in (
        select rejected.key_sha256
        from rejected
        where rejected.sync_name = :sync
    )
"""

FORGET_TAKEN = """
delete from snapshot
where
    sync_name = :sync
    and key in (select taken.key from taken)
"""

NOTE_TAKEN = """
insert into snapshot (
    sync_name, key, customer_id, row_hash, state, match_text, dest_id, run_id,
    acknowledged_at
)
select
    :sync,
    taken.key,
    taken.customer_id,
    taken.row_hash,
    'acked',
    taken.match_text,
    taken.dest_id,
    :run_id,
    :now

from taken
"""

UNKNOWN_ALL = """
update snapshot
set row_hash = null, state = 'unknown'
where sync_name = :sync
"""

UNKNOWN_KEYS = """
update snapshot
set row_hash = null, state = 'unknown'
where
    sync_name = :sync
    and key in :keys
"""

RETRY_REJECTED = """
update rejected
set next_retry_at = :now
where
    sync_name = :sync
    and (next_retry_at is null or next_retry_at > :now)
"""

IN_DOUBT_AGAIN = """
update snapshot
set row_hash = null, state = 'unknown'
where
    sync_name = :sync
    and state = 'in_doubt'
"""

# The fingerprint of a row in doubt is that of the outcome that left it so.
IN_DOUBT_DELIVERED = """
update snapshot
set
    row_hash = doubtful.row_hash,
    state = 'acked',
    acknowledged_at = :now
from (
    select
        outcomes.key_sha256,
        max(outcomes.row_hash) as row_hash

    from outcomes
    inner join (
        select
            outcomes.key_sha256,
            max(outcomes.run_id) as run_id

        from outcomes
        where outcomes.sync_name = :sync and outcomes.status = 'in_doubt'
        group by outcomes.key_sha256
    ) as latest
        on outcomes.key_sha256 = latest.key_sha256
        and outcomes.run_id = latest.run_id
    where outcomes.sync_name = :sync and outcomes.status = 'in_doubt'
    group by outcomes.key_sha256
) as doubtful
where
    snapshot.sync_name = :sync
    and snapshot.state = 'in_doubt'
    and sha256_text(snapshot.key) = doubtful.key_sha256
    and doubtful.row_hash is not null
"""

# A removal has no fingerprint. One that arrived leaves nothing to hold.
IN_DOUBT_REMOVED = """
delete from snapshot
where
    sync_name = :sync
    and state = 'in_doubt'
    and exists (
        select 1
        from outcomes
        where
            outcomes.sync_name = :sync
            and outcomes.status = 'in_doubt'
            and outcomes.op = 'remove'
            and outcomes.run_id = snapshot.run_id
            and outcomes.key_sha256 = sha256_text(snapshot.key)
    )
"""
