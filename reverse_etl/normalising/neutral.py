"""Normalisers of no platform in particular."""

from reverse_etl.normalising.normaliser import Normaliser, in_clear, sha256
from reverse_etl.normalising.phones import e164
from reverse_etl.normalising.written import trimmed


def _sha256(value: str, region: str | None) -> str | None:
    del region
    return sha256(value) if trimmed(value) else None


NORMALISERS = (
    in_clear("trim", 1, lambda value: trimmed(value) or None),
    in_clear("lower", 1, lambda value: trimmed(value).lower() or None),
    Normaliser("e164", 1, e164),
    # Of the value exactly as it is: what to do to it before is the platforms' question.
    Normaliser("sha256", 1, _sha256, is_hashing=True),
)
