"""Intercom's contacts: found, then updated; created where there is none; taken away.

A contact that search does not show yet refuses its creation, and is named in the refusal.
"""

import re
from collections.abc import Mapping, Sequence

from reverse_etl.destinations.intercom_answers import (
    GONE,
    RowRefusedError,
    first_error,
    id_of,
    refusal,
    success,
)
from reverse_etl.destinations.intercom_companies import find_company
from reverse_etl.destinations.intercom_requests import ask, path_of
from reverse_etl.destinations.intercom_search import (
    find_contact,
    is_of,
    matching_contacts,
)
from reverse_etl.destinations.json_answers import json_object, text
from reverse_etl.destinations.protocol import Batch, Record
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpClient
from warehouse.manifest import Json

_CONFLICTING_ID = re.compile(r"\bid=([0-9A-Za-z-]+)")
_UNSUBSCRIBED = "unsubscribed_from_emails"


class Contacts:
    """Writes contacts of one workspace.

    Args:
        client: The connection.
        role: Which contacts are looked for and created.
    """

    def __init__(self, client: HttpClient, role: str) -> None:
        self._client = client
        self._role = role
        self._company_ids: dict[str, str] = {}

    def deliver(self, record: Record, batch: Batch) -> str | None:
        """Write one contact, or take it away; Intercom's id of one that was written.

        Raises:
            RowRefusedError: Intercom does not take this record.
        """
        match batch.action:
            case Action.ARCHIVE:
                self._take_away(self._ids(record), "archived")
                return None
            case Action.DELETE:
                self._take_away(self._ids(record), "deleted")
                return None
            case Action.ERASE:
                self._take_away(self._every_id(record), "deleted")
                return None
        if record.fields.get(_UNSUBSCRIBED) is False:
            raise RowRefusedError(
                ErrorClass.CONSENT, "resubscribes", field=_UNSUBSCRIBED
            )
        contact_id = self._written(record, batch.action)
        if contact_id is None:
            return None
        company_id = record.associations.get("company")
        if company_id:
            self._attach(contact_id, company_id)
        return contact_id

    def _written(self, record: Record, action: Action) -> str | None:
        """Create or update a contact; None when there is none that is to be cleared."""
        body: dict[str, Json] = {**record.fields, **record.match}
        if body.get(_UNSUBSCRIBED, True) is None:
            del body[_UNSUBSCRIBED]
        if record.dest_id is not None and action is not Action.CREATE:
            response = ask(
                self._client, "PUT", path_of("contacts", record.dest_id), body
            )
            if response.status not in GONE:
                return id_of(response)
        found = find_contact(self._client, record, self._role)
        if found is None and record.op is Op.REMOVE:
            return None
        if found is None and action is Action.UPDATE:
            raise RowRefusedError(ErrorClass.NOT_FOUND, "not_found")
        if found is None:
            return self._created(record, body, action)
        if action is Action.CREATE:
            return found
        return id_of(ask(self._client, "PUT", path_of("contacts", found), body))

    def _created(self, record: Record, body: Mapping[str, Json], action: Action) -> str:
        """Create a contact; one that search did not show is updated instead."""
        response = ask(
            self._client,
            "POST",
            "/contacts",
            {"role": self._role, **body},
            may_be_gone=False,
        )
        if response.status != 409:
            return id_of(response)
        message = text((first_error(response) or {}).get("message")) or ""
        named = _CONFLICTING_ID.search(message)
        if named is None:
            raise refusal(response)
        path = path_of("contacts", named.group(1))
        is_archived = "archived" in message.lower()
        if is_archived and action is not Action.CREATE:
            ask(self._client, "POST", f"{path}/unarchive")
        contact = ask(self._client, "GET", path)
        if contact.status in GONE or not is_of(json_object(contact), record):
            # It shares an address with this record, but is known as somebody else.
            if is_archived and action is not Action.CREATE:
                ask(self._client, "POST", f"{path}/archive")
            raise RowRefusedError(ErrorClass.CONFLICT, "conflict")
        if action is Action.CREATE:
            return id_of(contact)
        return id_of(ask(self._client, "PUT", path, {**body}))

    def _ids(self, record: Record) -> Sequence[str]:
        """The one contact that a record is about, if there is one."""
        found = record.dest_id or find_contact(self._client, record, self._role)
        return () if found is None else (found,)

    def _every_id(self, record: Record) -> Sequence[str]:
        """Every contact that a privacy request is about, users and leads alike."""
        ids = {
            text(each.get("id"))
            for each in matching_contacts(self._client, record, None)
        }
        return sorted({each for each in (*ids, record.dest_id) if each})

    def _take_away(self, ids: Sequence[str], done: str) -> None:
        for contact_id in ids:
            path = path_of("contacts", contact_id)
            response = (
                ask(self._client, "POST", f"{path}/archive")
                if done == "archived"
                else ask(self._client, "DELETE", path)
            )
            if response.status in GONE:
                continue
            if success(response).get(done) is not True:
                raise response.undocumented()

    def _attach(self, contact_id: str, company_id: str) -> None:
        known = self._company_ids.get(company_id) or find_company(
            self._client, company_id
        )
        if known is None:
            raise RowRefusedError(
                ErrorClass.NOT_FOUND, "not_found", field="company", is_retryable=True
            )
        self._company_ids[company_id] = known
        id_of(
            ask(
                self._client,
                "POST",
                f"{path_of('contacts', contact_id)}/companies",
                {"id": known},
            )
        )
