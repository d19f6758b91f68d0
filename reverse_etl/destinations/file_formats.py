"""How rows are written into a file: CSV, JSON Lines or Parquet.

CSV is RFC 4180 in UTF-8: null is nothing between the commas, an empty text is "". Which
files a run has is `run_files`', and what settings say of them `file_options`'.
"""

import contextlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from reverse_etl.destinations.file_options import NEEDS_QUOTES, FileOptions, Format
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from warehouse.errors import WarehouseError
from warehouse.manifest import Json
from warehouse.parquet import ColumnType, write_parquet

_FORMULA_STARTS = tuple("=+-@\t\r\n")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def csv_line(
    values: Sequence[Json], *, guard_formulas: bool = False, null_text: str = ""
) -> str:
    """One line of CSV with its line end.

    The standard library's writer cannot tell null from an empty text before Python 3.12.
    """
    cells = []
    for value in values:
        if value is None:
            cells.append(null_text)
            continue
        text = _cell_text(value)
        if guard_formulas and type(value) is str and is_formula(text):
            text = f"'{text}"
        is_plain = text and text != null_text and not NEEDS_QUOTES.intersection(text)
        cells.append(text if is_plain else '"' + text.replace('"', '""') + '"')
    return ",".join(cells) + "\r\n"


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run a text. One that is only a number stays one."""
    return text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text)


def _cell_text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


class FileWriter(Protocol):
    """Writes rows in one format, below a folder."""

    name: str

    def write(self, record: Mapping[str, Json], values: Sequence[Json]) -> None:
        """Take one row: as nested fields, and as a value for each column."""
        ...

    def finish(self, types: Mapping[str, ColumnType]) -> None:
        """Have all of it on the disk. Types are of the columns."""
        ...


class _CsvWriter:
    def __init__(
        self, file: BinaryIO, name: str, columns: Sequence[str], options: FileOptions
    ) -> None:
        self.name = name
        self._file = file
        self._options = options
        self._file.write(csv_line(columns).encode())

    def write(self, record: Mapping[str, Json], values: Sequence[Json]) -> None:
        del record
        line = csv_line(
            values,
            guard_formulas=self._options.guard_formulas,
            null_text=self._options.null_text,
        )
        self._file.write(line.encode())

    def finish(self, types: Mapping[str, ColumnType]) -> None:
        del types
        to_disk(self._file)


class _JsonlWriter:
    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self._file = file

    def write(self, record: Mapping[str, Json], values: Sequence[Json]) -> None:
        del values
        self._file.write(f"{json.dumps(record, ensure_ascii=False)}\n".encode())

    def finish(self, types: Mapping[str, ColumnType]) -> None:
        del types
        to_disk(self._file)


class _ParquetWriter:
    """Keeps rows aside until all of them are there: only then are the types known."""

    def __init__(self, file: BinaryIO, path: Path, columns: Sequence[str]) -> None:
        self.name = path.name
        self._file = file
        self._path = path
        self._columns = columns

    def write(self, record: Mapping[str, Json], values: Sequence[Json]) -> None:
        del record
        row = dict(zip(self._columns, values, strict=True))
        self._file.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode())

    def finish(self, types: Mapping[str, ColumnType]) -> None:
        self._file.flush()
        rows = Path(self._file.name)
        try:
            write_parquet(rows, self._path, types)
        except WarehouseError as error:
            raise FatalDeliveryError(
                f"{error} Nothing was delivered. Check settings.types and the disk's "
                "space, then run again.",
                error_class=ErrorClass.CONFIG,
            ) from None
        rows.unlink()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())


def open_writers(
    files: contextlib.ExitStack,
    folder: Path,
    stem: str,
    columns: Sequence[str],
    options: FileOptions,
) -> list[FileWriter]:
    """A writer for each format, of new files in a folder that `files` closes."""

    def opened(name: str) -> BinaryIO:
        return files.enter_context((folder / name).open("wb"))

    writers: list[FileWriter] = []
    for each in options.formats:
        name = f"{stem}.{each}"
        match each:
            case Format.CSV:
                writers.append(_CsvWriter(opened(name), name, columns, options))
            case Format.JSONL:
                writers.append(_JsonlWriter(opened(name), name))
            case Format.PARQUET:
                rows = opened(f".{stem}.rows")
                writers.append(_ParquetWriter(rows, folder / name, columns))
    return writers


def to_disk(file: BinaryIO) -> None:
    """Make sure that what was written survives a crash."""
    file.flush()
    os.fsync(file.fileno())
