"""The errors of every room, by reaction, and the ones that the warehouse raises.

A message says what happened, where, and what to do next. It never holds a value of a
row: engine messages that may quote one go through `safe_reason` first.
"""

import re

EXIT_DATA_PROBLEM = 1
EXIT_CONFIGURATION = 2

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\d+")


class KenningError(Exception):
    """Root of every error that Kenning raises on purpose.

    `exit_code` is what the command line returns: 1 for data or delivery, 2 for
    configuration.
    """

    exit_code: int = EXIT_DATA_PROBLEM


class ConfigurationError(KenningError):
    """Fix the YAML or the environment, then rerun."""

    exit_code = EXIT_CONFIGURATION


class TargetError(ConfigurationError):
    """profiles.yml does not name a target that Kenning can open."""


class ManifestError(ConfigurationError):
    """target/manifest.json is missing, unreadable, or not what dbt writes."""


class WarehouseError(KenningError):
    """The warehouse refused a statement or cannot be opened."""


class WarehouseMissingError(WarehouseError):
    """The database file does not exist, and the caller may not create it."""


class WarehouseLockedError(WarehouseError):
    """Another process has the database file open. Nothing was changed."""


class WarehouseCorruptError(WarehouseError):
    """The file is not a database, or its checksums do not match."""


class WarehouseFullError(WarehouseError):
    """No room on the disk. The statement was rolled back."""


def safe_reason(message: str) -> str:
    """The first paragraph of an engine's message with quoted text and numbers masked.

    Engines quote the value that failed ("Could not convert string 'ada@x.no'"). The
    kind of failure is worth keeping, the value is not ours to print.
    """
    first_paragraph = message.strip().split("\n\n", maxsplit=1)[0]
    return _QUOTED.sub("…", " ".join(first_paragraph.split()))
