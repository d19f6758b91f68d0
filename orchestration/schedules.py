"""When jobs start by themselves."""

import dagster as dg

from orchestration.jobs import REFRESH


def build_schedules() -> list[dg.ScheduleDefinition]:
    """One daily refresh, off until an operator switches it on.

    04:30 UTC: the tills' nightly export of the last country to close has landed by 03:00, and the
    marketing teams of all three countries start at 07:00 UTC at the earliest.
    """
    return [
        dg.ScheduleDefinition(
            name="daily_refresh",
            job_name=REFRESH,
            cron_schedule="30 4 * * *",
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.STOPPED,
            description="The whole job, every night after the stores' exports.",
        )
    ]
