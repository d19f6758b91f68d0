"""Which instant a run takes for now."""

from dataclasses import dataclass, field
from datetime import datetime

import pytest

from orchestration.as_of import resolve_as_of
from orchestration.workspace import find_workspace, set_clock
from warehouse.errors import ConfigurationError

SCHEDULED = {"dagster/scheduled_execution_time": "2026-07-01T04:30:00+00:00"}
CREATED_AT = datetime.fromisoformat("2026-11-22T00:59:38.123+01:00")


@dataclass
class Run:
    tags: dict[str, str] = field(default_factory=dict)
    run_id: str = "r1"


@dataclass
class Record:
    create_timestamp: datetime = CREATED_AT


class Instance:
    def get_run_record_by_id(self, run_id):
        return Record()


@dataclass
class Step:
    run: Run
    instance: Instance = field(default_factory=Instance)


@pytest.fixture
def workspace(tmp_path):
    environ = {"KENNING_DUCKDB_PATH": str(tmp_path / "x.duckdb")}
    return find_workspace(environ=environ)


def test_tag_of_the_run_comes_first(workspace):
    set_clock(workspace, datetime(2026, 6, 30))
    tags = SCHEDULED | {"kenning/as_of": "2026-06-01T00:00:00"}

    assert resolve_as_of(Step(Run(tags)), workspace) == datetime(2026, 6, 1)


def test_scheduled_run_means_its_schedules_time_however_late_it_starts(workspace):
    set_clock(workspace, datetime(2026, 6, 30))

    as_of = resolve_as_of(Step(Run(SCHEDULED)), workspace)

    assert as_of == datetime(2026, 7, 1, 4, 30)


def test_standing_clock_is_now_for_every_other_run(workspace):
    set_clock(workspace, datetime(2026, 6, 30))

    assert resolve_as_of(Step(Run()), workspace) == datetime(2026, 6, 30)


def test_without_any_of_them_now_is_when_the_run_was_created(workspace):
    assert resolve_as_of(Step(Run()), workspace) == datetime(2026, 11, 21, 23, 59, 38)


def test_tag_that_is_no_instant_is_refused(workspace):
    with pytest.raises(ConfigurationError, match=r"'soon' in the run's tag kenning/as"):
        resolve_as_of(Step(Run({"kenning/as_of": "soon"})), workspace)
