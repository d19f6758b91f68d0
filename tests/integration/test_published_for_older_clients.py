"""The published file of a demo run, opened by clients of DuckDB 1.5 in Python and in Node.

Each client is installed from its registry into a folder of the test. Where that does not work, the test is
skipped and says why.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pytest

from tests.integration.conftest import DemoRuns

PYTHON_CLIENT = "duckdb==1.5.0"
NODE_CLIENT = "@duckdb/node-api@1.5.0-r.1"
TABLES = (
    "select table_schema || '.' || table_name from information_schema.tables order by 1"
)

READ_IN_PYTHON = """
import json, sys
import duckdb

assert duckdb.__version__.startswith("1.5."), duckdb.__version__
connection = duckdb.connect(sys.argv[1], read_only=True)
tables = [name for (name,) in connection.execute(sys.argv[2]).fetchall()]
found = {}
for name in tables:
    found[name] = len(connection.execute(f"select * from {name}").fetchall())
print(json.dumps(found))
"""

READ_IN_NODE = """
import { DuckDBInstance, version } from "@duckdb/node-api";

if (!version().startsWith("v1.5.")) throw new Error(version());
const instance = await DuckDBInstance.create(process.argv[2], { access_mode: "READ_ONLY" });
const connection = await instance.connect();
const tables = await connection.runAndReadAll(process.argv[3]);
const found = {};
for (const [name] of tables.getRows()) {
  found[name] = (await connection.runAndReadAll(`select * from ${name}`)).currentRowCount;
}
console.log(JSON.stringify(found));
"""

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.xdist_group("older clients"),
]


@pytest.fixture(scope="module")
def row_counts(demo_runs: DemoRuns) -> Mapping[str, int]:
    with duckdb.connect(str(demo_runs.published), read_only=True) as connection:
        names = [name for (name,) in connection.execute(TABLES).fetchall()]
        return {
            name: connection.execute(f"select count(*) from {name}").fetchall()[0][0]
            for name in names
        }


def install(command: Sequence[str], what: str, folder: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{what} cannot be installed: {command[0]} is not on this machine.")
    installed = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    if installed.returncode:
        reason = installed.stderr.strip().splitlines()[-1:]
        pytest.skip(f"{what} cannot be installed: {' '.join(reason)}")


def read(command: Sequence[str], folder: Path) -> Mapping[str, int]:
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_python_client_of_duckdb_1_5_reads_every_table(
    demo_runs: DemoRuns, row_counts: Mapping[str, int], tmp_path: Path
) -> None:
    install(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            ".",
            PYTHON_CLIENT,
        ],
        PYTHON_CLIENT,
        tmp_path,
    )
    (tmp_path / "read.py").write_text(READ_IN_PYTHON)

    found = read(
        [sys.executable, "read.py", str(demo_runs.published), TABLES], tmp_path
    )

    assert found == row_counts
    assert found["core.dim_customers"] > 0


def test_node_client_of_duckdb_1_5_reads_every_table(
    demo_runs: DemoRuns, row_counts: Mapping[str, int], tmp_path: Path
) -> None:
    install(
        ["npm", "install", "--no-audit", "--no-fund", "--silent", NODE_CLIENT],
        NODE_CLIENT,
        tmp_path,
    )
    (tmp_path / "read.mjs").write_text(READ_IN_NODE)

    found = read(["node", "read.mjs", str(demo_runs.published), TABLES], tmp_path)

    assert found == row_counts
    assert found["core.dim_customers"] > 0
