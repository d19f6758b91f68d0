"""What the README tells a newcomer to type works, and shows what the README shows.

The make targets are only looked up here: `make demo` and `make test` are what runs these tests.
"""

import re
import subprocess
from pathlib import Path

import duckdb
import pytest

from tests.integration.conftest import DemoRuns

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[tuple[str, str]]:
    """Each fenced block of a language, with the text block that follows it, if one does at once."""
    return re.findall(
        rf"^```{language}\n(.*?)^```\n(?:```text\n(.*?)^```)?",
        README,
        re.MULTILINE | re.DOTALL,
    )


def _commands() -> list[str]:
    return [line for block, _ in _blocks("sh") for line in block.splitlines()]


def test_readme_begins_with_the_two_commands() -> None:
    assert _commands()[:2] == ["make demo", "make test"]


@pytest.mark.parametrize(
    "command", [line for line in _commands() if line.startswith("make ")]
)
def test_make_command_of_the_readme_exists(command: str) -> None:
    planned = subprocess.run(
        [*command.split(), "--dry-run"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert planned.returncode == 0, planned.stderr


def test_kenning_commands_of_the_readme_print_what_it_shows(
    demo_runs: DemoRuns,
) -> None:
    commands = [(block, shown) for block, shown in _blocks("sh") if "kenning" in block]

    assert commands
    for block, shown in commands:
        run = demo_runs.kenning(*block.strip().split("kenning ", 1)[1].split())
        assert run.returncode == 0, run.stderr
        assert _without_numbers(run.stdout) == _without_numbers(shown)


def _without_numbers(text: str) -> str:
    return re.sub(r"\d[\d,]*", "n", text).strip()


@pytest.mark.parametrize(("query", "shown"), _blocks("sql"))
def test_query_of_the_readme_runs_on_the_published_file(
    demo_runs: DemoRuns, query: str, shown: str
) -> None:
    with duckdb.connect(str(demo_runs.published), read_only=True) as connection:
        found = connection.execute(query.rstrip("; \n"))
        columns = [column[0] for column in found.description]

    assert columns == re.findall(r"\w+", shown.splitlines()[0])
