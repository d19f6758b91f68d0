"""What is written as CSV is read back by the standard library as it was."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.destinations.file_formats import csv_line, is_formula

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2)))
def test_any_text_survives_the_file(rows):
    written = "".join(csv_line(row) for row in rows)

    assert list(csv.reader(io.StringIO(written, newline=""))) == rows


@given(st.lists(TEXTS, min_size=1))
def test_no_spreadsheet_runs_a_text_of_a_guarded_file(values):
    (cells,) = csv.reader(
        io.StringIO(csv_line(values, guard_formulas=True), newline="")
    )

    assert [cell for cell in cells if is_formula(cell)] == []
    assert [
        cell.removeprefix("'") if is_formula(value) else cell
        for cell, value in zip(cells, values, strict=True)
    ] == values


@given(st.lists(st.none() | TEXTS, min_size=1))
def test_null_is_told_from_every_text(values):
    line = csv_line(values, null_text="\\N").removesuffix("\r\n")

    (cells,) = csv.reader(io.StringIO(line, newline=""))
    nulls = [value is None for value in values]
    assert [
        cell == "\\N" and value != "\\N"
        for cell, value in zip(cells, values, strict=True)
    ] == nulls
    assert line.count('"\\N"') >= values.count("\\N")
