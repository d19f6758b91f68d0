"""What the next run would do with one row. Writes nothing that lasts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlglot import exp

from reverse_etl.clock import Clock
from reverse_etl.destinations.protocol import Capabilities
from reverse_etl.guards import Previous
from reverse_etl.invocations import RunOptions
from reverse_etl.ledger import Ledger
from reverse_etl.ledger_entries import Control
from reverse_etl.planned_runs import PlannedRun
from reverse_etl.planning import planned_run
from reverse_etl.retl_tables import (
    REJECTED,
    SNAPSHOT,
    TABLES,
    create_temporary,
    drop,
    exist,
)
from reverse_etl.snapshot import SyncRecord
from reverse_etl.spec import SyncSpec
from warehouse.connection import Warehouse

UNCHANGED = "unchanged"
ABSENT_EVERYWHERE = "nowhere"
"""Neither in the model nor, by our record, at the destination."""

_SENT = frozenset({"add", "change", "rematch", "absent", "withdraw"})


@dataclass(frozen=True, slots=True)
class RowOutlook:
    """How a row compares now.

    Attributes:
        finding: What the comparison makes of it: add, change, rematch, absent, withdraw,
            unchanged, waiting, in_doubt, skipped, faulty, ambiguous, keyless, kept,
            inherited (another row stands for its record), nowhere.
        fault: The field whose value cannot go, where the row is faulty.
        is_in_model: Whether the model has it.
        is_held_back: Whether a run would send it, and a guard keeps it from going.
        is_paused: Whether a person has paused the sync.
        has_unfinished_run: Whether a run is not over, which the next one settles first.
    """

    finding: str
    fault: str | None = None
    is_in_model: bool = False
    is_held_back: bool = False
    is_paused: bool = False
    has_unfinished_run: bool = False


def row_outlook(
    spec: SyncSpec,
    capabilities: Capabilities,
    key: str,
    *,
    warehouse: Warehouse,
    ledger: Ledger,
    now: Clock,
    options: RunOptions,
) -> RowOutlook:
    """Compare the model with the record, and look at the row of one key.

    Raises:
        ContractError: The model or the consent table is not there or lacks a column.
    """
    is_paused = ledger.told(spec.name, Control.PAUSE) is not None
    has_unfinished_run = bool(ledger.open_runs(spec.name))
    with _planned(
        spec, capabilities, warehouse=warehouse, now=now, options=options
    ) as planned:
        rows = warehouse.query(
            exp.select("op", "fault", "is_in_source")
            .from_(planned.compared.copy())
            .where(exp.column("key").eq(key))
            .limit(1)
        )
        is_in_model, is_held = _whereabouts(spec, warehouse, key)
        approved = ledger.told(spec.name, Control.APPROVAL)
        plan = planned.plan
    if rows:
        finding, fault = str(rows[0][0]), rows[0][1]
    else:
        finding, fault = UNCHANGED if is_held else ABSENT_EVERYWHERE, None
    goes_all_the_same = finding == "withdraw" and planned.lets_withdrawals_go
    return RowOutlook(
        finding,
        None if fault is None else str(fault),
        is_in_model=is_in_model,
        is_held_back=finding in _SENT
        and plan.is_held
        and plan.seal != approved
        and not goes_all_the_same,
        is_paused=is_paused,
        has_unfinished_run=has_unfinished_run,
    )


@contextmanager
def _planned(
    spec: SyncSpec,
    capabilities: Capabilities,
    *,
    warehouse: Warehouse,
    now: Clock,
    options: RunOptions,
) -> Iterator[PlannedRun]:
    has_record = exist(warehouse)
    stand_ins = {} if has_record else _empty_tables(warehouse)
    try:
        with planned_run(
            spec,
            capabilities,
            warehouse=warehouse,
            snapshot=stand_ins.get("snapshot", SNAPSHOT.to_table()),
            rejected=stand_ins.get("rejected", REJECTED.to_table()),
            previous=SyncRecord(warehouse, spec).previous()
            if has_record
            else Previous(),
            now=now(),
            account_fingerprint=options.account_fingerprint,
            limits=options.limits,
            requests_left=options.requests_left,
        ) as planned:
            yield planned
    finally:
        for table in stand_ins.values():
            drop(warehouse, table)


def _empty_tables(warehouse: Warehouse) -> Mapping[str, exp.Table]:
    return {
        "snapshot": create_temporary(warehouse, SNAPSHOT.name, TABLES[SNAPSHOT]),
        "rejected": create_temporary(warehouse, REJECTED.name, TABLES[REJECTED]),
    }


def _whereabouts(spec: SyncSpec, warehouse: Warehouse, key: str) -> tuple[bool, bool]:
    """Whether the model has the key, and whether the destination holds it."""
    key_column = exp.column(exp.to_identifier(spec.key, quoted=True))
    in_model = warehouse.query(
        exp.select("1")
        .from_(spec.relation.to_table())
        .where(exp.cast(key_column, "text").eq(key))
        .limit(1)
    )
    if not exist(warehouse):
        return bool(in_model), False
    held = warehouse.query(
        exp.select("1")
        .from_(SNAPSHOT.to_table())
        .where(exp.column("sync_name").eq(spec.name))
        .where(exp.column("key").eq(key))
        .limit(1)
    )
    return bool(in_model), bool(held)
