"""What goes wrong while a run is put together or carried out.

Every class is a `KenningError`: the command line prints its message and returns its exit code.
Inside a Dagster step they become a `dagster.Failure` with the same message.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from warehouse.errors import ConfigurationError, KenningError

EXIT_CODE_METADATA = "exit_code"


class ProjectError(ConfigurationError):
    """dbt cannot parse the project."""


class RawInputError(KenningError):
    """What the loaders landed is not what the sources promise. No model has run."""


class BuildError(KenningError):
    """A model failed or a test is red. Nothing was published and nothing has left."""


class UnknownSyncError(ConfigurationError):
    """No exposure of that name is a sync."""


class SyncNotDoneError(KenningError):
    """A guard held the sync, or its destination did not take it."""


class SelectionError(ConfigurationError):
    """dbt's selection syntax selects nothing."""


@contextmanager
def told_to_dagster() -> Iterator[None]:
    """Turn a `KenningError` inside a step into a failure that shows its message and no traceback.

    Dagster would retry or print a stack otherwise; neither helps anyone.
    """
    try:
        yield
    except KenningError as error:
        raise dg.Failure(
            description=str(error),
            metadata={EXIT_CODE_METADATA: error.exit_code},
            allow_retries=False,
        ) from error
