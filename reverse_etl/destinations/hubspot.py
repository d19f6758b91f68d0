"""HubSpot: contacts, companies, deals, custom objects, and who is in a list.

Up to 100 records go in one request of the CRM objects API, v3. They are found by a property
that is unique there; lists, updates and archiving want HubSpot's record id, which is looked
up where it is not known.

Needs the access token of a private app with the scopes of what is synced.
"""

import contextlib
from collections.abc import Iterator, Sequence

from reverse_etl.destinations.hubspot_answers import (
    SentRows,
    read_batch,
    read_feedback,
    read_status,
)
from reverse_etl.destinations.hubspot_erasures import check_done, erase
from reverse_etl.destinations.hubspot_lists import change_list
from reverse_etl.destinations.hubspot_lookup import held_value, post, record_ids
from reverse_etl.destinations.hubspot_rows import (
    check,
    created,
    match_property,
    updated,
    upserted,
)
from reverse_etl.destinations.json_answers import in_order, text
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
    RejectedRow,
)
from reverse_etl.errors import BatchRefusedError, ErrorClass, JobLostError
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.transport import HttpClient, Response, TokenAuth
from warehouse.manifest import Json

_MAX_BATCH_ROWS = 100

RECORDS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR, Mode.ARCHIVE}),
    removals=frozenset({Removal.CLEAR, Removal.ARCHIVE}),
    max_batch_rows=_MAX_BATCH_ROWS,
    gives_ids=True,
)
CONTACTS = Capabilities(
    modes=RECORDS.modes,
    removals=RECORDS.removals,
    max_batch_rows=_MAX_BATCH_ROWS,
    gives_ids=True,
    can_erase=True,
)
LISTS = Capabilities(
    modes=frozenset({Mode.ADD, Mode.REMOVE, Mode.MIRROR}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=_MAX_BATCH_ROWS,
    is_membership=True,
    gives_ids=True,
    settings=("list_id",),
    optional_settings=("object_type",),
)


class HubspotDestination:
    """Speaks to one account."""

    def __init__(self, client: HttpClient, capabilities: Capabilities) -> None:
        self._client = client
        self.capabilities = capabilities

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Write a batch of records, or change who is in a list."""
        if not batch.rows:
            return BatchResult()
        check(batch)
        match batch.action:
            case Action.UPSERT:
                return self._upsert(batch)
            case Action.CREATE:
                return self._create(batch)
            case Action.UPDATE:
                return self._update(batch)
            case Action.ARCHIVE:
                return self._archive(batch)
            case Action.ADD | Action.REMOVE:
                return change_list(self._client, batch)
            case Action.ERASE:
                return erase(self._client, batch)
            case other:
                raise ValueError(f"HubSpot has no action '{other.value}'")

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("HubSpot has no jobs.")

    def _upsert(self, batch: Batch) -> BatchResult:
        everybody, name = range(len(batch.rows)), match_property(batch)
        inputs: list[Json] = [upserted(batch, position, name) for position in everybody]
        response = post(self._client, batch.object, "upsert", {"inputs": inputs})
        return read_batch(response, _sent_by_value(batch, everybody))

    def _create(self, batch: Batch) -> BatchResult:
        """One record that is there already refuses all; the others are tried without it."""
        everybody = range(len(batch.rows))
        response = self._post_new(batch, everybody)
        if response.status != 409:
            return read_batch(response, _sent_by_value(batch, everybody))
        ids = record_ids(self._client, batch, batch.object)
        absent = [position for position in everybody if ids[position] is None]
        conflicts = [
            RejectedRow(position, ErrorClass.CONFLICT, "CONFLICT")
            for position in everybody
            if ids[position] is not None or len(batch.rows) == 1
        ]
        if not conflicts:
            raise _refused_whole(batch)
        if not absent or len(batch.rows) == 1:
            return BatchResult(tuple(conflicts))
        response = self._post_new(batch, absent)
        if response.status == 409:
            raise _refused_whole(batch)
        written = read_batch(response, _sent_by_value(batch, absent))
        rejected = in_order((*conflicts, *written.rejected))
        return BatchResult(rejected, written.dest_ids)

    def _post_new(self, batch: Batch, positions: Sequence[int]) -> Response:
        inputs: list[Json] = [created(batch, position) for position in positions]
        return post(
            self._client,
            batch.object,
            "create",
            {"inputs": inputs},
            accepts=frozenset({409}),
        )

    def _update(self, batch: Batch) -> BatchResult:
        ids = record_ids(self._client, batch, batch.object)
        missing = [
            RejectedRow(position, ErrorClass.NOT_FOUND)
            for position, record in enumerate(batch.rows)
            # Nothing is left to be cleared in a record that is not there.
            if ids[position] is None and record.op is not Op.REMOVE
        ]
        # Of two rows for one record the last one counts: HubSpot takes no id twice.
        by_id = {
            record_id: position
            for position, record_id in enumerate(ids)
            if record_id is not None
        }
        if not by_id:
            return BatchResult(tuple(missing))
        inputs: list[Json] = [
            updated(batch, position, record_id) for record_id, position in by_id.items()
        ]
        written = read_batch(
            post(self._client, batch.object, "update", {"inputs": inputs}),
            SentRows(
                batch.rows,
                frozenset(by_id.values()),
                by_id,
                lambda result: text(result.get("id")),
                drops_missing=True,
            ),
        )
        rejected = in_order((*missing, *written.rejected))
        return BatchResult(rejected, written.dest_ids)

    def _archive(self, batch: Batch) -> BatchResult:
        ids = dict.fromkeys(
            each for each in record_ids(self._client, batch, batch.object) if each
        )
        if ids:
            inputs: list[Json] = [{"id": record_id} for record_id in ids]
            check_done(post(self._client, batch.object, "archive", {"inputs": inputs}))
        return BatchResult()


def _sent_by_value(batch: Batch, positions: Sequence[int]) -> SentRows:
    """Rows that an answer may name by the value of the property they are found by."""
    name = match_property(batch)
    return SentRows(
        batch.rows,
        frozenset(positions),
        {batch.rows[place].match[name].casefold(): place for place in positions},
        lambda result: held_value(result, name),
    )


def _refused_whole(batch: Batch) -> BatchRefusedError:
    return BatchRefusedError(
        f"HubSpot refused a batch of {len(batch.rows):,} new records of sync "
        f"'{batch.sync}', because one of them is there already, and did not say which.",
        error_class=ErrorClass.CONFLICT,
        code="CONFLICT",
    )


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"]),
        opening.http,
        read=read_status,
        read_feedback=read_feedback,
    ) as client:
        capabilities = DESTINATION.capabilities(opening.object) or RECORDS
        yield HubspotDestination(client, capabilities)


DESTINATION = DestinationType(
    name="hubspot",
    label="HubSpot",
    objects={"contacts": CONTACTS, "lists": LISTS, "*": RECORDS},
    credentials=(
        Credential(
            "url",
            "address of the API",
            is_secret=False,
            default="https://api.hubapi.com",
        ),
        Credential("token", "access token of a private app"),
    ),
    open=_open,
    limits=(
        RateLimit(190, 10.0),
        RateLimit(650_000, 86_400.0, kind=LimitKind.DAILY),
    ),
)
