"""What an identifier is, how a typed one is read, and how one is shown to nobody. Pure."""

import re
from dataclasses import dataclass, field

_PHONE_PUNCTUATION = re.compile(r"[\s().\-/]")
_TYPED = re.compile(r"\s*(?P<type>[a-z][a-z0-9_]*):(?P<value>.+)", re.DOTALL)
_MASK = "…"


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One identifier; its value may be a person's and stays out of the repr."""

    type: str
    value: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.type}:{self.value}"


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read what was typed: the values it may have, of one type or of any."""

    type: str | None
    values: tuple[str, ...] = field(repr=False)


def candidates(typed: str) -> tuple[str, ...]:
    """The values that an identifier may have in the graph, for one as a person types it.

    As typed; without blanks around and in lower case, like an e-mail address; in upper case without
    blanks and dashes, like a loyalty card; as a phone number with its plus.
    """
    trimmed = typed.strip()
    phone = _PHONE_PUNCTUATION.sub("", trimmed)
    if phone.startswith("00"):
        phone = f"+{phone[2:]}"
    if phone.isdigit():
        phone = f"+{phone}"
    return tuple(
        dict.fromkeys(
            [
                typed,
                trimmed,
                trimmed.lower(),
                re.sub(r"[\s\-]", "", trimmed).upper(),
                phone,
            ]
        )
    )


def readings(typed: str) -> tuple[Reading, ...]:
    """How an identifier may be meant: `type:value` first, where it looks like that."""
    of_any_type = Reading(None, candidates(typed))
    found = _TYPED.fullmatch(typed)
    if found is None:
        return (of_any_type,)
    return (Reading(found["type"], candidates(found["value"])), of_any_type)


def masked(identifier: Identifier) -> str:
    """The identifier by its type, the ends of its value and its length.

    Enough for an operator to find it again in the graph, too little to write to anyone.
    """
    value = identifier.value
    if len(value) < 6:
        return f"{identifier.type}:{_MASK}"
    return f"{identifier.type}:{value[0]}{_MASK}{value[-1]} ({len(value)})"
