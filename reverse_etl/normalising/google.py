"""Google's rules, for Customer Match through the Data Manager API.

Country, postal code and device id go in clear. In a gmail.com address neither dots nor what
follows a plus sign tell people apart.
"""

import re
import unicodedata

from reverse_etl.normalising.normaliser import (
    Normaliser,
    hashed,
    hashed_by_region,
    in_clear,
)
from reverse_etl.normalising.phones import e164
from reverse_etl.normalising.written import (
    country,
    device_id,
    email_without_spaces,
    postal_code,
    visible,
)

_GMAIL_DOMAINS = frozenset({"gmail.com", "googlemail.com"})
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam"})
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "esq"})
_US_CODE = re.compile(r"([0-9]{5})-?([0-9]{4})")


def _email(value: str) -> str | None:
    address = email_without_spaces(value)
    if address is None:
        return None
    local, _, domain = address.partition("@")
    if domain not in _GMAIL_DOMAINS:
        return address
    mailbox = local.partition("+")[0].replace(".", "")
    return f"{mailbox}@{domain}" if mailbox else None


def _words(value: str) -> list[str]:
    """A name's words in lower case, without punctuation."""
    letters = "".join(
        char
        for char in visible(value).lower()
        if not unicodedata.category(char).startswith("P") and char not in "`\u00b4"
    )
    return letters.split()


def _first_name(value: str) -> str | None:
    words = _words(value)
    while words and words[0] in _TITLES:
        words = words[1:]
    return " ".join(words) or None


def _last_name(value: str) -> str | None:
    words = _words(value)
    # A name that is nothing but a suffix is somebody's name.
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words = words[:-1]
    return " ".join(words) or None


def _postal_code(value: str, region: str | None) -> str | None:
    code = postal_code(value)
    if code is not None and region is not None and region.strip().upper() == "US":
        # Nine digits without their dash.
        code = _US_CODE.sub(r"\1-\2", code)
    return code


NORMALISERS = (
    hashed("google.email", 1, _email),
    hashed_by_region("google.phone", 1, e164),
    hashed("google.first_name", 1, _first_name),
    hashed("google.last_name", 1, _last_name),
    in_clear("google.country", 1, country),
    Normaliser("google.postal_code", 1, _postal_code),
    in_clear("google.device_id", 1, device_id),
)
