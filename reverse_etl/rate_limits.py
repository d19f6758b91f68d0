"""Keeps requests within the limits of an account, across threads, processes and syncs.

What was asked of an account is kept beside the ledger, where everything that uses the same
account counts together. A process takes the requests of the next moment a few at a time and
gives back what it did not use. How windows are counted is `rate_windows`'.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

import orjson
import sqlalchemy as sa

from reverse_etl.destinations.protocol import LimitKind, RateLimit
from reverse_etl.errors import QuotaExhaustedError
from reverse_etl.lease_holders import Holder, is_alive, this_process
from reverse_etl.ledger import Ledger
from reverse_etl.ledger_tables import RATES, SLOTS, LedgerDatabase
from reverse_etl.rate_windows import (
    Exhausted,
    GroupText,
    Reserved,
    Wait,
    give_back,
    heed,
    new_group,
    requests_left,
    reserve,
    share_of_step,
)
from reverse_etl.transport import Feedback

_SLOT_TIME_S = 900.0
"""How long a request's place is kept for a process on another machine."""

_SLOT_WAIT_S = 0.05


class SharedRateLimiter:
    """The limits of one account. Made by `open_rate_limiter`; for several threads.

    Args:
        database: Where what was asked is kept.
        account: Everything that uses this name counts together.
        limits: Windows, concurrency and daily quotas by group.
        clock: Seconds since 1970 that only grow.
        sleep: Waits for a number of seconds.
        holder: The process that makes the requests.
    """

    def __init__(
        self,
        database: LedgerDatabase,
        account: str,
        limits: Sequence[RateLimit],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
        holder: Holder | None = None,
    ) -> None:
        self._database = database
        self._account = account
        self._limits: dict[str, list[RateLimit]] = {}
        for limit in limits:
            self._limits.setdefault(limit.group, []).append(limit)
        self._clock = clock
        self._sleep = sleep
        self._holder = holder or this_process()
        self._token = uuid.uuid4().hex
        self._put_rate = database.upsert(RATES)
        self._first_rate = database.insert_missing(RATES)
        self._put_slots = database.upsert(SLOTS)
        self._lock = threading.Lock()
        self._reserved: dict[str, Reserved] = {}
        self._unused: dict[str, int] = {}
        self._waiting: dict[str, int] = {}

    def acquire(self, group: str) -> None:
        """Wait until a request of this group may begin.

        Raises:
            QuotaExhaustedError: The day's quota is used up.
        """
        with self._lock:
            self._waiting[group] = self._waiting.get(group, 0) + 1
        try:
            while (wait_s := self.try_acquire(group)) > 0:
                self._sleep(wait_s)
        finally:
            with self._lock:
                self._waiting[group] -= 1

    def try_acquire(self, group: str) -> float:
        """Begin a request, or tell how long to wait before asking again, in seconds.

        Raises:
            QuotaExhaustedError: The day's quota is used up.
        """
        with self._lock:
            if not self._take_slot(group):
                return _SLOT_WAIT_S
            try:
                wait_s = self._take_request(group)
            except BaseException:
                self._give_slot(group)
                raise
            if wait_s > 0:
                self._give_slot(group)
            return wait_s

    def release(self, group: str) -> None:
        """The request has ended: gives back its place among those under way."""
        with self._lock:
            self._give_slot(group)

    def learn(self, group: str, feedback: Feedback) -> None:
        """Heed what an answer says about the limit."""
        if not feedback.is_throttled and feedback.remaining != 0:
            return
        with self._lock, self._state(group) as state:
            heed(state, feedback, now=self._clock())
            self._return_unused(group, state)

    def requests_left(self, group: str = "default") -> int | None:
        """Requests left of the day; None without a daily quota."""
        with self._lock, self._state(group) as state:
            self._return_unused(group, state)
            return requests_left(state, self._limits.get(group, ()), now=self._clock())

    def close(self) -> None:
        """Give back everything that was reserved and not used."""
        with self._lock:
            for group in list(self._reserved):
                with self._state(group) as state:
                    self._return_unused(group, state)
            with self._database.writing() as connection:
                connection.execute(sa.delete(SLOTS).where(SLOTS.c.token == self._token))

    def _take_request(self, group: str) -> float:
        now = self._clock()
        reserved = self._reserved.get(group)
        if (
            reserved is not None
            and self._unused.get(group, 0) > 0
            and now < reserved.valid_until
        ):
            self._unused[group] -= 1
            return 0.0
        limits = self._limits.get(group, ())
        with self._state(group) as state:
            self._return_unused(group, state)
            found = reserve(
                state,
                limits,
                now=now,
                wanted=max(share_of_step(limits), self._waiting.get(group, 0)),
            )
        match found:
            case Reserved(count):
                self._reserved[group] = found
                self._unused[group] = count - 1
                return 0.0
            case Wait(seconds):
                return seconds
            case Exhausted(resume_at):
                raise QuotaExhaustedError(
                    f"The daily quota of the account '{self._account}' is used up. The "
                    f"run goes on after {resume_at:%Y-%m-%d %H:%M} UTC.",
                    resume_at=resume_at,
                )

    def _return_unused(self, group: str, state: GroupText) -> None:
        reserved = self._reserved.pop(group, None)
        unused = self._unused.pop(group, 0)
        if reserved is not None and unused > 0:
            give_back(state, reserved, unused)

    @contextlib.contextmanager
    def _state(self, group: str) -> Iterator[GroupText]:
        """The group's state, written back when it was changed."""
        with self._database.writing() as connection:
            text = self._locked_state(connection, group)
            state: GroupText = orjson.loads(text) if text else new_group(self._clock())
            yield state
            row = {
                "account": self._account,
                "limit_group": group,
                "state": orjson.dumps(state).decode(),
            }
            connection.execute(self._put_rate, [row])

    def _locked_state(self, connection: sa.Connection, group: str) -> str:
        """The group's state as text, empty at first; nobody else has it meanwhile."""
        row = {"account": self._account, "limit_group": group, "state": ""}
        connection.execute(self._first_rate, row)
        find = (
            sa.select(RATES.c.state)
            .where(RATES.c.account == self._account)
            .where(RATES.c.limit_group == group)
            .with_for_update()
        )
        return str(connection.execute(find).scalar_one())

    def _most_at_once(self, group: str) -> int | None:
        numbers = [
            limit.max_requests
            for limit in self._limits.get(group, ())
            if limit.kind is LimitKind.CONCURRENCY
        ]
        return min(numbers, default=None)

    def _take_slot(self, group: str) -> bool:
        most = self._most_at_once(group)
        if most is None:
            return True
        with self._database.writing() as connection:
            taken, mine = self._slots(connection, group)
            if taken >= most:
                return False
            self._put_slot_count(connection, group, mine + 1)
            return True

    def _give_slot(self, group: str) -> None:
        if self._most_at_once(group) is None:
            return
        with self._database.writing() as connection:
            _, mine = self._slots(connection, group)
            self._put_slot_count(connection, group, max(0, mine - 1))

    def _slots(self, connection: sa.Connection, group: str) -> tuple[int, int]:
        """Places that are taken by anybody who lives, and those of them that are ours."""
        query = (
            sa.select(SLOTS)
            .where(SLOTS.c.account == self._account)
            .where(SLOTS.c.limit_group == group)
        )
        self._locked_state(connection, group)
        taken = mine = 0
        for row in connection.execute(query).mappings():
            if row["token"] == self._token:
                mine = row["requests"]
            elif self._is_over(row):
                connection.execute(
                    sa.delete(SLOTS).where(SLOTS.c.token == row["token"])
                )
                continue
            taken += row["requests"]
        return taken, mine

    def _is_over(self, row: sa.RowMapping) -> bool:
        holder = Holder(row["host"], row["process_id"], row["process_start"])
        if holder.host == self._holder.host:
            return not is_alive(holder)
        return self._clock() > float(row["expires_at"])

    def _put_slot_count(
        self, connection: sa.Connection, group: str, requests: int
    ) -> None:
        row = {
            "account": self._account,
            "limit_group": group,
            "token": self._token,
            "host": self._holder.host,
            "process_id": self._holder.process_id,
            "process_start": self._holder.process_start,
            "requests": requests,
            "expires_at": self._clock() + _SLOT_TIME_S,
        }
        connection.execute(self._put_slots, [row])


@contextlib.contextmanager
def open_rate_limiter(
    ledger: Ledger,
    account: str,
    limits: Sequence[RateLimit],
    *,
    clock: Callable[[], float] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[SharedRateLimiter]:
    """The limiter of an account, for `HttpOptions.limiter`.

    Args:
        ledger: Open.
        account: The account's name.
        limits: From `registry.limits_of`.
        clock: Seconds since 1970 that only grow; the system's unless a test says otherwise.
        sleep: Waits for a number of seconds.
    """
    database = ledger.database.without_waiting_for_the_disk()
    try:
        limiter = SharedRateLimiter(
            database,
            account,
            limits,
            clock=clock or steady_clock(time.time() + database.seconds_behind()),
            sleep=sleep,
        )
        try:
            yield limiter
        finally:
            limiter.close()
    finally:
        if database is not ledger.database:
            database.close()


def steady_clock(start: float) -> Callable[[], float]:
    """A clock that begins at a moment and is not moved when the system's is."""
    began = time.monotonic()
    return lambda: start + (time.monotonic() - began)
