"""docs/how-to/read-audience-history.md says what there is."""

import re
from pathlib import Path

import pytest
import yaml

from audiences.memberships import plain_audiences
from cli.main import build_parser

MEMBERSHIPS = "models/audiences/memberships"


@pytest.fixture
def page(project_root: Path) -> str:
    return (project_root / "docs/how-to/read-audience-history.md").read_text("utf-8")


def test_every_command_of_the_page_is_one(page: str) -> None:
    commands = re.findall(r"^\$ kenning (.*)$", page, re.MULTILINE)

    assert len(commands) == 2
    for command in commands:
        assert build_parser().parse_args(command.split()).as_of


def test_every_reason_is_told(page: str, project_root: Path) -> None:
    models = [
        (project_root / MEMBERSHIPS / f"{name}.sql").read_text("utf-8")
        for name in ("audience_memberships", "int_audiences__flips")
    ]
    reasons = {
        reason
        for text in models
        for reason in re.findall(
            r"(?:then|\belse|coalesce\(flips.flipped,) '([a-z ]+)'", text
        )
    } - {"not "}

    assert len(reasons) >= 7
    assert [reason for reason in sorted(reasons) if f"`{reason}`" not in page] == []


def test_every_column_of_the_memberships_is_told(page: str, project_root: Path) -> None:
    text = (project_root / MEMBERSHIPS / "_memberships__models.yml").read_text("utf-8")
    [model] = [
        each
        for each in yaml.safe_load(text)["models"]
        if each["name"] == "audience_memberships"
    ]
    columns = {column["name"] for column in model["columns"]}

    told = {"changed_run", "entity", "audience_name"} | set(
        re.findall(r"`([a-z_]+)`", page)
    )
    assert columns - told == set()


def test_plain_model_of_the_page_is_an_audience(page: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    [example] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "models/plain.yml").write_text(example)

    assert [audience.name for audience in plain_audiences(tmp_path)] == ["neighbours"]
