"""`kenning audiences preview`, `list`, `overlap` and `diff` on a company built as a user would."""

import json
import re

import duckdb
import pytest

from tests.integration.conftest import PROJECT, DemoRuns

NAMES = sorted(path.stem for path in (PROJECT / "audiences/definitions").glob("*.yml"))
ALWAYS = ("cart_abandoners", "win_back")
PREVIEWED = [
    name if name in ALWAYS else pytest.param(name, marks=pytest.mark.exhaustive)
    for name in NAMES
]


def members(demo: DemoRuns, name: str) -> list[tuple[str]]:
    with duckdb.connect(str(demo.published), read_only=True) as connection:
        return connection.execute(
            f"select {_id(demo, name)} from audiences.audience_{name} order by 1"
        ).fetchall()


def _id(demo: DemoRuns, name: str) -> str:
    with duckdb.connect(str(demo.published), read_only=True) as connection:
        return connection.execute(
            f"select * from audiences.audience_{name} limit 0"
        ).description[0][0]


@pytest.mark.parametrize("name", PREVIEWED)
def test_preview_has_the_members_that_the_build_has(demo_runs: DemoRuns, name: str):
    run = demo_runs.kenning("audience", "preview", name, "--json")
    query = demo_runs.kenning("audience", "preview", name, "--sql")

    assert (run.returncode, run.stderr) == (0, "")
    seen, built = json.loads(run.stdout), members(demo_runs, name)
    assert seen["member_count"] == len(built) > 0
    assert seen["member_count"] < seen["base_count"]
    assert seen["funnel"][-1]["left_count"] == len(built)
    with duckdb.connect(str(demo_runs.published), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        found = connection.execute(query.stdout).fetchall()
    assert sorted((row[0],) for row in found) == built


def test_preview_answers_while_a_build_writes(demo_runs: DemoRuns):
    with duckdb.connect(str(demo_runs.warehouse)):
        run = demo_runs.kenning("audience", "preview", NAMES[0], "--json")

    assert run.returncode == 0, run.stderr


def test_no_address_name_or_number_of_a_person_is_printed(demo_runs: DemoRuns):
    run = demo_runs.kenning("audience", "preview", "lapsed_high_value")
    with duckdb.connect(str(demo_runs.published), read_only=True) as connection:
        people = connection.execute(
            "select email, first_name, phone from core.dim_customers semi join "
            "audiences.audience_lapsed_high_value using (customer_id)"
        ).fetchall()

    assert run.returncode == 0, run.stderr
    told = {word for word in re.split(r"\s+", run.stdout) if word}
    assert {value for row in people for value in row if value} & told == set()
    assert "Members, masked" in run.stdout


def test_definition_that_was_not_changed_changes_nobody(demo_runs: DemoRuns):
    file = str(PROJECT / "audiences/definitions/lapsed_high_value.yml")

    run = demo_runs.kenning("audiences", "diff", file, "--json")

    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["added_count"], found["removed_count"]) == (0, 0)
    assert found["version"] == found["built_version"]


def test_every_audience_is_listed_with_its_members(demo_runs: DemoRuns):
    run = demo_runs.kenning("audiences", "list", "--json")

    assert run.returncode == 0, run.stderr
    listed = json.loads(run.stdout)["audiences"]
    sizes = {each["name"]: each["recorded"]["member_count"] for each in listed}
    assert sizes == {name: len(members(demo_runs, name)) for name in NAMES}


def test_overlap_of_two_is_who_is_in_both(demo_runs: DemoRuns):
    run = demo_runs.kenning("audiences", "overlap", *NAMES[:2], "--json")

    assert run.returncode == 0, run.stderr
    [entity] = json.loads(run.stdout)["entities"]
    both = set(members(demo_runs, NAMES[0])) & set(members(demo_runs, NAMES[1]))
    found = {
        (each["audience"], each["other"]): each["both_count"]
        for each in entity["pairs"]
    }
    assert found.get((NAMES[0], NAMES[1]), 0) == len(both)
