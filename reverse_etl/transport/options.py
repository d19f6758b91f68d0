"""How requests are made, whatever the destination: patience, limits, network.

Holds settings and the promise of a rate limiter; what keeps it is in `rate_limits`.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import httpx

from reverse_etl.addresses import Resolver, resolve

_RANDOM = random.SystemRandom()


class Secret:
    """A token. Only `reveal` shows it; its representation does not."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret('…')"

    def reveal(self) -> str:
        """The token itself, for the request's header."""
        return self._value


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long one request is worth. All times in seconds.

    Attributes:
        max_attempts: Tries that may end in a fault. Throttled ones do not count.
        first_wait_s: Upper end of the first random wait; it doubles with each fault.
        max_wait_s: Upper end of any random wait.
        max_server_wait_s: Longest wait that a server may ask for; longer ones are cut.
        total_s: No wait is begun that would end later than this after the first try.
        timeout_s: For one try: to connect, and between two pieces of an answer.
    """

    max_attempts: int = 5
    first_wait_s: float = 1.0
    max_wait_s: float = 60.0
    max_server_wait_s: float = 900.0
    total_s: float = 300.0
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Feedback:
    """What an answer says about a limit, in seconds from now and requests.

    `is_throttled` says that the request was refused for being too fast. `reset_s` is when
    the window ends, `remaining` what is left of it; None where the answer does not say.
    """

    is_throttled: bool
    remaining: int | None = None
    reset_s: float | None = None


class RateLimiter(Protocol):
    """Keeps requests below the vendor's limits, across threads and processes."""

    def acquire(self, group: str) -> None:
        """Wait until a request of this group may begin.

        Raises:
            QuotaExhaustedError: The day's quota is used up.
        """
        ...

    def release(self, group: str) -> None:
        """The request has ended: gives back its place among those under way."""
        ...

    def learn(self, group: str, feedback: Feedback) -> None:
        """Heed what an answer says about the limit."""
        ...


class NoLimit:
    """A limiter that lets everything through."""

    def acquire(self, group: str) -> None:
        """Do not wait."""

    def release(self, group: str) -> None:
        """Nothing was taken."""

    def learn(self, group: str, feedback: Feedback) -> None:
        """Nothing to heed."""


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How requests are made, whatever the destination.

    Attributes:
        policy: See `RetryPolicy`.
        limiter: See `RateLimiter`.
        transport: Stands in for the network in tests.
        sleep: Waits for a number of seconds.
        clock: Seconds that only grow.
        now: The present moment, UTC.
        jitter: A number from 0 to 1, for the random waits.
        allow_private_addresses: Whether this machine and hosts in private address ranges
            may be asked. Link-local ones, with the clouds' metadata services, never are.
        max_answer_bytes: Largest answer that is read, once it is unpacked.
        resolve: Looks a name up.
    """

    policy: RetryPolicy = RetryPolicy()
    limiter: RateLimiter = field(default_factory=NoLimit)
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    jitter: Callable[[], float] = _RANDOM.random
    allow_private_addresses: bool = False
    max_answer_bytes: int = 64 * 1024 * 1024
    resolve: Resolver = resolve
