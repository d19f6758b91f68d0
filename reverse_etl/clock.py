"""How time comes in: as a function that a test can replace. Everything is UTC."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment, aware of its zone."""
    return datetime.now(UTC)


def as_utc(moment: datetime) -> datetime:
    """The moment in UTC without a zone, as the warehouse stores it.

    A moment without a zone is taken to be UTC already.
    """
    return (
        moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    )
