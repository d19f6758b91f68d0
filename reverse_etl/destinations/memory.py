"""A destination that keeps its records in a dictionary: the smallest true one, for tests."""

from collections.abc import Mapping

from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    RejectedRow,
)
from reverse_etl.payload import WireValue
from reverse_etl.plan import Op
from reverse_etl.spec import Mode


class MemoryDestination:
    """Holds records by key.

    `refused_keys` are rejected one by one, as a real tool refuses a bad address.
    """

    def __init__(
        self,
        *,
        max_batch_rows: int | None = 500,
        refused_keys: frozenset[str] = frozenset(),
    ) -> None:
        self.capabilities = Capabilities(frozenset(Mode), max_batch_rows)
        self.request_count = 0
        self.records: dict[str, Mapping[str, WireValue]] = {}
        self.batches: list[tuple[tuple[Op, str], ...]] = []
        self._refused_keys = refused_keys

    def send(self, batch: Batch) -> BatchResult:
        """Apply every change that is not refused."""
        self.request_count += 1
        changes = tuple(batch.changes)
        self.batches.append(tuple((change.op, change.key) for change in changes))
        rejected = []
        for position, change in enumerate(changes):
            if change.key in self._refused_keys:
                rejected.append(RejectedRow(position, "INVALID_FIELD", code="refused"))
            elif change.op is Op.REMOVE:
                self.records.pop(change.key, None)
            else:
                self.records[change.key] = change.fields
        return BatchResult(tuple(rejected))
