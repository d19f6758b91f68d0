"""The page on audiences says what the compiler does."""

import re
from pathlib import Path

import pytest

from audiences.definition import Comparator, State
from audiences.errors import DefinitionError
from audiences.profile import read_profile
from audiences.reading import read_definition


@pytest.fixture
def page(project_root: Path) -> str:
    return (project_root / "docs/how-to/add-an-audience.md").read_text("utf-8")


def test_example_on_the_page_is_a_definition(page: str, project_root: Path):
    [example] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    file = "models/core/golden/_golden__models.yml"
    text = (project_root / file).read_text("utf-8")
    columns = read_profile(text, file=file, model="dim_customers")
    assert columns is not None

    definition = read_definition(
        example, file="page", name="lapsed_high_value", columns=columns
    )

    assert definition.purpose == "email_marketing"


def test_message_on_the_page_is_the_message(page: str):
    lines = ["# nothing"] * 8 + ["conditions: {column: order_cuont, at_least: 2}"]
    profile = "models: [{name: p, columns: [{name: order_count, data_type: bigint}]}]"
    columns = read_profile(profile, file="p.yml", model="p")
    assert columns is not None

    with pytest.raises(DefinitionError) as raised:
        read_definition(
            "\n".join(lines),
            file="audiences/definitions/regulars.yml",
            name="regulars",
            columns=columns,
        )

    assert str(raised.value.problems[-1]) in page


@pytest.mark.parametrize("operator", [*Comparator, *State, "in", "within_days"])
def test_every_operator_is_on_the_page(operator: str, page: str):
    assert f"`{operator}`" in page
