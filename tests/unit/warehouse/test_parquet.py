"""Rows that become Parquet."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import WarehouseError
from warehouse.parquet import ColumnType, write_parquet


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "rows.parquet"


def put(lines: Path, *rows: dict[str, object]) -> None:
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read(target: Path) -> list[tuple[object, ...]]:
    return duckdb.connect().read_parquet(str(target)).fetchall()


def test_each_column_has_its_type(lines, target):
    put(
        lines,
        {
            "name": "Ås 🧗",
            "count": 9_223_372_036_854_775_807,
            "share": 0.5,
            "is_vip": True,
            "born_on": "1969-12-31",
            "seen_at": "2026-06-30T12:00:00.123456Z",
            "tags": ["a", {"b": 1}],
        },
    )

    write_parquet(
        lines,
        target,
        {
            "name": ColumnType.TEXT,
            "count": ColumnType.INTEGER,
            "share": ColumnType.NUMBER,
            "is_vip": ColumnType.BOOLEAN,
            "born_on": ColumnType.DATE,
            "seen_at": ColumnType.TIMESTAMP,
            "tags": ColumnType.JSON,
        },
    )

    ((*values, seen_at, tags),) = read(target)
    assert values == [
        "Ås 🧗",
        9_223_372_036_854_775_807,
        0.5,
        True,
        date(1969, 12, 31),
    ]
    assert seen_at == datetime(2026, 6, 30, 12, 0, 0, 123456, tzinfo=UTC)
    assert json.loads(tags) == ["a", {"b": 1}]


def test_null_is_not_an_empty_text_and_a_missing_name_is_null(lines, target):
    put(lines, {"name": None, "city": ""}, {"city": "Ås\x00"})

    write_parquet(lines, target, {"name": ColumnType.TEXT, "city": ColumnType.TEXT})

    assert read(target) == [(None, ""), (None, "Ås\x00")]


def test_a_text_that_looks_like_something_else_stays_text(lines, target):
    texts = ["2026-06-30", "007", "true", "null", "=1+1"]
    put(lines, *({"code": text} for text in texts))

    write_parquet(lines, target, {"code": ColumnType.TEXT})

    assert read(target) == [(text,) for text in texts]


def test_rows_keep_their_order_however_many_there_are(lines, target):
    put(lines, *({"n": number * 7919 % 250_000} for number in range(250_000)))

    write_parquet(lines, target, {"n": ColumnType.INTEGER})

    assert [n for (n,) in read(target)] == [
        number * 7919 % 250_000 for number in range(250_000)
    ]


def test_no_rows_are_a_file_with_columns(lines, target):
    put(lines)

    write_parquet(lines, target, {"name": ColumnType.TEXT, "n": ColumnType.INTEGER})

    assert duckdb.connect().read_parquet(str(target)).columns == ["name", "n"]
    assert read(target) == []


def test_a_folder_whose_name_is_a_pattern_is_taken_as_it_is(tmp_path):
    folder = tmp_path / "a[b]*?"
    folder.mkdir()
    put(folder / "rows.jsonl", {"n": 1})

    write_parquet(
        folder / "rows.jsonl", folder / "rows.parquet", {"n": ColumnType.INTEGER}
    )

    assert (folder / "rows.parquet").read_bytes()[:4] == b"PAR1"


def test_a_value_of_another_type_is_refused_without_being_told(lines, target):
    put(lines, {"born_on": "2026-06-30"}, {"born_on": "ada@example.com"})

    with pytest.raises(WarehouseError) as caught:
        write_parquet(lines, target, {"born_on": ColumnType.DATE})

    assert "ada" not in str(caught.value)


def test_a_file_that_cannot_be_written_says_so(lines, tmp_path):
    put(lines, {"n": 1})

    with pytest.raises(WarehouseError):
        write_parquet(
            lines, tmp_path / "missing" / "x.parquet", {"n": ColumnType.INTEGER}
        )
