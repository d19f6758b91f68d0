"""What an account of a tool needs to be used, and how fast it may be. Types only."""

from dataclasses import dataclass
from enum import StrEnum


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
