"""The kept results: the memory that volume is measured against."""

from datetime import datetime
from pathlib import Path

import pytest

from orchestration.quality.expectations import Expectation, Outcome, filled
from orchestration.quality.raw_suite import kept_rates
from orchestration.quality.results import (
    VOLUME,
    forget_volumes,
    keep,
    previous_volumes,
)
from warehouse.connection import open_warehouse
from warehouse.target import Target

MONDAY, TUESDAY = datetime(2026, 6, 29), datetime(2026, 6, 30)


@pytest.fixture
def warehouse(tmp_path: Path):
    target = Target(name="test", engine="duckdb", path=tmp_path / "x.duckdb")
    with open_warehouse(target) as warehouse:
        yield warehouse


def volume(row_count: int, *, is_met: bool = True) -> Outcome:
    return Outcome(Expectation(VOLUME), is_met, row_count, None)


def keep_volume(warehouse, run_id, outcome, checked_at):
    outcomes = {"shop.order": [outcome]}
    keep(warehouse, outcomes, run_id=run_id, suite="raw", checked_at=checked_at)


def test_first_run_has_no_past(warehouse):
    assert previous_volumes(warehouse, suite="raw") == {}


def test_last_run_is_the_measure(warehouse):
    keep_volume(warehouse, "run-1", volume(10), MONDAY)
    keep_volume(warehouse, "run-2", volume(12), TUESDAY)

    assert previous_volumes(warehouse, suite="raw") == {"shop.order": 12}


def test_run_whose_volume_was_refused_is_no_measure(warehouse):
    keep_volume(warehouse, "run-1", volume(10), MONDAY)
    keep_volume(warehouse, "run-2", volume(1, is_met=False), TUESDAY)

    assert previous_volumes(warehouse, suite="raw") == {"shop.order": 10}


def test_rerun_of_a_run_replaces_what_it_kept(warehouse):
    keep_volume(warehouse, "run-1", volume(10), MONDAY)
    keep_volume(warehouse, "run-1", volume(11), MONDAY)

    rows = warehouse.query("select run_id, row_count from quality.expectation_results")

    assert rows == [("run-1", 11)]


def test_forgotten_volumes_leave_other_results(warehouse):
    outcomes = {
        "shop.order": [volume(10), Outcome(filled("email"), False, 10, 4)],
    }
    keep(warehouse, outcomes, run_id="run-1", suite="raw", checked_at=MONDAY)

    forget_volumes(warehouse, suite="raw")

    assert previous_volumes(warehouse, suite="raw") == {}
    assert warehouse.query("""
        select expectation, column_name, success, row_count, unexpected_count
        from quality.expectation_results
    """) == [("expect_column_values_to_not_be_null", "email", False, 10, 4)]


def test_rates_are_rows_now_over_rows_before():
    rates = kept_rates(
        {"shop.order": 5, "shop.refund": 7, "till.sale": 3, "shop.product": 0},
        {"shop.order": 10, "shop.refund": 7, "shop.product": 0},
    )

    assert rates == {
        "shop.order": 0.5,
        "shop.refund": 1.0,
        "till.sale": 1.0,
        "shop.product": 1.0,
    }
