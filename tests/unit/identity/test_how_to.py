"""docs/how-to/review-identity.md says what there is, and its example of proposed rules is one."""

import argparse
import re

import pytest

from cli.main import build_parser
from identity.proposal import parse_proposal


@pytest.fixture
def page(project_root):
    return (project_root / "docs/how-to/review-identity.md").read_text("utf-8")


def verbs():
    def choices(parser):
        return next(
            action.choices
            for action in parser._actions
            if isinstance(action, argparse._SubParsersAction)
        )

    return set(choices(choices(build_parser())["identity"]))


def test_every_verb_is_shown_and_no_other(page):
    assert set(re.findall(r"kenning identity ([a-z]+)", page)) | {"link"} == verbs()
    assert "`link` says the opposite" in page


def test_example_of_proposed_rules_is_understood(page):
    [example] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    proposal = parse_proposal(example, where="page")

    assert [entry["type"] for entry in proposal.identifier_types] == ["anonymous_id"]
    assert (len(proposal.blocked), len(proposal.link_rules)) == (1, 1)
    assert proposal.hygiene == {"shared_by": 5}
