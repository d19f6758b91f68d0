"""How many requests may begin now: windows, a day's quota, and what the vendor answers. Pure.

A window of W seconds is counted in fifty steps, and the count of the step that is under way
and of the fifty before it stays within the limit. So it is kept wherever the vendor's own
window begins, and 96 % of it can be used. Seconds are counted from 1970, in UTC.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from reverse_etl.destinations.protocol import LimitKind, RateLimit
from reverse_etl.transport import Feedback

_STEPS = 50
_SLACK = 1.02
"""Windows are taken to be this much longer, since requests do not arrive evenly."""

_LEAST_FACTOR = 0.05
_GROWTH = 0.1
_LONGEST_BLOCK_S = 900.0
_LEAST_BETWEEN_CUTS_S = 1.0
_MOST_TOGETHER = 50


class WindowText(TypedDict):
    """A window's counts as they are kept: the newest step, and counts by its age."""

    newest: int
    counts: dict[str, int]


class GroupText(TypedDict):
    """The state of one limit group as it is kept."""

    factor: float
    cut_at: float
    grown_at: float
    blocked_until: float
    day: str
    day_count: int
    windows: dict[str, WindowText]


@dataclass(frozen=True, slots=True)
class Reserved:
    """Requests that may begin before `valid_until`; never none."""

    count: int
    valid_until: float
    steps: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """None may begin for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The day's quota is used up."""

    resume_at: datetime


def new_group(now: float) -> GroupText:
    """A group of which nothing has been asked yet."""
    return GroupText(
        factor=1.0,
        cut_at=0.0,
        grown_at=now,
        blocked_until=0.0,
        day="",
        day_count=0,
        windows={},
    )


def reserve(
    state: GroupText, limits: Sequence[RateLimit], *, now: float, wanted: int
) -> Reserved | Wait | Exhausted:
    """Take up to so many requests, all of which must begin before `valid_until`.

    Args:
        state: Of the group; changed.
        limits: Of the group.
        now: The present moment.
        wanted: Requests that are waiting; a few more are given where there is room.
    """
    _grow(state, limits, now)
    if now < state["blocked_until"]:
        return Wait(state["blocked_until"] - now)
    count = max(1, min(wanted, _MOST_TOGETHER))
    left = requests_left(state, limits, now=now)
    if left is not None:
        if left <= 0:
            return Exhausted(_next_day(now))
        count = min(count, left)
    valid_until = now + 1.0
    steps: dict[str, int] = {}
    for limit in _windows(limits):
        window = _window(state, limit, now)
        step_s = _step_s(limit)
        most = max(1, math.floor(limit.max_requests * state["factor"]))
        used = sum(window["counts"].values())
        if used >= most:
            return Wait(_until_free(window, used - most, step_s, now))
        count = min(count, most - used)
        steps[_name(limit)] = window["newest"]
        valid_until = min(valid_until, (window["newest"] + 1) * step_s)
    # The clock may be behind the newest step, where it was set back.
    valid_until = max(valid_until, now + 0.001)
    for name, step in steps.items():
        counts = state["windows"][name]["counts"]
        counts[str(step)] = counts.get(str(step), 0) + count
    if left is not None:
        state["day_count"] += count
    return Reserved(count, valid_until, steps)


def give_back(state: GroupText, reserved: Reserved, unused: int) -> None:
    """Return requests that were reserved and did not begin."""
    for name, step in reserved.steps.items():
        counts = state["windows"].get(name, WindowText(newest=0, counts={}))["counts"]
        if str(step) in counts:
            counts[str(step)] = max(0, counts[str(step)] - unused)
    if state["day"]:
        state["day_count"] = max(0, state["day_count"] - unused)


def heed(state: GroupText, feedback: Feedback, *, now: float) -> None:
    """Slow down after a throttled answer, and wait where nothing is left.

    The rate is halved, once for all the answers of the same moment, and comes back slowly.
    """
    reset_s = min(max(feedback.reset_s or 0.0, 0.0), _LONGEST_BLOCK_S)
    if feedback.is_throttled or (feedback.remaining == 0 and reset_s > 0):
        state["blocked_until"] = max(state["blocked_until"], now + reset_s)
    if feedback.is_throttled and now - state["cut_at"] >= _LEAST_BETWEEN_CUTS_S:
        state["factor"] = max(_LEAST_FACTOR, state["factor"] / 2)
        state["cut_at"] = now
        state["grown_at"] = max(now, state["blocked_until"])


def requests_left(
    state: GroupText, limits: Sequence[RateLimit], *, now: float
) -> int | None:
    """Requests left of the day; None without a daily quota."""
    quotas = [limit for limit in limits if limit.kind is LimitKind.DAILY]
    if not quotas:
        return None
    today = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"
    if state["day"] != today:
        state["day"] = today
        state["day_count"] = 0
    return min(limit.max_requests for limit in quotas) - state["day_count"]


def share_of_step(limits: Sequence[RateLimit]) -> int:
    """Requests of one step, for a process that sends at the limit."""
    rates = [limit.max_requests // _STEPS for limit in _windows(limits)]
    return max(1, min(rates, default=_MOST_TOGETHER))


def _grow(state: GroupText, limits: Sequence[RateLimit], now: float) -> None:
    if state["factor"] >= 1.0:
        return
    longest = max((limit.window_s for limit in _windows(limits)), default=10.0)
    period_s = min(max(longest, 10.0), 60.0)
    periods = math.floor((now - state["grown_at"]) / period_s)
    if periods > 0:
        state["factor"] = min(1.0, state["factor"] + _GROWTH * periods)
        state["grown_at"] += periods * period_s


def _windows(limits: Sequence[RateLimit]) -> list[RateLimit]:
    return [limit for limit in limits if limit.kind is LimitKind.WINDOW]


def _name(limit: RateLimit) -> str:
    return f"{limit.max_requests}/{limit.window_s:g}"


def _step_s(limit: RateLimit) -> float:
    return limit.window_s * _SLACK / _STEPS


def _window(state: GroupText, limit: RateLimit, now: float) -> WindowText:
    """The window's counts, with those that are over taken out."""
    step = math.floor(now / _step_s(limit))
    window = state["windows"].setdefault(
        _name(limit), WindowText(newest=step, counts={})
    )
    if window["newest"] > step + 2 * _STEPS:
        # The clock was set back, far: what was counted may have been just now.
        window["counts"] = {str(step): sum(window["counts"].values())}
        window["newest"] = step
    window["newest"] = max(window["newest"], step)
    oldest = window["newest"] - _STEPS
    window["counts"] = {
        name: count
        for name, count in window["counts"].items()
        if int(name) >= oldest and count > 0
    }
    return window


def _until_free(window: WindowText, surplus: int, step_s: float, now: float) -> float:
    """Seconds until enough of a full window is over for one more request."""
    for name in sorted(window["counts"], key=int):
        surplus -= window["counts"][name]
        if surplus < 0:
            free_at = (int(name) + _STEPS + 1) * step_s
            return max(free_at - now, 0.001)
    return step_s


def _next_day(now: float) -> datetime:
    today = datetime.fromtimestamp(now, UTC).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    return today + timedelta(days=1)
