"""Files for whoever fetches them: CSV and JSON Lines, with a manifest that says it is whole.

One folder per run that changed something: <outbox>/<sync>/<run id>/ with

- changes.csv, changes.jsonl: what is different, with `_op` (remove, change, add);
- full.csv, full.jsonl: everything that should be held, in the modes mirror and full;
- manifest.json: rows and SHA-256 of each file.

The folder appears under its name in one step, when all of it is on the disk. An unchanged
model writes nothing.

CSV is RFC 4180 in UTF-8: null is nothing between the commas, an empty text is "".
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Destination,
    DestinationType,
    Opening,
    Record,
)
from reverse_etl.errors import FatalDeliveryError, JobLostError
from reverse_etl.modes import Mode, Removal
from warehouse.manifest import Json

CAPABILITIES = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.MIRROR, Mode.FULL}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=None,
    max_workers=1,
)

OUTBOX = "outbox"
MANIFEST = "manifest.json"
OP_COLUMN = "_op"

_UNFINISHED_PREFIX = ".unfinished-"
_NEEDS_QUOTES = frozenset(',"\r\n')


class FilesDestination:
    """Writes below one outbox folder, which is made when the first file is."""

    capabilities = CAPABILITIES

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox
        self.request_count = 0

    def send(self, batch: Batch) -> BatchResult:
        """Write the run's folder.

        Raises:
            FatalDeliveryError: The folder cannot be written, or nobody knows whether it
                was.
        """
        sync_folder = self._outbox / batch.sync
        folder = sync_folder / batch.run_id
        unfinished = sync_folder / f"{_UNFINISHED_PREFIX}{batch.run_id}"
        is_complete = False
        try:
            _remove_unfinished(sync_folder)
            unfinished.mkdir(parents=True)
            file_count = _write_run(batch, unfinished)
            is_complete = True
            unfinished.rename(folder)
            _folder_to_disk(sync_folder)
        except OSError as error:
            raise FatalDeliveryError(
                f"{folder} could not be written ({error.strerror}). Check the folder's "
                "rights and the disk's space, then run again.",
                is_in_doubt=is_complete,
            ) from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        self.request_count += file_count
        return BatchResult()

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: a folder is there or not."""
        del job, batch
        raise JobLostError("Files have no jobs.")


class _HashedFile:
    """A file that knows the SHA-256 of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.byte_count = 0

    def write_line(self, line: str) -> None:
        content = line.encode()
        self._file.write(content)
        self._digest.update(content)
        self.byte_count += len(content)

    def described(self, name: str, row_count: int) -> dict[str, str | int]:
        return {
            "name": name,
            "rows": row_count,
            "bytes": self.byte_count,
            "sha256": self._digest.hexdigest(),
        }


def _remove_unfinished(sync_folder: Path) -> None:
    for leftover in sync_folder.glob(f"{_UNFINISHED_PREFIX}*"):
        shutil.rmtree(leftover)


def _write_run(batch: Batch, folder: Path) -> int:
    columns = (batch.key_name, *batch.field_names)
    described = _write_pair(
        folder,
        "changes",
        (OP_COLUMN, *columns),
        ({OP_COLUMN: record.op} | _line(batch, record) for record in batch.records),
    )
    if batch.wanted is not None:
        described += _write_pair(
            folder,
            "full",
            columns,
            (_line(batch, record) for record in batch.wanted()),
        )
    manifest = {
        "sync": batch.sync,
        "object": batch.object,
        "run_id": batch.run_id,
        "key": batch.key_name,
        "files": described,
    }
    with (folder / MANIFEST).open("wb") as file:
        file.write(json.dumps(manifest, indent=2).encode() + b"\n")
        _to_disk(file)
    _folder_to_disk(folder)
    return len(described) + 1


def _line(batch: Batch, record: Record) -> dict[str, Json]:
    return {batch.key_name: record.key, **record.fields}


def _write_pair(
    folder: Path,
    stem: str,
    columns: Sequence[str],
    records: Iterable[Mapping[str, Json]],
) -> list[dict[str, str | int]]:
    csv_name, jsonl_name = f"{stem}.csv", f"{stem}.jsonl"
    with (
        (folder / csv_name).open("wb") as csv,
        (folder / jsonl_name).open("wb") as jsonl,
    ):
        csv_file, jsonl_file = _HashedFile(csv), _HashedFile(jsonl)
        csv_file.write_line(csv_line(columns))
        row_count = 0
        for record in records:
            row_count += 1
            csv_file.write_line(csv_line([record.get(column) for column in columns]))
            jsonl_file.write_line(json.dumps(record, ensure_ascii=False) + "\n")
        _to_disk(csv)
        _to_disk(jsonl)
    return [
        csv_file.described(csv_name, row_count),
        jsonl_file.described(jsonl_name, row_count),
    ]


def csv_line(values: Sequence[Json]) -> str:
    """One line of CSV with its line end.

    The standard library's writer cannot tell null from an empty text before Python 3.12.
    """
    return ",".join(_csv_cell(value) for value in values) + "\r\n"


def _csv_cell(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    text = str(value)
    if text and not _NEEDS_QUOTES.intersection(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _folder_to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    yield FilesDestination(opening.base_dir / OUTBOX)


DESTINATION = DestinationType(
    name="files",
    label="Files",
    objects={"*": CAPABILITIES},
    credentials=(),
    open=_open,
)
