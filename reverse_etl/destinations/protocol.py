"""What the engine asks of a destination, and what it gives."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from reverse_etl.payload import Change
from reverse_etl.plan import BatchKind
from reverse_etl.spec import Mode


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a destination can do, as data.

    `max_batch_rows` None means that it takes a whole run as one batch, all operations
    together. Every operation must have the same effect when it is done twice: a batch whose
    answer was lost is sent again.
    """

    modes: frozenset[Mode]
    max_batch_rows: int | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to deliver, with everything that names them.

    Attributes:
        sync: Name of the sync.
        object: What the records are called at the destination.
        run_id: Sorts by time.
        idempotency_key: The same for every attempt at this batch, and for no other batch.
        key_name: Name of the key.
        field_names: Fields in mapping order.
        kind: Which operations `changes` holds.
        row_count: How many changes there are.
        changes: The rows in plan order. May be read once.
        wanted: What the destination should hold afterwards, in key order; only for a batch
            that is a whole run in mirror mode. Call it after `changes` was read to its end.
    """

    sync: str
    object: str
    run_id: str
    idempotency_key: str
    key_name: str
    field_names: tuple[str, ...]
    kind: BatchKind
    row_count: int
    changes: Iterable[Change] = field(repr=False)
    wanted: Callable[[], Iterable[Change]] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that the destination refused for good, until its content changes.

    Attributes:
        position: Place in the batch, from 0.
        error_class: INVALID_KEY, INVALID_FIELD, CONFLICT, SUPPRESSED or OTHER.
        code: The destination's own code. Never its message, which may quote the value.
        field: The field at fault, when the destination says so.
    """

    position: int
    error_class: str
    code: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The destination's answer: every row was applied but these."""

    rejected: tuple[RejectedRow, ...] = ()


class Destination(Protocol):
    """A place that holds records by key."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    @property
    def request_count(self) -> int:
        """Requests made (or files written) since it was opened, retries included."""
        ...

    def send(self, batch: Batch) -> BatchResult:
        """Deliver one batch and return once the destination has answered for every row.

        Raises:
            DeliveryError: The batch was not delivered, or nobody knows.
        """
        ...
