"""A project of five models with one sync, in a folder of its own, and how tests change it.

Built once for every test that uses it (conftest.green); each starts from a copy.
"""

import csv
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from orchestration.run import RunSummary, run_refresh
from orchestration.workspace import Workspace, find_workspace
from warehouse.connection import open_warehouse

AS_OF = datetime(2026, 6, 30)
MACROS = (
    "generate_schema_name.sql",
    "source_changes.sql",
    "source_rows.sql",
    "identity/quick_hash.sql",
)
CUSTOMERS = """
    create or replace table shop.customer as
    select * from (values
        (1, 'ada@nordvik.example', 10.5, timestamp '2026-01-01', timestamp '2026-06-01'),
        (2, ' Grace@Nordvik.example', 20.0, timestamp '2026-01-02', timestamp '2026-06-01'),
        (3, 'alan@nordvik.example', 30.0, timestamp '2026-01-03', timestamp '2026-06-02')
    ) as t (id, email, spent, created_at, loaded_at)
"""
CONSENTS = """
    create or replace table shop.consent as
    select * from (values
        (1, 'email_marketing', true, timestamp '2026-06-01'),
        (2, 'email_marketing', true, timestamp '2026-06-01'),
        (3, 'email_marketing', false, timestamp '2026-06-01')
    ) as t (customer_id, purpose, is_granted, loaded_at)
"""


def workspace_in(folder: Path, patch: pytest.MonkeyPatch) -> Workspace:
    patch.setenv("KENNING_DUCKDB_PATH", str(folder / "data" / "kenning.duckdb"))
    return find_workspace(project_dir=folder)


def change_raw(workspace: Workspace, *statements: str) -> None:
    with open_warehouse(workspace.target) as warehouse:
        for statement in statements:
            warehouse.execute(statement)


def change_model(workspace: Workspace, name: str, sql: str) -> None:
    [path] = workspace.project_dir.glob(f"models/**/{name}.sql")
    path.write_text(sql, encoding="utf-8")


def sent_keys(workspace: Workspace) -> list[str]:
    """Keys in the file that the destination was last given."""
    path = max((workspace.data_dir / "outbox" / "files__customers").glob("*/full.csv"))
    with path.open(encoding="utf-8", newline="") as file:
        return [row["customer_id"] for row in csv.DictReader(file)]


def build_in(folder: Path, project_root: Path) -> RunSummary:
    """Make the company in a folder, build it and send it."""
    shutil.copytree(Path(__file__).parent / "tiny_project", folder)
    (folder / "macros").mkdir()
    for name in MACROS:
        shutil.copy2(project_root / "macros" / name, folder / "macros")
    with pytest.MonkeyPatch.context() as patch:
        workspace = workspace_in(folder, patch)
        change_raw(workspace, "create schema shop", CUSTOMERS, CONSENTS)
        return run_refresh(workspace, as_of=AS_OF)
