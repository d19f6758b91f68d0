"""What a normaliser is, and the ways to make one of a rule. No platform's rule lives here."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from reverse_etl.errors import SyncConfigurationError

Rule: TypeAlias = Callable[[str], str | None]
"""Text as a person or a system wrote it, to text as the platform wants it, or None."""

RegionRule: TypeAlias = Callable[[str, str | None], str | None]
"""The same for text that needs a default region (ISO alpha-2) to be read."""

_HASH = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Makes one kind of identifier ready for one platform.

    Attributes:
        name: What a mapping writes, "meta.email" for instance.
        version: Grows when the same value gives another result, and so the hashes that the
            platform holds are not the ones that would be sent now.
        apply: Takes a value and a default region (ISO alpha-2, or None); gives text ready to
            send, or None for a value that is empty or invalid.
        is_hashing: Whether the result is a SHA-256 digest, in lower-case hex.
        takes_hashes: Whether its column holds such digests already.
    """

    name: str
    version: int
    apply: RegionRule
    is_hashing: bool = False
    takes_hashes: bool = False

    @property
    def fingerprint(self) -> str:
        """Equal for normalisers that give the same for every value."""
        return f"{self.name}@{self.version}{' hashed' if self.takes_hashes else ''}"

    def for_hashed(self) -> "Normaliser":
        """The normaliser for a column that is declared to hold digests already.

        It lets digests through in lower case, and gives None for everything else.

        Raises:
            SyncConfigurationError: The platform wants this identifier in clear.
        """
        if not self.is_hashing:
            raise SyncConfigurationError(
                f"'{self.name}' is sent as it is, so its column cannot hold hashes. "
                "Take `hashed: true` away, and give the identifier in clear."
            )
        return replace(self, apply=_digest_as_it_is, takes_hashes=True)


def in_clear(name: str, version: int, rule: Rule) -> Normaliser:
    """A normaliser whose result is not hashed."""
    return Normaliser(name, version, lambda value, _: rule(value))


def hashed(name: str, version: int, rule: Rule) -> Normaliser:
    """A normaliser whose result is hashed."""
    return hashed_by_region(name, version, lambda value, _: rule(value))


def hashed_by_region(name: str, version: int, rule: RegionRule) -> Normaliser:
    """A normaliser whose result is hashed, and whose rule needs the default region."""

    def apply(value: str, region: str | None) -> str | None:
        # A digest in a column that nobody declared to hold digests would be hashed twice,
        # and match nobody.
        if is_digest(value):
            return None
        text = rule(value, region)
        return sha256(text) if text else None

    return Normaliser(name, version, apply, is_hashing=True)


def sha256(text: str) -> str:
    """The SHA-256 digest of a text's UTF-8, in lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_digest(value: str) -> bool:
    """Whether a value is a SHA-256 digest in hex, as far as its form tells."""
    return len(value) >= 64 and _HASH.fullmatch(value.strip()) is not None


def _digest_as_it_is(value: str, region: str | None) -> str | None:
    del region
    return value.strip().lower() if is_digest(value) else None
