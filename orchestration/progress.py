"""What a run says about itself while it works.

Steps tell; whoever started the run decides what to do with it: the command line prints, Dagster's
own runs keep silent because the UI shows the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing to tell.

    Attributes:
        stage: What is under way, as a person would say it ("models and tests").
        message: Counts and names so far; never a personal value.
        is_done: The stage has ended; otherwise a later message replaces this one.
        share: How much of it is done, from 0 to 1, where that is known.
    """

    stage: str
    message: str
    is_done: bool = False
    share: float | None = None


Tell: TypeAlias = Callable[[Progress], None]


def keep_silent(progress: Progress) -> None:
    """Tell nobody."""
    del progress
