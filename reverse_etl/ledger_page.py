"""What a sender has decided and not yet written to the ledger, until one commit takes it.

Answers and the marks of the batches that follow share a commit. What the ledger does with
them is in `ledger`.
"""

from collections.abc import Iterable, Mapping, Sequence

from reverse_etl.ledger import Ledger
from reverse_etl.ledger_entries import Lease, LedgerBatch, Refusal, Writing

_COMPACT_EVERY = 500


class LedgerPage:
    """The next commit of one run.

    Args:
        ledger: Open.
        lease: Held.
        run_id: The run.
        last_number: Of the batches that the ledger has of it.
    """

    def __init__(
        self, ledger: Ledger, lease: Lease, run_id: str, *, last_number: int
    ) -> None:
        self._ledger = ledger
        self._lease = lease
        self._run_id = run_id
        self._last_number = last_number
        self._commits = 0
        self._clear()

    def new_number(self) -> int:
        """A number that no batch of the run has."""
        self._last_number += 1
        return self._last_number

    def put(self, batch: LedgerBatch) -> None:
        """Write a batch as it is now."""
        self._batches[batch.number] = batch

    def remove(self, number: int) -> None:
        """Forget a batch whose rows are in others now."""
        self._batches.pop(number, None)
        self._removed.append(number)

    def refuse(self, refusals: Iterable[Refusal]) -> None:
        """Write rows that were refused."""
        self._refusals += refusals

    def name(self, number: int, dest_ids: Mapping[int, str]) -> None:
        """Write what the destination calls the rows of a batch."""
        self._dest_ids[number] = dict(dest_ids)

    def write(self, started: Sequence[LedgerBatch] = ()) -> None:
        """Commit, with the batches that are about to go.

        Raises:
            LedgerError: The ledger cannot be written; these batches must not go.
        """
        for batch in started:
            self.put(batch)
        if not self._batches and not self._removed:
            return
        self._ledger.write(
            self._lease,
            self._run_id,
            Writing(
                tuple(self._batches.values()),
                tuple(self._removed),
                tuple(self._refusals),
                self._dest_ids,
            ),
        )
        self._clear()
        self._commits += 1
        if self._commits % _COMPACT_EVERY == 0:
            self._ledger.compact(self._lease, self._run_id)

    def _clear(self) -> None:
        self._batches: dict[int, LedgerBatch] = {}
        self._removed: list[int] = []
        self._refusals: list[Refusal] = []
        self._dest_ids: dict[int, dict[int, str]] = {}
