"""Rules tried on a copy of a tiny company: what they would change, and that nothing has changed."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import DemoRuns
from warehouse.connection import open_warehouse
from warehouse.target import Target

RULES = """
identifier_types:
  - {type: anonymous_id, merges: false}
link_rules:
  - {action: never_link, left: "%s", right: "%s"}
"""


@pytest.fixture
def pair(demo_runs: DemoRuns) -> tuple[str, str]:
    """An e-mail address and a telephone of one customer."""
    target = Target(name="t", engine="duckdb", path=demo_runs.warehouse)
    with open_warehouse(target, read_only=True) as warehouse:
        [(email, phone)] = warehouse.query("""
            select emails.identifier_value, phones.identifier_value
            from identity.identity_map as emails
            inner join identity.identity_map as phones
                on emails.customer_id = phones.customer_id
            where
                emails.identifier_type = 'email' and phones.identifier_type = 'phone'
                and not emails.is_shared and not phones.is_shared
            order by emails.identifier_value, phones.identifier_value
            limit 1
        """)
    return f"email:{email}", f"phone:{phone}"


@pytest.fixture
def simulate(demo_runs: DemoRuns, pair, tmp_path: Path, monkeypatch):
    """`kenning identity simulate`, and its copies in a folder of their own."""
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES % pair)
    monkeypatch.setitem(demo_runs.environ, "TMPDIR", str(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return demo_runs.kenning(
            "identity", "simulate", "--rules", str(rules), *arguments
        )

    return run


@pytest.mark.exhaustive
def test_splits_are_found_and_the_warehouse_stays_as_it_was(
    demo_runs: DemoRuns, simulate, tmp_path: Path
) -> None:
    before = hashlib.sha256(demo_runs.warehouse.read_bytes()).digest()

    run = simulate()

    assert run.returncode == 0, run.stdout + run.stderr
    customers = re.search(r"customers +(\d+) +-> +(\d+) +\+(\d+)", run.stdout)
    assert customers is not None, run.stdout
    assert int(customers[2]) > int(customers[1])
    assert re.search(r"customers that part +[1-9]", run.stdout)
    assert re.search(r"lapsed_high_value +\d+ +-> +\d+", run.stdout)
    assert hashlib.sha256(demo_runs.warehouse.read_bytes()).digest() == before
    assert list((tmp_path / "copies").iterdir()) == []


@pytest.mark.exhaustive
def test_sample_is_built_by_the_rules_as_they_are_first(simulate) -> None:
    run = simulate("--sample", "150")

    assert run.returncode == 0, run.stdout + run.stderr
    found = re.search(r"customers +(\d+) +-> +(\d+)", run.stdout)
    assert found is not None, run.stdout
    assert 150 <= int(found[1]) <= int(found[2])
    assert "Audiences" not in run.stdout


def test_setting_that_no_model_knows_is_told_with_those_that_are(
    demo_runs: DemoRuns, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("identifier_types: [{type: email, limti: 3}]")

    run = demo_runs.kenning("identity", "simulate", "--rules", str(rules))

    assert run.returncode == 2
    assert "'limti', which is none. Settings: type, entity" in run.stderr
