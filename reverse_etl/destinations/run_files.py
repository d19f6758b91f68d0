"""The files of one run on this machine's disk, and the manifest of them.

- changes.*: what is different, with `_op` (remove, change, add);
- full.*: everything that should be held, in the modes mirror and full;
- manifest.json: rows, bytes, SHA-256 and columns of each file. Written last.

Rows stream through: no run is too large. Where the files go, and how they get their names
there, is each destination's own matter.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from reverse_etl.destinations.column_types import ColumnTypes
from reverse_etl.destinations.file_formats import FileWriter, open_writers, to_disk
from reverse_etl.destinations.file_options import SETTINGS, FileOptions
from reverse_etl.destinations.protocol import Batch, Capabilities, Record
from reverse_etl.errors import FatalDeliveryError
from reverse_etl.modes import Mode, Removal
from warehouse.manifest import Json
from warehouse.parquet import ColumnType

OUTBOX = "outbox"
"""Folder below the data folder, with one folder for each sync."""

MANIFEST = "manifest.json"
OP_COLUMN = "_op"

_UNFINISHED_PREFIX = ".unfinished-"

_FOLDER_MODE = 0o750
_FILE_MODE = 0o640
"""The rows are personal data: owner and group read them, nobody else on the machine does."""


class RunFiles(NamedTuple):
    """The files of a run: where they are, and their names, the manifest's last."""

    folder: Path
    names: tuple[str, ...]


def file_capabilities(
    *, settings: tuple[str, ...] = (), optional_settings: tuple[str, ...] = ()
) -> Capabilities:
    """What every destination that takes files can do."""
    return Capabilities(
        modes=frozenset({Mode.UPSERT, Mode.MIRROR, Mode.FULL}),
        removals=frozenset({Removal.REMOVE}),
        max_batch_rows=None,
        max_workers=1,
        settings=settings,
        optional_settings=(*SETTINGS, *optional_settings),
    )


@contextlib.contextmanager
def written_run(outbox: Path, batch: Batch, options: FileOptions) -> Iterator[RunFiles]:
    """The files of a run on this machine's disk, in a folder that may be moved away.

    Otherwise it is gone when the context ends; what a killed run left of the sync goes
    too.

    Raises:
        FatalDeliveryError: They cannot be written.
    """
    sync_folder = outbox / batch.sync
    unfinished = sync_folder / f"{_UNFINISHED_PREFIX}{batch.run_id}"
    try:
        with _told(sync_folder):
            for leftover in sync_folder.glob(f"{_UNFINISHED_PREFIX}*"):
                shutil.rmtree(leftover)
            unfinished.mkdir(_FOLDER_MODE, parents=True)
            names = _write_files(batch, unfinished, options)
        yield RunFiles(unfinished, names)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def folder_to_disk(folder: Path) -> None:
    """Make sure that the names in a folder survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FatalDeliveryError(
            f"The files of a run could not be written below {folder} "
            f"({error.strerror}). Check the folder's rights and the disk's space, then "
            "run again."
        ) from None


def _write_files(batch: Batch, folder: Path, options: FileOptions) -> tuple[str, ...]:
    columns = tuple(dict.fromkeys((batch.key_name, *batch.field_names)))
    types = ColumnTypes(columns, options.types)
    with contextlib.ExitStack() as files:
        changes = _table(files, folder, "changes", (OP_COLUMN, *columns), options)
        for record in batch.records:
            changes.write(_row(batch, record), types, op=record.op.value)
        tables = [changes]
        if batch.wanted is not None:
            full = _table(files, folder, "full", columns, options)
            for record in batch.wanted():
                full.write(_row(batch, record), types)
            tables.append(full)
        described = [entry for table in tables for entry in table.finish(types.found())]
    manifest = {
        "sync": batch.sync,
        "object": batch.object,
        "run_id": batch.run_id,
        "key": batch.key_name,
        "files": described,
    }
    with (folder / MANIFEST).open("wb") as file:
        file.write(json.dumps(manifest, indent=2).encode() + b"\n")
        to_disk(file)
    for path in folder.iterdir():
        # Never more than the process's own mask allows.
        path.chmod(path.stat().st_mode & _FILE_MODE)
    folder_to_disk(folder)
    return (*(str(entry["name"]) for entry in described), MANIFEST)


@dataclass(slots=True)
class _Table:
    """The same rows in every format that is wanted."""

    folder: Path
    columns: Sequence[str]
    writers: Sequence[FileWriter]
    row_count: int = 0

    def write(
        self, record: dict[str, Json], types: ColumnTypes, *, op: str | None = None
    ) -> None:
        paths = self.columns if op is None else self.columns[1:]
        values = [_value_at(record, path) for path in paths]
        types.see(values)
        if op is not None:
            values = [op, *values]
            record = {OP_COLUMN: op, **record}
        for writer in self.writers:
            writer.write(record, values)
        self.row_count += 1

    def finish(self, types: Mapping[str, ColumnType]) -> Iterator[dict[str, Json]]:
        """Have everything on the disk, and describe each file."""
        own_types = {name: types.get(name, ColumnType.TEXT) for name in self.columns}
        for writer in self.writers:
            writer.finish(own_types)
            path = self.folder / writer.name
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            yield {
                "name": writer.name,
                "rows": self.row_count,
                "bytes": path.stat().st_size,
                "sha256": digest,
                "columns": [
                    {"name": name, "type": kind.value}
                    for name, kind in own_types.items()
                ],
            }


def _table(
    files: contextlib.ExitStack,
    folder: Path,
    stem: str,
    columns: Sequence[str],
    options: FileOptions,
) -> _Table:
    writers = open_writers(files, folder, stem, columns, options)
    return _Table(folder, columns, writers)


def _row(batch: Batch, record: Record) -> dict[str, Json]:
    return {batch.key_name: record.key, **record.fields}


def _value_at(record: Mapping[str, Json], path: str) -> Json:
    """A value by the name of its column, whose dots lead into nested fields."""
    if path in record or "." not in path:
        return record.get(path)
    value: Json = dict(record)
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
