"""Telephone numbers in their international form, E.164. What platforms do to it is theirs.

The numbering plans come with the package phonenumberslite, which the extra `ads` installs.
"""

import functools
from types import ModuleType

from reverse_etl.errors import SyncConfigurationError
from reverse_etl.normalising.written import half_width


def e164(value: str, region: str | None) -> str | None:
    """A number as +<country code><number>, or None when no such number can exist.

    Args:
        value: As it was written. An extension is left out.
        region: ISO alpha-2 code of the country whose numbers are written without their
            country code; without it such a number is None.

    Raises:
        SyncConfigurationError: phonenumberslite is not installed, or there is no such
            region.
    """
    phonenumbers = _phonenumbers()
    home = None if region is None else _known_region(region)
    text = half_width(value).strip()
    if home is None and text.startswith("00"):
        text = f"+{text[2:]}"
    try:
        number = phonenumbers.parse(text, home)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@functools.cache
def _known_region(region: str) -> str:
    code = region.strip().upper()
    if code not in _phonenumbers().SUPPORTED_REGIONS:
        raise SyncConfigurationError(
            f"'{region}' is no region that telephone numbers could be read by. Give the "
            "two letters of its ISO code: NL, DE, US."
        )
    return code


@functools.cache
def _phonenumbers() -> ModuleType:
    try:
        import phonenumbers  # noqa: PLC0415  an extra, and slow to import
    except ImportError:
        raise SyncConfigurationError(
            "Telephone numbers need the package phonenumberslite. Install the extra that "
            "has it: pip install 'kenning[ads]'."
        ) from None
    module: ModuleType = phonenumbers
    return module
