"""From the model to the plan of a run: compare, count, judge, write down.

Everything happens inside one transaction of the caller, so that the model is read as it is
at one moment. What a plan holds and why is in `change_query`, what holds it in `guards`.
"""

import contextlib
from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlglot import exp

from reverse_etl import model_query, sync_actions
from reverse_etl.comparing import compare, counts_of
from reverse_etl.destinations.protocol import Capabilities, LimitKind, RateLimit
from reverse_etl.guards import Previous, guard_findings
from reverse_etl.model_checks import check_purpose, checked_columns
from reverse_etl.normalising import NORMALISERS
from reverse_etl.plan import SyncPlan, request_count, seal_of
from reverse_etl.plan_samples import looked_at
from reverse_etl.planned_runs import PlannedRun
from reverse_etl.retl_tables import drop, temporary
from reverse_etl.spec import SyncSpec, mapping_fingerprint
from reverse_etl.sync_actions import Actions
from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError


@contextlib.contextmanager
def planned_run(
    spec: SyncSpec,
    capabilities: Capabilities,
    *,
    warehouse: Warehouse,
    snapshot: exp.Table,
    rejected: exp.Table,
    previous: Previous,
    now: datetime,
    account_fingerprint: str | None = None,
    limits: Iterable[RateLimit] = (),
    requests_left: int | None = None,
    has_unfinished_run: bool = False,
    with_samples: bool = False,
    returning: int = 0,
) -> Iterator[PlannedRun]:
    """Compare a model with what its destination holds.

    Args:
        spec: The sync, checked against its destination.
        capabilities: Of the destination's object.
        warehouse: Open. For writing, inside a transaction that stays open until the
            plan's rows are written; for reading alone, only the numbers can be had.
        snapshot: What destinations have acknowledged.
        rejected: What destinations have refused.
        previous: What the last run found.
        now: The present moment.
        account_fingerprint: Which account it is; None where nobody says.
        limits: The account's limits, to tell how long the run takes.
        requests_left: Of the account's day; None without a daily quota.
        has_unfinished_run: See `SyncPlan`.
        with_samples: Whether the plan shows some masked rows.
        returning: See `guards.guard_findings`.

    Raises:
        ContractError: The model or the consent table is not there or lacks a column, or
            a column is of a type that cannot go.
        SpecError: Customers answered for other purposes, and nobody for the sync's.
    """
    columns = checked_columns(spec, warehouse)
    check_purpose(spec, warehouse)
    is_run = capabilities.max_batch_rows is None
    wanted_actions = sync_actions.actions(
        spec,
        removals=capabilities.removals,
        is_membership=capabilities.is_membership,
        is_run=is_run,
    )
    head = mapping_fingerprint(
        spec, {name: each.version for name, each in NORMALISERS.items()}
    )
    schema = model_query.schema_fingerprint(spec, columns)
    compared = temporary(f"compared__{spec.name}")
    try:
        compare(
            spec,
            columns,
            warehouse=warehouse,
            compared=compared,
            snapshot=snapshot,
            rejected=rejected,
            wanted_actions=wanted_actions,
            is_membership=capabilities.is_membership,
            removes_ambiguous=is_run,
            head=head,
            now=now,
        )
        counts = counts_of(spec, warehouse, compared=compared, snapshot=snapshot)
        requests = request_count(
            counts, wanted_actions, max_batch_rows=capabilities.max_batch_rows
        )
        findings = guard_findings(
            counts,
            spec.guards,
            previous=previous,
            mapping_fingerprint=head,
            schema_fingerprint=schema,
            account_fingerprint=account_fingerprint,
            requests=requests,
            requests_left=requests_left,
            returning=returning,
        )
        run = PlannedRun(
            spec=spec,
            plan=SyncPlan(
                sync=spec.name,
                planned_at=now,
                counts=counts,
                findings=findings,
                has_unfinished_run=has_unfinished_run,
                seal=seal_of(
                    counts,
                    (
                        *_deed(spec, wanted_actions),
                        str(account_fingerprint),
                        head,
                        schema,
                    ),
                ),
                requests=requests,
                seconds=_least_seconds(requests, limits),
            ),
            compared=compared,
            columns=columns,
            actions=wanted_actions,
            mapping_fingerprint=head,
            schema_fingerprint=schema,
            account_fingerprint=account_fingerprint,
            order_by=capabilities.order_by,
            dialect=warehouse.dialect,
        )
        if with_samples:
            run = looked_at(run, warehouse)
        yield run
    finally:
        # They end with the connection anyway; an error on the way is the one to tell.
        with contextlib.suppress(WarehouseError):
            drop(warehouse, compared)


def _deed(spec: SyncSpec, wanted_actions: Actions) -> tuple[str, ...]:
    """What is done, where, and in whose name, beside the rows themselves."""
    return (
        spec.destination,
        spec.object,
        spec.key,
        spec.mode.value,
        str(spec.relation),
        str(spec.purpose),
        wanted_actions.write.value,
        str(wanted_actions.absent),
        str(wanted_actions.withdrawn),
    )


def _least_seconds(requests: int, limits: Iterable[RateLimit]) -> float:
    """How long the slowest window makes that many requests last."""
    return max(
        (
            (requests / limit.max_requests) * limit.window_s
            for limit in limits
            if limit.kind is LimitKind.WINDOW and requests > limit.max_requests
        ),
        default=0.0,
    )
