"""Fields of a definition beside its conditions, lists of exclusions, and what audiences read of each other."""

from collections.abc import Mapping
from datetime import datetime

import pytest

from audiences.conditions import InState, State
from audiences.definition import (
    Definition,
    Exclusion,
    Holdout,
    Priority,
    Sample,
    Split,
    Top,
)
from audiences.errors import DefinitionError
from audiences.order import problems_between
from audiences.reading import Reading, read_definition, read_exclusions
from tests.audience_world import small_catalogue

CATALOGUE = small_catalogue()
HEAD = """\
name: {name}
description: Customers who come often.
owner: {{name: Stores, email: stores@nordvik.example}}
purpose: ads
entity: customer
conditions: {{column: is_b2b, is_true: true}}
"""


def reading_of(
    fields: str, name: str = "regulars", audiences: tuple[str, ...] = ()
) -> Reading:
    return read_definition(
        HEAD.format(name=name) + fields,
        file=f"{name}.yml",
        name=name,
        catalogue=CATALOGUE,
        audiences=audiences,
    )


def read(fields: str) -> Definition:
    return reading_of(fields).definition


def problem_of(fields: str) -> str:
    with pytest.raises(DefinitionError) as raised:
        read(fields)
    [problem] = raised.value.problems
    assert problem.line >= 7
    return problem.message


def test_every_field_is_read():
    definition = read(
        """\
time_zone: America/New_York
goal: retention
exclude: {column: is_b2b, is_false: true}
priority: {group: offers, rank: 2}
sample: {share: 0.25, salt: spring}
top: {by: birth_date, count: 10, order: lowest, ties: keep}
split:
  groups: {letter: 1, call: 3}
  holdout: {share: 0.1, salt: company}
  stratify_by: city
starts: 2026-01-31
ends: 2026-06-30
refresh: weekly
"""
    )

    assert definition.goal == "retention"
    assert definition.exclude == InState("is_b2b", State.IS_FALSE)
    assert definition.priority == Priority("offers", 2)
    assert definition.sample == Sample("spring", share=0.25)
    assert definition.top == Top("birth_date", 10, is_highest=False, with_ties=True)
    assert definition.split == Split(
        "regulars", (("letter", 1), ("call", 3)), Holdout(0.1, "company"), "city"
    )
    # The first day begins there at five in the morning, UTC; the last one ends at four.
    assert definition.starts_at == datetime(2026, 1, 31, 5)
    assert definition.ends_at == datetime(2026, 7, 1, 4)
    assert definition.refresh == "weekly"


def test_an_end_with_a_time_is_that_instant():
    assert read("ends: 2026-06-30T12:00:00\n").ends_at == datetime(2026, 6, 30, 12)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            "time_zone: Europe/Amsterdm\n",
            "there is no time zone 'Europe/Amsterdm'. Did you mean 'Europe/Amsterdam'?",
        ),
        ("refresh: dayly\n", "there is no 'dayly'. Did you mean 'daily'?"),
        ("goal: win-back\n", "there is no 'win-back'. Did you mean 'win_back'?"),
        ("priority: {group: offers}\n", "priority lacks rank."),
        (
            "priority: {group: offers, rank: 0}\n",
            "'0' is no rank. Write a whole number from 1 to 1,000.",
        ),
        ("sample: {share: 0.1, count: 3}\n", "sample takes either a share or a count."),
        (
            "sample: {share: 10}\n",
            "'10' is no share. Write a number between 0 and 1, as 0.1.",
        ),
        (
            "sample: {share: .nan}\n",
            "'.nan' is no share. Write a number between 0 and 1, as 0.1.",
        ),
        (
            "top: {by: city, count: 3}\n",
            "city holds text, which has no order. Take a number, a timestamp or a day.",
        ),
        (
            "top: {by: revenue, count: 3}\n",
            "the profile has no column 'revenue'. Did you mean 'revenue_eur'?",
        ),
        ("split: {groups: {}}\n", "a split has 1 to 20 groups."),
        (
            "split: {groups: {a: 0}}\n",
            "'0' is no weight. Write a whole number from 1 to 10,000.",
        ),
        ("split: {groups: {holdout: 1}}\n", "the holdout is written beside groups."),
        ("split: {groups: {a: 1}, holdout: {}}\n", "holdout lacks share."),
        ("starts: 2026-06-30\nends: 2026-06-01\n", "ends lies before starts."),
    ],
)
def test_field_that_means_nothing_is_refused(fields: str, message: str):
    assert problem_of(fields) == message


def test_exclusions_are_read_and_hold_for_purposes_and_goals():
    [exclusion] = read_exclusions(
        """\
exclusions:
  - name: staff
    description: People who work here.
    entity: customer
    purposes: [ads]
    goals: [acquisition, win_back]
    conditions: {column: is_b2b, is_true: true}
""",
        file="exclusions.yml",
        catalogue=CATALOGUE,
    )

    assert exclusion == Exclusion(
        "staff",
        "People who work here.",
        "customer",
        InState("is_b2b", State.IS_TRUE),
        ("ads",),
        ("acquisition", "win_back"),
    )
    assert exclusion.holds_for(read("goal: win_back\n"))
    assert not exclusion.holds_for(read("goal: retention\n"))
    assert not exclusion.holds_for(read(""))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "exclusions: []\n",
            1,
            "exclusions is an empty list. Give it at least one entry.",
        ),
        ("lists: []\n", 1, "the file lacks exclusions."),
        (
            "exclusions:\n  - {name: a, description: b, entity: customer, conditions: "
            "{column: x, is_known: true}}\n",
            2,
            "the profile has no column 'x'.",
        ),
        (
            "exclusions:\n  - {name: a, description: b, entity: person, conditions: {}}\n",
            2,
            "there is no 'person'.",
        ),
    ],
)
def test_exclusions_that_mean_nothing_are_refused(text: str, line: int, message: str):
    with pytest.raises(DefinitionError) as raised:
        read_exclusions(text, file="exclusions.yml", catalogue=CATALOGUE)

    assert any(
        problem.line == line and problem.message.startswith(message)
        for problem in raised.value.problems
    )


def problems_of(fields: Mapping[str, str]) -> list[tuple[str, int, str]]:
    names = tuple(fields)
    readings = {
        f"{name}.yml": reading_of(text, name, names) for name, text in fields.items()
    }
    return [
        (problem.file, problem.line, problem.message)
        for problem in problems_between(readings, ())
    ]


def test_audiences_that_read_each_other_in_a_circle_are_refused():
    problems = problems_of(
        {
            "first": "exclude: {audience: second}\n",
            "second": "exclude:\n  any:\n    - {audience: third}\n",
            "third": "exclude: {audience: first}\n",
            "fourth": "exclude: {audience: first}\n",
        }
    )

    assert (
        "second.yml",
        9,
        "'second' reads itself, by way of third. Take one of them out.",
    ) in problems
    assert [file for file, _, _ in problems][:3] == [
        "first.yml",
        "second.yml",
        "third.yml",
    ]


def test_a_circle_through_a_priority_group_is_one_too():
    problems = problems_of(
        {
            "first": "priority: {group: offers, rank: 1}\nexclude: {audience: second}\n",
            "second": "priority: {group: offers, rank: 2}\n",
        }
    )

    assert {file for file, _, _ in problems} == {"first.yml", "second.yml"}


def test_two_audiences_of_one_rank_are_refused():
    problems = problems_of(
        {
            "first": "priority: {group: offers, rank: 1}\n",
            "second": "priority: {group: offers, rank: 1}\n",
        }
    )

    assert problems[0] == (
        "first.yml",
        7,
        "'second' has rank 1 in the group offers too. Give each its own.",
    )


def test_a_split_group_that_the_other_audience_lacks_is_refused():
    problems = problems_of(
        {
            "first": "split: {groups: {letter: 1}, holdout: {share: 0.1}}\n",
            "second": "exclude: {audience: first, split_group: leter}\n",
            "third": "exclude: {audience: first, split_group: holdout}\n",
            "fourth": "exclude: {audience: second, split_group: a}\n",
        }
    )

    assert problems == [
        ("second.yml", 7, "'first' has no group 'leter'. Did you mean 'letter'?"),
        ("fourth.yml", 7, "'second' has no group 'a'. There is none to choose from."),
    ]


def test_an_audience_of_another_kind_of_member_is_refused():
    firms = read_definition(
        HEAD.format(name="firms")
        .replace("entity: customer", "entity: account")
        .replace(
            "{column: is_b2b, is_true: true}", "{column: industry, is_known: true}"
        ),
        file="firms.yml",
        name="firms",
        catalogue=CATALOGUE,
    )
    people = reading_of("exclude: {audience: firms}\n", "people", ("firms", "people"))

    [problem] = problems_between({"firms.yml": firms, "people.yml": people}, ())

    assert str(problem) == (
        "people.yml:7: 'firms' holds members of another kind: account. "
        "This audience has customer."
    )
