"""What a sync tells while it sends, as progress for people: counts, speed, why it waits.

Pure but for the clock that it is given. May be told of waits by several threads.
"""

import time
from collections.abc import Callable

from orchestration.progress import Progress, Tell
from reverse_etl.errors import ErrorClass
from reverse_etl.events import (
    BatchAnswered,
    BatchTroubled,
    RunPaused,
    SendingBegan,
    SyncEvent,
    Waiting,
)

STAGE = "syncs"

_BETWEEN_LINES_S = 0.2
_SHORTEST_WAIT_TOLD_S = 1.0
_REASONS = {
    ErrorClass.THROTTLED.value: "the destination asks for it",
    ErrorClass.TRANSIENT.value: "before trying again",
}


class SyncProgress:
    """Turns the events of one sync's runs into progress, a few times a second.

    Args:
        sync: Its name.
        tell: Hears the progress.
        seconds: Seconds that only grow.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        sync: str,
        tell: Tell,
        *,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sync = sync
        self._sleep = sleep
        self._tell = tell
        self._seconds = seconds
        self._began_at = seconds()
        self._told_at = float("-inf")
        self._answered_before = 0
        self._refused = 0

    def say(self, message: str, *, is_done: bool = False) -> None:
        """One line about the sync."""
        self._tell(Progress(STAGE, f"{self._sync}: {message}", is_done=is_done))

    def hear(self, event: SyncEvent) -> None:
        """Heed an event of the run."""
        if isinstance(event, SendingBegan):
            self._began_at = self._seconds()
            self._answered_before = event.answered
            self._refused = 0
            self._rows(event.answered, event.planned)
        elif isinstance(event, BatchAnswered):
            self._refused += event.refused
            is_last = event.answered >= event.planned
            if is_last or self._seconds() - self._told_at >= _BETWEEN_LINES_S:
                self._rows(event.answered, event.planned)
        elif isinstance(event, BatchTroubled):
            self.say(f"a batch of {event.rows:,} rows: {event.reason}, {event.fate}")
        elif isinstance(event, Waiting):
            reason = _REASONS.get(event.reason, event.reason)
            self.say(f"waiting {duration(event.seconds)}: {reason}")
        elif isinstance(event, RunPaused):
            self.say(
                "the account's quota is used up; goes on after "
                f"{event.resume_at:%Y-%m-%d %H:%M} UTC"
            )

    def wait(self, seconds: float) -> None:
        """Wait because of the account's limit, and say so where it takes long."""
        if seconds >= _SHORTEST_WAIT_TOLD_S:
            self.say(f"waiting {duration(seconds)}: the account's limit is reached")
        self._sleep(seconds)

    def _rows(self, answered: int, planned: int) -> None:
        self._told_at = self._seconds()
        passed = self._told_at - self._began_at
        done = answered - self._answered_before
        parts = [f"{answered:,} of {planned:,} rows"]
        if done > 0 and passed > 0:
            speed = done / passed
            parts.append(f"{speed:,.0f} rows/s")
            if answered < planned:
                parts.append(f"{duration((planned - answered) / speed)} left")
        if self._refused:
            parts.append(f"{self._refused:,} refused")
        self._tell(
            Progress(
                STAGE,
                f"{self._sync}: {', '.join(parts)}",
                share=answered / planned if planned else None,
            )
        )


def duration(seconds: float) -> str:
    """A time as people say it, to two parts: "45 s", "4 min", "2 h 5 min", "3 d 2 h"."""
    whole = round(seconds)
    if whole < 60:
        return f"{max(whole, 1) if seconds > 0 else 0} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
