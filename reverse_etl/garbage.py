"""Keeps Python's garbage collector out of the way while many rows pass through.

Rows live for a moment and are part of no cycle, but each counts as an object that might be.
The collector would look through everything that the process holds again and again, which
takes as long as sending does. Cycles are still found, once enough of them have gathered.
"""

import contextlib
import gc
import threading
from collections.abc import Iterator

_MOST_YOUNG_OBJECTS = 200_000
"""More than the rows in flight make; cycles of as many take some ten megabytes."""


class _Patience:
    """How many want it at the moment, and what the collector was set to before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._before = gc.get_threshold()

    def begin(self) -> None:
        with self._lock:
            if self._count == 0:
                self._before = gc.get_threshold()
                _, *older = self._before
                gc.set_threshold(_MOST_YOUNG_OBJECTS, *older)
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0:
                gc.set_threshold(*self._before)


_PATIENCE = _Patience()


@contextlib.contextmanager
def patient_collector() -> Iterator[None]:
    """Collect seldom until the context ends. Several threads may want it at once."""
    _PATIENCE.begin()
    try:
        yield
    finally:
        _PATIENCE.end()
