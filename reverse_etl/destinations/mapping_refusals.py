"""Errors for mappings that a tool could carry out, and Kenning does not. Pure."""

from reverse_etl.errors import ErrorClass, FatalDeliveryError


def writes_consent(
    name: str, what: str, advice: str = "Take it out of the mapping."
) -> FatalDeliveryError:
    """The error for a mapping that writes what a person has said yes or no to.

    Args:
        name: The field.
        what: What it is: "a subscription of Example".
        advice: What to do about it.
    """
    return FatalDeliveryError(
        f"The mapping writes '{name}', which is {what} and not an attribute. Nothing was "
        f"sent. {advice}",
        error_class=ErrorClass.CONFIG,
    )


def writes_unknown_event_field(name: str, tool: str, below: str) -> FatalDeliveryError:
    """The error for a mapping of an event's own field that is not below another one.

    Args:
        name: The field.
        tool: The product's own name.
        below: Field of the tool's events that takes fields of any name.
    """
    return FatalDeliveryError(
        f"The mapping writes '{name}', which an event of {tool} does not have. Nothing "
        f"was sent. Map it as {below}.{name}.",
        error_class=ErrorClass.CONFIG,
    )
