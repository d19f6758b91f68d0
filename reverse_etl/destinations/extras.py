"""Packages that only one destination needs, imported when it is opened."""

import contextlib
from collections.abc import Iterator

from reverse_etl.errors import SyncConfigurationError


@contextlib.contextmanager
def extra(name: str) -> Iterator[None]:
    """Around the import of a destination's own package.

    Args:
        name: The destination, which is the name of the extra too.

    Raises:
        SyncConfigurationError: The package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SyncConfigurationError(
            f"The destination '{name}' needs the package '{error.name}', which is not "
            f"installed. Install it with pip install 'kenning[{name}]'."
        ) from error
