"""A tiny warehouse with one sync in it, for the tests of reverse_etl.

Rows and consents are set as literals; the destination is whatever the test opens.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from reverse_etl.destinations.memory import (
    CAPABILITIES,
    Fault,
    MemoryDestination,
    Moment,
)
from reverse_etl.destinations.protocol import Capabilities, Destination
from reverse_etl.engine import plan_sync, run_sync
from reverse_etl.errands import SendPolicy
from reverse_etl.errors import FatalDeliveryError
from reverse_etl.events import SyncEvent, Tell
from reverse_etl.invocations import RunOptions
from reverse_etl.ledger import Ledger, open_ledger
from reverse_etl.modes import Mode, Op
from reverse_etl.plan import SyncPlan
from reverse_etl.run_reports import RunReport
from reverse_etl.spec import FieldMapping, Guards, Nulls, SyncSpec
from warehouse.connection import Warehouse, open_warehouse
from warehouse.target import STORAGE_VERSION, Target
from warehouse.values import Relation, Value

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
ANYTHING_GOES = Guards(
    max_remove_rate=1,
    max_change_rate=1,
    max_growth_rate=1_000_000,
    max_consent_drop=1,
    allow_empty=True,
)

AT_ONCE = SendPolicy(
    max_workers=1, row_waits_s=(0.0,), batch_waits_s=(0.0,), job_waits_s=(0.0, 0.0)
)
"""One batch after the other, and no waiting before one is tried again."""

SPEC = SyncSpec(
    name="mailer__people",
    model="sync_mailer__people",
    model_unique_id="model.kenning.sync_mailer__people",
    relation=Relation("activation", "sync_mailer__people"),
    destination="mailer",
    object="contacts",
    mode=Mode.MIRROR,
    key="person_key",
    mapping=(
        FieldMapping("first_name", column="first_name", nulls=Nulls.CLEAR),
        FieldMapping("order_count", column="order_count", nulls=Nulls.CLEAR),
        FieldMapping("list", constant="people"),
    ),
    purpose="email_marketing",
    guards=ANYTHING_GOES,
    path="models/activation/_activation__exposures.yml",
)

LINE_DEAD = Fault(FatalDeliveryError("The line went dead."))
LINE_DEAD_AFTER = Fault(
    FatalDeliveryError("The line went dead.", is_in_doubt=True), Moment.AFTER
)
STOPPED_AFTER = Fault(KeyboardInterrupt(), Moment.AFTER)
"""The whole process is stopped, with a batch applied and its answer not read."""

Person = tuple[str | None, str | None, int | None]
"""Key, first name, order count. The customer is "customer of <key>"."""


def target(folder: Path) -> Target:
    """A DuckDB file in a folder of the test."""
    return Target(
        name="test",
        engine="duckdb",
        path=folder / "test.duckdb",
        config={"storage_compatibility_version": STORAGE_VERSION},
        settings={"timezone": "UTC"},
    )


def memory_destination(
    *faults: Fault | None,
    max_batch_rows: int | None = 1,
    capabilities: Capabilities | None = None,
    **named: object,
) -> MemoryDestination:
    """A destination that meets these faults, one for each call."""
    return MemoryDestination(
        capabilities or replace(CAPABILITIES, max_batch_rows=max_batch_rows),
        faults=deque(faults),
        **named,
    )


def rows_of(destination: MemoryDestination) -> list[tuple[tuple[Op, str], ...]]:
    """What it took, batch by batch."""
    return [batch.rows for batch in destination.batches]


@dataclass
class SyncWorld:
    """An open warehouse and ledger, and what runs told."""

    folder: Path
    warehouse: Warehouse
    ledger: Ledger
    spec: SyncSpec = SPEC
    options: RunOptions = field(default_factory=lambda: RunOptions(policy=AT_ONCE))
    now: datetime = NOW
    lines: list[str] = field(default_factory=list)
    events: list[SyncEvent] = field(default_factory=list)

    def have_people(self, *people: Person) -> None:
        """Let the model hold exactly these rows."""
        self.warehouse.execute("delete from activation.sync_mailer__people")
        self.warehouse.insert(
            "activation",
            "sync_mailer__people",
            pd.DataFrame(
                {
                    "person_key": pd.Series(
                        [key for key, _, _ in people], dtype=object
                    ),
                    "customer_id": pd.Series(
                        [f"customer of {key}" for key, _, _ in people], dtype=object
                    ),
                    "first_name": pd.Series(
                        [name for _, name, _ in people], dtype=object
                    ),
                    "order_count": pd.Series(
                        [count for _, _, count in people], dtype=object
                    ),
                }
            ),
        )

    def have_consents(
        self, *keys: str, purpose: str = "email_marketing", is_granted: bool = True
    ) -> None:
        """Add one consent row for the customer of each key."""
        self.warehouse.insert(
            "core",
            "customer_consents",
            {
                "customer_id": [f"customer of {key}" for key in keys],
                "purpose": [purpose] * len(keys),
                "is_granted": [is_granted] * len(keys),
            },
        )

    def have_only_consents(self, *keys: str) -> None:
        """Let exactly the customers of these keys have consented."""
        self.warehouse.execute("delete from core.customer_consents")
        self.have_consents(*keys)

    def plan(self) -> SyncPlan:
        """Plan the sync."""
        return plan_sync(
            self.spec,
            CAPABILITIES,
            warehouse=self.warehouse,
            ledger=self.ledger,
            now=lambda: self.now,
        )

    def run(self, destination: Destination, tell: Tell | None = None) -> RunReport:
        """Run the sync."""
        return run_sync(
            self.spec,
            warehouse=self.warehouse,
            ledger=self.ledger,
            destination=destination,
            now=lambda: self.now,
            log=self.lines.append,
            tell=tell or self.events.append,
            options=self.options,
        )

    def run_with_seal(self, seal: str, destination: Destination) -> RunReport:
        """Run the sync if its plan is the one with this seal."""
        options, self.options = self.options, replace(self.options, seal=seal)
        try:
            return self.run(destination)
        finally:
            self.options = options

    def later(self, **passed: float) -> None:
        """Let time pass, as for a timedelta."""
        self.now += timedelta(**passed)

    def change_policy(self, **changes: object) -> None:
        """Send from now on with another policy."""
        policy = replace(self.options.policy, **changes)
        self.options = replace(self.options, policy=policy)

    def change_spec(self, **changes: object) -> None:
        """Run from now on with another configuration."""
        self.spec = replace(self.spec, **changes)

    def snapshot(self) -> Mapping[str, str | None]:
        """Fingerprint by key, as the warehouse has it acknowledged for this sync."""
        rows = self.warehouse.query(
            "select key, row_hash from retl.sync_snapshot "
            f"where sync_name = '{self.spec.name}' order by key"
        )
        return {str(key): None if hash_ is None else str(hash_) for key, hash_ in rows}

    def rows(self, query: str) -> Sequence[tuple[Value, ...]]:
        """Rows of any query."""
        return self.warehouse.query(query)


@contextmanager
def open_sync_world(folder: Path) -> Iterator[SyncWorld]:
    """Open the world of a folder; its tables are made the first time."""
    with (
        open_warehouse(target(folder)) as warehouse,
        open_ledger(folder / "ledger.sqlite") as ledger,
    ):
        if ("core", "customer_consents") not in warehouse.tables():
            warehouse.execute("create schema activation")
            warehouse.execute("create schema core")
            warehouse.execute(
                "create table activation.sync_mailer__people ("
                "person_key text, customer_id text, first_name text, order_count bigint)"
            )
            warehouse.execute(
                "create table core.customer_consents ("
                "customer_id text, purpose text, is_granted boolean)"
            )
        yield SyncWorld(folder, warehouse, ledger)
