"""What the queries of previews give, as Python has it. Pure."""

from warehouse.values import Value


def whole(value: Value) -> int:
    """A count."""
    return int(str(value))


def share(part: int, total: int) -> float:
    """A part of a total, 0 to 1; 0 of nothing."""
    return part / total if total else 0.0
