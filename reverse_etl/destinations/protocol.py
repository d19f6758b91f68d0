"""What the engine asks of a destination, and what it gives. Types only.

A destination declares what it can do as data (`Capabilities`), and delivers one batch at a
time. What is in a batch, and whether it may go, is decided before; how often a request is
tried, how fast, and what a lost answer means is decided around it.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.transport import HttpOptions, Secret
from warehouse.manifest import Json

Settings: TypeAlias = Mapping[str, str]
"""What a sync says beyond its object, by setting: the id of a list, of an audience."""


FIRST_ASSOCIATION = "*"
"""For `Capabilities.order_by`, where association names are the user's own."""


ANY_ASSOCIATION = ("*",)
"""For `Capabilities.associations`, where their names are the user's own."""


class Idempotency(StrEnum):
    """What sending a batch a second time does, when nobody knows about the first.

    KEYED leaves the same state. EVENT_ID is known again by each record's `event_id`. HEADER
    is known again by the batch's `idempotency_key`. NONE does it twice.
    """

    KEYED = "keyed"
    EVENT_ID = "event_id"
    HEADER = "header"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a destination can do with one kind of object, as data.

    Attributes:
        modes: Sync modes that it carries out.
        removals: What it can do with a record that is to leave, beside nothing.
        max_batch_rows: Most records of one batch. None means that it takes a whole run as
            one batch, all operations together, and streams it.
        max_batch_bytes: Most bytes of one request's body.
        max_row_bytes: Most bytes of one record in it.
        idempotency: See `Idempotency`.
        match_fields: Names of the identifiers that it finds a record by. Empty: any one
            name.
        requires_all_match_fields: Whether a sync gives all of them, or at least one.
        is_membership: The object is a list or an audience: records enter and leave it, and
            one whose identifiers change must leave with the old ones first.
        is_async: Answers come later: `send` gives a job, and `poll` its result.
        max_workers: Most batches under way at once.
        names_failed_rows: False where failed rows are only counted.
        gives_ids: Answers carry the destination's own ids, which come back with each
            record's later changes.
        can_erase: Whether it carries out Action.ERASE.
        settings: Settings that a sync of this object must give.
        optional_settings: Settings that it may give.
        associations: Names of the records that one may belong to; ANY_ASSOCIATION where
            they are the user's own.
        order_by: Match or association name whose equal values go next to each other,
            where neighbours share a lock: FIRST_ASSOCIATION for the one that a sync names
            first. None for plain key order.
    """

    modes: frozenset[Mode]
    removals: frozenset[Removal] = frozenset()
    max_batch_rows: int | None = 1
    max_batch_bytes: int | None = None
    max_row_bytes: int | None = None
    idempotency: Idempotency = Idempotency.KEYED
    match_fields: tuple[str, ...] = ()
    requires_all_match_fields: bool = False
    is_membership: bool = False
    is_async: bool = False
    max_workers: int = 4
    names_failed_rows: bool = True
    gives_ids: bool = False
    can_erase: bool = False
    settings: tuple[str, ...] = ()
    optional_settings: tuple[str, ...] = ()
    associations: tuple[str, ...] = ()
    order_by: str | None = None


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


class Destination(Protocol):
    """A place that holds records, opened for one object of one account."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do with the object it was opened for."""
        ...

    @property
    def request_count(self) -> int:
        """Requests made (or files written) since it was opened, retries included."""
        ...

    def send(self, batch: Batch) -> BatchResult:
        """Deliver one batch. May be called from several threads at once.

        Raises:
            BatchRefusedError: Nothing was applied because of what is in it.
            RetryableDeliveryError: Given up after every attempt.
            QuotaExhaustedError: Nothing more today.
            FatalDeliveryError: Every later batch would fail the same way.
        """
        ...

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """What became of a job, or None while it is under way. Only where `is_async`.

        Raises:
            JobLostError: The destination does not know the job, or the job failed as a
                whole.
            DeliveryError: As for `send`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Credential:
    """Something that opening a destination needs to know, from environment or a file.

    The environment variable is KENNING_<ACCOUNT>_<NAME>, in capitals.
    """

    name: str
    description: str
    is_secret: bool = True
    default: str | None = None


class LimitKind(StrEnum):
    """WINDOW counts requests that begin, CONCURRENCY those under way, DAILY is a quota."""

    WINDOW = "window"
    CONCURRENCY = "concurrency"
    DAILY = "daily"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One limit of a vendor, shared by everything that uses the same account.

    Attributes:
        group: Requests of this group count; "default" unless the connector says otherwise.
        max_requests: Most requests of the window (or at once, or a day).
        window_s: Its length in seconds; 0 for CONCURRENCY, 86,400 for DAILY.
        kind: See `LimitKind`.
    """

    max_requests: int
    window_s: float = 0.0
    group: str = "default"
    kind: LimitKind = LimitKind.WINDOW


@dataclass(frozen=True, slots=True)
class Opening:
    """What a destination is opened with.

    Attributes:
        account: Name of the account, as syncs write it.
        object: The object that batches will be about.
        settings: The sync's settings for it.
        credentials: Text by credential name; secrets are wrapped.
        base_dir: Folder for what runs leave behind.
        http: How requests are made: retries, limiter, and stand-ins for tests.
    """

    account: str
    object: str
    settings: Settings
    credentials: Mapping[str, Secret] = field(repr=False)
    base_dir: Path
    http: HttpOptions

    def plain(self, name: str) -> str:
        """A credential that is no secret: an address, an account's number."""
        return self.credentials[name].reveal()


Opened: TypeAlias = contextlib.AbstractContextManager[Destination]


@dataclass(frozen=True, slots=True)
class DestinationType:
    """A kind of destination: everything about it that is data, and how one is opened.

    Attributes:
        name: What an exposure writes.
        label: The product's own name.
        objects: Capabilities by object name; "*" stands for any other name.
        credentials: What opening one needs.
        limits: The vendor's limits by default; a project may set its own.
        open: Opens one; closed when the context ends.
    """

    name: str
    label: str
    objects: Mapping[str, Capabilities]
    credentials: tuple[Credential, ...]
    open: Callable[[Opening], Opened]
    limits: tuple[RateLimit, ...] = ()

    def capabilities(self, object_name: str) -> Capabilities | None:
        """What it can do with an object; None when it has no such object."""
        return self.objects.get(object_name, self.objects.get("*"))


def key_of(record: Record, *names: str) -> tuple[str, str]:
    """The first of these identifiers that a record has: (name, value).

    Raises:
        KeyError: It has none of them, which configuration refuses beforehand.
    """
    for name in names:
        if record.match.get(name):
            return name, record.match[name]
    raise KeyError(names)


def chunks(records: Sequence[Record], size: int) -> Iterator[Sequence[Record]]:
    """Records in pieces of at most `size`, in order."""
    for start in range(0, len(records), size):
        yield records[start : start + size]
