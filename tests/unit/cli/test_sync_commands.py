"""The verbs of `kenning sync`: each has its help, and its place in the how-to."""

import argparse
import re
from pathlib import Path

import pytest

from cli.main import build_parser


def verbs() -> set[str]:
    def choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
        [found] = [
            action.choices
            for action in parser._actions
            if isinstance(action, argparse._SubParsersAction)
        ]
        return found

    return set(choices(choices(build_parser())["sync"]))


def test_how_to_names_every_verb_and_no_other(project_root: Path):
    text = (project_root / "docs/how-to/run-syncs.md").read_text(encoding="utf-8")

    assert set(re.findall(r"kenning sync ([a-z]+)", text)) == verbs()


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_every_verb_says_what_it_takes(verb: str, capsys):
    with pytest.raises(SystemExit) as stopped:
        build_parser().parse_args(["sync", verb, "--help"])

    assert stopped.value.code == 0
    assert f"kenning sync {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plan"], {"name": None, "samples": None}),
        (["plan", "x", "--no-samples"], {"name": "x", "samples": False}),
        (["run", "--at-once", "3"], {"name": None, "at_once": 3, "seal": None}),
        (["apply", "x", "--seal", "s"], {"name": "x", "seal": "s", "at_once": 1}),
        (["resend", "x", "--rows", "a", "b"], {"rows": ["a", "b"], "all": False}),
        (["purge"], {"days": None}),
    ],
)
def test_arguments_are_read(arguments, expected):
    options = vars(build_parser().parse_args(["sync", *arguments]))

    assert {name: options[name] for name in expected} == expected
