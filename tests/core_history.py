"""A demo company whose raw tables grow, change and shrink from run to run under the real models.

A pool holds all raw rows of a small company. Each step lands a share of them at random, so most come late,
takes some back, changes some, sets or lifts link rules, and moves as_of on. Which rows: a hash of their
number and the seed, so a history repeats. Not here: what has to be equal (tests/integration/core).
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from demo.landing import land
from demo.world import WorldSpec
from tests.demo_worlds import target
from warehouse.connection import open_warehouse

REPO = Path(__file__).parents[1]
PROJECT_PARTS = (
    "dbt_project.yml",
    "profiles.yml",
    "models",
    "macros",
    "seeds",
    "tests",
)
LAST_INSTANT = WorldSpec().as_of
STAGES = ("path:models/staging", "path:models/identity", "path:models/core")
# Of a later run only: its own number, and which run wrote a row.
MARKS = frozenset({"changed_run"})
NOT_COMPARED = frozenset({"int_core__runs"})

Connection = Any


class CoreHistory:
    """The warehouse of the company, the pool its rows come from, and a process that runs dbt on it."""

    def __init__(
        self, folder: Path, process: "subprocess.Popen[str]", stages: Sequence[str]
    ) -> None:
        self._folder = folder
        self._process = process
        self._stages = stages
        self._as_of = LAST_INSTANT
        self._landed = 0.0

    @property
    def warehouse(self) -> Path:
        return self._folder / "kenning.duckdb"

    @property
    def project(self) -> Path:
        return self._folder / "project"

    def step(self, seed: int, *, landed: float, as_of: datetime) -> None:
        """Land rows until so large a share of the pool is there, take some back, change some."""
        self._as_of = as_of
        chance = random.Random(seed)
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(
                f"attach '{self._folder / 'pool.duckdb'}' as pool (read_only)"
            )
            for table in _raw_tables(connection):
                _land(connection, table, self._landed, landed)
                _take_back(connection, table, seed)
                _change(connection, table, seed, chance)
        self._landed = landed

    def set_time(self, as_of: datetime) -> None:
        """Let time pass and nothing happen."""
        self._as_of = as_of

    def link(self, seed: int, *, action: str) -> None:
        """Say of two identifiers that they are one customer, or never are."""
        same = "<>" if action == "link" else "="
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(
                f"""
                insert into identity.identity_link_rules
                    (rule_id, action, left_type, left_value, right_type, right_value, reason, author, decided_on)
                select 'rule-{seed}', '{action}', a.identifier_type, a.identifier_value,
                    b.identifier_type, b.identifier_value, 'a test', 'test', timestamp '2026-01-01'
                from identity.identity_map as a
                inner join identity.identity_map as b
                    on a.customer_id {same} b.customer_id
                        and a.identifier_type in ('email', 'user_id') and b.identifier_type = 'phone'
                        and not a.is_shared and not b.is_shared
                order by hash(a.identifier_value || b.identifier_value || '{seed}')
                limit 1
                """
            )

    def lift(self, seed: int) -> None:
        """Take back what `link` said with this seed."""
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(
                "delete from identity.identity_link_rules where rule_id = ?",
                [f"rule-{seed}"],
            )

    def run(self, *arguments: str, select: Sequence[str] = ()) -> None:
        """One dbt run of all stages, or of some models."""
        self._dbt("run", *arguments, "--select", *(select or self._stages))

    def seed(self) -> None:
        """Load the reference tables."""
        self._dbt("seed")

    def _dbt(self, command: str, *arguments: str) -> None:
        assert self._process.stdin
        assert self._process.stdout
        request = {
            "arguments": [command, *arguments, "--threads", "2"],
            "environ": {"KENNING_AS_OF": self._as_of.isoformat()},
            "kill_at": None,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        outcome = json.loads(self._process.stdout.readline())
        assert outcome["is_done"], outcome["message"]

    def core(self) -> dict[str, dict[str, int]]:
        """The rows of every core table, counted, by table; columns that only mark runs are left out."""
        return self._tables("core")

    def staging(self) -> dict[str, dict[str, int]]:
        """The rows of every staging table, counted, by table."""
        return self._tables("staging")

    def _tables(self, schema: str) -> dict[str, dict[str, int]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return {
                table: _rows(connection, schema, table)
                for (table,) in connection.execute(
                    "select table_name from information_schema.tables where table_schema = ?",
                    [schema],
                ).fetchall()
                if table not in NOT_COMPARED
            }


def differences(
    found: dict[str, dict[str, int]], expected: dict[str, dict[str, int]]
) -> dict[str, tuple[list[str], list[str]]]:
    """By table: a few rows that are there and should not be, and a few that should be."""
    wrong = {}
    for table in sorted(found.keys() | expected.keys()):
        has, wants = found.get(table, {}), expected.get(table, {})
        if has != wants:
            wrong[table] = (_surplus(has, wants), _surplus(wants, has))
    return wrong


def _surplus(rows: dict[str, int], others: dict[str, int]) -> list[str]:
    return [row for row, count in rows.items() if count > others.get(row, 0)][:5]


def link_project(project: Path) -> None:
    """Make a folder the project as it is."""
    for part in PROJECT_PARTS:
        (project / part).symlink_to(REPO / part)


@contextmanager
def open_history(
    folder: Path,
    *,
    people: int,
    seed: int,
    stages: Sequence[str] = STAGES,
    make_project: Callable[[Path], None] = link_project,
) -> Iterator[CoreHistory]:
    """A company with empty raw tables in a warehouse of its own.

    Args:
        folder: Where everything lies.
        people: How many the company knows.
        seed: Another one, another company.
        stages: What dbt runs.
        make_project: Fills the folder that dbt runs in.
    """
    project = folder / "project"
    project.mkdir(parents=True)
    make_project(project)
    with (
        open_warehouse(target(folder / "pool.duckdb")) as pool,
        open_warehouse(target(folder / "truth.duckdb")) as truth,
    ):
        land(WorldSpec(people=people, seed=seed), pool, truth)
    with duckdb.connect(
        str(folder / "kenning.duckdb"),
        config={"storage_compatibility_version": "v1.5.0"},
    ) as connection:
        connection.execute(f"attach '{folder / 'pool.duckdb'}' as pool (read_only)")
        for schema, name in _pool_tables(connection):
            connection.execute(f'create schema if not exists "{schema}"')
            connection.execute(
                f'create table "{schema}"."{name}" as '
                f'from pool."{schema}"."{name}" where false'
            )
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.identity_dbt", str(project)],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "KENNING_DUCKDB_PATH": str(folder / "kenning.duckdb"),
            "DBT_PROFILES_DIR": str(project),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        },
    )
    try:
        yield CoreHistory(folder, process, stages)
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(timeout=60)


def days_before_the_end(days: float) -> datetime:
    """An instant of the company's last weeks."""
    return LAST_INSTANT - timedelta(days=days)


def _pool_tables(connection: Connection) -> Sequence[tuple[str, str]]:
    return list(
        connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_catalog = 'pool' order by all"
        ).fetchall()
    )


def _raw_tables(connection: Connection) -> Sequence[str]:
    return [f'"{schema}"."{name}"' for schema, name in _pool_tables(connection)]


def _land(
    connection: Connection, table: str, from_share: float, to_share: float
) -> None:
    """Rows of the pool between two shares of it."""
    connection.execute(
        f"insert into {table} from pool.{table} "
        f"where hash(rowid + 17) % 1000 >= {int(from_share * 1000)} "
        f"and hash(rowid + 17) % 1000 < {int(to_share * 1000)}"
    )


def _take_back(connection: Connection, table: str, seed: int) -> None:
    connection.execute(f"delete from {table} where hash(rowid + {seed}) % 40 = 0")


def _change(
    connection: Connection, table: str, seed: int, chance: random.Random
) -> None:
    columns = [
        name
        for name, kind in connection.execute(
            f"select column_name, column_type from (describe {table})"
        ).fetchall()
        if kind == "VARCHAR" and name != "id" and not name.endswith("_id")
    ]
    if columns:
        column = chance.choice(columns)
        connection.execute(
            f'update {table} set "{column}" = case when hash(rowid) % 3 = 0 then null '
            f'else upper("{column}") end where hash(rowid + {seed}) % 30 = 1'
        )


def _rows(connection: Connection, schema: str, table: str) -> dict[str, int]:
    columns = sorted(
        name
        for (name,) in connection.execute(
            f"select column_name from (describe {schema}.{table})"
        ).fetchall()
        if name not in MARKS
    )
    # A former customer is there for the run that comes after, and for nobody else.
    is_private = table.startswith("int_") and "is_current" in columns
    row = ", ".join(f'"{name}" := "{name}"' for name in columns)
    return dict(
        connection.execute(
            f"select cast(struct_pack({row}) as varchar), count(*) from {schema}.{table} "
            f"where {'is_current' if is_private else 'true'} group by 1"
        ).fetchall()
    )
