"""Intercom's companies, which it finds by our own id itself."""

from reverse_etl.destinations.intercom_answers import (
    GONE,
    RowRefusedError,
    id_of,
    success,
)
from reverse_etl.destinations.intercom_objects import COMPANY_ID
from reverse_etl.destinations.intercom_requests import ask, path_of
from reverse_etl.destinations.json_answers import text
from reverse_etl.destinations.protocol import Batch, Record
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpClient
from warehouse.manifest import Json


class Companies:
    """Writes companies of one workspace."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def deliver(self, record: Record, batch: Batch) -> str | None:
        """Write one company, or delete it; Intercom's id of one that was written.

        Raises:
            RowRefusedError: Intercom does not take this record.
        """
        company_id = record.match[COMPANY_ID]
        if batch.action is Action.UPSERT:
            body: dict[str, Json] = {**record.fields, COMPANY_ID: company_id}
            return id_of(
                ask(self._client, "POST", "/companies", body, may_be_gone=False)
            )
        known = record.dest_id or find_company(self._client, company_id)
        if batch.action is Action.DELETE:
            if known is not None:
                response = ask(self._client, "DELETE", path_of("companies", known))
                if response.status not in GONE:
                    id_of(response)
            return None
        if known is not None:
            changed = ask(
                self._client, "PUT", path_of("companies", known), {**record.fields}
            )
            if changed.status not in GONE:
                return id_of(changed)
        if record.op is Op.REMOVE:
            return None
        raise RowRefusedError(ErrorClass.NOT_FOUND, "not_found")


def find_company(client: HttpClient, company_id: str) -> str | None:
    """Intercom's own id of a company that is known by ours."""
    response = ask(client, "GET", "/companies", query={COMPANY_ID: company_id})
    if response.status == 404:
        return None
    found = success(response)
    listed = found.get("data")
    companies = listed if isinstance(listed, list) else [found]
    return next(
        (
            text(each.get("id"))
            for each in companies
            if isinstance(each, dict) and each.get(COMPANY_ID) == company_id
        ),
        None,
    )
