"""`kenning audiences history` and `backdate` on a company that was built as a user would."""

import json

import pytest

from tests.integration.conftest import DemoRuns

NAME, INSTANT = "lapsed_high_value", "2026-06-30"


@pytest.mark.exhaustive
def test_members_of_the_last_run_are_recorded_and_worked_out_alike(
    demo_runs: DemoRuns,
) -> None:
    before = demo_runs.warehouse.stat()

    history = demo_runs.kenning(
        "audiences", "history", NAME, "--as-of", INSTANT, "--json"
    )
    backdated = demo_runs.kenning(
        "audiences", "backdate", NAME, "--as-of", INSTANT, "--json"
    )

    assert history.returncode == 0, history.stderr
    assert backdated.returncode == 0, backdated.stderr
    recorded, worked_out = json.loads(history.stdout), json.loads(backdated.stdout)
    assert recorded["member_count"] > 5
    assert [member["member_id"] for member in recorded["members"]] == [
        member["member_id"] for member in worked_out["members"]
    ]
    assert worked_out["recorded"] == {
        "both_count": recorded["member_count"],
        "only_recorded_count": 0,
        "only_worked_out_count": 0,
        "gone_count": 0,
    }
    assert demo_runs.warehouse.stat() == before


def test_audience_that_there_is_not_cannot_be_backdated(demo_runs: DemoRuns) -> None:
    run = demo_runs.kenning("audiences", "backdate", "sizes", "--as-of", INSTANT)

    assert run.returncode == 2
    assert run.stderr.startswith("kenning: The project has no audience 'sizes'.")
    assert NAME in run.stderr
