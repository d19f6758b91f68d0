"""What Iterable is told of a user, and what it must not be told. Pure."""

from collections.abc import Sequence

from reverse_etl.destinations.iterable_answers import EMAIL, USER_ID, folded
from reverse_etl.destinations.protocol import Batch, Record, key_of
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from warehouse.manifest import Json

_CONSENT_FIELDS = frozenset(
    {
        "emailListIds",
        "subscribedMessageTypeIds",
        "unsubscribedChannelIds",
        "unsubscribedMessageTypeIds",
    }
)


def user_key(record: Record) -> tuple[str, str]:
    """What a user is found by: name and value."""
    return key_of(record, EMAIL, USER_ID)


def user_body(record: Record, batch: Batch) -> dict[str, Json]:
    """A profile: the address identifies it, and else the user id.

    Nested objects are merged, so that what the mapping does not name is left as it is.
    """
    name, value = user_key(record)
    others: dict[str, Json] = {
        other: text for other, text in record.match.items() if other != name
    }
    user: dict[str, Json] = {name: value}
    data = {**record.fields, **others}
    if data:
        user.update(dataFields=data, mergeNestedObjects=True)
    if name == USER_ID and batch.settings.get("prefer_user_id") == "true":
        user["preferUserId"] = True
    return user


def event_body(record: Record, event_name: str) -> Json:
    """A custom event, whose id makes a second one of it replace the first."""
    fields = dict(record.fields)
    event: dict[str, Json] = dict([user_key(record)])
    event.update(eventName=event_name, id=record.event_id)
    if "createdAt" in fields:
        event["createdAt"] = fields.pop("createdAt")
    return {**event, "dataFields": fields}


def without_repeats(
    records: Sequence[Record],
) -> tuple[list[int], dict[int, int]]:
    """Places of the first records of each user, and of the others the place of theirs."""
    firsts: dict[tuple[str, str], int] = {}
    repeated: dict[int, int] = {}
    for place, record in enumerate(records):
        first = firsts.setdefault(folded(*user_key(record)), place)
        if first != place:
            repeated[place] = first
    return list(firsts.values()), repeated


def check_consent(records: Sequence[Record]) -> None:
    """Make sure that nobody is subscribed or unsubscribed.

    Raises:
        FatalDeliveryError: The mapping would do so.
    """
    for record in records:
        named = _CONSENT_FIELDS.intersection(record.fields)
        if named:
            raise FatalDeliveryError(
                f"The mapping sets {', '.join(sorted(named))}, which would subscribe or "
                "unsubscribe people without a word of theirs. Nothing was sent. Take it "
                "out of the mapping; for a list there is the object list_members.",
                error_class=ErrorClass.CONFIG,
            )
