"""The limits of an account, shared by processes: on a clock that only the test moves."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reverse_etl.destinations.protocol import LimitKind, RateLimit
from reverse_etl.errors import QuotaExhaustedError
from reverse_etl.lease_holders import Holder
from reverse_etl.ledger import Ledger, open_ledger
from reverse_etl.rate_limits import SharedRateLimiter, open_rate_limiter, steady_clock
from reverse_etl.transport import Feedback
from tests.unit.reverse_etl.test_rate_windows import most_in_any_window

MIDNIGHT = datetime(2026, 6, 30, tzinfo=UTC).timestamp()


@dataclass
class VirtualTime:
    """Seconds that pass only when somebody sleeps."""

    now: float = MIDNIGHT
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


def limiter(ledger: Ledger, time: VirtualTime, *limits: RateLimit, **named):
    return SharedRateLimiter(
        ledger.database.without_waiting_for_the_disk(),
        "klaviyo",
        limits,
        clock=time.clock,
        sleep=time.sleep,
        **named,
    )


def test_two_processes_together_keep_every_window_for_a_whole_day(ledger, time):
    limits = (
        RateLimit(10, 1.0),
        RateLimit(40, 60.0),
        RateLimit(200, 3_600.0),
        RateLimit(3_500, 86_400.0, kind=LimitKind.DAILY),
    )
    both = [limiter(ledger, time, *limits), limiter(ledger, time, *limits)]
    begun: list[float] = []
    exhausted_at = None
    while time.now < MIDNIGHT + 86_400:
        waits = []
        for one in both:
            try:
                wait_s = one.try_acquire("default")
            except QuotaExhaustedError as error:
                exhausted_at = time.now
                wait_s = error.resume_at.timestamp() - time.now
            if wait_s == 0:
                begun.append(time.now)
            waits.append(wait_s)
        time.now += min(waits)

    assert most_in_any_window(begun, 1.0) <= 10
    assert most_in_any_window(begun, 60.0) <= 40
    assert most_in_any_window(begun, 3_600.0) <= 200
    assert 3_490 <= len(begun) <= 3_500
    assert exhausted_at is not None
    assert 3_500 / (exhausted_at - MIDNIGHT) >= 0.95 * 200 / 3_600


def test_the_next_day_the_quota_is_there_again(ledger, time):
    limited = limiter(ledger, time, RateLimit(2, 86_400.0, kind=LimitKind.DAILY))
    limited.acquire("default")
    limited.acquire("default")
    with pytest.raises(QuotaExhaustedError) as caught:
        limited.acquire("default")
    left = limited.requests_left()

    time.now = caught.value.resume_at.timestamp()
    limited.acquire("default")

    assert left == 0
    assert caught.value.resume_at == datetime(2026, 7, 1, tzinfo=UTC)
    assert limited.requests_left() == 1


def test_waiting_is_left_to_whoever_gave_the_sleep(ledger, time):
    limited = limiter(ledger, time, RateLimit(1, 10.0))

    limited.acquire("default")
    limited.acquire("default")

    assert 10.0 <= time.now - MIDNIGHT <= 10.5


def test_groups_and_accounts_do_not_wait_for_each_other(ledger, time):
    limits = (RateLimit(1, 60.0), RateLimit(1, 60.0, group="search"))
    limited = limiter(ledger, time, *limits)
    other = SharedRateLimiter(
        ledger.database, "other", limits, clock=time.clock, sleep=time.sleep
    )

    limited.acquire("default")
    limited.acquire("search")
    other.acquire("default")

    assert time.slept == []


def test_a_throttled_answer_slows_every_process(ledger, time):
    first = limiter(ledger, time, RateLimit(100, 1.0))
    second = limiter(ledger, time, RateLimit(100, 1.0))
    second.acquire("default")

    first.learn("default", Feedback(is_throttled=True, reset_s=5.0))
    time.now += 1.0
    second.acquire("default")

    assert time.slept == [pytest.approx(4.0)]


def test_what_is_not_limited_is_not_written_for_each_request(ledger, time):
    limited = limiter(ledger, time)
    writes = []
    inner = limited._database.writing
    limited._database.writing = lambda: (writes.append(1), inner())[1]

    for _ in range(50):
        limited.acquire("default")
        limited.release("default")

    assert len(writes) <= 2


def test_no_more_requests_are_under_way_than_the_account_allows(ledger, time):
    limit = RateLimit(2, kind=LimitKind.CONCURRENCY)
    first, second = limiter(ledger, time, limit), limiter(ledger, time, limit)

    begun = [first.try_acquire("default"), second.try_acquire("default")]
    refused = first.try_acquire("default")
    second.release("default")
    again = first.try_acquire("default")

    assert begun == [0.0, 0.0]
    assert refused > 0
    assert again == 0.0


def test_the_places_of_a_dead_process_are_free_again(ledger, time):
    limit = RateLimit(1, kind=LimitKind.CONCURRENCY)
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    here = limiter(ledger, time, limit)
    dead = limiter(
        ledger,
        time,
        limit,
        holder=Holder(here._holder.host, int(child.stdout), "1"),
    )
    dead.acquire("default")

    assert here.try_acquire("default") == 0.0


def test_the_places_of_a_process_elsewhere_are_free_when_it_was_silent(ledger, time):
    limit = RateLimit(1, kind=LimitKind.CONCURRENCY)
    elsewhere = limiter(ledger, time, limit, holder=Holder("elsewhere", 1, "1"))
    here = limiter(ledger, time, limit)
    elsewhere.acquire("default")
    refused = here.try_acquire("default")
    time.now += 901

    assert refused > 0
    assert here.try_acquire("default") == 0.0


def test_what_was_reserved_and_not_used_is_given_back_at_the_end(ledger, time):
    limits = (RateLimit(500, 1.0),)
    with open_rate_limiter(
        ledger, "klaviyo", limits, clock=time.clock, sleep=time.sleep
    ) as first:
        first.acquire("default")
    second = limiter(ledger, time, *limits)

    begun = 0
    while second.try_acquire("default") == 0.0:
        begun += 1

    assert begun == 499


def test_a_clock_of_a_process_is_not_moved_by_the_systems():
    clock = steady_clock(MIDNIGHT)

    first, second = clock(), clock()

    assert MIDNIGHT <= first <= second < MIDNIGHT + 5
