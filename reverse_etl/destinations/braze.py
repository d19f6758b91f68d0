"""Braze: attributes of users, and events, over its REST interface.

Writes go to /users/track, removals and erasures to /users/delete. Braze answers that it has
queued what it took, and complains in prose, as a rule without saying about which row: a
batch of which nothing was taken is halved by the engine, other complaints are counted.

Needs the REST address of the workspace, which is regional, and a key with the rights
users.track and users.delete.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from reverse_etl.destinations.braze_answers import feedback_reader, read_tracked, reader
from reverse_etl.destinations.braze_rows import (
    IDENTIFIERS,
    attributes_of,
    deletions,
    event_of,
)
from reverse_etl.destinations.json_answers import json_object
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
)
from reverse_etl.destinations.request_bodies import JSON_HEADERS, json_within
from reverse_etl.errors import ErrorClass, JobLostError, SyncConfigurationError
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient, TokenAuth
from warehouse.manifest import Json

_MAX_DELETED = 50
_MAX_ROWS = 75
_MAX_BYTES = 4_000_000
_DEFAULT_ROWS = 50

USERS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.UPDATE, Mode.MIRROR}),
    removals=frozenset({Removal.CLEAR, Removal.DELETE}),
    max_batch_rows=_DEFAULT_ROWS,
    max_batch_bytes=_MAX_BYTES,
    match_fields=IDENTIFIERS,
    names_failed_rows=False,
    can_erase=True,
    optional_settings=("alias_label", "max_batch_rows"),
)
EVENTS = Capabilities(
    modes=frozenset({Mode.APPEND}),
    max_batch_rows=_DEFAULT_ROWS,
    max_batch_bytes=_MAX_BYTES,
    idempotency=Idempotency.NONE,
    match_fields=IDENTIFIERS,
    names_failed_rows=False,
    optional_settings=("alias_label", "event_name", "max_batch_rows"),
)


class BrazeDestination:
    """Speaks to one workspace."""

    def __init__(self, client: HttpClient, capabilities: Capabilities) -> None:
        self._client = client
        self.capabilities = capabilities

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Track attributes or events, or delete users."""
        records = batch.rows
        match batch.action:
            case Action.DELETE | Action.ERASE:
                return self._delete(records, batch.settings)
            case Action.APPEND:
                return self._append(records, batch.settings)
            case Action.UPSERT | Action.UPDATE:
                is_update = batch.action is Action.UPDATE
                attributes = {
                    position: attributes_of(record, batch.settings, is_update=is_update)
                    for position, record in enumerate(records)
                }
                return self._track("attributes", attributes)
            case other:
                raise ValueError(f"Braze has no action '{other.value}'")

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: what is queued is not told about again."""
        del job, batch
        raise JobLostError("Braze has no jobs.")

    def _append(self, records: Sequence[Record], settings: Settings) -> BatchResult:
        events: dict[int, Json] = {}
        rejected = []
        for position, record in enumerate(records):
            event = event_of(record, settings)
            missing = [name for name in ("name", "time") if not event.get(name)]
            if missing:
                rejected.append(
                    RejectedRow(
                        position, ErrorClass.INVALID_FIELD, "missing", missing[0]
                    )
                )
            else:
                events[position] = event
        result = self._track("events", events, is_repeatable=False)
        return dataclasses.replace(result, rejected=(*rejected, *result.rejected))

    def _track(
        self, kind: str, rows: Mapping[int, Json], *, is_repeatable: bool = True
    ) -> BatchResult:
        if not rows:
            return BatchResult()
        content = json_within(
            {kind: list(rows.values())},
            _MAX_BYTES,
            f"A batch of {len(rows):,} {kind} for Braze",
        )
        response = self._client.request(
            "POST",
            "/users/track",
            content=content,
            headers=JSON_HEADERS,
            is_repeatable=is_repeatable,
        )
        return read_tracked(response, kind, tuple(rows))

    def _delete(self, records: Sequence[Record], settings: Settings) -> BatchResult:
        for name, values in deletions(records, settings).items():
            for piece in _pieces(values):
                response = self._client.request(
                    "POST", "/users/delete", body={name: piece}, group="delete"
                )
                count = json_object(response).get("deleted")
                # Fewer than asked for is fine: the others were not there.
                if not isinstance(count, int) or not 0 <= count <= len(piece):
                    raise response.undocumented()
        return BatchResult()


def _pieces(values: list[Json]) -> Iterator[list[Json]]:
    for start in range(0, len(values), _MAX_DELETED):
        yield values[start : start + _MAX_DELETED]


def _with_batch_rows(capabilities: Capabilities, settings: Settings) -> Capabilities:
    text = settings.get("max_batch_rows")
    if text is None:
        return capabilities
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_ROWS:
        raise SyncConfigurationError(
            f"The setting max_batch_rows of a sync to Braze is a number from 1 to "
            f"{_MAX_ROWS}, which your contract with Braze says."
        )
    return dataclasses.replace(capabilities, max_batch_rows=int(text))


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    capabilities = _with_batch_rows(
        DESTINATION.objects[opening.object], opening.settings
    )

    def now_s() -> float:
        return opening.http.now().timestamp()

    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"]),
        opening.http,
        read=reader(now_s),
        read_feedback=feedback_reader(now_s),
    ) as client:
        yield BrazeDestination(client, capabilities)


DESTINATION = DestinationType(
    name="braze",
    label="Braze",
    objects={"users": USERS, "events": EVENTS},
    credentials=(
        Credential("url", "REST address of the workspace", is_secret=False),
        Credential("token", "REST key with the rights users.track and users.delete"),
    ),
    open=_open,
    limits=(
        RateLimit(3_000, 3.0),
        RateLimit(20_000, 60.0, group="delete"),
    ),
)
