"""Marketo Engage: leads up to 300 at a time, and who is in a static list.

`POST /rest/v1/leads.json` answers for each lead in order. Lists and deletions want
Marketo's own ids, which come with earlier answers or are looked up. Credentials: client id
and secret of a custom service in LaunchPoint.
"""

import contextlib
from collections.abc import Iterator, Mapping

from reverse_etl.auth import client_credentials
from reverse_etl.destinations.marketo_answers import (
    lead_id,
    reader,
    refused_with,
    rejected_row,
    results,
)
from reverse_etl.destinations.marketo_by_id import change_list, delete_leads
from reverse_etl.destinations.marketo_lookup import MAX_ROWS
from reverse_etl.destinations.marketo_requests import MAX_BYTES, send
from reverse_etl.destinations.marketo_rows import (
    batch_result,
    is_done,
    lead_body,
    lookup_field,
    unsendable,
)
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Credential,
    Destination,
    DestinationType,
    LimitKind,
    Opening,
    RateLimit,
)
from reverse_etl.errors import JobLostError, SyncConfigurationError
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient
from warehouse.manifest import Json

LEADS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR}),
    removals=frozenset({Removal.CLEAR, Removal.DELETE}),
    max_batch_rows=MAX_ROWS,
    max_batch_bytes=MAX_BYTES,
    gives_ids=True,
    can_erase=True,
    optional_settings=("partition",),
)
LIST_MEMBERS = Capabilities(
    modes=frozenset({Mode.MIRROR, Mode.ADD, Mode.REMOVE}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=MAX_ROWS,
    is_membership=True,
    gives_ids=True,
    settings=("list_id",),
)
OBJECTS = {"leads": LEADS, "list_members": LIST_MEMBERS}

_LEAD_ACTIONS: Mapping[Action, str] = {
    Action.UPSERT: "createOrUpdate",
    Action.CREATE: "createOnly",
    Action.UPDATE: "updateOnly",
}


class MarketoDestination:
    """Speaks to one instance about leads, or about one list.

    Args:
        client: The connection.
        object_name: One of `OBJECTS`.
    """

    def __init__(self, client: HttpClient, object_name: str) -> None:
        self.capabilities = OBJECTS[object_name]
        self._client = client

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Write, delete or erase leads, or change who is in the list."""
        if not batch.rows:
            return BatchResult()
        match batch.action:
            case Action.DELETE | Action.ERASE:
                return delete_leads(self._client, batch)
            case Action.ADD | Action.REMOVE:
                return change_list(self._client, batch)
        return self._written(batch)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Marketo has no jobs here.")

    def _written(self, batch: Batch) -> BatchResult:
        name = lookup_field(batch.rows)
        rejected = dict(unsendable(batch.rows, name))
        sent = [place for place in range(len(batch.rows)) if place not in rejected]
        if not sent:
            return batch_result(rejected)
        body: dict[str, Json] = {
            "action": _LEAD_ACTIONS[batch.action],
            "lookupField": name,
            "input": [lead_body(batch.rows[place]) for place in sent],
        }
        if "partition" in batch.settings:
            body["partitionName"] = batch.settings["partition"]
        response = send(self._client, "POST", "/rest/v1/leads.json", body)
        found = results(response)
        if len(found) != len(sent):
            raise response.undocumented()
        dest_ids: dict[int, str] = {}
        for place, result in zip(sent, found, strict=True):
            code = refused_with(result, response)
            known = lead_id(result)
            if code is None and known is None:
                raise response.undocumented()
            if known is not None:
                dest_ids[place] = str(known)
            if code is not None and not is_done(code, batch.rows[place], batch.action):
                rejected[place] = rejected_row(place, code, result)
        return batch_result(rejected, dest_ids)


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    list_id = opening.settings.get("list_id", "0")
    if not list_id.isdecimal():
        raise SyncConfigurationError(
            f"The setting list_id of '{opening.account}' is '{list_id}'. The id of a "
            "static list in Marketo is a number: it is in the list's address, behind ST."
        )
    url = opening.plain("url").rstrip("/")
    auth = client_credentials(
        f"{url}/identity/oauth/token",
        client_id=opening.plain("client_id"),
        client_secret=opening.credentials["client_secret"],
        is_query=True,
    )
    with HttpClient(url, auth, opening.http, read=reader(opening.http.now)) as client:
        yield MarketoDestination(client, opening.object)


DESTINATION = DestinationType(
    name="marketo",
    label="Marketo Engage",
    objects=OBJECTS,
    credentials=(
        Credential(
            "url",
            "address of the instance, like https://123-ABC-456.mktorest.com",
            is_secret=False,
        ),
        Credential("client_id", "client id of the custom service", is_secret=False),
        Credential("client_secret", "client secret of the custom service"),
    ),
    open=_open,
    # Of the whole instance: other integrations count too.
    limits=(
        RateLimit(100, 20.0),
        RateLimit(10, kind=LimitKind.CONCURRENCY),
        RateLimit(50_000, 86_400.0, kind=LimitKind.DAILY),
    ),
)
