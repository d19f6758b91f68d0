"""The labelled lines of tests/golden/sentiment through the real models, and how often they are right.

A line stands there as the only comment of a ticket. Half of the lines were set aside while the list of words was
written (held_out); what is said about accuracy is about those.
"""

import os
import subprocess
import sys
from collections import Counter
from csv import DictReader
from pathlib import Path

import duckdb
import yaml

PROJECT = Path(__file__).parents[1]
LINES = PROJECT / "tests" / "golden" / "sentiment"
LANGUAGES = ("en", "nl", "no", "pl")
_SOURCES = PROJECT / "models" / "staging" / "zendesk" / "_zendesk__sources.yml"


def lines() -> list[dict[str, str]]:
    """Every labelled line, with its language."""
    found = []
    for language in LANGUAGES:
        with (LINES / f"{language}.csv").open(encoding="utf-8") as file:
            found += [{**line, "language": language} for line in DictReader(file)]
    return found


def labels(folder: Path) -> dict[str, tuple[str | None, str | None, float | None]]:
    """Language, label and score that the models give to each line.

    Args:
        folder: An empty folder, for the warehouse file and what dbt leaves.
    """
    warehouse = folder / "kenning.duckdb"
    with duckdb.connect(
        str(warehouse), config={"storage_compatibility_version": "v1.5.0"}
    ) as connection:
        _land(connection)
    for command in (["seed"], ["run", "--select", "+fct_support_tickets"]):
        run = subprocess.run(
            [
                Path(sys.executable).with_name("dbt"),
                *command,
                "--vars={sources: [zendesk], as_of: '2026-06-30T00:00:00'}",
                f"--project-dir={PROJECT}",
                f"--profiles-dir={PROJECT}",
                f"--target-path={folder / 'target'}",
                f"--log-path={folder / 'logs'}",
                "--quiet",
            ],
            env={**os.environ, "KENNING_DUCKDB_PATH": str(warehouse)},
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise RuntimeError(run.stdout[-4000:])
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {
            line: (language, label, score)
            for line, language, label, score in connection.execute(
                "select ticket_id, language, sentiment_label, sentiment_score::double from core.fct_support_tickets"
            ).fetchall()
        }


def accuracy(
    found: dict[str, tuple[str | None, str | None, float | None]], part: str
) -> dict[str, float]:
    """Share of the lines of a part that got their label, by language."""
    right: Counter[str] = Counter()
    all_lines: Counter[str] = Counter()
    for line in lines():
        if line["part"] == part:
            all_lines[line["language"]] += 1
            right[line["language"]] += found[line["line_id"]][1] == line["label"]
    return {
        language: round(right[language] / all_lines[language], 3)
        for language in LANGUAGES
    }


def _land(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema zendesk")
    [source] = yaml.safe_load(_SOURCES.read_text(encoding="utf-8"))["sources"]
    # Keys are numbers in a desk and texts here.
    types = {"text": "varchar", "bigint": "varchar"}
    for table in source["tables"]:
        columns = ", ".join(
            f'"{column["name"]}" {types.get(column["data_type"], column["data_type"])}'
            for column in table["columns"]
        )
        connection.execute(f'create table zendesk."{table["name"]}" ({columns})')
    for line in lines():
        connection.execute(
            "insert into zendesk.ticket (id, requester_id, status, created_at) values (?, 'z1', 'new', '2026-01-01')",
            [line["line_id"]],
        )
        connection.execute(
            "insert into zendesk.ticket_comment (id, ticket_id, user_id, body, public, created) "
            "values (?, ?, 'z1', ?, true, '2026-01-01')",
            [line["line_id"], line["line_id"], line["text"]],
        )
