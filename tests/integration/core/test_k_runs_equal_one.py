"""Runs over a growing history give the same staged rows and profile tables, row for row, as one run from nothing.

With late, changed and deleted rows, merges, splits, and time that moves on past windows.
"""

from pathlib import Path

import pytest

from tests.core_history import (
    CoreHistory,
    days_before_the_end,
    differences,
    open_history,
)


def begin(history: CoreHistory, seed: int) -> None:
    history.seed()
    history.step(seed, landed=0.5, as_of=days_before_the_end(60))
    history.run()
    history.link(seed, action="link")
    history.link(seed + 1, action="never_link")


def compare_with_one_run(history: CoreHistory) -> None:
    grown, staged = history.core(), history.staging()
    history.run("--full-refresh")
    whole, staged_anew = history.core(), history.staging()
    assert differences(staged, staged_anew) == {}
    assert differences(grown, whole) == {}
    assert sum(len(rows) for rows in whole.values()) > 1000


def test_two_runs_equal_one(tmp_path: Path) -> None:
    with open_history(tmp_path, people=120, seed=1) as history:
        begin(history, 1)
        history.step(2, landed=0.8, as_of=days_before_the_end(20))
        history.run()

        compare_with_one_run(history)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [1, 10, 20])
def test_k_runs_equal_one(tmp_path: Path, seed: int) -> None:
    with open_history(tmp_path, people=150, seed=seed) as history:
        begin(history, seed)
        history.step(seed + 1, landed=0.7, as_of=days_before_the_end(45))
        history.run()
        history.lift(seed)
        history.step(seed + 2, landed=0.85, as_of=days_before_the_end(31))
        history.run()
        # Time alone, but for a few rows that go or change.
        history.step(seed + 3, landed=0.85, as_of=days_before_the_end(2))
        history.run()
        # Nothing at all.
        before = history.core()
        history.run()
        assert differences(history.core(), before) == {}

        compare_with_one_run(history)
