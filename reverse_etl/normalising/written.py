"""How people and systems write addresses, names, countries: pieces that platforms' rules share.

Whether a platform uses a piece, and what it does beyond it, is in the platform's own module.
"""

import re
import unicodedata

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_COUNTRY = re.compile(r"[A-Z]{2}")
_POSTAL_CODE = re.compile(r"(?=.*[0-9])[A-Z0-9][A-Z0-9 -]*")
_DEVICE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NO_DEVICE_ID = "00000000-0000-0000-0000-000000000000"

# Quotes and dashes that word processors put where people type ASCII ones.
_TYPOGRAPHY = {
    **dict.fromkeys(map(ord, "\u2018\u2019\u201b\u02bc\u02b9\uff07\u00b4\u0060"), "'"),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212\uff0d"), "-"),
}

_NOT_ISO_COUNTRIES = {"UK": "GB"}
"""Codes that people write for a country, and the country's own."""


def visible(value: str) -> str:
    """Text without what cannot be seen: joiners, direction and byte-order marks, controls.

    Letters are composed, so that an accent that was written as a second character is part of
    its letter, as it is where people type it.
    """
    if value.isascii() and value.isprintable():
        return value
    composed = unicodedata.normalize("NFC", value)
    return "".join(
        char
        for char in composed
        if char.isspace() or unicodedata.category(char) not in ("Cf", "Cc")
    )


def trimmed(value: str) -> str:
    """Visible text, with single spaces inside and none around it."""
    return " ".join(visible(value).split())


def half_width(value: str) -> str:
    """Text whose wide and other variant characters are the plain ones that they stand for."""
    text = visible(value)
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def email(value: str) -> str | None:
    """An address in lower case, or None when it is none. White space inside makes it none."""
    text = half_width(value).strip().lower()
    return text if _EMAIL.fullmatch(text) else None


def email_without_spaces(value: str) -> str | None:
    """An address in lower case, with no white space anywhere, or None when it is none."""
    return email("".join(half_width(value).split()))


def typed(value: str) -> str:
    """Visible text with the quotes and dashes that keyboards have."""
    return visible(value).translate(_TYPOGRAPHY)


def country(value: str) -> str | None:
    """An ISO alpha-2 code in capitals, or None when the value is none."""
    text = trimmed(value).upper()
    text = _NOT_ISO_COUNTRIES.get(text, text)
    return text if _COUNTRY.fullmatch(text) else None


def postal_code(value: str) -> str | None:
    """A postal code in capitals, or None when the value cannot be one."""
    text = trimmed(typed(half_width(value))).upper()
    return text if _POSTAL_CODE.fullmatch(text) else None


def device_id(value: str) -> str | None:
    """An advertising id in lower case, or None: no id, or the id of those who opted out."""
    text = value.strip().lower()
    return text if text != _NO_DEVICE_ID and _DEVICE_ID.fullmatch(text) else None
