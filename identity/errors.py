"""What goes wrong while the identity graph is read or a rule is written, by reaction.

No message repeats what was typed: it may be a person's.
"""

from warehouse.errors import ConfigurationError, KenningError


class NotBuiltError(KenningError):
    """The tables of identity are not there yet. Build them, then ask again."""


class CustomerNotFoundError(KenningError):
    """No identifier of that value is known. Type it as the sources have it."""


class RuleConflictError(KenningError):
    """A link rule contradicts others. Nothing was written; lift one of them."""


class UnknownRuleError(KenningError):
    """No link rule has that id, or it is not the command's to lift."""


class ProposalError(ConfigurationError):
    """The file of proposed rules cannot be read as such. Correct it."""
