"""What is said of a run that ended, and which ends are failures."""

from dataclasses import replace
from datetime import datetime

import pytest

from orchestration.sync_retention import describe as describe_purge
from orchestration.sync_retention import retention_days
from orchestration.sync_runs import SyncRun, concerns, describe
from reverse_etl.history import SyncStatus
from reverse_etl.retention import Purged
from reverse_etl.run_outcomes import RunStatus
from reverse_etl.run_reports import RunReport
from warehouse.errors import ConfigurationError

AT = datetime(2026, 6, 30)
REPORT = RunReport("mailer__people", "r1", RunStatus.SUCCEEDED, AT, AT)
STATUS = SyncStatus("mailer__people")


def run(report: RunReport | None = None, **changes: object) -> SyncRun:
    return SyncRun(replace(report or REPORT, **changes), STATUS)


def test_run_is_told_without_what_did_not_happen():
    assert (
        describe(run(planned=3, added=2, rejected=1, unchanged=5))
        == "2 added, 1 rejected, 5 unchanged"
    )
    assert describe(run()) == "nothing to do"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"status": RunStatus.HELD, "held": 7}, "held; 7 held back"),
        (
            {"status": RunStatus.REJECTED, "held": 7},
            "held, and a person put this plan away; 7 held back",
        ),
        (
            {
                "status": RunStatus.PAUSED_QUOTA,
                "planned": 9,
                "added": 2,
                "resume_at": AT,
            },
            "the account's quota is used up, goes on after 2026-06-30 00:00 UTC; "
            "2 added, 7 left for the next run",
        ),
    ],
)
def test_run_that_did_not_go_through_says_why(changes, text):
    assert describe(run(**changes)) == text


def test_paused_sync_says_who_paused_it_for_what():
    paused = SyncRun(None, replace(STATUS, paused="audit"))

    assert describe(paused) == "paused, nothing was sent: audit"
    assert not paused.is_failed


@pytest.mark.parametrize(
    ("status", "is_failed"),
    [
        (RunStatus.SUCCEEDED, False),
        (RunStatus.REJECTED, False),
        (RunStatus.PAUSED_QUOTA, False),
        (RunStatus.HELD, True),
        (RunStatus.FAILED, True),
        (RunStatus.INTERRUPTED, True),
    ],
)
def test_only_what_somebody_must_see_to_is_a_failure(status, is_failed):
    assert run(status=status).is_failed is is_failed


def test_a_few_refused_rows_concern_nobody_and_many_do():
    few = run(planned=100, added=95, rejected=5)
    many = run(planned=100, added=94, rejected=6)

    assert concerns(few) == ()
    assert concerns(many) == ("6 of 100 rows were refused (6%, limit 5%)",)


def test_dead_rows_rows_in_doubt_and_rows_without_an_outcome_concern_somebody():
    found = concerns(
        SyncRun(
            replace(REPORT, planned=2, added=1), replace(STATUS, dead=3, in_doubt=4)
        )
    )

    assert found == (
        "3 rows have been refused for too long",
        "4 rows are in doubt and wait for a person",
        "1 row of the plan has no outcome",
    )


def test_retention_is_the_projects_number_or_ninety_days():
    assert retention_days({}) == 90
    assert retention_days({"sync_retention_days": 30}) == 30


@pytest.mark.parametrize("days", [0, -1, "30", True, None])
def test_retention_that_is_no_number_of_days_is_refused(days):
    with pytest.raises(ConfigurationError, match="sync_retention_days"):
        retention_days({"sync_retention_days": days})


def test_purge_is_told_in_counts():
    assert describe_purge(Purged()) == "nothing was past its time"
    assert describe_purge(Purged(outcomes=12, plans=1)) == (
        "forgotten: 12 outcomes, 1 plans of runs that are over"
    )
