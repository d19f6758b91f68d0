"""How an error of ours fails a Dagster step: with its message, and nothing around it."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from warehouse.errors import KenningError

EXIT_CODE_METADATA = "exit_code"


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
