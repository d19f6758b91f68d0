"""What may go wrong outside: each ends with one message, and the last good tables stay.

Every test breaks a copy of a demo that was built and sent, and runs `kenning build` on it.
"""

import contextlib
import io
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.main import main
from tests.integration.conftest import DemoRuns
from warehouse.connection import open_warehouse
from warehouse.target import Target

MEGABYTE = 1_000_000


def run_command(*arguments: str) -> tuple[int, str]:
    """Exit code and standard error of one `kenning` command in this process."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        exit_code = main(arguments)
    return exit_code, errors.getvalue()


@pytest.fixture
def demo_copy(
    demo_runs: DemoRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of the demo's data folder, which `kenning` takes for its own."""
    data_dir = tmp_path / "data"
    shutil.copytree(demo_runs.folder, data_dir, ignore=shutil.ignore_patterns("target"))
    monkeypatch.setenv("KENNING_DUCKDB_PATH", str(data_dir / "kenning.duckdb"))
    monkeypatch.setenv("DBT_TARGET_PATH", demo_runs.environ["DBT_TARGET_PATH"])
    return data_dir


def target(data_dir: Path) -> Target:
    return Target(name="test", engine="duckdb", path=data_dir / "kenning.duckdb")


def last_good_state(data_dir: Path) -> dict[str, object]:
    """Every core table's rows as one number each, and the published file's bytes."""
    with open_warehouse(target(data_dir), read_only=True) as warehouse:
        tables = sorted(name for schema, name in warehouse.tables() if schema == "core")
        contents: dict[str, object] = {
            name: warehouse.query(
                f"select count(*), bit_xor(hash(t)) from core.{name} as t"
            )
            for name in tables
        }
    assert contents
    published = data_dir / "published" / "kenning.duckdb"
    return contents | {"published": published.read_bytes()}


def break_raw(data_dir: Path, statements: list[str]) -> None:
    with open_warehouse(target(data_dir)) as warehouse:
        for statement in statements:
            warehouse.execute(statement)


@contextlib.contextmanager
def opened_by_another_process(path: Path) -> Iterator[int]:
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print(1); input()"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("statements", "finding"),
    [
        pytest.param(
            ["drop table shopify.refund"],
            "missing table shopify.refund",
            id="table missing",
        ),
        pytest.param(
            ['alter table shopify."order" drop column total_price'],
            "missing column shopify.order.total_price",
            id="column missing",
        ),
        pytest.param(
            ["alter table till.sale alter sold_at type varchar"],
            "retyped column till.sale.sold_at (VARCHAR where timestamp is declared)",
            id="column retyped",
        ),
        pytest.param(
            [
                "delete from stripe.customer",
                "delete from stripe.subscription",
                "delete from stripe.subscription_item",
                "delete from stripe.price",
                "delete from stripe.charge",
            ],
            "empty source stripe (no rows in any table)",
            id="source empty",
        ),
        pytest.param(
            ["insert into loyalty.member select * from loyalty.member limit 1"],
            "duplicate primary key loyalty.member (1 values of member_id)",
            id="primary key twice",
        ),
    ],
)
def test_raw_tables_that_broke_are_told_before_any_model_runs(
    demo_copy, statements, finding
):
    before = last_good_state(demo_copy)
    break_raw(demo_copy, statements)

    exit_code, errors = run_command("build")

    assert exit_code == 1
    assert errors.startswith(
        "kenning: The raw tables are not what the sources promise, 1 thing: "
        f"{finding}. No model has run; the tables built before are as they were."
    )
    assert errors.count("kenning: ") == 1
    assert "Traceback" not in errors
    assert last_good_state(demo_copy) == before


def test_malformed_emails_and_phones_stop_nothing_and_are_counted(demo_copy):
    # The demo company has them, and its job was green.
    with open_warehouse(target(demo_copy), read_only=True) as warehouse:
        counted = warehouse.query("""
            select column_name, sum(invalid_count) > 0
            from quality.quality_normalisation
            where column_name in ('email', 'phone') and reason = 'not readable'
            group by column_name
            order by column_name
        """)

    assert counted == [("email", True), ("phone", True)]


def test_warehouse_that_another_process_has_open_is_told_with_the_process(demo_copy):
    before = last_good_state(demo_copy)

    with opened_by_another_process(demo_copy / "kenning.duckdb") as process_id:
        exit_code, errors = run_command("build")

    assert exit_code == 1
    assert errors.startswith("kenning: The warehouse ")
    assert f"is open elsewhere (process {process_id})" in errors
    assert errors.count("kenning: ") == 1
    assert last_good_state(demo_copy) == before


def test_demo_does_not_begin_on_a_warehouse_that_is_open_elsewhere(demo_copy):
    before = last_good_state(demo_copy)

    with opened_by_another_process(demo_copy / "kenning.duckdb"):
        exit_code, errors = run_command("demo", "--people", "24")

    assert exit_code == 1
    assert "is open elsewhere" in errors
    assert last_good_state(demo_copy) == before


def test_disk_without_room_is_told_and_changes_nothing(demo_copy, project_root):
    before = last_good_state(demo_copy)

    process = subprocess.run(
        [sys.executable, "-m", "cli.main", "build"],
        cwd=project_root,
        capture_output=True,
        text=True,
        check=False,
        # No file may grow beyond this size, which is what a full disk looks like.
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (MEGABYTE, MEGABYTE)
        ),
    )

    assert process.returncode == 1
    assert "No room left on the disk" in process.stderr
    assert "Traceback" not in process.stderr
    assert last_good_state(demo_copy) == before


def test_unknown_target_is_told_with_the_known_ones(demo_copy):
    before = last_good_state(demo_copy)

    exit_code, errors = run_command("--target", "duckbd", "build")

    assert exit_code == 2
    assert "Target 'duckbd' is not in" in errors
    assert "Did you mean 'duckdb'?" in errors
    assert errors.count("\n") == 1
    assert last_good_state(demo_copy) == before
