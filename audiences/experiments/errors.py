"""What keeps an experiment from being read or planned, by reaction."""

from warehouse.errors import ConfigurationError, KenningError


class MembershipsMissingError(KenningError):
    """The tables that results are read from are not there. Build, then ask again."""


class UnknownAudienceError(ConfigurationError):
    """No membership of that audience was ever recorded. Name one that has members."""


class NotAnExperimentError(ConfigurationError):
    """The audience has no groups of customers to compare."""


class QuestionError(ConfigurationError):
    """What was asked does not fit the groups, or is no possible number. Ask otherwise."""


class NothingObservedError(KenningError):
    """Nobody has been exposed long enough. Wait, or ask for another period or window."""
