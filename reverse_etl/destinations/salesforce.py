"""Salesforce: records of any object, by an external id.

Up to 200 records go to the sObject Collections resources, and each is answered for by its
place. With `api: bulk` a batch has up to 10,000 and goes as a job of the Bulk API 2.0, see
`salesforce_bulk`. Erasures are always such a job, since only it passes the recycle bin by.

Needs the address of the org, and a connected app: client id with client secret (client
credentials), or client id with user name and private key (JWT bearer).
"""

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence

from reverse_etl.auth import Claims, OAuth, client_credentials, jwt_bearer
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
    RejectedRow,
)
from reverse_etl.destinations.salesforce_bulk import MAX_JOB_BYTES, BulkJobs
from reverse_etl.destinations.salesforce_rows import (
    DATA_PATH,
    ID_FIELD,
    by_parent,
    error_class_of,
    fields_of,
    is_code,
    match_field,
    missing_rows,
    record_ids,
    refused_row,
)
from reverse_etl.errors import ErrorClass, FatalDeliveryError, SyncConfigurationError
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import (
    Feedback,
    HttpClient,
    OutOfQuota,
    Reading,
    Refused,
    Response,
    Stopped,
    Throttled,
)
from warehouse.manifest import Json

_COLLECTIONS_PATH = f"{DATA_PATH}/composite/sobjects"
_MAX_COLLECTION_ROWS = 200
_API_SETTING = "api"
_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_QUOTA_RESUME_S = 3_600.0
"""The quota is that of the last 24 hours, so that some of it comes back all the time."""

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
_CONFIG_CODES = frozenset({"INVALID_TYPE", "NOT_FOUND"})
_PERMISSION_CODES = frozenset({"FEATURENOTENABLED", "INSUFFICIENT_ACCESS"})


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
        rejected = sorted((*missing, *written.rejected), key=lambda row: row.position)
        return BatchResult(tuple(rejected), written.dest_ids)

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
        return _read_results(response, batch, tuple(places.values()))

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
        return _read_results(response, batch, order)


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


def _read_results(
    response: Response, batch: Batch, positions: Sequence[int]
) -> BatchResult:
    """One result for each record, in the order of the request, whatever the status."""
    results = response.json()
    if not isinstance(results, list) or len(results) != len(positions):
        raise response.undocumented()
    rejected: list[RejectedRow] = []
    dest_ids: dict[int, str] = {}
    for position, result in zip(positions, results, strict=True):
        is_success = result.get("success") if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(is_success, bool):
            raise response.undocumented()
        record_id = result.get("id")
        if not is_success:
            refused = refused_row(batch, position, *_code_and_field(result))
            rejected += [] if refused is None else [refused]
        elif isinstance(record_id, str) and batch.action is not Action.DELETE:
            dest_ids[position] = record_id
    return BatchResult(tuple(sorted(rejected, key=lambda row: row.position)), dest_ids)


def _code_and_field(result: Mapping[str, Json]) -> tuple[str | None, str | None]:
    errors = result.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return None, None
    code, fields = first.get("statusCode"), first.get("fields")
    field = fields[0] if isinstance(fields, list) and fields else None
    return (
        code if isinstance(code, str) else None,
        field if isinstance(field, str) else None,
    )


def _read(response: Response) -> Reading | None:
    """Refusals are a list of codes; what they mean does not follow from the status."""
    if response.status not in (400, 403, 404):
        return None
    code, message = _first_error(response)
    known = code if is_code(code) else None
    if code == "REQUEST_LIMIT_EXCEEDED":
        # The same code stands for too many at once, and for too many in a day.
        is_at_once = message.startswith("Concurrent")
        return Throttled() if is_at_once else OutOfQuota(_QUOTA_RESUME_S)
    if code in _PERMISSION_CODES:
        return Stopped(ErrorClass.PERMISSION, known)
    if response.status != 400 or "/jobs/ingest/" in response.place:
        # `salesforce_bulk` reads the refusals of a job that is there by itself.
        return None
    if code in _CONFIG_CODES or response.place.endswith("/jobs/ingest"):
        # A job is refused for what it is; its rows are not there yet.
        return Stopped(ErrorClass.CONFIG, known)
    return Refused(known, error_class_of(code))


def _first_error(response: Response) -> tuple[str, str]:
    try:
        body = response.json()
    except FatalDeliveryError:
        return "", ""
    first = body[0] if isinstance(body, list) and body else None
    if not isinstance(first, dict):
        return "", ""
    return str(first.get("errorCode", "")), str(first.get("message", ""))


def _read_feedback(response: Response) -> Feedback | None:
    """`Sforce-Limit-Info: api-usage=18/5000`: used and allowed in 24 hours."""
    found = _USAGE.search(response.headers.get("sforce-limit-info", ""))
    if found is None:
        return None
    used, allowed = int(found.group(1)), int(found.group(2))
    return Feedback(is_throttled=False, remaining=max(0, allowed - used))


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
        read=_read,
        read_feedback=_read_feedback,
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
