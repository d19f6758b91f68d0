"""What is said of a run: one line when it is green, the reasons when it is not."""

from dataclasses import replace
from pathlib import Path

from cli.summary import render_summary
from orchestration.summary import CheckCounts, Failure, RunSummary

GREEN = RunSummary(
    run_id="r1",
    failures=(),
    skipped_steps=(),
    checks=CheckCounts(passed=348, failed=0, warned=2),
    raw_row_counts={},
    table_count=71,
    sync_counts={},
    stage_seconds={"raw tables": 3.5, "models and tests": 21.05},
    log_path=Path("data/logs/run.log"),
)


def test_green_run_is_one_line():
    assert render_summary(GREEN) == (
        "71 tables built; 348 checks passed, 2 warned; 24.6 s"
    )


def test_red_run_tells_why_what_was_held_back_and_where_to_look():
    red = replace(
        GREEN,
        failures=(Failure("models", "The build is red.", 1),),
        skipped_steps=("files__vips", "published__kenning"),
    )

    assert render_summary(red) == (
        "kenning: The build is red.\n"
        "Not executed: files__vips, published__kenning.\n"
        "The run's log is data/logs/run.log."
    )
