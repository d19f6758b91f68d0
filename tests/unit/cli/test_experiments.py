"""`kenning experiment` as a person meets it, on a small warehouse."""

import json

import pytest

from cli import main as command_line
from warehouse.connection import open_warehouse
from warehouse.target import Target

# Of 400 customers every fifth is held out. Half of the others order on the third day, a quarter
# of the holdout does; each order brings 20 euros.
TABLES = """
    create schema audiences;
    create schema core;
    create schema identity;
    create table core.dim_customers as
    select 'c' || number as customer_id from range(400) as t (number);
    create table audiences.audience_memberships as
    select
        'trial' as audience_name,
        'c' || number as member_id,
        'c' || number as customer_id,
        case when number % 5 = 0 then 'holdout' else 'letter' end as split_group,
        'v1' as entered_version,
        timestamp '2026-05-01' as entered_at,
        cast(null as timestamp) as exited_at
    from range(400) as t (number);
    create table core.fct_orders as
    select
        'c' || number as customer_id,
        false as is_cancelled,
        cast(20 as decimal(18, 2)) as revenue_eur,
        timestamp '2026-05-04' as ordered_at
    from range(400) as t (number)
    where number % 20 = 0 or (number % 5 <> 0 and number % 2 = 0);
    create table identity.identity_stats as
    select 1 as run_id, timestamp '2026-06-30' as as_of;
"""


@pytest.fixture
def _built(tmp_path, monkeypatch):
    path = tmp_path / "kenning.duckdb"
    monkeypatch.setenv("KENNING_DUCKDB_PATH", str(path))
    with open_warehouse(Target(name="t", engine="duckdb", path=path)) as warehouse:
        for statement in TABLES.split(";")[:-1]:
            warehouse.execute(statement)


@pytest.mark.usefixtures("_built")
def test_results_are_read_from_memberships_and_orders(capsys):
    exit_code = command_line.main(
        [
            "experiment",
            "results",
            "trial",
            "--json",
            "--weights",
            "letter=80,holdout=20",
        ]
    )

    found = json.loads(capsys.readouterr().out)
    assert exit_code == 0
    assert [
        (each["name"], each["entered"], each["converted"], each["revenue_eur"])
        for each in found["groups"]
    ] == [("holdout", 80, 20, 400.0), ("letter", 320, 160, 3200.0)]
    [comparison] = found["comparisons"]
    assert comparison["conversion"]["plain"]["difference"] == 0.25
    assert comparison["revenue_eur"]["plain"]["difference"] == 5.0
    assert found["split"]["p_value"] == 1.0


@pytest.mark.usefixtures("_built")
def test_results_are_text_unless_asked_otherwise(capsys):
    command_line.main(["experiment", "results", "trial"])

    assert capsys.readouterr().out.startswith("Experiment on audience trial")


@pytest.mark.usefixtures("_built")
def test_period_window_control_and_confidence_are_the_askers(capsys):
    command_line.main(
        [
            *("experiment", "results", "trial", "--json"),
            *("--from", "2026-05-01", "--until", "2026-05-02", "--window-days", "2"),
            *("--before-days", "5", "--control", "letter", "--confidence", "90"),
        ]
    )

    found = json.loads(capsys.readouterr().out)
    assert found["since"] == "2026-05-01T00:00:00Z"
    assert found["until"] == "2026-05-02T00:00:00Z"
    assert (found["window_days"], found["before_days"]) == (2, 5)
    assert (found["control"], found["confidence"]) == ("letter", 0.9)
    assert [each["converted"] for each in found["groups"]] == [0, 0]


@pytest.mark.usefixtures("_built")
def test_plan_is_made_of_what_members_do(capsys):
    exit_code = command_line.main(
        [
            *("experiment", "power", "trial", "--json", "--lift", "10"),
            *("--customers", "2000", "--power", "90"),
        ]
    )

    found = json.loads(capsys.readouterr().out)
    assert exit_code == 0
    assert (found["customers"], found["power"], found["lift"]) == (2000, 0.9, 0.1)
    assert found["weights"] == {"treatment": 50.0, "holdout": 50.0}
    assert found["conversion"]["today"] == 0.45
    assert found["conversion"]["customers_needed"] > 2000


@pytest.mark.usefixtures("_built")
def test_plan_is_text_unless_asked_otherwise(capsys):
    command_line.main(["experiment", "power", "trial", "--weights", "a=3,holdout=1"])

    assert "a 75 %, holdout 25 %" in capsys.readouterr().out


DEFINITION = """
name: trial
description: Customers who are won back.
owner: {name: Retention, email: retention@nordvik.example}
purpose: email_marketing
entity: customer
conditions: {column: email, is_known: true}
split:
  groups: {letter: 1}
  holdout: {share: 0.2}
"""


@pytest.fixture
def project(tmp_path, project_root):
    """The project with a definition of its own."""
    folder = tmp_path / "project"
    (folder / "audiences" / "definitions").mkdir(parents=True)
    (folder / "audiences" / "definitions" / "trial.yml").write_text(DEFINITION)
    for name in ("relations.yml", "exclusions.yml"):
        (folder / "audiences" / name).symlink_to(project_root / "audiences" / name)
    for name in ("dbt_project.yml", "profiles.yml", "models", "macros"):
        (folder / name).symlink_to(project_root / name)
    return str(folder)


@pytest.mark.usefixtures("_built")
def test_split_is_checked_against_the_definition_unless_told_otherwise(project, capsys):
    command_line.main(
        ["--project-dir", project, "experiment", "results", "trial", "--json"]
    )

    found = json.loads(capsys.readouterr().out)
    assert found["split"]["expected"] == {"holdout": 80.0, "letter": 320.0}


@pytest.mark.usefixtures("_built")
def test_plan_has_the_groups_of_the_definition_unless_told_otherwise(project, capsys):
    command_line.main(["--project-dir", project, "experiment", "power", "trial"])

    assert "letter 80 %, holdout 20 %" in capsys.readouterr().out


@pytest.mark.usefixtures("_built")
def test_unknown_audience_is_one_message_and_exit_code_2(capsys):
    exit_code = command_line.main(["experiment", "results", "trail"])

    assert exit_code == 2
    assert "Did you mean 'trial'?" in capsys.readouterr().err


@pytest.mark.usefixtures("_built")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--weights", "letter"), "'': a size, as in treatment=80,holdout=20, is a"),
        (("--weights", "letter=1,holdout=0"), "'0': a size"),
        (("--weights", "letter=1,holdout=nan"), "'nan': a size"),
        (("--weights", "letter=1,=2"), "'=2' names no group"),
        (("--weights", "letter=1,letter=2"), "'letter=2' names no group, or one named"),
        (("--confidence", "100"), "must be below 100"),
        (("--confidence", "0"), "'0': a percentage is a number above 0"),
        (("--confidence", "high"), "'high': a percentage is a number above 0"),
        (("--window-days", "0"), "must be 1 or more"),
    ],
)
def test_numbers_that_cannot_be_are_refused(arguments, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        command_line.main(["experiment", "results", "trial", *arguments])

    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("_built")
def test_instant_that_is_none_is_refused(capsys):
    exit_code = command_line.main(["experiment", "results", "trial", "--from", "May"])

    assert exit_code == 2
    assert "'May' in --from is no instant" in capsys.readouterr().err
