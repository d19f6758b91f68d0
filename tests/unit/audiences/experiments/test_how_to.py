"""The page on experiments says what the commands and the tables do."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from audiences.experiments.queries import NEEDED
from cli.main import build_parser


@pytest.fixture
def page(project_root: Path) -> str:
    return (project_root / "docs/how-to/run-an-experiment.md").read_text("utf-8")


def test_commands_on_the_page_are_commands(page: str):
    commands = re.findall(r"^\$ kenning (.+)$", page, re.MULTILINE)

    verbs = [build_parser().parse_args(shlex.split(each)).audience for each in commands]

    assert verbs == ["winback", "winback"]


def test_options_on_the_page_are_options_of_the_commands(page: str):
    parser = build_parser()
    power = parser.parse_args(["experiment", "power", "x"])
    named = {
        option.replace("-", "_") for option in re.findall(r"`--([a-z-]+)", page)
    } - {"from"}

    assert named >= {"weights", "customers", "lift", "power", "confidence", "until"}
    assert named <= set(vars(power))


# What the queries read is a promise of public tables, and not of one build's.
@pytest.mark.parametrize("relation", NEEDED, ids=str)
def test_columns_that_are_read_are_in_the_contracts(relation, project_root: Path):
    documented = {
        column["name"]
        for path in sorted((project_root / "models").rglob("*.yml"))
        for model in yaml.safe_load(path.read_text("utf-8")).get("models") or []
        if model["name"] == relation.name and model["config"]["contract"]["enforced"]
        for column in model["columns"]
    }

    assert NEEDED[relation] <= documented
