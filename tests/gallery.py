"""The questions of docs/gallery.md: their SQL is read from the page, and their results are written into it.

`python -m tests.gallery` builds the default demo in a folder of its own and writes the page anew. Not here: whether
the page tells the truth (tests/integration/core/test_gallery.py).
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb

from demo.world import WorldSpec
from tests.demo_worlds import landed

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "gallery.md"

_QUESTION = re.compile(
    r"^## (?P<title>.+?)\n(?P<prose>.*?)"
    r"^```sql\n(?P<query>.*?)^```\n```text\n(?P<result>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def questions(page: str) -> list[tuple[str, str, str]]:
    """Title, SQL and shown result of each question, in the order of the page."""
    return [
        (found["title"], found["query"], found["result"])
        for found in _QUESTION.finditer(page)
    ]


def answered(page: str, answer: Callable[[str], str]) -> str:
    """The page with the result of each question as the warehouse gives it now."""
    return _QUESTION.sub(
        lambda found: (
            f"## {found['title']}\n{found['prose']}```sql\n{found['query']}```\n"
            f"```text\n{answer(found['query'])}```"
        ),
        page,
    )


def result_text(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Rows as a table of text: numbers stand right, a null is empty."""
    found = connection.execute(query.rstrip("; \n"))
    names = [column[0] for column in found.description]
    rows = found.fetchall()
    is_number = [
        all(
            isinstance(row[place], int | float) or _is_decimal(row[place])
            for row in rows
        )
        for place in range(len(names))
    ]
    cells = [names, *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "".join(
        "  ".join(
            cell.rjust(width) if stands_right else cell.ljust(width)
            for cell, width, stands_right in zip(line, widths, is_number, strict=True)
        ).rstrip()
        + "\n"
        for line in cells
    )


def _is_decimal(value: object) -> bool:
    return type(value).__name__ == "Decimal"


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def build_default_demo(folder: Path) -> Path:
    """The warehouse of the default demo: raw tables landed, and every model run on them once."""
    with landed(folder, WorldSpec()):
        pass
    for command in ("seed", "run"):
        run = subprocess.run(
            [
                Path(sys.executable).with_name("dbt"),
                command,
                f"--project-dir={PROJECT}",
                f"--profiles-dir={PROJECT}",
                f"--target-path={folder / 'target'}",
                f"--log-path={folder / 'logs'}",
                "--quiet",
            ],
            env={
                **os.environ,
                "KENNING_DUCKDB_PATH": str(folder / "raw.duckdb"),
                "KENNING_AS_OF": WorldSpec().as_of.isoformat(),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout[-4000:]
    return folder / "raw.duckdb"


def _rewrite() -> None:
    with tempfile.TemporaryDirectory() as folder:
        warehouse = build_default_demo(Path(folder))
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            page = answered(
                PAGE.read_text(encoding="utf-8"),
                lambda query: result_text(connection, query),
            )
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    _rewrite()
