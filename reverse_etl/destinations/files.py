"""Files for whoever fetches them: one folder per run that changed something.

The folder <outbox>/<sync>/<run id>/ appears under its name in one step, when all of it is
on the disk. An unchanged model writes nothing. What is in it: `run_files`.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from reverse_etl.destinations.file_options import FileOptions, read_options
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Destination,
    DestinationType,
    Opening,
)
from reverse_etl.destinations.run_files import (
    OUTBOX,
    file_capabilities,
    folder_to_disk,
    written_run,
)
from reverse_etl.errors import FatalDeliveryError, JobLostError

__all__ = ["CAPABILITIES", "DESTINATION", "OUTBOX", "FilesDestination"]

CAPABILITIES = file_capabilities()


class FilesDestination:
    """Writes below one outbox folder, which is made when the first file is."""

    capabilities = CAPABILITIES

    def __init__(self, outbox: Path, options: FileOptions | None = None) -> None:
        self._outbox = outbox
        self._options = options or FileOptions()
        self.request_count = 0

    def send(self, batch: Batch) -> BatchResult:
        """Write the run's folder.

        Raises:
            FatalDeliveryError: The folder cannot be written, or nobody knows whether it
                was.
        """
        folder = self._outbox / batch.sync / batch.run_id
        with written_run(self._outbox, batch, self._options) as files:
            is_named = False
            try:
                files.folder.rename(folder)
                is_named = True
                folder_to_disk(folder.parent)
            except OSError as error:
                raise FatalDeliveryError(
                    f"{folder} could not get its name ({error.strerror}). Check the "
                    "folder's rights, then run again.",
                    is_in_doubt=is_named,
                ) from None
        self.request_count += len(files.names)
        return BatchResult()

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: a folder is there or not."""
        del job, batch
        raise JobLostError("Files have no jobs.")


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    yield FilesDestination(opening.base_dir / OUTBOX, read_options(opening.settings))


DESTINATION = DestinationType(
    name="files",
    label="Files",
    objects={"*": CAPABILITIES},
    credentials=(),
    open=_open,
)
