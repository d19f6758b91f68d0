"""What of the progress reaches a terminal, and what reaches a log."""

import io

from cli.progress import ProgressPrinter, bar
from orchestration.progress import Progress


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_log_has_a_line_per_ended_stage():
    stream, clock = io.StringIO(), Clock()
    tell = ProgressPrinter(stream, is_terminal=False, seconds=clock)

    clock.now += 1.5
    tell(Progress("raw tables", "looking"))
    clock.now += 2
    tell(Progress("raw tables", "12 rows", is_done=True))

    assert stream.getvalue() == "   3.5 s  raw tables        12 rows\n"


def test_log_shows_a_sign_of_life_in_a_long_stage():
    stream, clock = io.StringIO(), Clock()
    tell = ProgressPrinter(stream, is_terminal=False, seconds=clock)

    clock.now += 20
    tell(Progress("models and tests", "9 tables built"))
    clock.now += 1
    tell(Progress("models and tests", "10 tables built"))

    assert stream.getvalue() == "  20.0 s  models and tests  9 tables built\n"


def test_terminal_line_changes_until_its_stage_ends():
    stream, clock = io.StringIO(), Clock()
    tell = ProgressPrinter(stream, is_terminal=True, seconds=clock)

    tell(Progress("publish", "copying"))
    tell(Progress("publish", "12 tables", is_done=True))

    assert stream.getvalue() == (
        "\r\x1b[2K   0.0 s  publish           copying"
        "\r\x1b[2K   0.0 s  publish           12 tables\n"
    )


def test_line_that_was_changing_is_ended_when_the_run_stops():
    stream, clock = io.StringIO(), Clock()

    with ProgressPrinter(stream, is_terminal=True, seconds=clock) as tell:
        tell(Progress("publish", "copying"))

    assert stream.getvalue() == "\r\x1b[2K   0.0 s  publish           copying\n"


def test_terminal_line_has_a_bar_where_it_is_known_how_much_is_done():
    stream = io.StringIO()
    tell = ProgressPrinter(stream, is_terminal=True, seconds=Clock())

    tell(Progress("syncs", "5 of 10 rows", share=0.5))

    assert stream.getvalue().endswith("5 of 10 rows  [############------------]  50%")


def test_line_that_changes_stays_in_one_row_of_a_narrow_terminal():
    stream = io.StringIO()
    tell = ProgressPrinter(
        stream, is_terminal=True, seconds=Clock(), columns=lambda: 40
    )

    tell(Progress("syncs", "a message of many words", share=0.5))

    assert len(stream.getvalue().removeprefix("\r\x1b[2K")) == 39


def test_log_has_no_bar():
    stream, clock = io.StringIO(), Clock()
    tell = ProgressPrinter(stream, is_terminal=False, seconds=clock)

    clock.now += 20
    tell(Progress("syncs", "5 of 10 rows", share=0.5))

    assert stream.getvalue().endswith("5 of 10 rows\n")


def test_bar_is_empty_at_first_and_full_in_the_end():
    assert bar(0) == f"[{'-' * 24}]   0%"
    assert bar(1) == f"[{'#' * 24}] 100%"
