"""The messy facts of real customer data, each with its share, each to be switched off alone.

A share of zero means that the fact does not occur at all. What a fact looks like is decided
in the SQL of the source that shows it; here is only how often.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Self

from demo.errors import WorldError

PLACEHOLDER_EMAILS = ("null@example.com", "test@test.com", "noreply@nordvik.example")
PLACEHOLDER_USER_IDS = ("null", "anonymous", "undefined")
PLACEHOLDER_DEVICE_ID = "00000000-0000-0000-0000-000000000000"
"""What stands where a person's own value belongs. Phones: 0000000000 and +31600000000."""


@dataclass(frozen=True, slots=True)
class Mess:
    """How often each messy fact occurs. The defaults are the realistic shares.

    Attributes:
        family_devices: Share of households with several people that own a device on which
            each of them signs in.
        store_tablets: Share of store sales for which the staff look the customer up on one of
            three tablets, which then carry thousands of people.
        placeholders: Share of typed e-mails and phones, of tracked visits and of app
            installations that hold a placeholder. At most 0.1.
        till_typos: Share of e-mails and of card numbers mistyped at the till. At most 0.4.
        guest_checkouts: Share of people who buy without an account; a quarter of it is the
            share of account holders' orders made as a guest. At most 0.6.
        crm_duplicates: Share of CRM contacts entered twice and merged; half of it stays
            unmerged, and three times as many Salesforce contacts were a lead before. At
            most 0.3.
        email_variants: Share of typed e-mails with other dots (Gmail) or a plus tag. At most
            0.2.
        phone_formats: Share of phone numbers not written as E.164.
        text_noise: Share of typed e-mails, cards and names with odd case, blanks, a display
            name, or without their diacritics. At most 0.2.
        duplicate_messages: Share of Segment messages received twice; a tenth of it three
            times.
        late_messages: Share of Segment messages received one to five days after sending.
        soft_deletes: Share of records marked as deleted.
        invalid_values: Share of typed e-mails and phones that are no such thing. At most 0.1.
        changed_emails: Share of account holders who move to another e-mail address.
        reused_phones: Share of people whose phone number was somebody else's before.
        shared_emails: Share of people without an account who use the mailbox of the first
            member of their household.
        cookie_resets: Share of devices that lose their cookies now and then.

    Raises:
        WorldError: A share is out of range.
    """

    family_devices: float = 0.15
    store_tablets: float = 0.2
    placeholders: float = 0.008
    till_typos: float = 0.04
    guest_checkouts: float = 0.14
    crm_duplicates: float = 0.12
    email_variants: float = 0.04
    phone_formats: float = 0.5
    text_noise: float = 0.06
    duplicate_messages: float = 0.01
    late_messages: float = 0.02
    soft_deletes: float = 0.015
    invalid_values: float = 0.01
    changed_emails: float = 0.06
    reused_phones: float = 0.003
    shared_emails: float = 0.02
    cookie_resets: float = 0.5

    def __post_init__(self) -> None:
        for name, share in self.shares().items():
            highest = _HIGHEST_SHARE.get(name, 1.0)
            if not 0 <= share <= highest:
                raise WorldError(
                    f"Mess.{name} is {share}, but a share from 0 to {highest} is needed. "
                    "Correct it; the realistic share is the default."
                )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Every messy fact, in the order of the attributes."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def all(cls) -> Self:
        """Every messy fact in its realistic share."""
        return cls()

    @classmethod
    def none(cls) -> Self:
        """A company whose data is spotless."""
        return cls(**dict.fromkeys(cls.names(), 0.0))

    @classmethod
    def only(cls, *names: str) -> Self:
        """The named facts in their realistic share, and no other."""
        _check_names(names, cls.names())
        return cls(
            **{name: 0.0 for name in cls.names() if name not in names},
        )

    @classmethod
    def without(cls, *names: str) -> Self:
        """Every fact but the named ones."""
        _check_names(names, cls.names())
        return cls(**dict.fromkeys(names, 0.0))

    def shares(self) -> dict[str, float]:
        """Share per fact."""
        return asdict(self)

    def as_json(self) -> str:
        """Shares as JSON text, keys in the order of the attributes."""
        return json.dumps(self.shares())


# One draw decides which mishap befalls a typed value; each has its own stretch of it.
_HIGHEST_SHARE = {
    "placeholders": 0.1,
    "till_typos": 0.4,
    "guest_checkouts": 0.6,
    "crm_duplicates": 0.3,
    "email_variants": 0.2,
    "text_noise": 0.2,
    "invalid_values": 0.1,
}


def _check_names(given: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise WorldError(
            f"There is no messy fact '{unknown[0]}'. Choose from: {', '.join(known)}."
        )
