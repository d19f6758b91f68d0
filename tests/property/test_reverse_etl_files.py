"""What is written as CSV is read back by the standard library as it was."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.destinations.files import csv_line

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2)))
def test_any_text_survives_the_file(rows):
    written = "".join(csv_line(row) for row in rows)

    assert list(csv.reader(io.StringIO(written, newline=""))) == rows
