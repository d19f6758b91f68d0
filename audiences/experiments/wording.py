"""How figures of experiments are written, for people and in JSON. Pure."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from audiences.experiments.inference import Interval

Shown: TypeAlias = Callable[[float], str]


def percent(share: float) -> str:
    """A setting in as few digits as it takes: 0.95 as 95 %."""
    return f"{share * 100:.4g} %"


def rate(share: float) -> str:
    """A figure that was measured: 0.0605 as 6.05 %."""
    return f"{share * 100:.2f} %"


def change(share: float) -> str:
    """0.121 as +12.1 %."""
    return f"{share * 100:+,.1f} %"


def points(share: float) -> str:
    """A difference of two shares: 0.0093 as +0.93 points."""
    return f"{share * 100:+.2f} points"


def euros(amount: float) -> str:
    """A difference of two amounts: 0.614 as +0.61 EUR."""
    return f"{amount:+,.2f} EUR"


def amount(amount: float) -> str:
    """3.5 as 3.50 EUR."""
    return f"{amount:,.2f} EUR"


def ends(interval: Interval, shown: Shown) -> str:
    """Both ends of an interval, without the unit: +3.48 to +10.28."""
    low, high = (shown(end).split(" ")[0] for end in (interval.low, interval.high))
    return f"{low} to {high}"


def p_value(value: float) -> str:
    """To two digits; tiny ones as what they are under."""
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.2g}"


def minute(instant: datetime) -> str:
    """An instant in UTC to the minute."""
    return f"{instant:%Y-%m-%d %H:%M}"


def table(rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Rows of as many cells each as lines, `left` columns flush left and the others right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def as_json(content: object) -> str:
    """One JSON object, two spaces deep."""
    return json.dumps(content, indent=2, ensure_ascii=False)


def instant(value: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return None if value is None else f"{value.isoformat()}Z"


def rounded(value: float | None, decimals: int) -> float | None:
    """A figure that claims no more than it knows."""
    return None if value is None else round(value, decimals)
