"""What the engine asks of a destination, and what it gives: all of its types, from here.

A destination declares what it can do as data (`Capabilities`), and delivers one batch at a
time. What is in a batch, and whether it may go, is decided before; how often a request is
tried, how fast, and what a lost answer means is decided around it.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from reverse_etl.destinations.account_needs import Credential, LimitKind, RateLimit
from reverse_etl.destinations.batches import (
    Batch,
    BatchResult,
    Record,
    RejectedRow,
    key_of,
)
from reverse_etl.destinations.capabilities import (
    ANY_ASSOCIATION,
    FIRST_ASSOCIATION,
    Capabilities,
    Idempotency,
    Settings,
)
from reverse_etl.transport import HttpOptions, Secret

__all__ = [
    "ANY_ASSOCIATION",
    "FIRST_ASSOCIATION",
    "Batch",
    "BatchResult",
    "Capabilities",
    "Credential",
    "Destination",
    "DestinationType",
    "Idempotency",
    "LimitKind",
    "Opened",
    "Opening",
    "RateLimit",
    "Record",
    "RejectedRow",
    "Settings",
    "key_of",
]


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
