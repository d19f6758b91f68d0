"""Whatever happens to a source, a destination and a process: nothing is lost.

A history of random changes and random faults, told to one sync. Whenever it has been quiet
for two runs, the destination holds exactly what it may. Meanwhile every run adds up, no key
is in a plan twice, and who leaves is gone before anybody arrives.
"""

import contextlib
import os
import tempfile
from collections import Counter, deque
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from reverse_etl.destinations.memory import (
    CAPABILITIES,
    Fault,
    MemoryDestination,
    Moment,
    lost_answer,
    no_answer,
)
from reverse_etl.destinations.protocol import Idempotency
from reverse_etl.errors import (
    BatchRefusedError,
    FatalDeliveryError,
    QuotaExhaustedError,
    RetryableDeliveryError,
)
from reverse_etl.ledger import open_ledger
from reverse_etl.modes import Mode, Op
from reverse_etl.spec import InDoubt
from tests.sync_world import NOW, SyncWorld, open_sync_world

KEYS = [f"k{number}" for number in range(8)]
NAMES = st.sampled_from(["Ada", "Bo", None])
ROWS = st.dictionaries(st.sampled_from(KEYS), NAMES)
KEY_SETS = st.frozensets(st.sampled_from(KEYS))

FAULTS = st.sampled_from(
    [
        None,
        no_answer(),
        lost_answer(),
        Fault(BatchRefusedError("Refused.", code="batch")),
        Fault(BatchRefusedError("Too large.", is_too_large=True)),
        Fault(RetryableDeliveryError("500.", is_in_doubt=True), Moment.BEFORE),
        Fault(FatalDeliveryError("Unauthorized.")),
        Fault(FatalDeliveryError("Garbage.", is_in_doubt=True), Moment.AFTER),
        Fault(
            QuotaExhaustedError("Enough.", resume_at=NOW + timedelta(hours=2)),
        ),
        Fault(KeyboardInterrupt(), Moment.BEFORE),
        Fault(KeyboardInterrupt(), Moment.AFTER),
    ]
)


class Histories(RuleBasedStateMachine):
    """One sync in mirror mode, to a destination that holds records by key."""

    idempotency = Idempotency.KEYED

    def __init__(self) -> None:
        super().__init__()
        self._stack = contextlib.ExitStack()
        folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="kenning-"))
        )
        self._folder = folder
        self.world: SyncWorld = self._stack.enter_context(open_sync_world(folder))
        self.people: dict[str, str | None] = {}
        self.consenting: frozenset[str] = frozenset()
        self.ledgers = 0

    @initialize(
        batch_rows=st.integers(1, 4),
        workers=st.integers(1, 3),
        is_async=st.booleans(),
        settles=st.booleans(),
    )
    def begin(self, batch_rows, workers, is_async, settles):
        self.destination = MemoryDestination(
            replace(
                CAPABILITIES,
                max_batch_rows=batch_rows,
                is_async=is_async,
                idempotency=self.idempotency,
            )
        )
        self.world.change_policy(
            max_workers=workers, settle_every_s=0.0 if settles else 600.0
        )

    @rule(people=ROWS)
    def rows_become(self, people):
        self.people = people
        self.world.have_people(*[(key, name, 1) for key, name in people.items()])

    @rule(keys=KEY_SETS)
    def consents_become(self, keys):
        self.consenting = keys
        self.world.have_only_consents(*keys)

    @rule(
        faults=st.lists(FAULTS, max_size=6),
        refused=KEY_SETS,
        busy=st.dictionaries(st.sampled_from(KEYS), st.integers(1, 6)),
        lost_jobs=st.integers(0, 2),
    )
    def run_with_trouble(self, faults, refused, busy, lost_jobs):
        destination = self.destination
        destination.faults = deque(faults)
        destination.refused_keys = refused
        destination.busy_keys = dict(busy)
        destination.lost_jobs = lost_jobs
        with contextlib.suppress(KeyboardInterrupt):
            report = self.world.run(destination)
            assert report.left == 0 or report.status in ("failed", "paused_quota")
        destination.faults.clear()
        destination.refused_keys = frozenset()
        destination.busy_keys = {}
        destination.lost_jobs = 0

    @rule(hours=st.sampled_from([1, 5, 30]))
    def time_passes(self, hours):
        self.world.later(hours=hours)

    @rule()
    def ledger_is_lost(self):
        self.ledgers += 1
        path = self._folder / f"ledger {self.ledgers}.sqlite"
        self.world.ledger = self._stack.enter_context(open_ledger(path))

    @rule()
    def it_becomes_quiet(self):
        # What was refused for good waits for another content, so it gets one.
        self.world.warehouse.execute(
            "update retl.sync_rejected set next_retry_at = timestamp '2000-01-01'"
            if ("retl", "sync_rejected") in self.world.warehouse.tables()
            else "select 1"
        )
        self.world.later(hours=3)
        for _ in range(2):
            report = self.world.run(self.destination)
            assert (report.status, report.left) == ("succeeded", 0)
        self.check_quiet()
        assert report.requests == 0

    def check_quiet(self) -> None:
        wanted = self.wanted()
        held = {
            key: fields["first_name"]
            for key, fields in self.destination.records.items()
        }
        assert held == wanted
        assert set(self.world.snapshot()) == set(wanted)

    def wanted(self) -> dict[str, str | None]:
        return {
            key: name for key, name in self.people.items() if key in self.consenting
        }

    @invariant()
    def who_leaves_is_gone_before_anybody_arrives(self):
        if not hasattr(self, "destination"):
            return
        arrivals_of: set[str] = set()
        for batch in self.destination.batches:
            leaves = {op is Op.REMOVE for op, _ in batch.rows}
            assert len(leaves) == 1
            if leaves == {False}:
                arrivals_of.add(batch.run_id)
            else:
                assert batch.run_id not in arrivals_of

    @invariant()
    def every_run_adds_up(self):
        if ("retl", "sync_runs") not in self.world.warehouse.tables():
            return
        assert (
            self.world.rows(
                "select run_id from retl.sync_runs where not is_open "
                "and planned_count <> added_count + changed_count + removed_count "
                "+ rejected_count + in_doubt_count + cancelled_count"
            )
            == []
        )
        assert (
            self.world.rows(
                "select run_id from retl.sync_outcomes group by run_id "
                "having count(*) <> count(distinct key_sha256) "
                "or count(*) <> count(distinct seq)"
            )
            == []
        )

    @invariant()
    def nobody_is_in_the_snapshot_twice(self):
        if ("retl", "sync_snapshot") not in self.world.warehouse.tables():
            return
        assert (
            self.world.rows(
                "select key from retl.sync_snapshot group by key having count(*) > 1"
            )
            == []
        )

    def teardown(self) -> None:
        self._stack.close()


class EventHistories(Histories):
    """One sync in append mode, to a destination where twice is not the same as once."""

    idempotency = Idempotency.NONE

    def __init__(self) -> None:
        super().__init__()
        self.world.change_spec(mode=Mode.APPEND, in_doubt=InDoubt.HOLD)
        self.version = 0

    @rule(people=ROWS)
    def rows_become(self, people):
        # A row that changes back would be an event of its own with the same name.
        self.version += 1
        self.people = {key: f"{name} {self.version}" for key, name in people.items()}
        self.world.have_people(*[(key, name, 1) for key, name in self.people.items()])

    def check_quiet(self) -> None:
        held = {
            key
            for (key,) in self.world.rows(
                "select key from retl.sync_snapshot where state = 'in_doubt'"
            )
        }
        last = {
            key: fields["first_name"]
            for key, fields in self.destination.records.items()
        }
        missing = {key for key, name in self.wanted().items() if last.get(key) != name}
        assert missing <= held

    @invariant()
    def nothing_is_sent_twice(self):
        if hasattr(self, "destination"):
            assert max(Counter(self.destination.events).values(), default=1) == 1


FEW = settings(
    max_examples=8,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=int(os.environ.get("KENNING_HISTORIES", "150")))


@pytest.mark.parametrize("machine", [Histories, EventHistories])
def test_whatever_happens_the_destination_ends_as_it_should(machine):
    run_state_machine_as_test(machine, settings=FEW)


@pytest.mark.exhaustive
@pytest.mark.parametrize("machine", [Histories, EventHistories])
def test_whatever_happens_in_many_histories_it_ends_as_it_should(machine):
    run_state_machine_as_test(machine, settings=MANY)
