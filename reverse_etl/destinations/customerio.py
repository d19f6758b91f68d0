"""Customer.io: people, events and manual segments, over its Track API.

People and events go to /api/v2/batch, which answers for each entry by its place. Segments
take up to 1,000 identifiers of one kind and say nothing about those that they do not know.

Needs a site id and an API key of the Track API, and for accounts in the EU the address
https://track-eu.customer.io.
"""

import base64
import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

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
    Record,
    RejectedRow,
    Settings,
    key_of,
)
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
)
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient, Response, Secret, TokenAuth, json_bytes
from warehouse.manifest import Json

_PERSON_IDENTIFIERS = ("cio_id", "id", "email", "phone")
_SEGMENT_IDENTIFIERS = ("cio_id", "id", "email")
_CONSENT_FIELDS = ("unsubscribed", "cio_subscription_preferences")
_EVENT_FIELDS = frozenset({"name", "timestamp", "attributes"})
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MAX_BYTES = 500_000
_MAX_ENTRY_BYTES = 32_000
_CODE = re.compile(r"[a-z][a-z0-9_]{0,60}")

PEOPLE = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.UPDATE, Mode.MIRROR}),
    removals=frozenset({Removal.CLEAR, Removal.DELETE}),
    max_batch_rows=500,
    max_batch_bytes=_MAX_BYTES,
    max_row_bytes=_MAX_ENTRY_BYTES,
    match_fields=_PERSON_IDENTIFIERS,
    can_erase=True,
)
EVENTS = Capabilities(
    modes=frozenset({Mode.APPEND}),
    max_batch_rows=500,
    max_batch_bytes=_MAX_BYTES,
    max_row_bytes=_MAX_ENTRY_BYTES,
    idempotency=Idempotency.EVENT_ID,
    match_fields=_PERSON_IDENTIFIERS,
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
        entries = [_entries(batch, record) for record in batch.rows]
        content = _content(entries)
        response = self._client.request(
            "POST",
            "/api/v2/batch",
            content=content,
            headers={"content-type": "application/json"},
        )
        return BatchResult(_read_batch(response, entries))

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
            _check_accepted(response)
        return BatchResult()


def event_ulid(event_id: str) -> str:
    """An event's id as a ULID, the only form that Customer.io takes: 128 bits of a hash.

    The time in it means nothing, which Customer.io does not mind.
    """
    number = int.from_bytes(hashlib.sha256(event_id.encode()).digest()[:16])
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _entries(batch: Batch, record: Record) -> Sequence[dict[str, Json]]:
    """What a row is in a batch: one entry, and two for an erasure."""
    kind, value = key_of(record, *_PERSON_IDENTIFIERS)
    person: dict[str, Json] = {"type": "person", "identifiers": {kind: value}}
    match batch.action:
        case Action.UPSERT:
            return [{**person, "action": "identify", "attributes": _attributes(record)}]
        case Action.UPDATE:
            attributes = {**_attributes(record), "_update": True}
            return [{**person, "action": "identify", "attributes": attributes}]
        case Action.APPEND:
            return [{**person, **_event(record, batch.settings)}]
        case Action.DELETE:
            return [{**person, "action": "delete"}]
        case Action.ERASE:
            # Deleting alone would let the next event bring the person back.
            return [{**person, "action": action} for action in ("delete", "suppress")]
        case other:
            raise ValueError(f"Customer.io has no action '{other.value}'")


def _attributes(record: Record) -> dict[str, Json]:
    for name in record.fields:
        if name.partition(".")[0] in _CONSENT_FIELDS:
            raise FatalDeliveryError(
                f"The mapping writes '{name}', which is a subscription of Customer.io and "
                "not an attribute. Nothing was sent. Take it out of the mapping.",
                error_class=ErrorClass.CONFIG,
            )
    return dict(record.fields)


def _event(record: Record, settings: Settings) -> dict[str, Json]:
    unknown = sorted(record.fields.keys() - _EVENT_FIELDS)
    if unknown:
        raise FatalDeliveryError(
            f"The mapping writes '{unknown[0]}', which an event of Customer.io does not "
            f"have. Nothing was sent. Map it as attributes.{unknown[0]}.",
            error_class=ErrorClass.CONFIG,
        )
    fields = {name: value for name, value in record.fields.items() if value is not None}
    return {
        **fields,
        "name": settings.get("event_name", fields.get("name")),
        "action": "event",
        "id": event_ulid(record.event_id),
    }


def _content(entries: Sequence[Sequence[Json]]) -> bytes:
    content = json_bytes({"batch": [entry for row in entries for entry in row]})
    is_too_large = len(content) > _MAX_BYTES or any(
        len(json_bytes(entry)) > _MAX_ENTRY_BYTES for row in entries for entry in row
    )
    if is_too_large:
        raise BatchRefusedError(
            f"A batch of {len(entries):,} rows for Customer.io is larger than "
            f"{_MAX_BYTES:,} bytes, or one of them is larger than "
            f"{_MAX_ENTRY_BYTES:,}. Nothing of it was sent.",
            is_too_large=True,
        )
    return content


def _read_batch(
    response: Response, entries: Sequence[Sequence[Json]]
) -> tuple[RejectedRow, ...]:
    """Rows that the answer names by the place of their entry."""
    if response.status != 207:
        _check_accepted(response)
        return ()
    body = response.json()
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list) or not errors:
        raise response.undocumented()
    positions = [position for position, row in enumerate(entries) for _ in row]
    rejected: dict[int, RejectedRow] = {}
    for error in errors:
        index = error.get("batch_index") if isinstance(error, dict) else None
        if (
            not isinstance(error, dict)
            or not isinstance(index, int)
            or not 0 <= index < len(positions)
        ):
            raise response.undocumented()
        position = positions[index]
        rejected.setdefault(position, _rejected_row(position, error))
    return tuple(rejected[position] for position in sorted(rejected))


def _check_accepted(response: Response) -> None:
    """200 with an empty object, or with nothing."""
    if response.status == 200 and not response.content.strip():
        return
    body = response.json()
    if response.status != 200 or not isinstance(body, dict) or body.get("errors"):
        raise response.undocumented()


def _rejected_row(position: int, error: Mapping[str, Json]) -> RejectedRow:
    reason, field = error.get("reason"), error.get("field")
    field = field if isinstance(field, str) and field else None
    if field is None:
        error_class = ErrorClass.OTHER
    elif field.rpartition(".")[2] in (*_PERSON_IDENTIFIERS, "identifiers"):
        error_class = ErrorClass.INVALID_KEY
    else:
        error_class = ErrorClass.INVALID_FIELD
    is_code = isinstance(reason, str) and _CODE.fullmatch(reason) is not None
    return RejectedRow(position, error_class, str(reason) if is_code else None, field)


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    pair = f"{opening.plain('site_id')}:{opening.credentials['api_key'].reveal()}"
    token = Secret(base64.b64encode(pair.encode()).decode())
    with HttpClient(
        opening.plain("url"), TokenAuth(token, prefix="Basic "), opening.http
    ) as client:
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
