"""Which contact of Intercom a record is about.

Search finds by address too, and an address may be somebody else's: our own id decides.
"""

from collections.abc import Sequence

from reverse_etl.destinations.intercom_answers import RowRefusedError, success
from reverse_etl.destinations.intercom_objects import EMAIL, EXTERNAL_ID
from reverse_etl.destinations.intercom_requests import ask
from reverse_etl.destinations.json_answers import JsonObject, text
from reverse_etl.destinations.protocol import Record
from reverse_etl.errors import ErrorClass
from reverse_etl.transport import HttpClient
from warehouse.manifest import Json


def find_contact(client: HttpClient, record: Record, role: str | None) -> str | None:
    """The id of the contact that has a record's identifiers.

    Raises:
        RowRefusedError: Several have, so that nobody can tell which one it is.
    """
    matching = matching_contacts(client, record, role)
    wanted = record.match.get(EXTERNAL_ID)
    exact = [each for each in matching if wanted and each[EXTERNAL_ID] == wanted]
    candidates = exact or matching
    if len(candidates) > 1:
        raise RowRefusedError(ErrorClass.CONFLICT, "several_contacts")
    return text(candidates[0].get("id")) if candidates else None


def matching_contacts(
    client: HttpClient, record: Record, role: str | None
) -> Sequence[JsonObject]:
    """Contacts that have one of a record's identifiers, and are not somebody else's.

    Raises:
        FatalDeliveryError: The answer is not a list of contacts.
    """
    response = ask(
        client, "POST", "/contacts/search", _search(record, role), may_be_gone=False
    )
    data = success(response).get("data")
    if not isinstance(data, list):
        raise response.undocumented()
    found = [each for each in data if isinstance(each, dict)]
    if len(found) != len(data) or not all(text(each.get("id")) for each in found):
        raise response.undocumented()
    return [each for each in found if is_of(each, record)]


def _search(record: Record, role: str | None) -> Json:
    filters: list[Json] = [
        {"field": name, "operator": "=", "value": record.match[name]}
        for name in (EXTERNAL_ID, EMAIL)
        if record.match.get(name)
    ]
    query: Json = (
        filters[0] if len(filters) == 1 else {"operator": "OR", "value": filters}
    )
    if role is not None:
        of_role: Json = {"field": "role", "operator": "=", "value": role}
        query = {"operator": "AND", "value": [of_role, query]}
    return {"query": query}


def is_of(contact: JsonObject, record: Record) -> bool:
    """Whether a contact is the one of a record, and not somebody with the same address.

    Our id decides where both have one. Only a contact without it goes by its address.
    """
    wanted, held = record.match.get(EXTERNAL_ID), contact.get(EXTERNAL_ID)
    if wanted and held:
        return held == wanted
    email, held_email = record.match.get(EMAIL), contact.get(EMAIL)
    return (
        email is not None
        and isinstance(held_email, str)
        and held_email.casefold() == email.casefold()
    )
