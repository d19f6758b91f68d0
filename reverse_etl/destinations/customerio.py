"""Customer.io: people, events and manual segments, over its Track API.

People and events go to /api/v2/batch, which answers for each entry by its place. Segments
take up to 1,000 identifiers of one kind and say nothing about those that they do not know.

Needs a site id and an API key of the Track API, and for accounts in the EU the address
https://track-eu.customer.io.
"""

import contextlib
from collections.abc import Iterator
from urllib.parse import quote

from reverse_etl.destinations.basic_auth import basic_auth
from reverse_etl.destinations.customerio_answers import check_accepted, read_batch
from reverse_etl.destinations.customerio_entries import (
    MAX_BYTES,
    MAX_ENTRY_BYTES,
    PERSON_IDENTIFIERS,
    batch_content,
    entries_of,
)
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Credential,
    Destination,
    DestinationType,
    Idempotency,
    Opening,
    RateLimit,
    key_of,
)
from reverse_etl.destinations.request_bodies import JSON_HEADERS
from reverse_etl.errors import JobLostError
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient

_SEGMENT_IDENTIFIERS = ("cio_id", "id", "email")

PEOPLE = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.UPDATE, Mode.MIRROR}),
    removals=frozenset({Removal.CLEAR, Removal.DELETE}),
    max_batch_rows=500,
    max_batch_bytes=MAX_BYTES,
    max_row_bytes=MAX_ENTRY_BYTES,
    match_fields=PERSON_IDENTIFIERS,
    can_erase=True,
)
EVENTS = Capabilities(
    modes=frozenset({Mode.APPEND}),
    max_batch_rows=500,
    max_batch_bytes=MAX_BYTES,
    max_row_bytes=MAX_ENTRY_BYTES,
    idempotency=Idempotency.EVENT_ID,
    match_fields=PERSON_IDENTIFIERS,
    optional_settings=("event_name",),
)
SEGMENTS = Capabilities(
    modes=frozenset({Mode.ADD, Mode.REMOVE, Mode.MIRROR}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=1_000,
    match_fields=_SEGMENT_IDENTIFIERS,
    is_membership=True,
    names_failed_rows=False,
    settings=("segment_id",),
)


class CustomerioDestination:
    """Speaks to one workspace."""

    def __init__(self, client: HttpClient, capabilities: Capabilities) -> None:
        self._client = client
        self.capabilities = capabilities

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Write a batch of people or events, or change who is in a segment."""
        if not batch.rows:
            return BatchResult()
        if batch.action in (Action.ADD, Action.REMOVE):
            return self._change_segment(batch)
        entries = [entries_of(batch, record) for record in batch.rows]
        content = batch_content(entries)
        response = self._client.request(
            "POST",
            "/api/v2/batch",
            content=content,
            headers=JSON_HEADERS,
        )
        return BatchResult(read_batch(response, entries))

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Customer.io has no jobs.")

    def _change_segment(self, batch: Batch) -> BatchResult:
        verb = "add" if batch.action is Action.ADD else "remove"
        segment = quote(batch.settings["segment_id"], safe="")
        ids: dict[str, dict[str, None]] = {}
        for record in batch.rows:
            kind, value = key_of(record, *_SEGMENT_IDENTIFIERS)
            ids.setdefault(kind, {})[value] = None
        # An id of another kind than announced is ignored without a word: one request each.
        for kind, values in ids.items():
            response = self._client.request(
                "POST",
                f"/api/v1/segments/{segment}/{verb}_customers",
                body={"ids": list(values)},
                query={"id_type": kind},
            )
            check_accepted(response)
        return BatchResult()


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    auth = basic_auth(opening.plain("site_id"), opening.credentials["api_key"])
    with HttpClient(opening.plain("url"), auth, opening.http) as client:
        yield CustomerioDestination(client, DESTINATION.objects[opening.object])


DESTINATION = DestinationType(
    name="customerio",
    label="Customer.io",
    objects={"people": PEOPLE, "events": EVENTS, "segments": SEGMENTS},
    credentials=(
        Credential(
            "url",
            "address of the Track API; https://track-eu.customer.io in the EU",
            is_secret=False,
            default="https://track.customer.io",
        ),
        Credential("site_id", "site id of the workspace", is_secret=False),
        Credential("api_key", "key of the Track API"),
    ),
    open=_open,
    limits=(RateLimit(100, 1.0),),
)
