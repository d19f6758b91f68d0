"""What a fault of a connector's own code becomes, so that no text of it is passed on. Pure."""

import traceback

from reverse_etl.errors import (
    DeliveryError,
    ErrorClass,
    FatalDeliveryError,
    QuotaExhaustedError,
)


def broken(error: Exception) -> FatalDeliveryError:
    """What a fault of the connector itself becomes. Its text may quote somebody's value."""
    places = traceback.extract_tb(error.__traceback__)
    place = (
        f"{places[-1].name}, line {places[-1].lineno}" if places else "no place known"
    )
    return FatalDeliveryError(
        f"The destination's own code failed ({type(error).__name__} in {place}). The sync "
        "stopped. This is a fault of the connector; please report it.",
        is_in_doubt=True,
        error_class=ErrorClass.INTERNAL,
    )


def for_good(error: DeliveryError) -> DeliveryError:
    """The error of a whole run: it ends there, whatever would be tried of a batch."""
    if isinstance(error, FatalDeliveryError | QuotaExhaustedError):
        return error
    return FatalDeliveryError(
        str(error),
        is_in_doubt=error.is_in_doubt,
        error_class=error.error_class,
        code=error.code,
    )


def without_answer() -> FatalDeliveryError:
    """What it becomes that a connector came back with nothing."""
    return FatalDeliveryError(
        "The destination's own code gave no answer for a batch. The sync stopped. This is "
        "a fault of the connector; please report it.",
        is_in_doubt=True,
        error_class=ErrorClass.INTERNAL,
    )
