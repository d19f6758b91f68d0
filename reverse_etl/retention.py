"""What is forgotten of earlier runs: outcomes and runs past their time, and plans.

A plan holds what was to be sent, so none outlives its use: that of a run that is over is
dropped, and one too old to be continued loses everything but what closing it takes. What a
later run, a person's decision or an erasure still needs stays, however old: runs that the
record of what is held names, the newest runs of each sync, outcomes of rows in doubt.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlglot import exp

from reverse_etl.clock import Clock, as_utc
from reverse_etl.errors import SyncBusyError
from reverse_etl.ledger import Ledger
from reverse_etl.query_text import filled, filled_select
from reverse_etl.recovery import PLAN_TTL
from reverse_etl.retl_tables import (
    OUTCOMES,
    RUNS,
    SCHEMA,
    SNAPSHOT,
    drop,
    exist,
    literal,
)
from warehouse.connection import Warehouse
from warehouse.values import Relation

DEFAULT_DAYS = 90
"""How long outcomes and runs are kept, unless the project says otherwise."""

_PLAN_PREFIX = "plan__"
_PAYLOAD = re.compile(r"(match|field|assoc)_\d+")
_MARGIN = timedelta(hours=1)
"""Clocks of two machines may differ: a plan is only stripped when none would continue it."""

# An outcome whose run is unknown to sync_runs goes by its own time.
_FORGET_OUTCOMES = """
delete from outcomes
where
    coalesce(
        (
            select
                case
                    when coalesce(runs.is_open, runs.status = 'running') then :now
                    else coalesce(runs.finished_at, runs.started_at)
                end
            from runs
            where runs.run_id = outcomes.run_id
        ),
        outcomes.recorded_at,
        :now
    ) < :cutoff
    and not (
        outcomes.status = 'in_doubt'
        and exists (
            select 1
            from snapshot
            where
                snapshot.sync_name = outcomes.sync_name
                and snapshot.state = 'in_doubt'
                and sha256_text(snapshot.key) = outcomes.key_sha256
        )
    )
"""

_OLD_RUNS = """
select count(*) as run_count
from runs
where
    not coalesce(is_open, status = 'running')
    and coalesce(finished_at, started_at) < :cutoff
"""

_FORGET_RUNS = """
delete from runs
where
    not coalesce(is_open, status = 'running')
    and coalesce(finished_at, started_at) < :cutoff
    and run_id not in (
        select snapshot.run_id
        from snapshot
        where snapshot.run_id is not null
    )
    and run_id not in (select outcomes.run_id from outcomes)
    and run_id not in (
        select max(newest.run_id)
        from newest
        group by newest.sync_name
    )
    and run_id not in (
        select max(newest.run_id)
        from newest
        where
            newest.status not in ('held', 'rejected')
            and coalesce(newest.held_count, 0) = 0
        group by newest.sync_name
    )
"""

_OPEN_RUNS = """
select
    run_id,
    started_at

from runs
where sync_name = :sync and coalesce(is_open, status = 'running')
"""


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge forgot.

    Attributes:
        outcomes, runs: Rows.
        plans: Plans that were dropped.
        payloads: Plans that lost the values they would have sent.
    """

    outcomes: int = 0
    runs: int = 0
    plans: int = 0
    payloads: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether there was nothing to forget."""
        return not (self.outcomes or self.runs or self.plans or self.payloads)


def purge(*, warehouse: Warehouse, ledger: Ledger, now: Clock, days: int) -> Purged:
    """Forget what is past its time, of every sync that ever ran.

    Args:
        warehouse: Open for writing.
        ledger: Open.
        now: The present moment.
        days: How long outcomes and runs are kept.
    """
    if not exist(warehouse):
        return Purged()
    cutoff = as_utc(now()) - timedelta(days=days)
    outcomes, runs = _forget_runs(warehouse, cutoff=cutoff, now=as_utc(now()))
    plans = payloads = 0
    for sync, plan in _plans(warehouse):
        try:
            with ledger.lease(sync, now=now):
                dropped, stripped = _forget_plan(
                    sync, plan, warehouse=warehouse, ledger=ledger, now=as_utc(now())
                )
        except SyncBusyError:
            # A run under way needs its plan, and drops it itself.
            continue
        plans += dropped
        payloads += stripped
    return Purged(outcomes, runs, plans, payloads)


def _forget_runs(
    warehouse: Warehouse, *, cutoff: datetime, now: datetime
) -> tuple[int, int]:
    terms = {"cutoff": literal(cutoff), "now": literal(now)}
    relations: dict[str, exp.Expr] = {
        "outcomes": OUTCOMES.to_table(),
        "runs": RUNS.to_table(),
        "newest": RUNS.to_table(),
        "snapshot": SNAPSHOT.to_table(),
    }

    def execute(text: str) -> int:
        return warehouse.execute(
            filled(text, relations, terms, dialect=warehouse.dialect)
        )

    with warehouse.transaction():
        outcomes = execute(_FORGET_OUTCOMES)
        ((old_runs,),) = warehouse.query(
            filled_select(_OLD_RUNS, relations, terms, dialect=warehouse.dialect)
        )
        runs = execute(_FORGET_RUNS) if old_runs else 0
    return outcomes, runs


def _plans(warehouse: Warehouse) -> Iterator[tuple[str, Relation]]:
    for schema, name in sorted(warehouse.tables()):
        if schema == SCHEMA and name.startswith(_PLAN_PREFIX):
            yield name.removeprefix(_PLAN_PREFIX), Relation(schema, name)


def _forget_plan(
    sync: str,
    plan: Relation,
    *,
    warehouse: Warehouse,
    ledger: Ledger,
    now: datetime,
) -> tuple[int, int]:
    """Plans dropped, and plans stripped, of one sync that nobody runs now."""
    begun = {
        str(run_id): moment
        for run_id, moment in warehouse.query(
            filled_select(
                _OPEN_RUNS,
                {"runs": RUNS.to_table()},
                {"sync": literal(sync)},
                dialect=warehouse.dialect,
            )
        )
    }
    if not begun:
        drop(warehouse, plan.to_table())
        return 1, 0
    planned = {run.run_id: run.planned_at for run in ledger.open_runs(sync)}
    moments = [planned.get(run_id, moment) for run_id, moment in begun.items()]
    is_old = all(
        isinstance(moment, datetime) and now - moment > PLAN_TTL + _MARGIN
        for moment in moments
    )
    payload = [
        column.name
        for column in warehouse.columns(plan.schema, plan.name)
        if _PAYLOAD.fullmatch(column.name)
    ]
    if not is_old or not payload:
        return 0, 0
    with warehouse.transaction():
        for name in payload:
            warehouse.execute(
                exp.Alter(
                    this=plan.to_table(),
                    kind="TABLE",
                    actions=[
                        exp.Drop(
                            tables=[exp.column(exp.to_identifier(name, quoted=True))],
                            kind="COLUMN",
                        )
                    ],
                )
            )
    return 0, 1
