"""Salesforce: records of any object, by an external id.

Up to 200 records go to the sObject Collections resources, and each is answered for by its
place. With `api: bulk` a batch has up to 10,000 and goes as a job of the Bulk API 2.0, see
`salesforce_bulk`. Erasures are always such a job, since only it passes the recycle bin by.

Needs the address of the org, and a connected app: client id with client secret (client
credentials), or client id with user name and private key (JWT bearer).
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

from reverse_etl.auth import Claims, OAuth, client_credentials, jwt_bearer
from reverse_etl.destinations.json_answers import in_order
from reverse_etl.destinations.protocol import (
    ANY_ASSOCIATION,
    FIRST_ASSOCIATION,
    Batch,
    BatchResult,
    Capabilities,
    Credential,
    Destination,
    DestinationType,
    LimitKind,
    Opening,
    RateLimit,
    Record,
)
from reverse_etl.destinations.salesforce_answers import (
    read,
    read_feedback,
    read_results,
)
from reverse_etl.destinations.salesforce_bulk import MAX_JOB_BYTES, BulkJobs
from reverse_etl.destinations.salesforce_lookup import record_ids
from reverse_etl.destinations.salesforce_rows import (
    DATA_PATH,
    ID_FIELD,
    by_parent,
    fields_of,
    match_field,
    missing_rows,
)
from reverse_etl.errors import SyncConfigurationError
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient
from warehouse.manifest import Json

_COLLECTIONS_PATH = f"{DATA_PATH}/composite/sobjects"
_MAX_COLLECTION_ROWS = 200
_API_SETTING = "api"

COLLECTIONS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR}),
    removals=frozenset({Removal.CLEAR, Removal.DELETE}),
    max_batch_rows=_MAX_COLLECTION_ROWS,
    is_async=True,
    gives_ids=True,
    can_erase=True,
    optional_settings=(_API_SETTING,),
    associations=ANY_ASSOCIATION,
    # Children of one parent lock it: they go in one request, not in two at once.
    order_by=FIRST_ASSOCIATION,
)
BULK = dataclasses.replace(
    COLLECTIONS, max_batch_rows=10_000, max_batch_bytes=MAX_JOB_BYTES
)

_BY_API = {"collections": COLLECTIONS, "bulk": BULK}


class SalesforceDestination:
    """Speaks to one org."""

    def __init__(self, client: HttpClient, capabilities: Capabilities) -> None:
        self._client = client
        self._jobs = BulkJobs(client)
        self.capabilities = capabilities

    @property
    def request_count(self) -> int:
        """Requests made, retries included; those for tokens are not among them."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Write one batch at once, or create a job for it."""
        if not batch.rows:
            return BatchResult()
        if batch.action is Action.ERASE or len(batch.rows) > _MAX_COLLECTION_ROWS:
            return self._jobs.start(batch)
        match batch.action:
            case Action.UPSERT:
                name = match_field(batch)
                path = f"{_COLLECTIONS_PATH}/{batch.object}/{name}"
                return self._write("PATCH", path, batch, range(len(batch.rows)))
            case Action.CREATE:
                return self._write(
                    "POST", _COLLECTIONS_PATH, batch, range(len(batch.rows))
                )
            case Action.UPDATE:
                return self._update(batch)
            case Action.DELETE:
                return self._delete(batch)
            case other:
                raise ValueError(f"Salesforce has no action '{other.value}'")

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """What became of a job of the Bulk API, or None while it is under way."""
        return self._jobs.poll(job, batch)

    def _update(self, batch: Batch) -> BatchResult:
        ids = record_ids(self._client, batch)
        found = [position for position, held in enumerate(ids) if held is not None]
        missing = missing_rows(batch, ids)
        if not found:
            return BatchResult(missing)
        written = self._write("PATCH", _COLLECTIONS_PATH, batch, found, ids)
        rejected = in_order((*missing, *written.rejected))
        return BatchResult(rejected, written.dest_ids)

    def _delete(self, batch: Batch) -> BatchResult:
        ids = record_ids(self._client, batch)
        # Two rows may mean the same record; it is named once.
        places = {held: place for place, held in enumerate(ids) if held is not None}
        if not places:
            return BatchResult()
        response = self._client.request(
            "DELETE",
            _COLLECTIONS_PATH,
            query={"ids": ",".join(places), "allOrNone": "false"},
        )
        return read_results(response, batch, tuple(places.values()))

    def _write(
        self,
        method: str,
        path: str,
        batch: Batch,
        positions: Sequence[int],
        ids: Sequence[str | None] = (),
    ) -> BatchResult:
        rows = [batch.rows[position] for position in positions]
        order = [positions[place] for place in by_parent(rows)]
        records: list[Json] = [
            _record(batch, batch.rows[position], ids[position] if ids else None)
            for position in order
        ]
        response = self._client.request(
            method, path, body={"allOrNone": False, "records": records}
        )
        return read_results(response, batch, order)


def _record(batch: Batch, record: Record, record_id: str | None) -> dict[str, Json]:
    """One record as the collections take it; a parent is named by its external id."""
    body: dict[str, Json] = {
        "attributes": {"type": batch.object},
        **fields_of(batch, record),
    }
    for name, value in record.associations.items():
        relationship, _, field = name.partition(".")
        body[relationship] = {field: value} if field else value
    if record_id is None:
        body.update(record.match)
    else:
        body.pop(ID_FIELD, None)
        body["id"] = record_id
    return body


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    api = opening.settings.get(_API_SETTING, "collections")
    if api not in _BY_API:
        raise SyncConfigurationError(
            f"The setting 'api' of Salesforce is '{api}'. It is one of: "
            f"{', '.join(_BY_API)}."
        )
    with HttpClient(
        opening.plain("url"),
        _auth(opening),
        opening.http,
        read=read,
        read_feedback=read_feedback,
    ) as client:
        yield SalesforceDestination(client, _BY_API[api])


def _auth(opening: Opening) -> OAuth:
    url = opening.plain("url").rstrip("/")
    token_url = f"{url}/services/oauth2/token"
    client_id = opening.plain("client_id")
    user, secret = opening.plain("username"), opening.credentials["client_secret"]
    if user:
        return jwt_bearer(
            token_url,
            Claims(issuer=client_id, subject=user, audience=opening.plain("login_url")),
            private_key=opening.credentials["private_key"],
        )
    if secret.reveal():
        return client_credentials(token_url, client_id=client_id, client_secret=secret)
    raise SyncConfigurationError(
        f"The destination '{opening.account}' needs either client_secret, or username "
        "and private_key. docs/destinations/salesforce.md says what they are."
    )


DESTINATION = DestinationType(
    name="salesforce",
    label="Salesforce",
    objects={"*": COLLECTIONS},
    credentials=(
        Credential(
            "url", "My Domain of the org: https://….my.salesforce.com", is_secret=False
        ),
        Credential("client_id", "consumer key of the connected app", is_secret=False),
        Credential("client_secret", "its secret, for client credentials", default=""),
        Credential(
            "username", "user that it acts as, for JWT", is_secret=False, default=""
        ),
        Credential("private_key", "RSA key as PEM, for JWT", default=""),
        Credential(
            "login_url",
            "audience for JWT; https://test.salesforce.com for a sandbox",
            is_secret=False,
            default="https://login.salesforce.com",
        ),
    ),
    open=_open,
    limits=(
        RateLimit(25, kind=LimitKind.CONCURRENCY),
        RateLimit(100_000, 86_400.0, kind=LimitKind.DAILY),
    ),
)
