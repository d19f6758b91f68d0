"""Runs over a growing history give the same staged rows and profile tables, row for row, as one run from nothing.

With late, changed and deleted rows, merges, splits, and time that moves on past windows.
"""

from pathlib import Path

import pytest

from tests.core_history import days_before_the_end, differences, open_history


def story(folder: Path, seed: int) -> None:
    with open_history(folder, people=150, seed=seed) as history:
        history.seed()
        history.step(seed, landed=0.5, as_of=days_before_the_end(60))
        history.run()
        history.link(seed, action="link")
        history.link(seed + 1, action="never_link")
        history.step(seed + 1, landed=0.7, as_of=days_before_the_end(45))
        history.run()
        history.lift(seed)
        history.step(seed + 2, landed=0.85, as_of=days_before_the_end(31))
        history.run()
        # Time alone.
        history.step(seed + 3, landed=0.85, as_of=days_before_the_end(2))
        history.run()

        grown, staged = history.core(), history.staging()
        with history.kept():
            history.run("--full-refresh")
            whole, staged_anew = history.core(), history.staging()
        assert differences(staged, staged_anew) == {}
        assert differences(grown, whole) == {}
        assert sum(len(rows) for rows in whole.values()) > 1000

        history.run()
        assert differences(history.core(), whole) == {}


def test_k_runs_equal_one(tmp_path: Path) -> None:
    story(tmp_path, 1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [10, 20, 30])
def test_k_runs_equal_one_for_other_histories(tmp_path: Path, seed: int) -> None:
    story(tmp_path, seed)
