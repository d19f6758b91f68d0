"""The one instant that every step of a run takes for now, so that a rerun repeats."""

from datetime import UTC, datetime
from typing import Protocol

import dagster as dg

from orchestration.workspace import Workspace, parse_instant, read_clock

AS_OF_TAG = "kenning/as_of"
"""Tag of a run that names its instant: ISO 8601, UTC."""

SCHEDULED_FOR_TAG = "dagster/scheduled_execution_time"


class StepContext(Protocol):
    """What an asset's and a check's context share."""

    @property
    def run(self) -> dg.DagsterRun:
        """The run that the step belongs to."""
        ...

    @property
    def instance(self) -> dg.DagsterInstance:
        """Where runs are kept."""
        ...


def resolve_as_of(context: StepContext, workspace: Workspace) -> datetime:
    """Now, for this run; UTC without a zone, to the second.

    In this order: the run's own tag, the time that a schedule meant, the workspace's standing
    clock, the moment the run was created.

    Raises:
        ConfigurationError: A tag or the clock is no instant.
    """
    for tag in (AS_OF_TAG, SCHEDULED_FOR_TAG):
        given = context.run.tags.get(tag)
        if given:
            return parse_instant(given, where=f"the run's tag {tag}").replace(
                microsecond=0
            )
    return read_clock(workspace) or _created_at(context)


def _created_at(context: StepContext) -> datetime:
    record = context.instance.get_run_record_by_id(context.run.run_id)
    created = (record.create_timestamp if record else datetime.now(UTC)).astimezone(UTC)
    return created.replace(tzinfo=None, microsecond=0)
