"""Iterable: user profiles and custom events in bulk, and who is in a static list.

Every bulk call answers 200 with counts, and names those who failed by address or user id
in lists, one for each reason. Privacy requests go one by one. Credential: a server-side
API key of the project.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from reverse_etl.destinations.iterable_answers import (
    EMAIL,
    USER_ID,
    check_dropped_fields,
    code_of,
    failed_rows,
    folded,
    read,
)
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Credential,
    Destination,
    DestinationType,
    Idempotency,
    LimitKind,
    Opening,
    RateLimit,
    Record,
    RejectedRow,
    key_of,
)
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient, Response, TokenAuth, json_bytes
from warehouse.manifest import Json

_MAX_BYTES = 4_000_000
_MAX_ROWS = 1_000

USERS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.MIRROR}),
    removals=frozenset({Removal.DELETE}),
    max_batch_rows=_MAX_ROWS,
    max_batch_bytes=_MAX_BYTES,
    match_fields=(EMAIL, USER_ID),
    can_erase=True,
    optional_settings=("prefer_user_id",),
)
LIST_MEMBERS = Capabilities(
    modes=frozenset({Mode.MIRROR, Mode.ADD, Mode.REMOVE}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=_MAX_ROWS,
    max_batch_bytes=_MAX_BYTES,
    match_fields=(EMAIL, USER_ID),
    is_membership=True,
    settings=("list_id",),
    optional_settings=("prefer_user_id",),
)
EVENTS = Capabilities(
    modes=frozenset({Mode.APPEND}),
    max_batch_rows=_MAX_ROWS,
    max_batch_bytes=_MAX_BYTES,
    match_fields=(EMAIL, USER_ID),
    # An event with the id of one that is there replaces it.
    idempotency=Idempotency.EVENT_ID,
    settings=("event_name",),
)
OBJECTS = {"users": USERS, "list_members": LIST_MEMBERS, "events": EVENTS}

_CONSENT_FIELDS = frozenset(
    {
        "emailListIds",
        "subscribedMessageTypeIds",
        "unsubscribedChannelIds",
        "unsubscribedMessageTypeIds",
    }
)

_GONE = frozenset({ErrorClass.NOT_FOUND, ErrorClass.SUPPRESSED})
_GONE_CODES = frozenset(
    {"ForgottenUserError", "NotFound", "UnknownEmailError", "UnknownUserIdError"}
)
_INVALID_KEY_CODES = frozenset({"InvalidEmailAddressError", "InvalidUserIdError"})


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
                return self._one_by_one(
                    records, is_erasure=batch.action is Action.ERASE
                )
            case Action.APPEND:
                return self._events(records, batch.settings["event_name"])
        _check_consent(records)
        if self._object == "users":
            return self._users(records, batch)
        return self._members(records, batch)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Iterable has no jobs.")

    def _users(self, records: Sequence[Record], batch: Batch) -> BatchResult:
        firsts, repeated = _without_repeats(records)
        response = self._post(
            "/api/users/bulkUpdate",
            {"users": [_user(records[place], batch) for place in firsts]},
            len(firsts),
            "users",
        )
        check_dropped_fields(response)
        rejected = failed_rows(response, [records[place] for place in firsts])
        return BatchResult(
            tuple(
                sorted(
                    [
                        *(_at(firsts[row.position], row) for row in rejected),
                        *(
                            RejectedRow(
                                place, ErrorClass.CONFLICT, code="repeated_in_batch"
                            )
                            for place in repeated
                        ),
                    ],
                    key=lambda row: row.position,
                )
            )
        )

    def _members(self, records: Sequence[Record], batch: Batch) -> BatchResult:
        is_removal = batch.action is Action.REMOVE
        firsts, repeated = _without_repeats(records)
        response = self._post(
            f"/api/lists/{'unsubscribe' if is_removal else 'subscribe'}",
            {
                "listId": int(batch.settings["list_id"]),
                "subscribers": [
                    dict([_key(records[place])])
                    if is_removal
                    else _user(records[place], batch)
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
                {"events": [_event(records[place], event_name) for place in sent]},
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
        return BatchResult(tuple(sorted(rejected, key=lambda row: row.position)))

    def _one_by_one(
        self, records: Sequence[Record], *, is_erasure: bool
    ) -> BatchResult:
        rejected = []
        for position, record in enumerate(records):
            name, value = _key(record)
            quoted = quote(value, safe="")
            accepts = frozenset({400, 404, 409})
            if is_erasure:
                response = self._client.request(
                    "POST",
                    "/api/users/forget",
                    body={name: value},
                    group="forget",
                    accepts=accepts,
                )
            else:
                response = self._client.request(
                    "DELETE",
                    f"/api/users/{quoted if name == EMAIL else f'byUserId/{quoted}'}",
                    shown_path="/api/users",
                    accepts=accepts,
                )
            code = code_of(response)
            if code is None or (response.status < 300 and code != "Success"):
                raise response.undocumented()
            if code != "Success" and code not in _GONE_CODES:
                error_class = (
                    ErrorClass.INVALID_KEY
                    if code in _INVALID_KEY_CODES
                    else ErrorClass.OTHER
                )
                rejected.append(RejectedRow(position, error_class, code=code))
        return BatchResult(tuple(rejected))

    def _post(
        self, path: str, body: Mapping[str, Json], count: int, group: str
    ) -> Response:
        content = json_bytes(dict(body))
        if len(content) > _MAX_BYTES:
            raise BatchRefusedError(
                f"A batch of {count:,} records for Iterable is larger than "
                f"{_MAX_BYTES:,} bytes. Nothing of it was sent.",
                is_too_large=True,
            )
        return self._client.request(
            "POST",
            path,
            content=content,
            headers={"content-type": "application/json"},
            group=group,
        )


def _key(record: Record) -> tuple[str, str]:
    return key_of(record, EMAIL, USER_ID)


def _user(record: Record, batch: Batch) -> dict[str, Json]:
    """A profile: the address identifies it, and else the user id.

    Nested objects are merged, so that what the mapping does not name is left as it is.
    """
    name, value = _key(record)
    others: dict[str, Json] = {
        other: text for other, text in record.match.items() if other != name
    }
    user: dict[str, Json] = {name: value}
    data = {**record.fields, **others}
    if data:
        user.update(dataFields=data, mergeNestedObjects=True)
    if name == USER_ID and batch.settings.get("prefer_user_id") == "true":
        user["preferUserId"] = True
    return user


def _event(record: Record, event_name: str) -> Json:
    fields = dict(record.fields)
    event: dict[str, Json] = dict([_key(record)])
    event.update(eventName=event_name, id=record.event_id)
    if "createdAt" in fields:
        event["createdAt"] = fields.pop("createdAt")
    return {**event, "dataFields": fields}


def _without_repeats(
    records: Sequence[Record],
) -> tuple[list[int], dict[int, int]]:
    """Places of the first records of each user, and of the others the place of theirs."""
    firsts: dict[tuple[str, str], int] = {}
    repeated: dict[int, int] = {}
    for place, record in enumerate(records):
        first = firsts.setdefault(folded(*_key(record)), place)
        if first != place:
            repeated[place] = first
    return list(firsts.values()), repeated


def _check_consent(records: Sequence[Record]) -> None:
    for record in records:
        named = _CONSENT_FIELDS.intersection(record.fields)
        if named:
            raise FatalDeliveryError(
                f"The mapping sets {', '.join(sorted(named))}, which would subscribe or "
                "unsubscribe people without a word of theirs. Nothing was sent. Take it "
                "out of the mapping; for a list there is the object list_members.",
                error_class=ErrorClass.CONFIG,
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
