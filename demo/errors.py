"""The error of this room: a world that cannot be built as asked."""

from warehouse.errors import ConfigurationError


class WorldError(ConfigurationError):
    """The number of people, the seed or a share of mess is not one that a world can have."""
