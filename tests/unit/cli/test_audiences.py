"""`kenning audiences compile` and `check`: what they print and return."""

from pathlib import Path

import pytest

from cli.main import main

PROFILE = """\
models:
  - name: dim_customers
    config: {contract: {enforced: true}}
    columns:
      - {name: customer_id, data_type: text}
      - {name: order_count, data_type: bigint}
"""

RELATIONS = """\
entities:
  customer: {model: dim_customers, id: customer_id}
relations: {}
"""

REGULARS = """\
name: regulars
description: Customers who come often.
owner: {name: Stores, email: stores@nordvik.example}
purpose: ads
entity: customer
conditions: {column: order_count, at_least: 5}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models/core").mkdir(parents=True)
    (tmp_path / "models/core/_core__models.yml").write_text(PROFILE)
    (tmp_path / "audiences/definitions").mkdir(parents=True)
    (tmp_path / "audiences/relations.yml").write_text(RELATIONS)
    (tmp_path / "audiences/definitions/regulars.yml").write_text(REGULARS)
    return tmp_path


def test_compile_writes_the_models_of_the_given_project(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["--project-dir", str(project), "audiences", "compile"]) == 0

    assert capsys.readouterr().out == "4 written, 0 removed, 0 unchanged.\n"
    assert (project / "models/audiences/audience_regulars.sql").exists()


def test_check_is_exit_code_1_until_compiled(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    check = ["--project-dir", str(project), "audiences", "check"]

    assert main(check) == 1
    assert "Run `kenning audiences compile`" in capsys.readouterr().err

    main(["--project-dir", str(project), "audiences", "compile"])
    assert main(check) == 0


def test_definition_that_means_nothing_is_exit_code_2(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    (project / "audiences/definitions/regulars.yml").write_text(
        REGULARS.replace("order_count", "order_cuont")
    )

    assert main(["--project-dir", str(project), "audiences", "compile"]) == 2
    assert (
        "audiences/definitions/regulars.yml:6: the profile has no column 'order_cuont'. "
        "Did you mean 'order_count'?"
    ) in capsys.readouterr().err
