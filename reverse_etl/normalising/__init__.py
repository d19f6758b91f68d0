"""Identifiers as each platform wants them: one rule for each platform and field. Pure.

A platform finds a person by the hash of an address or a number, so both sides must hash the
same text, and no two platforms agree on what that text is. One module per platform holds its
rules; `NORMALISERS` gives them by the names that a mapping writes. An empty or invalid value
is left out and never hashed: the hash of nothing matches nobody, and hides the fault.
"""

from collections.abc import Mapping

from reverse_etl.normalising import google, linkedin, meta, neutral, tiktok
from reverse_etl.normalising.normaliser import Normaliser

__all__ = ["NORMALISERS", "Normaliser"]

NORMALISERS: Mapping[str, Normaliser] = {
    normaliser.name: normaliser
    for platform in (neutral, google, linkedin, meta, tiktok)
    for normaliser in platform.NORMALISERS
}
"""Every normaliser by its name."""
