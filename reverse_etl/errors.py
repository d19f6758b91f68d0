"""The errors of a sync, one class per reaction, and the classes of what a row can suffer.

A message says what happened, where, and what to do next. It names syncs, models, fields,
counts and status codes, never a value of a row.
"""

from datetime import datetime
from enum import StrEnum

from warehouse.errors import ConfigurationError, KenningError


class ErrorClass(StrEnum):
    """What kind of thing went wrong, whatever the vendor calls it.

    Of a row: INVALID_KEY, INVALID_FIELD, NOT_FOUND, CONFLICT, SUPPRESSED (forgotten,
    unsubscribed, blocked there), TOO_LARGE, CONSENT (withdrawn since the plan), OTHER.
    Of a batch: BATCH (refused as a whole, and which row it was could not be told),
    TRANSIENT, THROTTLED, IN_DOUBT. Of a run: AUTH, PERMISSION, CONFIG, QUOTA, GUARD,
    INTERNAL.
    """

    INVALID_KEY = "INVALID_KEY"
    INVALID_FIELD = "INVALID_FIELD"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    SUPPRESSED = "SUPPRESSED"
    TOO_LARGE = "TOO_LARGE"
    CONSENT = "CONSENT"
    OTHER = "OTHER"
    BATCH = "BATCH"
    TRANSIENT = "TRANSIENT"
    THROTTLED = "THROTTLED"
    IN_DOUBT = "IN_DOUBT"
    AUTH = "AUTH"
    PERMISSION = "PERMISSION"
    CONFIG = "CONFIG"
    QUOTA = "QUOTA"
    GUARD = "GUARD"
    INTERNAL = "INTERNAL"


class ReverseEtlError(KenningError):
    """Root of what a sync raises."""


class SyncConfigurationError(ReverseEtlError, ConfigurationError):
    """Fix the exposure or the environment, then rerun. Nothing was sent."""


class SpecError(SyncConfigurationError):
    """An exposure's `meta.sync` cannot be read as a sync."""


class MissingCredentialError(SyncConfigurationError):
    """The environment lacks what a destination is opened with."""


class UnknownDestinationError(SyncConfigurationError):
    """The registry has no destination of that name."""


class ContractError(ReverseEtlError):
    """The model or its data is not what the sync needs; fix it, then rerun."""


class DriftedPlanError(ReverseEtlError):
    """The plan is not the one that a person looked at. Look again."""


class DeliveryError(ReverseEtlError):
    """A batch was not delivered.

    `is_in_doubt` is true when the destination may have applied it all the same: the answer
    was lost, unreadable, or a server error after the body was sent.
    """

    def __init__(
        self,
        message: str,
        *,
        is_in_doubt: bool = False,
        error_class: ErrorClass = ErrorClass.TRANSIENT,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.is_in_doubt = is_in_doubt
        self.error_class = error_class
        self.code = code


class RetryableDeliveryError(DeliveryError):
    """Given up after every attempt; a later run may succeed."""


class FatalDeliveryError(DeliveryError):
    """Stop now: later batches would fail the same way."""


class BatchRefusedError(DeliveryError):
    """The batch was refused for its content, and nothing of it was applied.

    Halves of it are tried, down to the record at fault. `is_too_large` says that its size
    is the reason: it was found before sending, or the destination said so.
    """

    def __init__(
        self,
        message: str,
        *,
        error_class: ErrorClass = ErrorClass.OTHER,
        code: str | None = None,
        is_too_large: bool = False,
    ) -> None:
        super().__init__(
            message,
            error_class=ErrorClass.TOO_LARGE if is_too_large else error_class,
            code=code,
        )
        self.is_too_large = is_too_large


class QuotaExhaustedError(DeliveryError):
    """The account may do nothing more until `resume_at` (UTC). The plan stays valid."""

    def __init__(
        self, message: str, *, resume_at: datetime, is_in_doubt: bool = False
    ) -> None:
        super().__init__(message, error_class=ErrorClass.QUOTA, is_in_doubt=is_in_doubt)
        self.resume_at = resume_at


class JobLostError(DeliveryError):
    """A job that the destination had taken on failed as a whole, or is not known there.

    `is_in_doubt` is true when parts of it may have been applied.
    """


class LedgerError(ReverseEtlError):
    """The state of the run is unknown. Stop, and do not resend by hand."""


class SyncBusyError(ReverseEtlError):
    """Another run of the same sync is under way. Wait for it."""


class LeaseLostError(LedgerError):
    """This run was paused for so long that another one took over. It must not go on."""
