"""Zendesk's organizations: one at a time, each found by our own id."""

from reverse_etl.destinations.protocol import Batch, BatchResult, Record, RejectedRow
from reverse_etl.destinations.zendesk_answers import (
    is_gone,
    named_id,
    named_objects,
    record_id,
    refused_record,
)
from reverse_etl.destinations.zendesk_objects import EXTERNAL_ID, ORGANIZATIONS
from reverse_etl.destinations.zendesk_rows import fields_of, is_same, is_to_leave
from reverse_etl.errors import ErrorClass, JobLostError
from reverse_etl.modes import Action
from reverse_etl.transport import HttpClient, Response
from warehouse.manifest import Json


class ZendeskOrganizations:
    """Speaks to one account about its organizations."""

    capabilities = ORGANIZATIONS

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Deliver each organization of a batch, normally one."""
        rejected: list[RejectedRow] = []
        dest_ids: dict[int, str] = {}
        for position, record in enumerate(batch.rows):
            response = self._deliver(record, batch.action)
            if response is None or is_gone(response):
                if not is_to_leave(record, batch.action):
                    rejected.append(
                        RejectedRow(position, ErrorClass.NOT_FOUND, code="NotFound")
                    )
            elif response.status >= 400:
                known = self._found(record) if batch.action is Action.CREATE else None
                if known is None:
                    rejected.append(refused_record(response, position))
                else:
                    dest_ids[position] = known
            elif batch.action is not Action.DELETE:
                dest_ids[position] = named_id(response, "organization")
            elif response.status != 204:
                raise response.undocumented()
        return BatchResult(tuple(rejected), dest_ids)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Organizations of Zendesk have no jobs.")

    def _deliver(self, record: Record, action: Action) -> Response | None:
        """The answer about one organization; None when there is none to speak of."""
        body: Json = {"organization": {**fields_of(record), **record.match}}
        if action is Action.UPSERT:
            return self._ask("POST", "/api/v2/organizations/create_or_update", body)
        if action is Action.CREATE:
            return self._ask("POST", "/api/v2/organizations", body)
        known = record.dest_id or self._found(record)
        if known is None:
            return None
        path = f"/api/v2/organizations/{known}"
        if action is Action.DELETE:
            return self._ask("DELETE", path, may_be_gone=True)
        return self._ask("PUT", path, body, may_be_gone=True)

    def _found(self, record: Record) -> str | None:
        wanted = record.match[EXTERNAL_ID]
        response = self._client.request(
            "GET", "/api/v2/organizations/search", query={EXTERNAL_ID: wanted}
        )
        return next(
            (
                record_id(each)
                for each in named_objects(response, "organizations")
                if is_same(each, record, EXTERNAL_ID)
            ),
            None,
        )

    def _ask(
        self, method: str, path: str, body: Json = None, *, may_be_gone: bool = False
    ) -> Response:
        return self._client.request(
            method,
            path,
            body=body,
            accepts=frozenset({400, 404, 422} if may_be_gone else {400, 422}),
        )
