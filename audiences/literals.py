"""Values as SQL that means the same to every engine, and to Jinja."""

import json
import re
from datetime import date, datetime
from decimal import Decimal

from audiences.conditions import Ago, Literal

AS_OF = "{{ as_of() }}"
HOURS_A_DAY = 24

# Text that means the same between quotes to every engine and to Jinja. Anything else goes
# through the text_literal macro: a backslash ends a string on Spark, a brace begins Jinja.
_PLAIN_TEXT = re.compile(r"[\w .,:;@+/&()!?*=-]*\Z")


def literal(value: Literal) -> str:
    """A value as the literal that every engine reads as that value."""
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            return timestamp_literal(value)
        case date():
            return f"cast('{value.isoformat()}' as date)"
        case _:
            return text_literal(value)


def timestamp_literal(instant: datetime) -> str:
    """An instant, UTC, as a timestamp without a zone."""
    text = instant.isoformat(sep=" ")
    return f"cast('{text}' as {{{{ dbt.type_timestamp() }}}})"


def ago(operand: Ago) -> str:
    """The instant, or the day, so many hours before as_of."""
    days, rest = divmod(operand.hours, HOURS_A_DAY)
    if operand.hours == 0:
        instant = AS_OF
    elif rest == 0 and days > 0:
        instant = f"{{{{ days_ago({days}) }}}}"
    else:
        instant = f"{{{{ hours_from_now({-operand.hours}) }}}}"
    return f"cast({instant} as date)" if operand.is_date else instant


def text_literal(text: str) -> str:
    """A text between quotes, through a macro where an engine or Jinja could misread it."""
    if _PLAIN_TEXT.match(text):
        return f"'{text}'"
    return f"{{{{ text_literal({jinja_text(text)}) }}}}"


def jinja_text(text: str) -> str:
    """A text as a string of Jinja.

    A JSON string is a Jinja string; braces, percent signs and number signs are spelled out so
    that not even a reader of half the file takes them for Jinja.
    """
    quoted = json.dumps(text, ensure_ascii=False)
    for character in "{}%#":
        quoted = quoted.replace(character, f"\\u{ord(character):04x}")
    return quoted
