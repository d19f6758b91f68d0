"""docs/how-to/preview-an-audience.md shows commands that there are."""

import re
from pathlib import Path

import pytest

from cli.main import build_parser


def commands() -> list[str]:
    page = Path(__file__).parents[3] / "docs/how-to/preview-an-audience.md"
    return re.findall(
        r"^\$ kenning (.*)$|`kenning ([a-z][^`]*)`",
        page.read_text("utf-8"),
        re.MULTILINE,
    )


@pytest.mark.parametrize("command", ["".join(pair) for pair in commands()])
def test_command_of_the_page_is_one(command: str):
    assert build_parser().parse_args(command.split()).command


def test_every_verb_that_looks_at_audiences_is_on_the_page():
    shown = {"".join(pair).split()[1] for pair in commands()}

    assert shown == {"preview", "diff", "list", "overlap"}
