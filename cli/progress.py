"""Prints what a run says while it works.

On a terminal the stage under way is one line that changes, with a bar where it is known how much
is done; elsewhere (a log, CI) only ended stages are printed, and a sign of life when a stage is
long.
"""

import time
from collections.abc import Callable
from typing import Self, TextIO

from orchestration.progress import Progress

SIGN_OF_LIFE_S = 15.0
_STAGE_WIDTH = 16
_BAR_WIDTH = 24
_BAR_ROOM = _BAR_WIDTH + 9
_MANY_COLUMNS = 1_000
_CLEAR_LINE = "\r\x1b[2K"


class ProgressPrinter:
    """Takes progress and prints it to one stream; remembers when it last printed.

    As a context: a line that is still changing is ended, so that what follows begins on its own.

    Args:
        stream: Where to.
        is_terminal: Whether a line can be taken back there.
        seconds: Seconds that only grow.
        columns: Width of the terminal.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        is_terminal: bool,
        seconds: Callable[[], float] = time.monotonic,
        columns: Callable[[], int] = lambda: _MANY_COLUMNS,
    ) -> None:
        self._stream = stream
        self._is_terminal = is_terminal
        self._seconds = seconds
        self._columns = columns
        self._started_at = seconds()
        self._printed_at = self._started_at
        self._has_open_line = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._has_open_line:
            self._stream.write("\n")
            self._stream.flush()

    def __call__(self, progress: Progress) -> None:
        """Print, or keep quiet until there is something worth a line."""
        now = self._seconds()
        line = (
            f"{now - self._started_at:6.1f} s  {progress.stage:<{_STAGE_WIDTH}}  "
            f"{progress.message}"
        )
        if self._is_terminal:
            shown = line if progress.is_done else self._fitting(line, progress.share)
            self._stream.write(f"{_CLEAR_LINE}{shown}" + "\n" * progress.is_done)
            self._has_open_line = not progress.is_done
        elif progress.is_done or now - self._printed_at >= SIGN_OF_LIFE_S:
            self._stream.write(f"{line}\n")
        else:
            return
        self._printed_at = now
        self._stream.flush()

    def _fitting(self, line: str, share: float | None) -> str:
        """The line with its bar, in one row of the terminal: two could not be taken back."""
        most = self._columns() - 1
        if share is not None and len(line) + _BAR_ROOM <= most:
            return f"{line}  {bar(share)}"
        return line[:most]


def bar(share: float) -> str:
    """A share from 0 to 1 as a bar: "[######------]  50 %"."""
    filled = int(max(0.0, min(1.0, share)) * _BAR_WIDTH)
    return f"[{'#' * filled}{'-' * (_BAR_WIDTH - filled)}] {share:4.0%}"
