"""What is delivered to a destination, and what becomes of it. Types only."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reverse_etl.destinations.capabilities import Settings
from reverse_etl.modes import Action, Op
from warehouse.manifest import Json


class Record(NamedTuple):
    """One record of a batch. Somebody's data, so its representation shows none of it.

    Attributes:
        op: What happens to it.
        key: Our key of the row.
        match: The destination's identifiers of the record, normalised and hashed as the
            mapping says. Never empty.
        fields: Nested values by the destination's names, ready for JSON. None clears a
            field; an absent one is left as it is. Empty for a removal.
        event_id: The same for the same content of the same row, and for nothing else.
        associations: Identifier of another record by the association's name.
        dest_id: The destination's own id, when an earlier answer gave it.
    """

    op: Op
    key: str
    match: Mapping[str, str]
    fields: Mapping[str, Json]
    event_id: str
    associations: Mapping[str, str] = {}
    dest_id: str | None = None

    @property
    def json_fields(self) -> Json:
        """The fields for a JSON body, where nobody looks at them: it may be far quicker."""
        return dict(self.fields)

    def __repr__(self) -> str:
        return f"Record({self.op.value})"


@dataclass(frozen=True, slots=True)
class Batch:
    """Records to deliver with one action, and everything that names them.

    Attributes:
        sync: Name of the sync.
        object: What the records are called at the destination.
        settings: The sync's settings for this object.
        run_id: Sorts by time.
        idempotency_key: The same for every attempt at this batch, and for no other batch.
        action: What is to be done with every record. A whole run (see
            `Capabilities.max_batch_rows`) goes by each record's `op` instead.
        records: In plan order. A whole run's may be read once, and has no length.
        key_name: Name of the key, for files.
        field_names: Mapped fields in mapping order, for files.
        wanted: What the destination should hold afterwards, in key order: only for a whole
            run in mode mirror or full. Call it after `records` was read to its end.
    """

    sync: str
    object: str
    settings: Settings
    run_id: str
    idempotency_key: str
    action: Action
    records: Sequence[Record] | Iterable[Record] = field(repr=False)
    key_name: str = "key"
    field_names: tuple[str, ...] = ()
    wanted: Callable[[], Iterable[Record]] | None = field(default=None, repr=False)

    @property
    def rows(self) -> Sequence[Record]:
        """The records of a batch that is not a whole run."""
        if not isinstance(self.records, Sequence):
            raise TypeError("the records of a whole run are a stream")
        return self.records


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A record that the destination refused.

    Attributes:
        position: Place in the batch, from 0.
        error_class: See `reverse_etl.errors.ErrorClass`.
        code: The destination's own code. Never its message, which may quote the value.
        field: The field at fault, when the destination says so.
        is_retryable: True when the same content may be taken later (a row lock); False
            when it will be refused until it changes.
    """

    position: int
    error_class: str
    code: str | None = None
    field: str | None = None
    is_retryable: bool = False


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The destination's answer: every record was applied but these.

    Attributes:
        rejected: Records that it refused, by position, each once.
        dest_ids: Its own id by position, where the answer gives one.
        job: Set when it has only taken the batch on: `poll` tells the rest.
        uncounted_failures: Records that failed without being named; they count as
            applied, and a run with too many of them says so.
    """

    rejected: tuple[RejectedRow, ...] = ()
    dest_ids: Mapping[int, str] = field(default_factory=dict, repr=False)
    job: str | None = None
    uncounted_failures: int = 0


def key_of(record: Record, *names: str) -> tuple[str, str]:
    """The first of these identifiers that a record has: (name, value).

    Raises:
        KeyError: It has none of them, which configuration refuses beforehand.
    """
    for name in names:
        if record.match.get(name):
            return name, record.match[name]
    raise KeyError(names)
