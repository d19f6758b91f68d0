"""What a sync's settings say about its files: formats, and how values are written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reverse_etl.destinations.protocol import Settings
from reverse_etl.errors import SyncConfigurationError
from warehouse.parquet import ColumnType

SETTINGS = ("format", "guard_formulas", "null_text", "types")
"""Settings that `read_options` reads; all of them may be left out."""

NEEDS_QUOTES = frozenset(',"\r\n')


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
    if NEEDS_QUOTES.intersection(null_text):
        raise SyncConfigurationError(
            "settings.null_text has a comma, a quote or a line end in it, which CSV would "
            r"have to quote. Use something like \N."
        )
    types = dict(_read_type(word) for word in _words(settings.get("types", "")))
    return FileOptions(tuple(formats), guard == "true", null_text, types)


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
