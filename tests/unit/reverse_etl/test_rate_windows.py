"""How many requests may begin: never above a window, and nearly all that it allows."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reverse_etl.destinations.protocol import LimitKind, RateLimit
from reverse_etl.rate_windows import (
    Exhausted,
    Reserved,
    Wait,
    give_back,
    heed,
    new_group,
    requests_left,
    reserve,
)
from reverse_etl.transport import Feedback

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC).timestamp()
TEN_A_SECOND = RateLimit(10, 1.0)
DAY = RateLimit(3, 86_400.0, kind=LimitKind.DAILY)


def most_in_any_window(moments: list[float], window_s: float) -> int:
    """The largest number of moments in any half-open window of this length."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


def begin_all(limits, *, count: int, start: float = NOON) -> list[float]:
    """Moments at which requests begin that somebody sends as fast as may be."""
    state = new_group(start)
    now = start
    moments: list[float] = []
    while len(moments) < count:
        found = reserve(state, limits, now=now, wanted=1)
        if isinstance(found, Wait):
            now += found.seconds
        else:
            moments += [now] * found.count
    return moments


def test_a_window_is_never_exceeded_and_nearly_all_of_it_is_used():
    moments = begin_all([TEN_A_SECOND], count=1_000)

    assert most_in_any_window(moments, 1.0) <= 10
    assert 1_000 / (moments[-1] - moments[0]) >= 9.5


def test_of_several_windows_none_is_exceeded():
    limits = [TEN_A_SECOND, RateLimit(150, 60.0), RateLimit(1_000, 3_600.0)]

    moments = begin_all(limits, count=4_000)

    assert most_in_any_window(moments, 1.0) <= 10
    assert most_in_any_window(moments, 60.0) <= 150
    assert most_in_any_window(moments, 3_600.0) <= 1_000
    assert 4_000 / (moments[-1] - moments[0]) >= 0.95 * 1_000 / 3_600


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.floats(0.5, 90.0)), min_size=1, max_size=3
    ),
    st.lists(st.floats(0.0, 20.0), min_size=1, max_size=150),
)
def test_whenever_somebody_asks_no_window_is_exceeded(windows, pauses):
    limits = [RateLimit(most, window_s) for most, window_s in windows]
    state = new_group(NOON)
    now = NOON
    moments: list[float] = []
    for pause in pauses:
        now += pause
        found = reserve(state, limits, now=now, wanted=7)
        if isinstance(found, Reserved):
            moments += [now] * found.count

    for limit in limits:
        assert most_in_any_window(moments, limit.window_s) <= limit.max_requests


def test_what_was_not_used_can_be_had_again():
    state = new_group(NOON)
    reserved = reserve(state, [TEN_A_SECOND], now=NOON, wanted=10)
    assert isinstance(reserved, Reserved)

    give_back(state, reserved, 4)
    again = reserve(state, [TEN_A_SECOND], now=NOON, wanted=10)

    assert (reserved.count, again.count) == (10, 4)


def test_a_day_has_its_quota_and_the_next_day_begins_anew():
    state = new_group(NOON)
    first = reserve(state, [DAY], now=NOON, wanted=5)
    over = reserve(state, [DAY], now=NOON + 3_600, wanted=1)
    left = requests_left(state, [DAY], now=NOON + 3_600)
    tomorrow = reserve(state, [DAY], now=NOON + 12 * 3_600, wanted=1)

    assert first.count == 3
    assert over == Exhausted(datetime(2026, 7, 1, tzinfo=UTC))
    assert left == 0
    assert isinstance(tomorrow, Reserved)


def test_a_throttled_answer_blocks_until_the_reset_and_halves_the_rate():
    state = new_group(NOON)

    heed(state, Feedback(is_throttled=True, reset_s=30.0), now=NOON)

    assert reserve(state, [TEN_A_SECOND], now=NOON, wanted=1) == Wait(30.0)
    slower = reserve(state, [TEN_A_SECOND], now=NOON + 31, wanted=10)
    assert slower.count == 5


def test_several_throttled_answers_of_one_moment_halve_the_rate_once():
    state = new_group(NOON)

    for _ in range(4):
        heed(state, Feedback(is_throttled=True), now=NOON)

    assert reserve(state, [TEN_A_SECOND], now=NOON, wanted=10).count == 5


def test_the_rate_comes_back_slowly():
    state = new_group(NOON)
    heed(state, Feedback(is_throttled=True), now=NOON)

    counts = [
        reserve(state, [TEN_A_SECOND], now=NOON + seconds, wanted=10).count
        for seconds in (5, 15, 35, 65)
    ]

    assert counts == [5, 6, 8, 10]


def test_an_answer_that_says_that_nothing_is_left_is_heeded_without_slowing_down():
    state = new_group(NOON)

    heed(state, Feedback(is_throttled=False, remaining=0, reset_s=7.0), now=NOON)

    assert reserve(state, [TEN_A_SECOND], now=NOON, wanted=1) == Wait(7.0)
    assert reserve(state, [TEN_A_SECOND], now=NOON + 8, wanted=10).count == 10


@pytest.mark.parametrize("asked", [-5.0, 10_000_000.0])
def test_a_reset_that_cannot_be_meant_is_cut(asked):
    state = new_group(NOON)

    heed(state, Feedback(is_throttled=True, reset_s=asked), now=NOON)

    assert isinstance(reserve(state, [], now=NOON + 901, wanted=1), Reserved)


@pytest.mark.parametrize("jump", [-3.0, -3_600.0, -86_400.0])
def test_a_clock_that_is_set_back_stops_nobody_for_longer_than_a_window(jump):
    state = new_group(NOON)
    assert reserve(state, [TEN_A_SECOND], now=NOON, wanted=10).count == 10
    now = NOON + jump
    waited = 0.0

    while isinstance(found := reserve(state, [TEN_A_SECOND], now=now, wanted=1), Wait):
        waited += found.seconds
        now += found.seconds

    assert 1.0 <= waited + max(0.0, -jump if jump > -4 else 0.0) <= 5.0
