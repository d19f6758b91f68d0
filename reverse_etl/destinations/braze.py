"""Braze: attributes of users, and events, over its REST interface.

Writes go to /users/track, removals and erasures to /users/delete. Braze answers that it has
queued what it took, and complains in prose, as a rule without saying about which row: a
batch of which nothing was taken is halved by the engine, other complaints are counted.

Needs the REST address of the workspace, which is regional, and a key with the rights
users.track and users.delete.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

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
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import (
    Feedback,
    HttpClient,
    Reading,
    Response,
    Throttled,
    TokenAuth,
    json_bytes,
)
from warehouse.manifest import Json

_IDENTIFIERS = ("external_id", "braze_id", "user_alias", "email", "phone")
_DELETED_AS = {
    "external_id": "external_ids",
    "braze_id": "braze_ids",
    "user_alias": "user_aliases",
    "email": "email_addresses",
    "phone": "phone_numbers",
}
_PRIORITIZATION: list[Json] = ["identified", "most_recently_updated"]
"""Which of several profiles with one address or number is deleted: the one that
/users/track writes to as well."""

_CONSENT_FIELDS = frozenset(
    {
        "email_subscribe",
        "push_subscribe",
        "subscription_groups",
        "email_open_tracking_disabled",
        "email_click_tracking_disabled",
    }
)
_EVENT_FIELDS = frozenset({"name", "time", "app_id", "properties"})
_MAX_DELETED = 50
_MAX_ROWS = 75
_DEFAULT_ROWS = 50

USERS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.UPDATE, Mode.MIRROR}),
    removals=frozenset({Removal.CLEAR, Removal.DELETE}),
    max_batch_rows=_DEFAULT_ROWS,
    max_batch_bytes=4_000_000,
    match_fields=_IDENTIFIERS,
    names_failed_rows=False,
    can_erase=True,
    optional_settings=("alias_label", "max_batch_rows"),
)
EVENTS = Capabilities(
    modes=frozenset({Mode.APPEND}),
    max_batch_rows=_DEFAULT_ROWS,
    max_batch_bytes=4_000_000,
    idempotency=Idempotency.NONE,
    match_fields=_IDENTIFIERS,
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
                    position: _attributes(record, batch.settings, is_update=is_update)
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
            event = _event(record, settings)
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
        content = json_bytes({kind: list(rows.values())})
        most_bytes = self.capabilities.max_batch_bytes
        if most_bytes is not None and len(content) > most_bytes:
            raise BatchRefusedError(
                f"A batch of {len(rows):,} {kind} for Braze is larger than "
                f"{most_bytes:,} bytes. Nothing of it was sent.",
                is_too_large=True,
            )
        response = self._client.request(
            "POST",
            "/users/track",
            content=content,
            headers={"content-type": "application/json"},
            is_repeatable=is_repeatable,
        )
        return _read_tracked(response, kind, tuple(rows))

    def _delete(self, records: Sequence[Record], settings: Settings) -> BatchResult:
        by_kind: dict[str, list[Json]] = {}
        for record in records:
            kind, value = key_of(record, *_IDENTIFIERS)
            by_kind.setdefault(_DELETED_AS[kind], []).append(
                _deleted(kind, value, settings)
            )
        for name, values in by_kind.items():
            for piece in _pieces(values):
                response = self._client.request(
                    "POST", "/users/delete", body={name: piece}, group="delete"
                )
                body = response.json()
                count = body.get("deleted") if isinstance(body, dict) else None
                # Fewer than asked for is fine: the others were not there.
                if not isinstance(count, int) or not 0 <= count <= len(piece):
                    raise response.undocumented()
        return BatchResult()


def _identifier(record: Record, settings: Settings) -> dict[str, Json]:
    kind, value = key_of(record, *_IDENTIFIERS)
    if kind == "user_alias":
        return {kind: _alias(value, settings)}
    return {kind: value}


def _alias(name: str, settings: Settings) -> dict[str, Json]:
    label = settings.get("alias_label")
    if not label:
        raise FatalDeliveryError(
            "A sync that finds users of Braze by user_alias says in its settings which "
            "alias_label it means. Nothing was sent. Add settings: {alias_label: ...}.",
            error_class=ErrorClass.CONFIG,
        )
    return {"alias_name": name, "alias_label": label}


def _attributes(record: Record, settings: Settings, *, is_update: bool) -> Json:
    consent = sorted(_CONSENT_FIELDS & record.fields.keys())
    if consent:
        raise FatalDeliveryError(
            f"The mapping writes '{consent[0]}', which is a subscription state of Braze "
            "and not an attribute. Nothing was sent. Take it out of the mapping.",
            error_class=ErrorClass.CONFIG,
        )
    return {
        **record.fields,
        **_identifier(record, settings),
        "_update_existing_only": is_update,
    }


def _event(record: Record, settings: Settings) -> dict[str, Json]:
    unknown = sorted(record.fields.keys() - _EVENT_FIELDS)
    if unknown:
        raise FatalDeliveryError(
            f"The mapping writes '{unknown[0]}', which an event of Braze does not have. "
            f"Nothing was sent. Map it as properties.{unknown[0]}.",
            error_class=ErrorClass.CONFIG,
        )
    event: dict[str, Json] = {
        name: _without_nulls(value)
        for name, value in record.fields.items()
        if value is not None
    }
    if "event_name" in settings:
        event["name"] = settings["event_name"]
    return event | _identifier(record, settings)


def _without_nulls(value: Json) -> Json:
    if isinstance(value, dict):
        return {
            name: _without_nulls(inner)
            for name, inner in value.items()
            if inner is not None
        }
    return value


def _deleted(kind: str, value: str, settings: Settings) -> Json:
    if kind == "user_alias":
        return _alias(value, settings)
    if kind in ("email", "phone"):
        return {kind: value, "prioritization": _PRIORITIZATION}
    return value


def _pieces(values: list[Json]) -> Iterator[list[Json]]:
    for start in range(0, len(values), _MAX_DELETED):
        yield values[start : start + _MAX_DELETED]


def _read_tracked(
    response: Response, kind: str, positions: Sequence[int]
) -> BatchResult:
    """What became of the rows; `positions` are those of the rows that were sent."""
    body = response.json()
    if not isinstance(body, dict) or body.get("message") != "success":
        raise response.undocumented()
    processed = body.get(f"{kind}_processed")
    errors = body.get("errors") or []
    if not isinstance(processed, int) or not isinstance(errors, list):
        raise response.undocumented()
    left_out = len(positions) - processed
    if left_out < 0 or (left_out > 0 and not errors):
        raise response.undocumented()
    indexes = [_index(error, kind, len(positions)) for error in errors]
    named = sorted({index for index in indexes if index is not None})
    return BatchResult(
        rejected=tuple(
            RejectedRow(positions[index], ErrorClass.OTHER) for index in named
        ),
        uncounted_failures=max(left_out - len(named), indexes.count(None)),
    )


def _index(error: Json, kind: str, count: int) -> int | None:
    """The place of the row that an error is about, which not every answer tells."""
    if not isinstance(error, dict) or error.get("input_array") != kind:
        return None
    index = error.get("index")
    return index if isinstance(index, int) and 0 <= index < count else None


def _reset_s(response: Response, now_s: float) -> float | None:
    reset = response.headers.get("x-ratelimit-reset", "")
    if reset.replace(".", "", 1).isdecimal():
        return max(0.0, float(reset) - now_s)
    wait = response.headers.get("x-ratelimit-retry-after", "")
    return float(wait) if wait.isdecimal() else None


def _reader(now_s: Callable[[], float]) -> Callable[[Response], Reading | None]:
    def read(response: Response) -> Reading | None:
        if response.status == 429:
            return Throttled(_reset_s(response, now_s()))
        return None

    return read


def _feedback_reader(
    now_s: Callable[[], float],
) -> Callable[[Response], Feedback | None]:
    def read(response: Response) -> Feedback | None:
        remaining = response.headers.get("x-ratelimit-remaining", "")
        if not remaining.isdecimal():
            return None
        return Feedback(
            is_throttled=response.status == 429,
            remaining=int(remaining),
            reset_s=_reset_s(response, now_s()),
        )

    return read


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
        read=_reader(now_s),
        read_feedback=_feedback_reader(now_s),
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
