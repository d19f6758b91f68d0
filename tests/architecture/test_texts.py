"""The repository's texts keep their rules, and every rule can fail."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import text_rules
from tests.architecture.text_rules import RULES, Texts

Rule = Callable[[Texts], list[str]]

README = """\
# Kenning

An open-source customer data platform.

```text
sources → profiles → audiences → tools
```

## Two commands
## What you now have
## Where to change what
## Warehouses and destinations
## Tests
## Read on
"""

DECISION = "# 0001 It was decided\n\nStatus: accepted\nDate: 2026-11-21\n"
VARIABLES = (
    "name: x\n\nvars:\n  # Which sources.\n  sources:\n    - shop\n\nmodels:\n  x:\n"
)

WELL_MADE: Texts = {
    "README.md": README,
    "dbt_project.yml": VARIABLES,
    "docs/decisions/0001-it-was-decided.md": DECISION,
    "docs/runbook.md": "[decision](decisions/0001-it-was-decided.md#context) [web](https://x.example)",
    "models/core/a.sql": "select {{ var('sources') }}",
    "demo/truth.py": "the truth",
}

BROKEN: list[tuple[Rule, Texts]] = [
    (text_rules.no_text_names_a_registry, {"Makefile": "see py" + "pi.org"}),
    (
        text_rules.no_text_names_a_registry,
        {"Makefile": "pip --index" + "-url somewhere"},
    ),
    (text_rules.no_text_names_a_path_of_one_machine, {"a.md": "see /wo" + "rk/main"}),
    (text_rules.no_text_names_a_path_of_one_machine, {"a.md": '"/ho' + 'me/ada"'}),
    (text_rules.nothing_is_left_for_later, {"a.py": "# TO" + "DO: later"}),
    (
        text_rules.every_variable_is_explained,
        {"dbt_project.yml": "\nvars:\n  # Known.\n  a: 1\n  b: 2\n"},
    ),
    (
        text_rules.variables_have_their_default_in_one_place,
        {"models/a.sql": "{{ var('as_of', 'now') }}"},
    ),
    (
        text_rules.dbt_is_not_pointed_at_the_truth,
        {"profiles.yml": "attach: [{path: data/truth.duckdb}]"},
    ),
    (text_rules.no_dbt_package_is_asked_for, {"packages.yml": "packages: []"}),
    (
        text_rules.every_decision_has_a_status_and_a_date,
        {"docs/decisions/first.md": DECISION},
    ),
    (
        text_rules.every_decision_has_a_status_and_a_date,
        {"docs/decisions/0001-a.md": DECISION.replace("accepted", "maybe")},
    ),
    (
        text_rules.every_decision_has_a_status_and_a_date,
        {"docs/decisions/0001-a.md": DECISION.replace("2026-11-21", "today")},
    ),
    (
        text_rules.decision_numbers_are_unique,
        {"docs/decisions/0001-a.md": "", "docs/decisions/0001-b.md": ""},
    ),
    (text_rules.the_readme_answers_in_order, {}),
    (
        text_rules.the_readme_answers_in_order,
        {"README.md": README.replace("An open-source customer data platform.\n", "")},
    ),
    (text_rules.the_readme_answers_in_order, {"README.md": README.replace("```", "")}),
    (
        text_rules.the_readme_answers_in_order,
        {"README.md": README.replace("## Tests\n", "")},
    ),
    (
        text_rules.the_readme_answers_in_order,
        {
            "README.md": README.replace(
                "## Tests\n## Read on\n", "## Read on\n## Tests\n"
            )
        },
    ),
    (text_rules.links_lead_somewhere, {"docs/a.md": "[b](../b.md)"}),
]


@pytest.fixture(scope="module")
def texts(project_root: Path) -> Texts:
    return {
        path: (project_root / path).read_text("utf-8", errors="replace")
        for path in sorted(own_files(project_root))
        if (project_root / path).is_file()
    }


def own_files(root: Path) -> set[str]:
    """What git tracks or would track; in an unpacked archive, what no run leaves behind."""
    if (root / ".git").exists():
        listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(
            listing, cwd=root, capture_output=True, text=True, check=True
        )
        return set(listed.stdout.splitlines())
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.suffix in {".md", ".py", ".sql", ".toml", ".yml", ""}
        and not LEFT_BEHIND & set(path.relative_to(root).parts)
    }


LEFT_BEHIND = {".venv", "data", "logs", "target", "__pycache__", ".pytest_cache"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_repository_keeps(rule: Rule, texts: Texts):
    assert rule(texts) == []


@pytest.mark.parametrize(
    ("rule", "broken"), BROKEN, ids=lambda value: getattr(value, "__name__", "example")
)
def test_rule_finds_the_breach(rule: Rule, broken: Texts):
    assert len(rule(broken)) == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_accepts_well_made_texts(rule: Rule):
    assert rule(WELL_MADE) == []


def test_every_rule_has_an_example_that_breaks_it():
    assert {rule for rule, _ in BROKEN} == set(RULES)
