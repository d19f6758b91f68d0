"""Keeps a tool's own limits: requests in a window of time, requests at once.

It counts as the vendors do: a refused request uses nothing up.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from demo.destination_simulator.vendor import Window

DAY_S = 86_400.0


class Exceeded:
    """A limit that has no room left for a request.

    Attributes:
        reset_s: Seconds until it has.
        is_quota: It is a day's quota.
    """

    __slots__ = ("is_quota", "reset_s")

    def __init__(self, reset_s: float, *, is_quota: bool) -> None:
        self.reset_s = reset_s
        self.is_quota = is_quota


class Limiter:
    """The limits of one tool. Safe among threads.

    Args:
        windows: See `Window`.
        now: Seconds that only grow.
    """

    def __init__(self, windows: Sequence[Window], now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._begun: dict[Window, deque[float]] = {
            window: deque() for window in windows if window.window_s > 0
        }
        self._under_way: dict[Window, int] = {
            window: 0 for window in windows if window.window_s <= 0
        }

    def begin(self, group: str) -> Exceeded | None:
        """Let a request begin, or say what forbids it."""
        with self._lock:
            moment = self._now()
            exceeded = self._exceeded(group, moment)
            if exceeded is None:
                for window, begun in self._begun.items():
                    if window.group == group:
                        begun.append(moment)
                for window in self._under_way:
                    if window.group == group:
                        self._under_way[window] += 1
            return exceeded

    def end(self, group: str) -> None:
        """A request that was let begin has ended."""
        with self._lock:
            for window in self._under_way:
                if window.group == group:
                    self._under_way[window] -= 1

    def _exceeded(self, group: str, moment: float) -> Exceeded | None:
        longest: Exceeded | None = None
        for window, begun in self._begun.items():
            if window.group != group:
                continue
            while begun and moment - begun[0] >= window.window_s:
                begun.popleft()
            if len(begun) >= window.max_requests:
                reset_s = begun[0] + window.window_s - moment
                if longest is None or reset_s > longest.reset_s:
                    longest = Exceeded(reset_s, is_quota=window.window_s >= DAY_S)
        if longest is None and any(
            window.group == group and count >= window.max_requests
            for window, count in self._under_way.items()
        ):
            longest = Exceeded(1.0, is_quota=False)
        return longest
