"""One contact of Mailchimp with a request of its own: updated, archived or erased.

A contact and an audience that are not there get the same answer, and are told apart.
"""

from urllib.parse import quote

from reverse_etl.destinations.json_answers import json_object
from reverse_etl.destinations.mailchimp_answers import ARCHIVED, rejected_row
from reverse_etl.destinations.mailchimp_rows import (
    EMAIL,
    cannot_clear,
    folded,
    member_body,
    member_id,
)
from reverse_etl.destinations.protocol import Batch, Record, RejectedRow, Settings
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpClient


class SingleContacts:
    """Changes contacts of one audience, each with a request of its own."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._is_audience_known = False

    def change(self, batch: Batch, position: int, record: Record) -> RejectedRow | None:
        """Update, archive or erase one contact of a batch.

        Returns:
            Why Mailchimp refused it; None when it is as it should be.
        """
        email = record.match[EMAIL]
        place = f"{list_path(batch.settings)}/members/"
        path, shown = f"{place}{member_id(email)}", f"{place}…"
        match batch.action:
            case Action.ARCHIVE:
                response = self._client.request(
                    "DELETE", path, accepts=frozenset({404, 405}), shown_path=shown
                )
                if response.status == 405 and not self._is_archived(path, shown):
                    return RejectedRow(position, ErrorClass.CONFLICT, "cannot_archive")
            case Action.ERASE:
                response = self._client.request(
                    "POST",
                    f"{path}/actions/delete-permanent",
                    accepts=frozenset({404}),
                    shown_path=f"{shown}/actions/delete-permanent",
                )
            case Action.UPDATE:
                return self._update(batch, position, record, path, shown)
            case other:
                raise ValueError(f"Mailchimp has no action '{other.value}'")
        if response.status == 404:
            self._check_audience(batch.settings)
        elif response.status not in (204, 405):
            raise response.undocumented()
        return None

    def _is_archived(self, path: str, shown: str) -> bool:
        """Whether a contact that cannot be archived is so already."""
        response = self._client.request(
            "GET", path, query={"fields": "status"}, shown_path=shown
        )
        body = response.json()
        return isinstance(body, dict) and body.get("status") == ARCHIVED

    def _check_audience(self, settings: Settings) -> None:
        """A missing contact and a missing audience get the same answer; tell them apart.

        Raises:
            FatalDeliveryError: There is no such audience.
        """
        if not self._is_audience_known:
            self._client.request("GET", list_path(settings), query={"fields": "id"})
            self._is_audience_known = True

    def _update(
        self, batch: Batch, position: int, record: Record, path: str, shown: str
    ) -> RejectedRow | None:
        member, uncleared = member_body(record)
        if uncleared is not None:
            return cannot_clear(position, uncleared)
        response = self._client.request(
            "PATCH",
            path,
            body=member,
            query=write_query(batch.settings),
            accepts=frozenset({400, 404}),
            shown_path=shown,
        )
        if response.status == 404:
            self._check_audience(batch.settings)
            is_gone = record.op is Op.REMOVE
            return None if is_gone else RejectedRow(position, ErrorClass.NOT_FOUND)
        body = json_object(response)
        if response.status == 400:
            return rejected_row(position, body, ("title", "detail"))
        if response.status != 200 or folded(body.get(EMAIL)) != folded(
            record.match[EMAIL]
        ):
            raise response.undocumented()
        return None


def list_path(settings: Settings) -> str:
    """The path of the sync's audience."""
    return f"/3.0/lists/{quote(settings['list_id'], safe='')}"


def write_query(settings: Settings) -> dict[str, str]:
    """Parameters of every request that writes."""
    if settings.get("skip_merge_validation") == "true":
        return {"skip_merge_validation": "true"}
    return {}
