"""The files of Salesforce's bulk jobs: rows to write, and results to read. Pure."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from reverse_etl.destinations.protocol import Batch, Record
from reverse_etl.destinations.salesforce_rows import (
    BY_ID,
    ID_FIELD,
    REMOVALS,
    by_parent,
    fields_of,
    match_field,
)
from reverse_etl.transport import Response
from warehouse.manifest import Json

_NULL = "#N/A"


def key_column(batch: Batch) -> str:
    """The column that tells the rows of a job apart, in its file and its results."""
    return ID_FIELD if batch.action in BY_ID else match_field(batch)


def job_csv(batch: Batch, keys: Sequence[str | None]) -> bytes:
    """The file of a job: the key first, an empty cell for what is left as it is.

    Args:
        batch: Its rows.
        keys: What each of them is told apart by; one without a key is left out.
    """
    key_name = key_column(batch)
    rows: list[dict[str, str]] = []
    columns: dict[str, None] = {key_name: None}
    for position in by_parent(batch.rows):
        key = keys[position]
        if key is None:
            continue
        row = (
            {}
            if batch.action in REMOVALS
            else dict(_cells(batch, batch.rows[position]))
        )
        row[key_name] = key
        columns.update(dict.fromkeys(row))
        rows.append(row)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return text.getvalue().encode()


def _cells(batch: Batch, record: Record) -> Iterator[tuple[str, str]]:
    for name, value in fields_of(batch, record).items():
        yield from _flat(name, value)
    yield from record.associations.items()


def _flat(name: str, value: Json) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for inner, each in value.items():
                yield from _flat(f"{name}.{inner}", each)
        case None | "":
            # An empty cell would leave the field as it is; there is no empty text.
            yield name, _NULL
        case bool():
            yield name, "true" if value else "false"
        case list():
            yield name, ";".join(str(each) for each in value)
        case _:
            yield name, str(value)


def read_csv(response: Response, columns: set[str]) -> Sequence[Mapping[str, str]]:
    """Rows of a results file; a file without rows may be without a head, too.

    Raises:
        FatalDeliveryError: It is no such file, or lacks one of the columns.
    """
    try:
        text = response.content.decode("utf-8-sig")
        read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise response.undocumented() from None
    if not read:
        return ()
    head, *rows = read
    if not columns <= set(head) or any(len(row) != len(head) for row in rows):
        raise response.undocumented()
    return [dict(zip(head, row, strict=True)) for row in rows]
