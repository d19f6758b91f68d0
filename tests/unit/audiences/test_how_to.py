"""The page on audiences says what the compiler does."""

import re
from pathlib import Path

import pytest

from audiences.catalogue import Catalogue, Entity
from audiences.contracts import read_contracts
from audiences.errors import DefinitionError
from audiences.project import read_project_catalogue
from audiences.reading import read_definition
from audiences.reading_columns import OPERATOR_TYPES


@pytest.fixture
def page(project_root: Path) -> str:
    return (project_root / "docs/how-to/add-an-audience.md").read_text("utf-8")


def test_examples_on_the_page_are_definitions(page: str, project_root: Path):
    catalogue = read_project_catalogue(project_root)
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    for example in examples:
        [name] = re.findall(r"^name: (\w+)", example)
        read_definition(example, file="page", name=name, catalogue=catalogue)


def test_message_on_the_page_is_the_message(page: str):
    lines = ["# nothing"] * 8 + ["conditions: {column: order_cuont, at_least: 2}"]
    profile = (
        "models: [{name: p, config: {contract: {enforced: true}}, "
        "columns: [{name: order_count, data_type: bigint}]}]"
    )
    columns = read_contracts(profile, file="p.yml")["p"]
    catalogue = Catalogue({"customer": Entity("customer", "p", "id", columns)}, {})

    with pytest.raises(DefinitionError) as raised:
        read_definition(
            "\n".join(lines),
            file="audiences/definitions/regulars.yml",
            name="regulars",
            catalogue=catalogue,
        )

    assert str(raised.value.problems[-1]) in page


@pytest.mark.parametrize("operator", list(OPERATOR_TYPES))
def test_every_operator_is_on_the_page(operator: str, page: str):
    assert f"`{operator}`" in page
