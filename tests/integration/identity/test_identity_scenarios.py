"""Every story of tests/identity_scenarios.py, told to the SQL in four runs of dbt.

All stories lie in one warehouse, so that four runs tell them all.
"""

import pytest

from tests.identity_scenarios import SCENARIOS, Scenario
from tests.integration.identity.conftest import Told
from tests.integration.identity.notation import (
    as_written,
    customers_of,
    latest,
    merges_of,
    splits_of,
    suppressed_of,
)

RUNS = range(4)


every_story = pytest.mark.parametrize(
    "scenario", SCENARIOS, ids=[scenario.case for scenario in SCENARIOS]
)


@every_story
def test_customers_are_those_of_the_story(told: Told, scenario: Scenario) -> None:
    found = [customers_of(reading[scenario.case]) for reading in told.runs]

    assert found == [as_written(latest(scenario, run, "customers")) for run in RUNS]


@every_story
def test_merges_and_splits_are_those_of_the_story(
    told: Told, scenario: Scenario
) -> None:
    found = [
        (merges_of(reading[scenario.case]), splits_of(reading[scenario.case]))
        for reading in told.runs
    ]

    assert found == [
        (sorted(step.merges), sorted(step.splits)) for step in scenario.steps
    ]


@every_story
def test_suppressed_edges_are_those_of_the_story(
    told: Told, scenario: Scenario
) -> None:
    found = [suppressed_of(reading[scenario.case]) for reading in told.runs]

    assert found == [set(latest(scenario, run, "suppressed")) for run in RUNS]


@pytest.mark.parametrize(
    "scenario",
    [each for each in SCENARIOS if each.steps[0].accounts],
    ids=lambda each: each.case,
)
def test_accounts_are_made_up_of_company_identifiers_alone(
    told: Told, scenario: Scenario
) -> None:
    found = [
        customers_of(reading[scenario.case], accounts=True) for reading in told.runs
    ]

    assert found == [as_written(latest(scenario, run, "accounts")) for run in RUNS]
