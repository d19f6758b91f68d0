"""The comparison of a model with what its destination holds, done in the warehouse.

What is compared is in `change_query`, keys that several rows share in `shared_keys`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlglot import exp

from reverse_etl import change_query, consent_query, model_query, shared_keys
from reverse_etl.clock import as_utc
from reverse_etl.consent_query import SUPPRESSIONS
from reverse_etl.counts import Counts, read_counts
from reverse_etl.modes import Action
from reverse_etl.retl_tables import create_temporary_as, drop, literal, temporary
from reverse_etl.spec import SyncSpec
from reverse_etl.sync_actions import Actions
from warehouse.connection import Warehouse
from warehouse.values import Column

_LONG_AGO = datetime(1970, 1, 1)


def suppressions(warehouse: Warehouse) -> exp.Table | None:
    """The table of customers that nobody may be told of, where there is one."""
    if (SUPPRESSIONS.schema, SUPPRESSIONS.name) not in warehouse.tables():
        return None
    return SUPPRESSIONS.to_table()


def withdrawn_since(
    spec: SyncSpec, *, warehouse: Warehouse, plan: exp.Table, first_seq: int
) -> tuple[int, ...]:
    """Sequence numbers of planned rows whose consent is gone since they were planned."""
    if not spec.needs_consent:
        return ()
    rows = warehouse.query(
        consent_query.withdrawn_query(
            spec,
            plan=plan,
            first_seq=first_seq,
            suppressed=suppressions(warehouse),
            dialect=warehouse.dialect,
        )
    )
    return tuple(int(str(seq)) for (seq,) in rows)


def compare(
    spec: SyncSpec,
    columns: Sequence[Column],
    *,
    warehouse: Warehouse,
    compared: exp.Table,
    snapshot: exp.Table,
    rejected: exp.Table,
    wanted_actions: Actions,
    is_membership: bool,
    removes_ambiguous: bool,
    head: str,
    now: datetime,
) -> None:
    """Write down what differs, keys that several rows share settled.

    See `change_query.comparison_query`; it is the table `compared` afterwards.
    """
    dialect = warehouse.dialect
    granted = consent_query.granted_query(
        spec, suppressed=suppressions(warehouse), dialect=dialect
    )
    days = spec.refresh_after_days
    stale_before = _LONG_AGO if days is None else as_utc(now) - timedelta(days=days)
    create_temporary_as(
        warehouse,
        compared.name,
        change_query.comparison_query(
            spec,
            source=model_query.source_query(
                spec, columns, head=head, granted=granted, dialect=dialect
            ),
            granted=granted,
            snapshot=snapshot,
            rejected=rejected,
            wanted_actions=wanted_actions,
            is_membership=is_membership,
            now=literal(as_utc(now)),
            stale_before=literal(stale_before),
            dialect=dialect,
        ),
    )
    _settle_shared_keys(
        spec,
        warehouse,
        compared=compared,
        snapshot=snapshot,
        wanted_actions=wanted_actions,
        removes_ambiguous=removes_ambiguous,
    )
    if spec.match and wanted_actions.write is not Action.RUN:
        warehouse.execute(
            shared_keys.inherit_query(
                spec, compared=compared, snapshot=snapshot, dialect=dialect
            )
        )


def _settle_shared_keys(
    spec: SyncSpec,
    warehouse: Warehouse,
    *,
    compared: exp.Table,
    snapshot: exp.Table,
    wanted_actions: Actions,
    removes_ambiguous: bool,
) -> None:
    """Put one row in place of the several that share a key.

    Rows that are as they were are not in the comparison. If more of them are left out
    than keys are held, some share a key, and the model is looked through for it.
    """
    dialect = warehouse.dialect
    ((source_rows, held_keys),) = warehouse.query(
        shared_keys.balance_query(compared=compared, dialect=dialect)
    )
    left_out = _one(
        warehouse, model_query.source_count_query(spec, dialect=dialect)
    ) - int(str(source_rows))
    untouched = _one(
        warehouse,
        change_query.held_count_query(spec, snapshot=snapshot, dialect=dialect),
    ) - int(str(held_keys))
    shared = temporary(f"shared__{spec.name}")
    create_temporary_as(
        warehouse,
        shared.name,
        shared_keys.shared_keys_query(
            spec, compared=None if left_out > untouched else compared, dialect=dialect
        ),
    )
    if _one(warehouse, exp.select(exp.func("count", exp.Star())).from_(shared)):
        settled = temporary(f"settled__{spec.name}")
        create_temporary_as(
            warehouse,
            settled.name,
            shared_keys.ambiguous_query(
                shared=shared,
                compared=compared,
                wanted_actions=wanted_actions,
                removes_ambiguous=removes_ambiguous,
                dialect=dialect,
            ),
        )
        warehouse.execute(
            shared_keys.delete_shared_query(
                shared=shared, compared=compared, dialect=dialect
            )
        )
        names = list(_COMPARED_COLUMNS)
        warehouse.execute(
            exp.insert(
                exp.select(*names).from_(settled), into=compared.copy(), columns=names
            )
        )
        drop(warehouse, settled)
    drop(warehouse, shared)


_COMPARED_COLUMNS = (
    "key",
    "is_in_source",
    "is_held",
    "customer_id",
    "has_consent",
    "row_hash",
    "match_text",
    "fault",
    "held_customer_id",
    "held_hash",
    "state",
    "held_match_text",
    "dest_id",
    "is_different",
    "is_waiting",
    "has_held_consent",
    "row_count",
    "op",
)


def counts_of(
    spec: SyncSpec, warehouse: Warehouse, *, compared: exp.Table, snapshot: exp.Table
) -> Counts:
    """The numbers of a comparison that was written down."""
    dialect = warehouse.dialect
    return read_counts(
        warehouse.query(change_query.count_query(compared=compared, dialect=dialect)),
        source_count=_one(
            warehouse, model_query.source_count_query(spec, dialect=dialect)
        ),
        held_count=_one(
            warehouse,
            change_query.held_count_query(spec, snapshot=snapshot, dialect=dialect),
        ),
    )


def _one(warehouse: Warehouse, query: exp.Select) -> int:
    ((count,),) = warehouse.query(query)
    return int(str(count))
