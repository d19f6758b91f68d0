"""The SQL of a plan: who may go, what differs from what was acknowledged, in which order.

Pure: returns sqlglot expressions. The texts below are ours and hold no value;
relations, columns and values are put in as expressions, so no name or value of a user
becomes SQL.

Rows that are as the destination has them never leave the query that finds the others: a
run writes down what differs (`comparison_query`), counts it, and reads the model once more
for the rows that go (`plan_query`). Both readings belong into one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from reverse_etl.content_hash import TypeTag, row_hash, type_tag
from reverse_etl.destinations.protocol import FIRST_ASSOCIATION
from reverse_etl.modes import (
    REMOVAL_ACTIONS,
    Action,
    Mode,
    Removal,
    write_action,
)
from reverse_etl.query_text import filled, filled_select
from reverse_etl.spec import (
    CUSTOMER_COLUMN,
    Cast,
    FieldMapping,
    SyncSpec,
    columns_of,
    template_parts,
)
from warehouse.values import Column, Relation

CONSENTS = Relation("core", "customer_consents")
"""One row per customer and purpose: customer_id, purpose, is_granted."""

SUPPRESSIONS = Relation("core", "suppressed_customers")
"""One row per customer that nobody may be told of: customer_id. Read where it exists."""

# A customer with a contradictory or missing consent row has not consented.
_GRANTED_CUSTOMERS = """
select cast(consents.customer_id as text) as customer_id
from consents
where consents.purpose = :purpose
group by cast(consents.customer_id as text)
having min(case when consents.is_granted then 1 else 0 end) = 1
"""

_GRANTED_AND_NOT_SUPPRESSED = """
select granted.customer_id
from granted
left join (
    select distinct cast(suppressed.customer_id as text) as customer_id
    from suppressed
) as barred on granted.customer_id = barred.customer_id
where barred.customer_id is null
"""

_PURPOSE_IN_USE = """
select 1 as found
from consents
where consents.purpose = :purpose
limit 1
"""

_PURPOSES = """
select distinct cast(consents.purpose as text) as purpose
from consents
where consents.purpose is not null
order by 1
"""

_NO_CUSTOMERS = """
select cast(null as text) as customer_id
where 1 = 0
"""

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

_SOURCE_COUNT = """
select count(*) as row_count
from model
"""

_BALANCE = """
select
    coalesce(sum(case when is_in_source then 1 else 0 end), 0) as source_rows,
    count(distinct case when is_held then key end) as held_keys

from compared
"""

_HELD_COUNT = """
select count(*) as row_count
from snapshot
where sync_name = :sync
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

_WITHDRAWN = """
select plan.seq
from plan
left join granted on plan.customer_id = granted.customer_id
where
    plan.op <> 'remove'
    and plan.seq >= :first
    and granted.customer_id is null
order by plan.seq
"""

_MATCH = "match_"
_FIELD = "field_"
_ASSOCIATION = "assoc_"


@dataclass(frozen=True, slots=True)
class Actions:
    """What a sync asks of its destination for rows that are written, or that leave.

    `absent` and `withdrawn` are None where such rows stay as they are.
    """

    write: Action
    absent: Action | None
    withdrawn: Action | None


def actions(
    spec: SyncSpec, *, removals: frozenset[Removal], is_membership: bool, is_run: bool
) -> Actions:
    """The actions of a sync at a destination.

    Args:
        spec: The sync.
        removals: What the destination can do with a record that is to leave.
        is_membership: Whether the object is a list or an audience.
        is_run: Whether a whole run goes as one batch.
    """
    if is_run:
        return Actions(Action.RUN, Action.RUN, Action.RUN)
    gentlest = gentlest_removal(removals)
    on_removal = spec.on_removal or gentlest or Removal.NOTHING
    on_withdrawal = spec.on_withdrawal or (
        on_removal if on_removal is not Removal.NOTHING else gentlest or on_removal
    )
    is_lasting = spec.mode in (Mode.APPEND, Mode.REMOVE, Mode.ARCHIVE)
    return Actions(
        write_action(spec.mode, is_membership=is_membership),
        REMOVAL_ACTIONS.get(on_removal) if spec.mode is Mode.MIRROR else None,
        None if is_lasting else REMOVAL_ACTIONS.get(on_withdrawal),
    )


def gentlest_removal(removals: frozenset[Removal]) -> Removal | None:
    """What is done with a record that is to leave when nobody says; never DELETE."""
    for removal in (Removal.REMOVE, Removal.ARCHIVE, Removal.CLEAR):
        if removal in removals:
            return removal
    return None


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
        name: (_model(name), type_tag(types[name], column=name, model=spec.model))
        for name in _compared_columns(spec)
    }
    customer: exp.Expr = (
        exp.cast(_model(CUSTOMER_COLUMN), "text")
        if spec.purpose is not None
        else exp.cast(exp.null(), "text")
    )
    query = exp.select(
        exp.alias_(exp.Literal.number(1), "is_in_source"),
        exp.alias_(exp.cast(_model(spec.key), "text"), "key"),
        exp.alias_(customer, "customer_id"),
        exp.alias_(_has_consent(spec), "has_consent"),
        exp.alias_(row_hash(head, hashed, dialect=dialect), "row_hash"),
        exp.alias_(_match_text(spec, dialect=dialect), "match_text"),
        exp.alias_(_fault(spec, types), "fault"),
    ).from_(_model_table(spec))
    if not spec.needs_consent:
        return query
    # Granted customers are unique, so the join multiplies no row.
    return query.join(
        granted.subquery("granted"),
        on=customer.eq(exp.column("customer_id", "granted")),
        join_type="left",
    )


def granted_query(
    spec: SyncSpec, *, suppressed: exp.Table | None, dialect: str
) -> exp.Select:
    """Customers whose rows may go, each once: consent given, and not suppressed."""
    if not spec.needs_consent:
        return filled_select(_NO_CUSTOMERS, {}, dialect=dialect)
    granted = filled_select(
        _GRANTED_CUSTOMERS,
        {"consents": CONSENTS.to_table()},
        {"purpose": exp.Literal.string(str(spec.purpose))},
        dialect=dialect,
    )
    if suppressed is None:
        return granted
    return filled_select(
        _GRANTED_AND_NOT_SUPPRESSED,
        {"granted": granted, "suppressed": suppressed},
        dialect=dialect,
    )


def purpose_in_use_query(purpose: str, *, dialect: str) -> exp.Select:
    """One row when anybody answered for the purpose, whatever they said; none otherwise."""
    return filled_select(
        _PURPOSE_IN_USE,
        {"consents": CONSENTS.to_table()},
        {"purpose": exp.Literal.string(purpose)},
        dialect=dialect,
    )


def purposes_query(*, dialect: str) -> exp.Select:
    """Every purpose that anybody answered for, by name."""
    return filled_select(_PURPOSES, {"consents": CONSENTS.to_table()}, dialect=dialect)


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
            else filled_select(_NO_CUSTOMERS, {}, dialect=dialect),
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
            "withdrawn": _withdrawn(wanted_actions),
            "needs_consent": exp.Boolean(this=needs_held_consent),
        },
        dialect=dialect,
    )


def balance_query(*, compared: exp.Table, dialect: str) -> exp.Select:
    """Rows of the model and keys held that the comparison holds: one row of two."""
    return filled_select(_BALANCE, {"compared": compared}, dialect=dialect)


def source_count_query(spec: SyncSpec, *, dialect: str) -> exp.Select:
    """How many rows the model has."""
    return filled_select(
        _SOURCE_COUNT, {"model": spec.relation.to_table()}, dialect=dialect
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
    keys = exp.select(exp.alias_(exp.cast(_model(spec.key), "text"), "key")).from_(
        _model_table(spec)
    )
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
            "withdrawn": _withdrawn(wanted_actions),
            "removes_ambiguous": exp.Boolean(this=removes_ambiguous),
        },
        dialect=dialect,
    )


def count_query(*, compared: exp.Table, dialect: str) -> exp.Select:
    """One row per op: see `plan.read_counts`."""
    return filled_select(_COUNTS, {"compared": compared}, dialect=dialect)


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
        {"model_key": _model(spec.key)},
        dialect=dialect,
    )
    query = query.select(*_wire_columns(spec, columns))
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
        {"model_key": _model(spec.key)},
        dialect=dialect,
    )
    return query.select(*_wire_columns(spec, columns))


def withdrawn_query(
    spec: SyncSpec,
    *,
    plan: exp.Table,
    first_seq: int,
    suppressed: exp.Table | None,
    dialect: str,
) -> exp.Select:
    """Rows of a plan, from a sequence number on, that may go no longer: their seq."""
    return filled_select(
        _WITHDRAWN,
        {
            "plan": plan,
            "granted": granted_query(spec, suppressed=suppressed, dialect=dialect),
        },
        {"first": exp.Literal.number(first_seq)},
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


def _withdrawn(wanted_actions: Actions) -> exp.Literal:
    is_kept = wanted_actions.withdrawn is None
    return exp.Literal.string("kept" if is_kept else "withdraw")


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
            exp.cast(_model(each.column), "text"),
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
        wanted = _cast(mapped, tag)
        fails = exp.and_(
            exp.Not(this=exp.Is(this=_model(mapped.column), expression=exp.null())),
            exp.Is(this=wanted, expression=exp.null()),
        )
        checks.append(exp.If(this=fails, true=exp.Literal.string(mapped.field)))
    if not checks:
        return exp.cast(exp.null(), "text")
    return exp.Case(ifs=checks)


def _wire_columns(spec: SyncSpec, columns: Sequence[Column]) -> list[exp.Expr]:
    types = {column.name: column.data_type for column in columns}
    selected: list[exp.Expr] = [
        exp.alias_(exp.cast(_model(each.column), "text"), name)
        for name, each in zip(match_names(spec), spec.match, strict=True)
    ]
    for position, mapped in enumerate(spec.mapping, start=1):
        if columns_of(mapped):
            selected.append(
                exp.alias_(_wire(mapped, types, spec.model), f"{_FIELD}{position}")
            )
    selected += [
        exp.alias_(exp.cast(_model(each.column), "text"), name)
        for name, each in zip(association_names(spec), spec.associations, strict=True)
    ]
    return selected


def _wire(mapped: FieldMapping, types: Mapping[str, str], model: str) -> exp.Expr:
    if mapped.template is not None:
        return _filled_template(mapped.template)
    column = str(mapped.column)
    tag = type_tag(types[column], column=column, model=model)
    if mapped.normaliser is not None:
        return exp.cast(_model(column), "text")
    if mapped.cast is not None:
        return _cast(mapped, tag)
    # Some types are read as objects of their own by the driver (uuid), and sent as text.
    return exp.cast(_model(column), "text") if tag is TypeTag.TEXT else _model(column)


_CASTS: Mapping[Cast, str] = {
    Cast.TEXT: "text",
    Cast.INTEGER: "bigint",
    Cast.NUMBER: "double",
    Cast.BOOLEAN: "boolean",
    Cast.DATE: "date",
    Cast.TIMESTAMP: "timestamp",
}


def _cast(mapped: FieldMapping, tag: TypeTag) -> exp.Expr:
    """The value as the mapping wants it; null where it cannot be that."""
    column = _model(str(mapped.column))
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
            parts.append(exp.cast(_model(name), "text"))
    joined = parts[0]
    for part in parts[1:]:
        joined = exp.DPipe(this=joined, expression=part)
    return joined


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
        this=exp.cast(_model(column), "text"), expressions=[exp.Literal.string("")]
    )
    return operations.select(exp.alias_(place, "locality")).join(
        _model_table(spec),
        # A key that leaves may be in the model several times.
        on=exp.and_(
            exp.column("key", "compared").eq(exp.cast(_model(spec.key), "text")),
            exp.column("op", "compared").isin("add", "change"),
        ),
        join_type="left",
    )


def _model(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True), "model")


def _model_table(spec: SyncSpec) -> exp.Expr:
    return exp.alias_(spec.relation.to_table(), "model", table=True)
