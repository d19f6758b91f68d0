"""Compiling a project's files: what is written, left alone, removed and refused."""

from pathlib import Path

import pytest

from audiences.__main__ import main
from audiences.errors import DefinitionError, HandwrittenModelError, ProfileError
from audiences.project import Compilation, check_audiences, compile_audiences

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

YAML = Path("models/audiences/_audiences__models.yml")
CONDITIONS = Path("models/audiences/int_audiences__customer_conditions.sql")
AUDIENCE_LIST = Path("macros/audiences/audience_list.sql")
REGULARS_MODEL = Path("models/audiences/audience_regulars.sql")
NEWCOMERS_MODEL = Path("models/audiences/audience_newcomers.sql")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models/core").mkdir(parents=True)
    (tmp_path / "models/core/_core__models.yml").write_text(PROFILE)
    (tmp_path / "audiences").mkdir()
    (tmp_path / "audiences/relations.yml").write_text(RELATIONS)
    define(tmp_path, "regulars", REGULARS)
    return tmp_path


def define(project: Path, name: str, text: str) -> None:
    folder = project / "audiences/definitions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yml").write_text(text, encoding="utf-8")


def files_of(project: Path) -> dict[str, str]:
    return {
        path.name: path.read_text()
        for path in sorted((project / "models/audiences").glob("*"))
    }


def test_first_compile_writes_every_file(project: Path):
    compilation = compile_audiences(project)

    assert compilation == Compilation(
        written=(AUDIENCE_LIST, YAML, REGULARS_MODEL, CONDITIONS),
        removed=(),
        unchanged=(),
    )
    assert sorted(files_of(project)) == [
        "_audiences__models.yml",
        "audience_regulars.sql",
        "int_audiences__customer_conditions.sql",
    ]


def test_second_compile_writes_nothing(project: Path):
    compile_audiences(project)

    compilation = compile_audiences(project)

    assert compilation.written == ()
    assert compilation.is_current


def test_changed_definition_rewrites_its_model_and_the_conditions(project: Path):
    compile_audiences(project)
    define(project, "regulars", REGULARS.replace("at_least: 5", "at_least: 9"))

    compilation = compile_audiences(project)

    assert compilation.written == (AUDIENCE_LIST, YAML, REGULARS_MODEL, CONDITIONS)
    assert "order_count_at_least_9" in (project / REGULARS_MODEL).read_text()
    assert "order_count >= 9" in (project / CONDITIONS).read_text()


def test_model_of_a_removed_definition_is_removed(project: Path):
    define(project, "newcomers", REGULARS.replace("regulars", "newcomers"))
    compile_audiences(project)
    (project / "audiences/definitions/newcomers.yml").unlink()

    compilation = compile_audiences(project)

    assert compilation.removed == (NEWCOMERS_MODEL,)
    assert not (project / NEWCOMERS_MODEL).exists()


def test_plain_model_with_an_audience_in_its_yaml_is_listed(project: Path):
    (project / "models/core/_plain__models.yml").write_text(
        """\
models:
  - name: audience_plain
    config: {meta: {audience: {entity: customer}}}
    columns: [{name: customer_id}, {name: evaluated_at}]
"""
    )

    compile_audiences(project)

    assert "'name': 'plain'" in (project / AUDIENCE_LIST).read_text()


def test_model_that_a_person_wrote_is_neither_removed_nor_replaced(project: Path):
    compile_audiences(project)
    (project / NEWCOMERS_MODEL).write_text("select 1 as customer_id\n")

    assert compile_audiences(project).removed == ()

    define(project, "newcomers", REGULARS.replace("regulars", "newcomers"))
    with pytest.raises(HandwrittenModelError) as raised:
        compile_audiences(project)
    assert str(raised.value) == (
        "models/audiences/audience_newcomers.sql was written by hand, and a definition "
        "compiles to the same file. Rename one of them."
    )
    assert (project / NEWCOMERS_MODEL).read_text() == "select 1 as customer_id\n"


def test_one_bad_definition_leaves_every_file_as_it_was(project: Path):
    compile_audiences(project)
    before = files_of(project)
    define(project, "regulars", REGULARS.replace("at_least: 5", "at_least: 9"))
    define(project, "newcomers", "name: newcomers\n")
    (project / "audiences/definitions/latin.yml").write_bytes(b"name: \xe6\n")

    with pytest.raises(DefinitionError) as raised:
        compile_audiences(project)

    assert [(problem.file, problem.line) for problem in raised.value.problems] == [
        ("audiences/definitions/latin.yml", 1),
        ("audiences/definitions/newcomers.yml", 1),
    ]
    assert files_of(project) == before


def test_check_reports_a_model_without_a_definition(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    define(project, "newcomers", REGULARS.replace("regulars", "newcomers"))
    compile_audiences(project)
    (project / "audiences/definitions/newcomers.yml").unlink()
    monkeypatch.chdir(project)

    assert main(["check"]) == 1
    assert (
        "models/audiences/audience_newcomers.sql has no definition."
        in capsys.readouterr().err
    )
    assert (project / NEWCOMERS_MODEL).exists()


def test_check_reports_and_changes_nothing(project: Path):
    compile_audiences(project)
    (project / REGULARS_MODEL).write_text(
        (project / REGULARS_MODEL).read_text().replace("where", "where not")
    )
    before = files_of(project)

    compilation = check_audiences(project)

    assert compilation.written == (REGULARS_MODEL,)
    assert files_of(project) == before


def test_project_without_a_profile_is_refused(tmp_path: Path):
    with pytest.raises(ProfileError, match=r"no audiences/relations\.yml"):
        compile_audiences(tmp_path)


def test_command_line_compiles_then_agrees(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(project)

    assert main(["check"]) == 1
    assert capsys.readouterr().err == (
        "macros/audiences/audience_list.sql differs from its definition.\n"
        "models/audiences/_audiences__models.yml differs from its definition.\n"
        "models/audiences/audience_regulars.sql differs from its definition.\n"
        "models/audiences/int_audiences__customer_conditions.sql differs from its "
        "definition.\n"
        "Run `kenning audiences compile` and commit the result.\n"
    )
    assert main(["compile"]) == 0
    assert main(["check"]) == 0
    assert capsys.readouterr().out == (
        "4 written, 0 removed, 0 unchanged.\n0 written, 0 removed, 4 unchanged.\n"
    )


def test_command_line_returns_the_exit_code_of_configuration(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    define(project, "regulars", REGULARS.replace("order_count", "order_cuont"))
    monkeypatch.chdir(project)

    assert main(["compile"]) == 2
    assert "Did you mean 'order_count'?" in capsys.readouterr().err


def test_committed_models_agree_with_their_definitions(project_root: Path):
    assert check_audiences(project_root).is_current, "Run `kenning audiences compile`."
