"""quality_normalisation counts every column that staging may reject, and every copy left out.

Its lists are written by hand, because dbt wants each ref to be seen when it parses; here
they are held against the staging models.
"""

import ast
import re
from pathlib import Path

import pytest

REJECTED = re.compile(r"rejected_columns\(\{(.*?)\}\)", re.DOTALL)


@pytest.fixture(scope="module")
def staging_models(project_root: Path) -> dict[str, str]:
    """The text of every staging model, by name."""
    folder = project_root / "models" / "staging"
    return {
        path.stem: path.read_text(encoding="utf-8") for path in folder.rglob("*.sql")
    }


@pytest.fixture(scope="module")
def quality_model(project_root: Path) -> str:
    """The text of quality_normalisation."""
    path = project_root / "models" / "quality" / "quality_normalisation.sql"
    return path.read_text(encoding="utf-8")


def test_every_column_that_may_be_rejected_is_counted(
    staging_models: dict[str, str], quality_model: str
):
    rejected = {
        name: sorted(re.findall(r"'(\w+)': ", "{" + found.group(1)))
        for name, text in staging_models.items()
        if (found := REJECTED.search(text))
    }
    counted = ast.literal_eval(_set_in(quality_model, "normalized_columns"))

    assert {name: sorted(columns) for name, columns in counted.items()} == rejected


def test_every_model_that_leaves_out_copies_is_counted(
    staging_models: dict[str, str], quality_model: str
):
    deduplicated = [
        name for name, text in staging_models.items() if "_duplicate_count" in text
    ]
    counted = ast.literal_eval(_set_in(quality_model, "deduplicated_models"))

    assert sorted(counted) == sorted(deduplicated)


def _set_in(sql: str, name: str) -> str:
    found = re.search(rf"set {name} = (.*?) -?%}}", sql, re.DOTALL)
    assert found is not None, f"no {name} in quality_normalisation"
    return found.group(1)
