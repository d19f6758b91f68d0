"""How rows are written into a file: CSV, JSON Lines or Parquet, and what settings say of it.

CSV is RFC 4180 in UTF-8: null is nothing between the commas, an empty text is "". Which
files a run has is `run_files`'.
"""

import contextlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol

from reverse_etl.destinations.protocol import Settings
from reverse_etl.errors import ErrorClass, FatalDeliveryError, SyncConfigurationError
from warehouse.errors import WarehouseError
from warehouse.manifest import Json
from warehouse.parquet import ColumnType, write_parquet

SETTINGS = ("format", "guard_formulas", "null_text", "types")
"""Settings that `read_options` reads; all of them may be left out."""

_NEEDS_QUOTES = frozenset(',"\r\n')
_FORMULA_STARTS = tuple("=+-@\t\r\n")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_INTEGERS = range(-(2**63), 2**63)


class Format(StrEnum):
    """A way to write rows; the value is the end of the file's name too."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What a sync says about its files.

    Attributes:
        formats: Each file is written in each of them.
        guard_formulas: Whether a text that a spreadsheet would run gets an apostrophe in
            front of it, in CSV.
        null_text: What stands for null in CSV.
        types: Column types that are not left to what the values are.
    """

    formats: tuple[Format, ...] = (Format.CSV, Format.JSONL)
    guard_formulas: bool = True
    null_text: str = ""
    types: Mapping[str, ColumnType] = field(default_factory=dict)


def read_options(settings: Settings) -> FileOptions:
    """The settings of a sync about its files.

    Raises:
        SyncConfigurationError: One of them cannot be meant so.
    """
    names = _words(settings.get("format", "csv,jsonl"))
    formats = [each for each in Format if each in names]
    if not names or len(formats) != len(names):
        raise SyncConfigurationError(
            f"settings.format '{settings['format']}' is not one or more of "
            f"{', '.join(Format)}, with commas between them."
        )
    guard = settings.get("guard_formulas", "true")
    if guard not in ("true", "false"):
        raise SyncConfigurationError(
            f"settings.guard_formulas '{guard}' is neither true nor false."
        )
    null_text = settings.get("null_text", "")
    if _NEEDS_QUOTES.intersection(null_text):
        raise SyncConfigurationError(
            "settings.null_text has a comma, a quote or a line end in it, which CSV would "
            r"have to quote. Use something like \N."
        )
    types = dict(_read_type(word) for word in _words(settings.get("types", "")))
    return FileOptions(tuple(formats), guard == "true", null_text, types)


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
        is_plain = text and text != null_text and not _NEEDS_QUOTES.intersection(text)
        cells.append(text if is_plain else '"' + text.replace('"', '""') + '"')
    return ",".join(cells) + "\r\n"


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run a text. One that is only a number stays one."""
    return text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text)


class ColumnTypes:
    """What the values of each column are, as far as they were seen.

    Args:
        names: The columns.
        given: Types that the sync says.

    Raises:
        FatalDeliveryError: It says one of a column that there is not.
    """

    def __init__(
        self, names: Sequence[str], given: Mapping[str, ColumnType] | None = None
    ) -> None:
        self._names = names
        self._given = given or {}
        for name in self._given:
            if name not in names:
                raise FatalDeliveryError(
                    f"settings.types names '{name}', which is no field of the mapping. "
                    f"Nothing was delivered. Fields: {', '.join(names)}.",
                    error_class=ErrorClass.CONFIG,
                )
        self._seen: list[set[type]] = [set() for _ in names]
        self._has_large = [False for _ in names]

    def see(self, values: Sequence[Json]) -> None:
        """Heed one row: a value for each column."""
        for position, value in enumerate(values):
            self._seen[position].add(type(value))
            if type(value) is int and value not in _INTEGERS:
                self._has_large[position] = True

    def found(self) -> dict[str, ColumnType]:
        """Types by column. A column without any value is text.

        Raises:
            FatalDeliveryError: A column is not what the sync says.
        """
        types = {}
        for name, seen, has_large in zip(
            self._names, self._seen, self._has_large, strict=True
        ):
            found = _type_of(seen - {type(None)}, has_large=has_large)
            given = self._given.get(name, found)
            if found is not None and given not in _FITTING[found]:
                raise FatalDeliveryError(
                    f"settings.types says that '{name}' is {given}, and some of its "
                    f"values make it {found}. Nothing was delivered. Change the setting, "
                    "or the mapping's `as`.",
                    error_class=ErrorClass.CONFIG,
                )
            types[name] = given or ColumnType.TEXT
        return types


# What a column whose values are of this type may be said to be.
_FITTING: Mapping[ColumnType, frozenset[ColumnType | None]] = {
    ColumnType.TEXT: frozenset(
        {ColumnType.TEXT, ColumnType.DATE, ColumnType.TIMESTAMP}
    ),
    ColumnType.INTEGER: frozenset(
        {ColumnType.TEXT, ColumnType.INTEGER, ColumnType.NUMBER}
    ),
    ColumnType.NUMBER: frozenset({ColumnType.TEXT, ColumnType.NUMBER}),
    ColumnType.BOOLEAN: frozenset({ColumnType.TEXT, ColumnType.BOOLEAN}),
    ColumnType.JSON: frozenset({ColumnType.TEXT, ColumnType.JSON}),
}


def _type_of(seen: set[type], *, has_large: bool) -> ColumnType | None:
    """The type that fits every value; None where there is none to tell from."""
    if not seen:
        return None
    if seen <= {int, float}:
        if float in seen:
            return ColumnType.NUMBER
        return ColumnType.TEXT if has_large else ColumnType.INTEGER
    if seen == {bool}:
        return ColumnType.BOOLEAN
    return ColumnType.JSON if seen <= {list, dict} else ColumnType.TEXT


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _read_type(word: str) -> tuple[str, ColumnType]:
    name, separator, kind = (part.strip() for part in word.partition(":"))
    if not separator or not name or kind not in list(ColumnType):
        raise SyncConfigurationError(
            f"settings.types has '{word}'. Write each as `field: type`, with commas "
            f"between them. Types: {', '.join(ColumnType)}."
        )
    return name, ColumnType(kind)


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
