"""Every story of tests/identity_scenarios.py, told to the SQL in four runs of dbt.

All stories lie in one warehouse, so that four runs tell them all.
"""

import pytest

from tests.identity_reading import CaseTables
from tests.identity_reference import Identifier, Tables
from tests.identity_scenarios import KINDS, SCENARIOS, Scenario
from tests.integration.identity.conftest import Told

SHORT = {kind: short for short, kind in KINDS.items()}
RUNS = range(4)
ACCOUNT_KINDS = {"company_number", "company_domain"}


def called(found: Identifier) -> str:
    return f"{SHORT[found[0]]}:{found[1]}"


def customers_of(tables: CaseTables | Tables, *, accounts: bool = False) -> set[str]:
    """Customers in the notation of the stories, members in order of their names."""
    return {
        f"{called(anchor)} = "
        + " ".join(
            sorted("~" * is_shared + called(member) for member, is_shared in members)
        )
        for anchor, members in tables.customers().items()
        if (anchor[0] in ACCOUNT_KINDS) == accounts
    }


def as_written(customers: list[str]) -> set[str]:
    """The same from a story: the first identifier is the name, in brackets when it is no member."""
    told = set()
    for customer in customers:
        first, *others = customer.split()
        members = [*others] if first.startswith("(") else [first, *others]
        told.add(f"{first.strip('()~')} = " + " ".join(sorted(members)))
    return told


def latest(scenario: Scenario, run: int, attribute: str) -> list[str]:
    """What the story says, or said last."""
    said = [getattr(step, attribute) for step in scenario.steps[: run + 1]]
    return next((list(each) for each in reversed(said) if each is not None), [])


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
        (
            sorted(
                f"{called(old)} -> {called(new)}: {count}, {' '.join(filter(None, (cause, key)))}"
                for old, new, count, cause, key in reading[scenario.case].merges
                if old[0] not in ACCOUNT_KINDS
            ),
            sorted(
                f"{called(old)} -> {called(new)}: {count}, {cause}"
                for old, new, count, cause in reading[scenario.case].splits
                if old[0] not in ACCOUNT_KINDS
            ),
        )
        for reading in told.runs
    ]

    assert found == [
        (sorted(step.merges), sorted(step.splits)) for step in scenario.steps
    ]


@every_story
def test_suppressed_edges_are_those_of_the_story(
    told: Told, scenario: Scenario
) -> None:
    found = [
        {
            f"{called(centre)} {called(leaf)}: {rule}"
            for (centre, leaf), (rule, _) in reading[scenario.case].suppressed.items()
        }
        for reading in told.runs
    ]

    assert found == [set(latest(scenario, run, "suppressed")) for run in RUNS]


@every_story
def test_the_reference_tells_the_same_story(told: Told, scenario: Scenario) -> None:
    found = [customers_of(tables) for tables in told.references[scenario.case][:4]]

    assert found == [as_written(latest(scenario, run, "customers")) for run in RUNS]


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
