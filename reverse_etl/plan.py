"""What one run would do: counts, guards, and how its rows are cut into batches.

Pure. The rows themselves stay in the warehouse. Their order is removals, changes,
additions, and by key within each: who withdrew consent leaves before anybody else
arrives. A row's place in that order is its sequence number, from 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reverse_etl.spec import Guards


class Op(StrEnum):
    """What is done to one row at the destination, in the order of a plan."""

    REMOVE = "remove"
    CHANGE = "change"
    ADD = "add"


@dataclass(frozen=True, slots=True)
class Counts:
    """How the model compares with what the destination holds, in rows.

    Every source row is in exactly one of `add`, `change`, `unchanged`, `waiting`,
    `invalid`, `skipped_no_consent`.

    Attributes:
        add, change, remove: The operations of a plan.
        unchanged: Rows that the destination already holds as they are.
        waiting: Rows that the destination rejected earlier and that have not changed since.
        invalid: Rows without a key, and rows that share theirs with another.
        skipped_no_consent: Rows whose customer has not granted the purpose. Those that the
            destination holds are also counted in `remove`.
        source: Rows of the model.
        held: Rows that the destination holds by our record, before the run.
        unknown_change: Those of `change` whose state at the destination is not known,
            because an answer was lost. They are sent again without counting as a change.
    """

    add: int = 0
    change: int = 0
    remove: int = 0
    unchanged: int = 0
    waiting: int = 0
    invalid: int = 0
    skipped_no_consent: int = 0
    source: int = 0
    held: int = 0
    unknown_change: int = 0

    @property
    def planned(self) -> int:
        """Rows that a run sends."""
        return self.add + self.change + self.remove

    @property
    def upserts(self) -> int:
        """Rows that a run creates or updates."""
        return self.add + self.change


@dataclass(frozen=True, slots=True)
class GuardFinding:
    """A guard that holds the run, and what it saw."""

    guard: str
    message: str


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What a run would do now. Counts only: no row is in it.

    After a run that was killed, `has_unfinished_run` is true and the counts leave out what
    that run may have sent: the next run settles it first and sends it again.
    """

    sync: str
    planned_at: datetime
    counts: Counts
    findings: tuple[GuardFinding, ...]
    has_unfinished_run: bool

    @property
    def is_held(self) -> bool:
        """Whether a run would stop before it sends anything."""
        return bool(self.findings)

    @property
    def held(self) -> int:
        """Operations that the guards keep back."""
        return self.counts.planned if self.is_held else 0


class BatchKind(StrEnum):
    """What a batch holds: one endpoint's rows, or every operation of the run."""

    REMOVE = "remove"
    UPSERT = "upsert"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class BatchSpan:
    """One batch: the rows with sequence numbers `first` to `last`, both included."""

    index: int
    kind: BatchKind
    first: int
    last: int

    @property
    def row_count(self) -> int:
        """Rows in the batch, at least one."""
        return self.last - self.first + 1


def guard_findings(counts: Counts, guards: Guards) -> tuple[GuardFinding, ...]:
    """The guards that this run would break, in a fixed order; empty when it may go.

    A first run holds nothing yet and so cannot break one.
    """
    if counts.held == 0:
        return ()
    findings = []
    if counts.source == 0 and not guards.allow_empty:
        findings.append(
            GuardFinding(
                "empty_source",
                f"the model is empty while the destination holds {counts.held:,} rows",
            )
        )
    if counts.remove > guards.max_remove_rate * counts.held:
        findings.append(
            GuardFinding(
                "max_remove_rate",
                f"{counts.remove:,} of {counts.held:,} rows would be removed "
                f"({counts.remove / counts.held:.1%}, limit "
                f"{guards.max_remove_rate:.1%})",
            )
        )
    known_change = counts.change - counts.unknown_change
    if known_change > guards.max_change_rate * counts.held:
        findings.append(
            GuardFinding(
                "max_change_rate",
                f"{known_change:,} of {counts.held:,} rows would change "
                f"({known_change / counts.held:.1%}, limit "
                f"{guards.max_change_rate:.1%})",
            )
        )
    return tuple(findings)


def cut_batches(
    *, remove_count: int, upsert_count: int, max_rows: int | None
) -> tuple[BatchSpan, ...]:
    """Cut a plan into batches, in the plan's order.

    Args:
        remove_count: Rows to remove; they come first.
        upsert_count: Rows to change or add; they follow.
        max_rows: Most rows of one batch. None puts the whole run into one.

    Returns:
        Spans that follow each other without gap or overlap, numbered from 0. Removals and
        upserts never share one, unless `max_rows` is None. Empty for an empty plan.
    """
    total = remove_count + upsert_count
    if max_rows is None:
        return (BatchSpan(0, BatchKind.ALL, 1, total),) if total else ()
    spans = [
        *_cut(BatchKind.REMOVE, first=1, last=remove_count, max_rows=max_rows),
        *_cut(BatchKind.UPSERT, first=remove_count + 1, last=total, max_rows=max_rows),
    ]
    return tuple(
        BatchSpan(index, kind, first, last)
        for index, (kind, first, last) in enumerate(spans)
    )


def _cut(
    kind: BatchKind, *, first: int, last: int, max_rows: int
) -> Iterator[tuple[BatchKind, int, int]]:
    for start in range(first, last + 1, max_rows):
        yield kind, start, min(start + max_rows - 1, last)
