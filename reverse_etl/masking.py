"""Values of a row made fit to show: enough to recognise a shape, too little to know it. Pure."""

from decimal import Decimal

from warehouse.values import Value

MASK = "•••"


def masked(value: Value, *, is_public: bool) -> str:
    """A value for people to look at.

    Args:
        value: Of one column.
        is_public: Whether the column is marked as nobody's personal data: its values are
            shown as they are, texts cut at 40 characters.

    Returns:
        "null", the value, or its first character and a mask; of an e-mail address also
        the first character of its host and its last domain. Of a number the sign and the
        first digit. What is yes or no, and times, show their kind alone.
    """
    if value is None:
        return "null"
    if is_public:
        text = str(value)
        return text if len(text) <= 40 else f"{text[:39]}…"
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _masked_number(value)
    if not isinstance(value, str):
        return f"<{type(value).__name__}>"
    if not value:
        return "(empty)"
    name, at, host = value.rpartition("@")
    if at and name and "." in host:
        return f"{name[0]}{MASK}@{host[0]}{MASK}.{host.rpartition('.')[2]}"
    return f"{value[0]}{MASK}"


def _masked_number(value: float | Decimal) -> str:
    text = str(value)
    sign = "-" if text.startswith("-") else ""
    return f"{sign}{text.removeprefix('-')[0]}{MASK}"
