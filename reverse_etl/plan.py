"""What one run would do: its counts, its cost, a look at its rows, and the seal on it.

Pure. The rows themselves stay in the warehouse. Their order is removals, changes,
additions, and by key within each, but for large plans of one kind: who withdrew consent
leaves before anybody else arrives. A row's place in that order is its sequence number,
from 1.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from reverse_etl.counts import Counts
from reverse_etl.guards import GuardFinding
from reverse_etl.modes import Op
from reverse_etl.sync_actions import Actions


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a plan, to look at: its values are masked."""

    op: Op
    key: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What a run would do now. No value of a row is in it but masked ones.

    Attributes:
        sync: Name of the sync.
        planned_at: When.
        counts: See `Counts`.
        findings: Guards that hold the run.
        seal: Twelve digits that another plan with other numbers does not have.
        requests: Requests that the run would make, when none fails.
        seconds: The least that the vendor's limits let them take.
        conversions: Rows whose value is sent as another type than its own, by "field:
            from -> to".
        samples: Up to a few rows of each kind.
        has_unfinished_run: An earlier run was killed; the next one settles it first, and
            the counts leave out what it may have sent.
    """

    sync: str
    planned_at: datetime
    counts: Counts
    findings: tuple[GuardFinding, ...]
    has_unfinished_run: bool
    seal: str = ""
    requests: int = 0
    seconds: float = 0.0
    conversions: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()

    @property
    def is_held(self) -> bool:
        """Whether a run would stop before it sends anything."""
        return bool(self.findings)

    @property
    def held(self) -> int:
        """Operations that the guards keep back."""
        return self.counts.planned if self.is_held else 0


def drifted(plan: SyncPlan, *, seal: str) -> str:
    """What to say when a plan is not the one of the seal that a person looked at."""
    return (
        f"Sync '{plan.sync}' is not what it was when its plan was looked at (seal {seal}, "
        f"now {plan.seal}). Nothing was sent. Look at `kenning sync plan {plan.sync}` "
        "again."
    )


def request_count(
    counts: Counts, actions: Actions, *, max_batch_rows: int | None
) -> int:
    """Requests that a run makes when each batch takes one and none fails."""
    if counts.planned == 0:
        return 0
    if max_batch_rows is None:
        return 1
    rows: dict[str, int] = {}
    removals = (
        (actions.withdrawn, counts.withdraw),
        (actions.absent, counts.absent),
    )
    for action, count in removals:
        name = "" if action is None else action.value
        rows[name] = rows.get(name, 0) + count
    writes = counts.upserts
    return (
        sum(math.ceil(count / max_batch_rows) for count in rows.values())
        + math.ceil(counts.rematch / max_batch_rows)
        + math.ceil(writes / max_batch_rows)
    )


def seal_of(counts: Counts, fingerprints: Iterable[str]) -> str:
    """Twelve digits over the numbers of a plan and how its rows look."""
    described = json.dumps([asdict(counts), list(fingerprints)], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()[:12]
