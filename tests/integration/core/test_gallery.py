"""Every query of docs/gallery.md gives on the default demo what the page shows."""

import re
from collections.abc import Iterator

import duckdb
import pytest

from tests.gallery import (
    PAGE,
    answered,
    build_default_demo,
    questions,
    result_text,
)

PAGE_TEXT = PAGE.read_text(encoding="utf-8")
QUESTIONS = questions(PAGE_TEXT)


@pytest.fixture(scope="module")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[duckdb.DuckDBPyConnection]:
    path = build_default_demo(tmp_path_factory.mktemp("gallery"))
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize(
    ("query", "shown"),
    [(query, shown) for _, query, shown in QUESTIONS],
    ids=[title for title, _, _ in QUESTIONS],
)
def test_query_of_the_gallery_gives_what_the_page_shows(
    warehouse: duckdb.DuckDBPyConnection, query: str, shown: str
) -> None:
    assert result_text(warehouse, query) == shown


def test_gallery_has_eleven_questions_and_each_a_result_with_rows() -> None:
    assert len(QUESTIONS) == PAGE_TEXT.count("```sql") == 11
    assert min(len(shown.splitlines()) for _, _, shown in QUESTIONS) >= 2


def test_gallery_reads_public_tables_alone() -> None:
    tables = [
        table
        for _, query, _ in QUESTIONS
        for table in re.findall(r"(?:from|join) (\S+)", query)
    ]

    assert len(tables) >= len(QUESTIONS)
    assert [
        table
        for table in tables
        if not re.match(r"(core|identity|audiences)\.(?!int_)", table)
    ] == []


def test_page_written_anew_keeps_its_words_and_takes_the_new_results() -> None:
    page = answered(PAGE_TEXT, lambda query: f"{len(query)}\n")

    assert [query for _, query, _ in questions(page)] == [
        query for _, query, _ in QUESTIONS
    ]
    assert [shown for _, _, shown in questions(page)] == [
        f"{len(query)}\n" for _, query, _ in QUESTIONS
    ]
    assert page.split("```")[0] == PAGE_TEXT.split("```")[0]
