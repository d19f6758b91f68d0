"""What a demo run achieved, in numbers: the report that is printed, kept and compared.

Counts and rates only; the kept file holds nothing of anyone.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SyncLine:
    """One sync: what the run sent, and what the destination says that it holds afterwards."""

    destination: str
    added: int
    changed: int
    removed: int
    rejected: int
    unchanged: int
    held_at_destination: int

    @property
    def sent(self) -> int:
        """Rows that left in this run."""
        return self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True)
class DemoReport:
    """One run of the demo.

    Attributes:
        people, seed, as_of: The world.
        landed: Raw rows by source.
        unreadable_values: Raw values that staging could not read and counted.
        identifiers, customers: What the identity graph holds.
        scored_people: People behind the identifiers that can be scored, by the truth.
        scored_customers: Customers that the graph makes of those identifiers.
        precision, recall: Of pairs of identifiers that belong together, 0 to 1.
        audiences: Members by audience.
        syncs: By sync.
        checks_passed, checks_failed, checks_warned: dbt tests and suites together.
        seconds: Wall time by stage, in order; "total" is the last.
    """

    people: int
    seed: int
    as_of: str
    landed: Mapping[str, int]
    unreadable_values: int
    identifiers: int
    customers: int
    scored_people: int
    scored_customers: int
    precision: float
    recall: float
    audiences: Mapping[str, int]
    syncs: Mapping[str, SyncLine]
    checks_passed: int
    checks_failed: int
    checks_warned: int
    seconds: Mapping[str, float]


def keep_report(report: DemoReport, path: Path) -> None:
    """Keep the report for the next run to compare with."""
    path.write_text(f"{json.dumps(asdict(report), indent=2)}\n", encoding="utf-8")


def read_report(path: Path) -> DemoReport | None:
    """The report of the run before; None when there was none, or one of another form."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        syncs = {name: SyncLine(**line) for name, line in content.pop("syncs").items()}
        return DemoReport(syncs=syncs, **content)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
