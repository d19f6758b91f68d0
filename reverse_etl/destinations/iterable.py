"""Iterable: user profiles and custom events in bulk, and who is in a static list.

Every bulk call answers 200 with counts, and names those who failed by address or user id
in lists, one for each reason. Privacy requests go one by one. Credential: a server-side
API key of the project.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from reverse_etl.destinations.iterable_answers import (
    check_dropped_fields,
    failed_rows,
    read,
)
from reverse_etl.destinations.iterable_objects import MAX_BYTES, OBJECTS
from reverse_etl.destinations.iterable_removals import remove_users
from reverse_etl.destinations.iterable_rows import (
    check_consent,
    event_body,
    user_body,
    user_key,
    without_repeats,
)
from reverse_etl.destinations.json_answers import in_order
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Credential,
    Destination,
    DestinationType,
    LimitKind,
    Opening,
    RateLimit,
    Record,
    RejectedRow,
)
from reverse_etl.destinations.request_bodies import JSON_HEADERS, json_within
from reverse_etl.errors import ErrorClass, JobLostError, SyncConfigurationError
from reverse_etl.modes import Action
from reverse_etl.transport import HttpClient, Response, TokenAuth
from warehouse.manifest import Json

_GONE = frozenset({ErrorClass.NOT_FOUND, ErrorClass.SUPPRESSED})


class IterableDestination:
    """Speaks to one project about one kind of object.

    Args:
        client: The connection.
        object_name: One of `OBJECTS`.
    """

    def __init__(self, client: HttpClient, object_name: str) -> None:
        self.capabilities = OBJECTS[object_name]
        self._client = client
        self._object = object_name

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Deliver one batch; deletions and erasures one request a user."""
        records = batch.rows
        if not records:
            return BatchResult()
        match batch.action:
            case Action.DELETE | Action.ERASE:
                is_erasure = batch.action is Action.ERASE
                return remove_users(self._client, records, is_erasure=is_erasure)
            case Action.APPEND:
                return self._events(records, batch.settings["event_name"])
        check_consent(records)
        if self._object == "users":
            return self._users(records, batch)
        return self._members(records, batch)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Iterable has no jobs.")

    def _users(self, records: Sequence[Record], batch: Batch) -> BatchResult:
        firsts, repeated = without_repeats(records)
        response = self._post(
            "/api/users/bulkUpdate",
            {"users": [user_body(records[place], batch) for place in firsts]},
            len(firsts),
            "users",
        )
        check_dropped_fields(response)
        rejected = failed_rows(response, [records[place] for place in firsts])
        left_out = [
            RejectedRow(place, ErrorClass.CONFLICT, code="repeated_in_batch")
            for place in repeated
        ]
        refused = [_at(firsts[row.position], row) for row in rejected]
        return BatchResult(in_order((*refused, *left_out)))

    def _members(self, records: Sequence[Record], batch: Batch) -> BatchResult:
        is_removal = batch.action is Action.REMOVE
        firsts, repeated = without_repeats(records)
        response = self._post(
            f"/api/lists/{'unsubscribe' if is_removal else 'subscribe'}",
            {
                "listId": int(batch.settings["list_id"]),
                "subscribers": [
                    dict([user_key(records[place])])
                    if is_removal
                    else user_body(records[place], batch)
                    for place in firsts
                ],
            },
            len(firsts),
            "lists",
        )
        check_dropped_fields(response)
        rejected = {
            firsts[row.position]: _at(firsts[row.position], row)
            for row in failed_rows(response, [records[place] for place in firsts])
            if not (is_removal and row.error_class in _GONE)
        }
        for place, first in repeated.items():
            if first in rejected:
                rejected[place] = _at(place, rejected[first])
        return BatchResult(tuple(rejected[place] for place in sorted(rejected)))

    def _events(self, records: Sequence[Record], event_name: str) -> BatchResult:
        undated = {
            place
            for place, record in enumerate(records)
            if not isinstance(record.fields.get("createdAt", 0), int)
        }
        sent = [place for place in range(len(records)) if place not in undated]
        rejected = [
            RejectedRow(place, ErrorClass.INVALID_FIELD, field="createdAt")
            for place in undated
        ]
        if sent:
            response = self._post(
                "/api/events/trackBulk",
                {"events": [event_body(records[place], event_name) for place in sent]},
                len(sent),
                "events",
            )
            check_dropped_fields(response)
            rejected += [
                _at(sent[row.position], row)
                for row in failed_rows(
                    response, [records[place]._replace(fields={}) for place in sent]
                )
            ]
        return BatchResult(in_order(rejected))

    def _post(
        self, path: str, body: Mapping[str, Json], count: int, group: str
    ) -> Response:
        what = f"A batch of {count:,} records for Iterable"
        return self._client.request(
            "POST",
            path,
            content=json_within(dict(body), MAX_BYTES, what),
            headers=JSON_HEADERS,
            group=group,
        )


def _at(place: int, row: RejectedRow) -> RejectedRow:
    return RejectedRow(place, row.error_class, code=row.code, field=row.field)


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    list_id = opening.settings.get("list_id", "0")
    if not list_id.isdecimal():
        raise SyncConfigurationError(
            f"The setting list_id of '{opening.account}' is '{list_id}'. The id of a list "
            "in Iterable is a number."
        )
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["api_key"], header="api-key", prefix=""),
        opening.http,
        read=read,
    ) as client:
        yield IterableDestination(client, opening.object)


DESTINATION = DestinationType(
    name="iterable",
    label="Iterable",
    objects=OBJECTS,
    credentials=(
        Credential(
            "url",
            "address of the project's data center",
            is_secret=False,
            default="https://api.iterable.com",
        ),
        Credential("api_key", "server-side API key of the project"),
    ),
    open=_open,
    limits=(
        RateLimit(5, 1.0, group="users"),
        RateLimit(5, 1.0, group="lists"),
        RateLimit(10, 1.0, group="events"),
        RateLimit(100, 1.0),
        RateLimit(3, 1.0, group="forget"),
        RateLimit(1_000, 86_400.0, group="forget", kind=LimitKind.DAILY),
    ),
)
