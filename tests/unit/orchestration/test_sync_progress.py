"""What people hear of a sync while it sends."""

from datetime import datetime

import pytest

from orchestration.progress import Progress
from orchestration.sync_progress import SyncProgress, duration
from reverse_etl.events import (
    BatchAnswered,
    BatchTroubled,
    RunPaused,
    SendingBegan,
    Waiting,
)
from reverse_etl.modes import Action

NAMES = ("mailer__people", "r1")


class World:
    """Seconds that a test moves on, and what was told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[Progress] = []
        self.slept: list[float] = []
        self.progress = SyncProgress(
            "mailer__people",
            self.told.append,
            seconds=lambda: self.now,
            sleep=self.slept.append,
        )

    def answer(self, answered: int, *, rows: int = 100, refused: int = 0) -> None:
        self.progress.hear(
            BatchAnswered(*NAMES, Action.UPSERT, rows, refused, answered, 1_000)
        )


def test_rows_speed_and_time_left_are_told():
    world = World()
    world.progress.hear(SendingBegan(*NAMES, planned=1_000, answered=0))
    world.now += 2
    world.answer(400, refused=3)

    assert [each.message for each in world.told] == [
        "mailer__people: 0 of 1,000 rows",
        "mailer__people: 400 of 1,000 rows, 200 rows/s, 3 s left, 3 refused",
    ]
    assert [each.share for each in world.told] == [0.0, 0.4]


def test_speed_of_a_continued_plan_counts_only_what_this_run_sent():
    world = World()
    world.progress.hear(SendingBegan(*NAMES, planned=1_000, answered=600))
    world.now += 2
    world.answer(800)

    assert world.told[-1].message.endswith("800 of 1,000 rows, 100 rows/s, 2 s left")


def test_answers_are_told_a_few_times_a_second_and_the_last_one_always():
    world = World()
    world.progress.hear(SendingBegan(*NAMES, planned=1_000, answered=0))
    for answered in range(100, 1_001, 100):
        world.now += 0.06
        world.answer(answered)

    assert [each.message.split(" ")[1] for each in world.told] == [
        "0",
        "400",
        "800",
        "1,000",
    ]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Waiting(*NAMES, 12.0, "THROTTLED"), "waiting 12 s: the destination asks for it"),
        (
            BatchTroubled(*NAMES, Action.UPSERT, 50, "BATCH", "divided"),
            "a batch of 50 rows: BATCH, divided",
        ),
        (
            RunPaused(*NAMES, datetime(2026, 7, 1)),
            "the account's quota is used up; goes on after 2026-07-01 00:00 UTC",
        ),
    ],
)  # fmt: skip
def test_trouble_is_told_with_its_reason(event, text):
    world = World()
    world.progress.hear(event)

    assert world.told == [Progress("syncs", f"mailer__people: {text}")]


def test_only_a_long_wait_for_the_accounts_limit_is_told():
    world = World()
    world.progress.wait(0.1)
    world.progress.wait(90)

    assert world.slept == [0.1, 90]
    assert [each.message for each in world.told] == [
        "mailer__people: waiting 2 min: the account's limit is reached"
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.2, "1 s"),
        (59, "59 s"),
        (250, "4 min"),
        (3_600, "1 h"),
        (7_500, "2 h 5 min"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
    ],
)
def test_a_time_is_told_as_people_say_it(seconds, text):
    assert duration(seconds) == text
