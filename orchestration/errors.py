"""What goes wrong while a run is put together or carried out.

Every class is a `KenningError`: the command line prints its message and returns its exit code.
"""

from warehouse.errors import ConfigurationError, KenningError


class ProjectError(ConfigurationError):
    """dbt cannot parse the project."""


class RawInputError(KenningError):
    """What the loaders landed is not what the sources promise. No model has run."""


class BuildError(KenningError):
    """A model failed or a test is red. Nothing was published and nothing has left."""


class UnknownSyncError(ConfigurationError):
    """No exposure of that name is a sync."""


class NotADemoError(ConfigurationError):
    """The warehouse holds something that the demo did not make."""


class SelectionError(ConfigurationError):
    """dbt's selection syntax selects nothing."""
