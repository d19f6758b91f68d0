"""A scratch dbt project around the real models/identity, fed row by row.

One staging model reads one raw table that the test fills. Cases (a scenario, a random graph) lie side by
side in it: every value and key of a case begins with the case's name, so that cases cannot touch each
other, one dbt run serves all of them, and each is read back alone.
Not here: what the tables should say (identity_scenarios.py, identity_reference.py).
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import yaml

REPO = Path(__file__).parents[1]
# Not duckdb's own class: see tests/property/test_audiences_conditions.py.
Connection = Any
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)

# Strongest first. cookie, under no rule at all, is for graphs that are about shape alone; a row can
# name two of them. company_domain and company_number make up accounts.
TYPES: tuple[dict[str, Any], ...] = (
    {"type": "user_id", "unique": True},
    {"type": "loyalty_id", "limit": 2},
    {
        "type": "email",
        "limit": 4,
        "max_linked": {"user_id": 2, "loyalty_id": 3},
        "attach_to": "most",
    },
    {
        "type": "phone",
        "limit": 2,
        "limit_days": 30,
        "max_linked": {"user_id": 2, "email": 4},
        "attach_to": "last",
    },
    {"type": "device_id", "max_linked": {"user_id": 1, "email": 4}},
    {"type": "cookie"},
    {"type": "ip_hash", "merges": False},
    {"type": "company_number", "entity": "account"},
    {"type": "company_domain", "entity": "account"},
)
COLUMNS: dict[str, str] = {
    **{str(entry["type"]): str(entry["type"]) for entry in TYPES},
    "other_user_id": "user_id",
    "other_cookie": "cookie",
}


def types_with(**settings: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The types of this world with some settings replaced: types_with(email={"limit": 2})."""
    return tuple({**entry, **settings.get(str(entry["type"]), {})} for entry in TYPES)


@dataclass(frozen=True)
class Row:
    """A source row as the test project's staging models give it: stg_test__events, of which rows are only ever added, or stg_test__rows."""

    key: str
    day: float | None
    identifiers: tuple[tuple[str, str], ...]
    is_deleted: bool = False
    is_event: bool = False


@dataclass(frozen=True)
class Rule:
    """A row of link_rules (action link or never_link) or of blocked_identifiers (action block)."""

    action: str
    left: tuple[str, str]
    right: tuple[str, str] | None = None
    is_by_command: bool = False


@dataclass
class Source:
    """What one case's source system and rule files hold now."""

    rows: dict[str, Row] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)


def customer_id(identifier: str, prefix: str = "c") -> str:
    """The id that a customer named after `type:value` bears."""
    kind, _, value = identifier.partition(":")
    return f"{prefix}_" + hashlib.md5(f"{kind}|{value}".encode()).hexdigest()


@dataclass
class World:
    """The project in `folder`, its warehouse and the processes that run dbt in it."""

    folder: Path
    run_count: int = 0
    statement_count: int = 0
    _arrivals: dict[str, datetime] = field(default_factory=dict)
    _processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    # --- dbt ---

    def dbt(self, *arguments: str, kill_at: int | None = None) -> tuple[bool, str]:
        """Run dbt, or kill -9 it at that statement. Returns whether it succeeded, and its complaints."""
        process = self._process("kept" if kill_at is None else "killed")
        assert process.stdin is not None
        assert process.stdout is not None
        self.run_count += 1
        instant = FIRST_DAY + timedelta(days=1000 + self.run_count)
        command = {
            "arguments": arguments,
            "environ": {"KENNING_AS_OF": instant.isoformat()},
            "kill_at": kill_at,
        }
        print(json.dumps(command), file=process.stdin, flush=True)
        line = process.stdout.readline()
        assert line, (self.folder / "stderr.log").read_text()
        outcome = json.loads(line)
        self.statement_count = outcome["statements"]
        return bool(outcome["is_done"]), str(outcome["message"])

    def run(self, *arguments: str) -> None:
        """Run all models; a failure fails the test."""
        is_done, message = self.dbt("run", *arguments)
        assert is_done, message

    def close(self) -> None:
        """End dbt's processes."""
        for process in self._processes.values():
            assert process.stdin is not None
            process.stdin.close()
            process.wait()

    def _process(self, name: str) -> subprocess.Popen[str]:
        if name not in self._processes:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "tests.identity_dbt", str(self.folder)],
                cwd=REPO,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(self.folder / "stderr.log").open("a"),
                text=True,
            )
        return self._processes[name]

    # --- what goes in ---

    def configure(
        self,
        types: Sequence[Mapping[str, Any]] = TYPES,
        **variables: Any,
    ) -> None:
        """Write dbt_project.yml: the project's own, with the variables of this world."""
        project = yaml.safe_load((REPO / "dbt_project.yml").read_text())
        project["vars"] |= {
            "identity_entities": {
                "customer": {"id_prefix": "c"},
                "account": {"id_prefix": "a"},
            },
            "identifier_types": [dict(entry) for entry in types],
            "identifier_sources": [
                {
                    "model": "stg_test__rows",
                    "record_key": "record_key",
                    "seen_at": "seen_at",
                    "deleted": "is_deleted",
                    "identifiers": COLUMNS,
                },
                {
                    "model": "stg_test__events",
                    "record_key": "record_key",
                    "seen_at": "seen_at",
                    "appended_at": "appended_at",
                    "identifiers": COLUMNS,
                },
            ],
            **variables,
        }
        project["models"] = {
            "kenning": {"identity": project["models"]["kenning"]["identity"]}
        }
        project["flags"] = {"send_anonymous_usage_stats": False}
        (self.folder / "dbt_project.yml").write_text(yaml.safe_dump(project))

    def load(self, sources: Mapping[str, Source]) -> None:
        """Make the raw tables and the rules say what the cases' sources hold."""
        columns = ["record_key", "seen_at", "is_deleted", *COLUMNS]
        rows = {
            is_event: [
                _raw_row(case, row)
                for case, source in sources.items()
                for row in source.rows.values()
                if row.is_event == is_event
            ]
            for is_event in (False, True)
        }
        arrived_at = FIRST_DAY + timedelta(
            days=500, hours=len(set(self._arrivals.values()))
        )
        for key, *_ in rows[True]:
            self._arrivals.setdefault(key, arrived_at)
        blocks = [
            (rule.left[0], "exact", f"{case}.{rule.left[1]}".lower(), "because")
            for case, source in sources.items()
            for rule in source.rules
            if rule.action == "block"
        ]
        links = {
            is_by_command: [
                _link_rule(case, rule)
                for case, source in sources.items()
                for rule in source.rules
                if rule.action != "block" and rule.is_by_command == is_by_command
            ]
            for is_by_command in (False, True)
        }
        with duckdb.connect(str(self.warehouse)) as connection:
            for schema in ("raw", "reference", "identity"):
                connection.execute(f"create schema if not exists {schema}")
            _fill(
                connection,
                "raw.rows",
                columns,
                rows[False],
                seen_at="timestamp",
                is_deleted="boolean",
            )
            _fill(
                connection,
                "raw.events",
                [*columns, "appended_at"],
                [(*row, self._arrivals[row[0]]) for row in rows[True]],
                seen_at="timestamp",
                is_deleted="boolean",
                appended_at="timestamp",
            )
            _fill(
                connection,
                "reference.blocked_identifiers",
                ["identifier_type", "match", "value", "reason"],
                blocks,
            )
            _fill(
                connection,
                "reference.link_rules",
                _LINK_COLUMNS,
                links[False],
                decided_on="date",
            )
            if _has_table(connection, "identity", "identity_link_rules"):
                connection.execute("delete from identity.identity_link_rules")
                _insert(
                    connection,
                    "identity.identity_link_rules",
                    _LINK_COLUMNS,
                    links[True],
                )

    # --- what comes out ---

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every table and view of the identity schema, row for row."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            names = connection.execute(
                "select table_name from information_schema.tables "
                "where table_schema = 'identity' order by table_name"
            ).fetchall()
            return {
                name: connection.execute(
                    f"select * from identity.{name} order by all"
                ).fetchall()
                for (name,) in names
            }

    def columns(self) -> dict[str, list[str]]:
        """The columns of each of them, in order."""
        found = self.rows(
            "select table_name, list(column_name order by ordinal_position) "
            "from information_schema.columns where table_schema = 'identity' group by all"
        )
        return dict(found)

    def keep(self) -> Path:
        """A copy of the warehouse as it is now, for `put_back`."""
        kept = self.folder / f"kept_{len(list(self.folder.glob('kept_*')))}.duckdb"
        shutil.copy(self.warehouse, kept)
        return kept

    def put_back(self, kept: Path) -> None:
        Path(f"{self.warehouse}.wal").unlink(missing_ok=True)
        shutil.copy(kept, self.warehouse)

    def empty(self) -> None:
        """Back to a warehouse that dbt never saw."""
        self._arrivals.clear()
        Path(f"{self.warehouse}.wal").unlink(missing_ok=True)
        self.warehouse.unlink(missing_ok=True)


_LINK_COLUMNS = [
    "rule_id",
    "action",
    "left_type",
    "left_value",
    "right_type",
    "right_value",
    "reason",
    "author",
    "decided_on",
]


def _raw_row(case: str, row: Row) -> tuple[Any, ...]:
    named = dict(row.identifiers)
    return (
        f"{case}.{row.key}",
        None if row.day is None else FIRST_DAY + timedelta(days=row.day),
        row.is_deleted,
        *(f"{case}.{named[column]}" if column in named else None for column in COLUMNS),
    )


def _link_rule(case: str, rule: Rule) -> tuple[Any, ...]:
    assert rule.right is not None
    (left_type, left), (right_type, right) = rule.left, rule.right
    name = "-".join((case, rule.action, left_type, left, right_type, right))
    return (
        hashlib.md5(name.encode()).hexdigest(),
        rule.action,
        left_type,
        f"{case}.{left}",
        right_type,
        f"{case}.{right}",
        "because",
        "ada",
        FIRST_DAY.date(),
    )


def _fill(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    **types: str,
) -> None:
    described = ", ".join(f"{name} {types.get(name, 'text')}" for name in columns)
    connection.execute(f"create or replace table {table} ({described})")
    _insert(connection, table, columns, rows)


def _insert(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    if rows:
        marks = ", ".join("unnest(?)" for _ in columns)
        connection.execute(
            f"insert into {table} ({', '.join(columns)}) select {marks}",
            [list(values) for values in zip(*rows, strict=True)],
        )


def _has_table(connection: Connection, schema: str, table: str) -> bool:
    return bool(
        connection.execute(
            "select 1 from information_schema.tables where table_schema = ? and table_name = ?",
            [schema, table],
        ).fetchall()
    )


def make_project(folder: Path) -> None:
    """Copy the identity stage into a folder, with one staging model of its own."""
    ignored = shutil.ignore_patterns("*unit_tests.yml")
    shutil.copytree(
        REPO / "models" / "identity", folder / "models" / "identity", ignore=ignored
    )
    shutil.copytree(REPO / "models" / "docs", folder / "models" / "docs")
    shutil.copy(REPO / "models" / "_groups.yml", folder / "models")
    shutil.copytree(REPO / "macros", folder / "macros")
    shutil.copytree(REPO / "seeds", folder / "seeds")
    shutil.copytree(
        REPO / "tests" / "dbt" / "generic", folder / "tests" / "dbt" / "generic"
    )
    staging = folder / "models" / "staging"
    staging.mkdir()
    for name in ("rows", "events"):
        (staging / f"stg_test__{name}.sql").write_text(
            "{{ config(materialized='view', schema='staging', group='sources') }}\n"
            f"select * from raw.{name}\n"
        )
    profiles = yaml.safe_load((REPO / "profiles.yml").read_text())
    settings = profiles["kenning"]["outputs"]["duckdb"]["settings"]
    (folder / "profiles.yml").write_text(
        yaml.safe_dump(
            {
                "kenning": {
                    "target": "duckdb",
                    "outputs": {
                        "duckdb": {
                            "type": "duckdb",
                            "path": str(folder / "warehouse.duckdb"),
                            "schema": "main",
                            "threads": 2,
                            "settings": settings,
                        }
                    },
                }
            }
        )
    )


@contextmanager
def open_world(folder: Path) -> Iterator[World]:
    """A project in an empty folder, with this world's types; dbt's process ends with the block."""
    make_project(folder)
    world = World(folder)
    world.configure()
    try:
        yield world
    finally:
        world.close()
