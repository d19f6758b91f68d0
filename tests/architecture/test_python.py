"""The Python rooms keep their shape, and every rule that says so can fail."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import python_rules
from tests.architecture.python_rules import ROOMS, RULES, Sources

Rule = Callable[[Sources], list[str]]

BROKEN: list[tuple[Rule, Sources]] = [
    (python_rules.modules_say_what_lives_in_them, {"demo/world.py": "x = 1"}),
    (python_rules.no_module_has_a_vague_name, {"demo/utils.py": ""}),
    (python_rules.no_module_has_a_vague_name, {"demo/helpers/dates.py": ""}),
    (
        python_rules.connectors_are_read_in_one_sitting,
        {"reverse_etl/destinations/crm.py": "x = 1\n" * 251},
    ),
    (python_rules.printing_is_for_the_command_line, {"demo/world.py": "print(1)"}),
    (
        python_rules.printing_is_for_the_command_line,
        {"demo/world.py": "import sys\nsys.stdout.write('x')"},
    ),
    (
        python_rules.broad_excepts_give_their_reason,
        {"demo/world.py": "try:\n    x = 1\nexcept Exception as error:\n    pass"},
    ),
    (
        python_rules.broad_excepts_give_their_reason,
        {"demo/world.py": "try:\n    x = 1\nexcept:  # noqa: BLE001\n    pass"},
    ),
    (
        python_rules.sql_is_not_built_from_strings,
        {"cli/main.py": "sql = f'SELECT {column} FROM people'"},
    ),
    (
        python_rules.sql_is_not_built_from_strings,
        {"cli/main.py": "sql = f'delete from {table}'"},
    ),
]

WELL_MADE: Sources = {
    "cli/main.py": '"""The command line."""\nprint(f"select one of {choices}")',
    "demo/long.py": '"""Long."""\n' + "x = 1\n" * 250,
    "reverse_etl/destinations/crm.py": '"""A CRM."""\n' + "x = 1\n" * 249,
    "demo/__main__.py": '"""Runs the demo."""\nprint(1)',
    "demo/world.py": (
        '"""The demo\'s world."""\n'
        "try:\n    x = 1\n"
        "except Exception:  # noqa: BLE001 - whatever a plug-in raises, we note it\n    pass\n"
        "try:\n    x = 1\nexcept Exception:\n    x = 2\n    raise\n"
        "try:\n    x = 1\nexcept ValueError:\n    pass\n"
    ),
}

PURE = frozenset({"audiences.compiler"})


@pytest.fixture(scope="module")
def sources(project_root: Path) -> Sources:
    return {
        path.relative_to(project_root).as_posix(): path.read_text("utf-8")
        for room in ROOMS
        for path in sorted((project_root / room).rglob("*.py"))
    }


@pytest.fixture(scope="module")
def pyproject(project_root: Path) -> dict[str, object]:
    return tomllib.loads((project_root / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rooms_keep(rule: Rule, sources: Sources):
    assert rule(sources) == []


@pytest.mark.parametrize(
    ("rule", "broken"), BROKEN, ids=lambda value: getattr(value, "__name__", "example")
)
def test_rule_finds_the_breach(rule: Rule, broken: Sources):
    assert len(rule(broken)) == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_accepts_well_made_modules(rule: Rule):
    assert rule(WELL_MADE) == []


def test_every_rule_has_an_example_that_breaks_it():
    assert {rule for rule, _ in BROKEN} == set(RULES)


def test_pure_modules_take_time_and_files_as_arguments(sources: Sources, pyproject):
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    pure = [
        name
        for contract in contracts
        if contract["name"].startswith("Pure modules")
        for name in contract["source_modules"]
    ]

    assert [
        name for name in pure if f"{name.replace('.', '/')}.py" not in sources
    ] == []
    assert (
        python_rules.pure_modules_take_time_and_files_as_arguments(
            sources, frozenset(pure)
        )
        == []
    )


@pytest.mark.parametrize(
    "call", ["datetime.now(UTC)", "date.today()", "time.time()", "open('x')"]
)
def test_a_clock_or_a_file_in_a_pure_module_is_found(call: str):
    broken = {"audiences/compiler.py": f"x = {call}", "demo/world.py": f"x = {call}"}

    breaches = python_rules.pure_modules_take_time_and_files_as_arguments(broken, PURE)

    assert len(breaches) == 1


# Import-linter is part of `make lint` too; here a breach also fails the tests.
def test_rooms_import_only_whom_they_may(project_root: Path):
    outcome = lint_imports(project_root)

    assert outcome.returncode == 0, outcome.stdout


# One forbidden import for each contract, in the contracts' order.
IMPORTS_ACROSS_WALLS = {
    "warehouse/reaches_up.py": "audiences.compiler",
    "reverse_etl/knows_dagster.py": "dagster",
    "demo/opens_engine.py": "duckdb",
    "orchestration/speaks_http.py": "httpx",
    "cli/validates.py": "great_expectations",
    "audiences/compiler.py": "os",
    "reverse_etl/plan.py": "sqlite3",
    "reverse_etl/verdicts.py": "time",
}


def test_an_import_across_a_wall_is_found(project_root: Path, tmp_path: Path):
    pyproject = (project_root / "pyproject.toml").read_text("utf-8")
    (tmp_path / "pyproject.toml").write_text(pyproject)
    for path in _skeleton(pyproject):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(_SKELETON_TEXTS.get(path, ""))
    contracts = len(tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"])
    assert f"Contracts: {contracts} kept, 0 broken." in lint_imports(tmp_path).stdout

    for path, module in IMPORTS_ACROSS_WALLS.items():
        (tmp_path / path).write_text(f"import {module}\n")

    assert f"Contracts: 0 kept, {contracts} broken." in lint_imports(tmp_path).stdout


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


# The imports that contracts ignore must exist, or import-linter refuses the contract.
_SKELETON_TEXTS = {
    "reverse_etl/destinations/postgres.py": "import psycopg\n",
    "reverse_etl/destinations/postgres_connection.py": "import psycopg\n",
    "reverse_etl/destinations/postgres_rows.py": "import psycopg\n",
    "reverse_etl/destinations/postgres_target.py": "import psycopg\n",
    "reverse_etl/destinations/postgres_transaction.py": "import psycopg\n",
    "reverse_etl/transport/client.py": "import httpx\n",
    "orchestration/quality/suites.py": "import great_expectations\n",
}


def _skeleton(pyproject: str) -> set[str]:
    """Empty packages, and the modules that the contracts name."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    named = {
        name
        for contract in contracts
        for key in ("source_modules", "forbidden_modules")
        for name in contract.get(key, [])
        if name.split(".")[0] in ROOMS and "." in name
    }
    modules = {f"{name.replace('.', '/')}.py" for name in named} | set(_SKELETON_TEXTS)
    packages = {
        f"{package}/__init__.py"
        for package in (
            *ROOMS,
            "audiences/experiments",
            "orchestration/quality",
            "reverse_etl/destinations",
            "reverse_etl/normalising",
            "reverse_etl/transport",
        )
    }
    return modules | packages


IMPORT_EVERYTHING = """
import importlib, pkgutil, sys

def refuse(what):
    def refused(*arguments, **named):
        raise AssertionError(f"importing a module {what}")
    return refused

import duckdb, sqlite3, socket, subprocess, threading

if "orchestration" in sys.argv:
    import dagster, dagster_dbt  # these ask the system about itself, with a process

duckdb.connect = refuse("opens DuckDB")
sqlite3.connect = refuse("opens SQLite")
socket.socket.connect = refuse("opens a connection")
socket.socket.bind = refuse("listens")
subprocess.Popen.__init__ = refuse("starts a process")
threading.Thread.start = refuse("starts a thread")

rooms = sys.argv[1:]
for room in rooms:
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, f"{room}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

late = {"asyncssh", "boto3", "great_expectations", "pyspark", "psycopg"} & set(sys.modules)
assert not late, f"imported with the rooms, though slow and seldom needed: {late}"
print("imported")
"""


def import_rooms(root: Path, *rooms: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING, *rooms],
        cwd=root,
        env={"PYTHONPATH": str(root), "DAGSTER_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_every_module_has_no_side_effect(project_root: Path):
    outcome = import_rooms(project_root, *ROOMS)

    assert outcome.stdout == "imported\n", outcome.stderr


@pytest.mark.parametrize(
    ("line", "effect"),
    [
        ("import duckdb; duckdb.connect()", "opens DuckDB"),
        ("import sqlite3; sqlite3.connect('x')", "opens SQLite"),
        ("import subprocess; subprocess.run(['true'])", "starts a process"),
        ("import sys; sys.modules['great_expectations'] = sys", "seldom needed"),
    ],
)
def test_a_side_effect_of_an_import_is_found(tmp_path: Path, line: str, effect: str):
    (tmp_path / "room").mkdir()
    (tmp_path / "room/__init__.py").write_text("")
    (tmp_path / "room/module.py").write_text(line)

    outcome = import_rooms(tmp_path, "room")

    assert outcome.returncode == 1
    assert effect in outcome.stderr
