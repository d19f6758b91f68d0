"""Visits of the open OTTO sample, cut by the real models where a visitor pauses for more than half an hour.

Its events are landed as a web tracker lands them, one anonymous id per visitor.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml

PROJECT = Path(__file__).parents[3]
SAMPLE = PROJECT.parent / "shared" / "data" / "otto_sample" / "train.jsonl"
EVENT_NAMES = {
    "clicks": "product_clicked",
    "carts": "product_added",
    "orders": "order_completed",
}

pytestmark = pytest.mark.skipif(
    not SAMPLE.is_file(), reason=f"the open OTTO sample is not at {SAMPLE}"
)


@pytest.fixture(scope="module")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("otto")
    path = folder / "kenning.duckdb"
    _land(path)
    variables = {
        "sources": ["segment"],
        "as_of": "2022-09-01",
        "not_landed": [f"segment.{table}" for table in _segment() if table != "tracks"],
    }
    for command in (["seed"], ["run", "--select", "+fct_sessions"]):
        run = subprocess.run(
            [
                Path(sys.executable).with_name("dbt"),
                *command,
                f"--vars={yaml.safe_dump(variables)}",
                f"--project-dir={PROJECT}",
                f"--profiles-dir={PROJECT}",
                f"--target-path={folder / 'target'}",
                f"--log-path={folder / 'logs'}",
                "--quiet",
            ],
            env={**os.environ, "KENNING_DUCKDB_PATH": str(path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout[-4000:]
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


def test_a_pause_of_more_than_half_an_hour_begins_another_visit(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    counted = warehouse.execute(
        "select count(*), sum(event_count), count(distinct visitor_id), max(visitor_session_index) > 1 "
        "from core.fct_sessions"
    ).fetchone()

    assert counted == (144, 862, 20, True)


def test_orders_are_the_visits_conversions(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    counted = warehouse.execute(
        "select sum(conversion_count), sum(left_out_count) from core.fct_sessions"
    ).fetchone()

    assert counted == (10, 0)


def _segment() -> dict[str, list[tuple[str, str]]]:
    """The raw tables of the source, each with its columns and their types."""
    path = PROJECT / "models" / "staging" / "segment" / "_segment__sources.yml"
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        table["name"]: [
            (column["name"], column["data_type"]) for column in table["columns"]
        ]
        for table in described["sources"][0]["tables"]
    }


def _land(path: Path) -> None:
    rows = [
        (f"{visitor['session']}-{index}", str(visitor["session"]), event)
        for visitor in map(json.loads, SAMPLE.read_text(encoding="utf-8").splitlines())
        for index, event in enumerate(visitor["events"])
    ]
    with duckdb.connect(
        str(path), config={"storage_compatibility_version": "v1.5.0"}
    ) as connection:
        connection.execute("create schema segment")
        connection.execute(
            "create table segment.tracks ("
            + ", ".join(f'"{name}" {kind}' for name, kind in _segment()["tracks"])
            + ")"
        )
        connection.executemany(
            'insert into segment.tracks (id, anonymous_id, event, event_text, received_at, "timestamp") '
            "values (?, ?, ?, ?, epoch_ms(?::bigint), epoch_ms(?::bigint))",
            [
                (
                    message_id,
                    visitor,
                    EVENT_NAMES[event["type"]],
                    event["type"],
                    event["ts"],
                    event["ts"],
                )
                for message_id, visitor, event in rows
            ],
        )
