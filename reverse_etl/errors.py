"""The errors of a sync, one class per reaction.

A message says what happened, where, and what to do next. It names syncs, models, fields,
counts and status codes, never a value of a row.
"""

from warehouse.errors import ConfigurationError, KenningError


class ReverseEtlError(KenningError):
    """Root of what a sync raises."""


class SyncConfigurationError(ReverseEtlError, ConfigurationError):
    """Fix the exposure or the environment, then rerun. Nothing was sent."""


class SpecError(SyncConfigurationError):
    """An exposure's `meta.sync` cannot be read as a sync."""


class UnknownDestinationError(SyncConfigurationError):
    """The registry has no destination of that name."""


class ContractError(ReverseEtlError):
    """The model or its data is not what the sync needs; fix it, then rerun."""


class DeliveryError(ReverseEtlError):
    """A batch was not delivered.

    `is_in_doubt` is true when the destination may have applied it all the same: the answer
    was lost, unreadable, or a server error after the body was sent.
    """

    def __init__(self, message: str, *, is_in_doubt: bool) -> None:
        super().__init__(message)
        self.is_in_doubt = is_in_doubt


class RetryableDeliveryError(DeliveryError):
    """Given up after every attempt; a later run may succeed."""


class FatalDeliveryError(DeliveryError):
    """Stop now: later batches would fail the same way."""


class LedgerError(ReverseEtlError):
    """The state of the run is unknown. Stop, and do not resend by hand."""


class SyncBusyError(ReverseEtlError):
    """Another run of the same sync is under way. Wait for it."""


class LeaseLostError(LedgerError):
    """This run was paused for so long that another one took over. It must not go on."""
