"""LinkedIn's rules, for matched audiences. Only the e-mail address is hashed."""

from collections.abc import Callable

from reverse_etl.normalising.normaliser import hashed, in_clear
from reverse_etl.normalising.written import country, device_id, email, trimmed

_LONGEST_NAME = 35
_LONGEST_TITLE = 50


def _at_most(length: int) -> Callable[[str], str | None]:
    """Text of up to so many characters. Longer text is left out: a piece of it is another."""

    def rule(value: str) -> str | None:
        text = trimmed(value)
        return text if 0 < len(text) <= length else None

    return rule


NORMALISERS = (
    hashed("linkedin.email", 1, email),
    in_clear("linkedin.first_name", 1, _at_most(_LONGEST_NAME)),
    in_clear("linkedin.last_name", 1, _at_most(_LONGEST_NAME)),
    in_clear("linkedin.title", 1, _at_most(_LONGEST_TITLE)),
    in_clear("linkedin.company", 1, lambda value: trimmed(value) or None),
    in_clear("linkedin.country", 1, country),
    in_clear("linkedin.device_id", 1, device_id),
)
