"""Meta's rules, for custom audiences. Everything is hashed but device and external ids."""

import re
import string

from reverse_etl.normalising.normaliser import hashed, hashed_by_region, in_clear
from reverse_etl.normalising.phones import e164
from reverse_etl.normalising.written import (
    country,
    device_id,
    email,
    postal_code,
    trimmed,
    typed,
)

_GENDERS = {"m": "m", "male": "m", "f": "f", "female": "f"}
_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[T ].*)?")
_NOT_LATIN = re.compile(r"[^a-z]+")
_ZIP_PLUS_FOUR = re.compile(r"([0-9]{5})-[0-9]{4}")
_NINE_DIGITS = re.compile(r"([0-9]{5})[0-9]{4}")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WITHOUT_SEPARATORS = str.maketrans("", "", " -")

_FIRST_YEAR, _LAST_YEAR = 1900, 2099


def _phone(value: str, region: str | None) -> str | None:
    number = e164(value, region)
    return None if number is None else number.removeprefix("+")


def _name(value: str) -> str | None:
    """Lower case without ASCII punctuation and white space. Accents stay."""
    text = typed(value).lower().translate(_WITHOUT_PUNCTUATION)
    return "".join(text.split()) or None


def _initial(value: str) -> str | None:
    name = _name(value)
    return None if name is None else name[0]


def _place(value: str) -> str | None:
    """The letters a to z and nothing else, so that an accented letter is left out."""
    return _NOT_LATIN.sub("", typed(value).lower()) or None


def _postal_code(value: str, region: str | None) -> str | None:
    code = postal_code(value)
    if code is None:
        return None
    home = None if region is None else region.strip().upper()
    if home in (None, "US"):
        code = _ZIP_PLUS_FOUR.sub(r"\1", code)
    if home == "US":
        code = _NINE_DIGITS.sub(r"\1", code)
    return code.lower().translate(_WITHOUT_SEPARATORS)


def _country(value: str) -> str | None:
    code = country(value)
    return None if code is None else code.lower()


def _gender(value: str) -> str | None:
    return _GENDERS.get(trimmed(value).lower())


def _part_of_birth(value: str, part: int) -> str | None:
    """Year (1), month (2) or day (3), from the number itself or from a whole ISO date."""
    text = trimmed(value)
    date = _DATE.fullmatch(text)
    digits = text if date is None else date[part]
    if not (digits.isascii() and digits.isdecimal()):
        return None
    number = int(digits)
    if part == 1:
        return digits if _FIRST_YEAR <= number <= _LAST_YEAR else None
    return f"{number:02}" if 1 <= number <= (12 if part == 2 else 31) else None


def _birth_year(value: str) -> str | None:
    return _part_of_birth(value, 1)


def _birth_month(value: str) -> str | None:
    return _part_of_birth(value, 2)


def _birth_day(value: str) -> str | None:
    return _part_of_birth(value, 3)


NORMALISERS = (
    hashed("meta.email", 1, email),
    hashed_by_region("meta.phone", 1, _phone),
    hashed("meta.first_name", 1, _name),
    hashed("meta.last_name", 1, _name),
    hashed("meta.first_initial", 1, _initial),
    hashed("meta.gender", 1, _gender),
    hashed("meta.birth_year", 1, _birth_year),
    hashed("meta.birth_month", 1, _birth_month),
    hashed("meta.birth_day", 1, _birth_day),
    hashed("meta.city", 1, _place),
    hashed("meta.state", 1, _place),
    hashed_by_region("meta.postal_code", 1, _postal_code),
    hashed("meta.country", 1, _country),
    in_clear("meta.device_id", 1, device_id),
    in_clear("meta.external_id", 1, lambda value: trimmed(value) or None),
)
