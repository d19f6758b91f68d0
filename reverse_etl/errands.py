"""What is sent, as what, and how much trouble a run puts up with. Holds, and does nothing.

How it is sent is in `sending`.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from reverse_etl.destinations.protocol import Settings
from reverse_etl.modes import Action
from reverse_etl.spans import Span

_RANDOM = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class SendPolicy:
    """How much trouble a run puts up with. Times in seconds.

    Attributes:
        max_workers: Most batches under way at once; the destination may allow fewer.
        row_waits_s: Before rows are tried again that were refused for what may pass.
        batch_waits_s: Before a batch is tried again that was given up.
        max_troubles: As many batches in a row without an answer stop the run.
        divide_share: Requests that dividing refused batches may cost, as a share of the
            batches of the plan.
        min_divisions: As many are allowed in any case.
        job_waits_s: Between two looks at a job: the first, and the longest.
        max_jobs: Most jobs under way.
        max_job_rows: Most rows in them.
        max_waiting_rows: With more rows waiting to be tried again, none are begun.
        settle_every_s: So often what was answered is recorded in the warehouse.
        jitter: A number from 0 to 1, for the waits.
    """

    max_workers: int = 4
    row_waits_s: tuple[float, ...] = (1.0, 5.0, 25.0)
    batch_waits_s: tuple[float, ...] = (5.0, 30.0)
    max_troubles: int = 20
    divide_share: float = 0.2
    min_divisions: int = 200
    job_waits_s: tuple[float, float] = (1.0, 30.0)
    max_jobs: int = 30
    max_job_rows: int = 100_000
    max_waiting_rows: int = 50_000
    settle_every_s: float = 600.0
    jitter: Callable[[], float] = _RANDOM.random


@dataclass(frozen=True, slots=True)
class Errand:
    """What is sent, and as what.

    Attributes:
        sync: Name of the sync.
        object: What its records are called at the destination.
        settings: The sync's settings for it.
        run_id: The run.
        key_name: Name of the key, for files.
        field_names: Mapped fields, for files.
        planned: Rows of the plan.
    """

    sync: str
    object: str
    settings: Settings
    run_id: str
    key_name: str
    field_names: tuple[str, ...]
    planned: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the plan with one action, which is done before the next begins."""

    action: Action
    span: Span
