"""Intercom's tags on contacts: a list that contacts enter and leave."""

from urllib.parse import quote

from reverse_etl.destinations.intercom_answers import GONE, RowRefusedError, id_of
from reverse_etl.destinations.intercom_requests import ask, path_of
from reverse_etl.destinations.intercom_search import find_contact
from reverse_etl.destinations.protocol import Batch, Record
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action
from reverse_etl.transport import HttpClient


class Tags:
    """Tags contacts of one workspace.

    Args:
        client: The connection.
        role: Which contacts are looked for.
    """

    def __init__(self, client: HttpClient, role: str) -> None:
        self._client = client
        self._role = role
        self._known_tags: set[str] = set()

    def deliver(self, record: Record, batch: Batch) -> str | None:
        """Tag one contact, or take the tag away; Intercom's id of one that has it now.

        Raises:
            RowRefusedError: There is no such contact.
        """
        tag_id = batch.settings["tag_id"]
        if tag_id not in self._known_tags:
            # A tag that is not there stops the sync here, with its 404.
            self._client.request("GET", path_of("tags", tag_id))
            self._known_tags.add(tag_id)
        is_removal = batch.action is Action.REMOVE
        if record.dest_id is not None and self._tag(record.dest_id, tag_id, is_removal):
            return record.dest_id
        found = find_contact(self._client, record, self._role)
        if is_removal:
            if found is not None:
                self._tag(found, tag_id, is_removal)
            return None
        if found is None or not self._tag(found, tag_id, is_removal):
            raise RowRefusedError(ErrorClass.NOT_FOUND, "not_found", is_retryable=True)
        return found

    def _tag(self, contact_id: str, tag_id: str, is_removal: bool) -> bool:  # noqa: FBT001
        """Tag a contact or take its tag away; whether the contact is there."""
        path = f"{path_of('contacts', contact_id)}/tags"
        response = (
            ask(self._client, "DELETE", f"{path}/{quote(tag_id, safe='')}")
            if is_removal
            else ask(self._client, "POST", path, {"id": tag_id})
        )
        if response.status in GONE:
            return False
        if id_of(response) != tag_id:
            raise response.undocumented()
        return True
