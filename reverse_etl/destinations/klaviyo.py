"""Klaviyo: profiles, and who is in a list, over its JSON:API interface.

Profiles go in bulk import jobs of up to 10,000, whose errors are read back when a job is
complete. Lists take Klaviyo's own profile ids, which are looked up where they are not
known. Nobody is subscribed here: that is another interface, and membership of a list is no
consent. Erasure is a data privacy deletion job for each person.

Needs a private API key with the scopes profiles, lists and, for erasure, data-privacy.
"""

import contextlib
import json
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
)
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.transport import (
    Feedback,
    HttpClient,
    Response,
    TokenAuth,
    json_bytes,
)
from warehouse.manifest import Json

_REVISION = "2026-07-15"
_MEDIA_TYPE = "application/vnd.api+json"
_IDENTIFIERS = ("email", "phone_number", "external_id")
_MAX_LOOKED_UP = 50
_MAX_BYTES = 5_000_000
_MAX_PROFILE_BYTES = 100_000
_MAX_REFUSALS = 3
"""How often rows that are named as invalid are left out of an import before it is halved."""

_ROW_POINTER = re.compile(r"/data/attributes/profiles/data/(\d+)(?:/(.*))?")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
_LISTS_PATH = "/api/lists"

PROFILES = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.UPDATE, Mode.MIRROR}),
    removals=frozenset({Removal.CLEAR}),
    max_batch_rows=10_000,
    max_batch_bytes=_MAX_BYTES,
    max_row_bytes=_MAX_PROFILE_BYTES,
    match_fields=_IDENTIFIERS,
    is_async=True,
    can_erase=True,
)
LISTS = Capabilities(
    modes=frozenset({Mode.ADD, Mode.REMOVE, Mode.MIRROR}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=1_000,
    match_fields=_IDENTIFIERS,
    is_membership=True,
    gives_ids=True,
    settings=("list_id",),
)


class KlaviyoDestination:
    """Speaks to one account."""

    def __init__(self, client: HttpClient, capabilities: Capabilities) -> None:
        self._client = client
        self.capabilities = capabilities

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Start an import, change a list, or ask for deletions."""
        if not batch.rows:
            return BatchResult()
        match batch.action:
            case Action.UPSERT:
                return self._import(
                    {
                        position: _profile(record, None)
                        for position, record in enumerate(batch.rows)
                    },
                    (),
                )
            case Action.UPDATE:
                return self._update(batch.rows)
            case Action.ADD | Action.REMOVE:
                return self._change_list(batch)
            case Action.ERASE:
                return self._erase(batch.rows)
            case other:
                raise ValueError(f"Klaviyo has no action '{other.value}'")

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """What became of an import, with the rows that it refused."""
        job_id, rejected = _read_job(job)
        path = f"/api/profile-bulk-import-jobs/{quote(job_id, safe='')}"
        response = self._client.request(
            "GET", path, group="jobs", accepts=frozenset({404})
        )
        if response.status == 404:
            raise JobLostError(
                "Klaviyo does not know an import that it had taken on.",
                is_in_doubt=True,
            )
        attributes = _attributes_of(response)
        status, failed_count = attributes.get("status"), attributes.get("failed_count")
        if status in ("queued", "processing"):
            return None
        if status == "cancelled":
            raise JobLostError(
                "An import to Klaviyo was cancelled before it was complete.",
                is_in_doubt=True,
            )
        if status != "complete" or not isinstance(failed_count, int | None):
            raise response.undocumented()
        if failed_count == 0:
            return BatchResult(tuple(rejected))
        errors = list(self._pages(f"{path}/import-errors", {}, "jobs"))
        if len(errors) < (failed_count or 0):
            raise response.undocumented()
        return _with_errors(rejected, errors, failed_count or 0, batch.rows)

    def _update(self, records: Sequence[Record]) -> BatchResult:
        ids = self._ids(records, is_known_trusted=True)
        rejected = [
            RejectedRow(position, ErrorClass.NOT_FOUND)
            for position, record in enumerate(records)
            # To clear what is gone is to have cleared it.
            if position not in ids and record.op is not Op.REMOVE
        ]
        profiles = {
            position: _profile(records[position], profile_id)
            for position, profile_id in sorted(ids.items())
        }
        return self._import(profiles, rejected)

    def _import(
        self, profiles: dict[int, Json], rejected: Sequence[RejectedRow]
    ) -> BatchResult:
        """Start a job; without the rows that Klaviyo names as invalid beforehand."""
        refused = list(rejected)
        for _ in range(_MAX_REFUSALS):
            if not profiles:
                break
            response = self._client.request(
                "POST",
                "/api/profile-bulk-import-jobs",
                content=_import_content(list(profiles.values())),
                headers={"content-type": _MEDIA_TYPE},
                group="import",
                accepts=frozenset({400}),
            )
            if response.status != 400:
                job_id = _started(response, len(profiles))
                return BatchResult(job=_job_text(job_id, refused))
            positions = list(profiles)
            for row in _refused_rows(response, positions):
                refused.append(row)
                del profiles[row.position]
        if not profiles:
            return BatchResult(tuple(refused))
        raise BatchRefusedError(
            f"Klaviyo refused an import of {len(profiles):,} profiles {_MAX_REFUSALS} "
            "times over.",
            code="400",
        )

    def _change_list(self, batch: Batch) -> BatchResult:
        is_adding = batch.action is Action.ADD
        ids = self._ids(batch.rows, is_known_trusted=True)
        has_known = any(record.dest_id for record in batch.rows)
        if not self._send_list(batch, ids, may_be_stale=has_known):
            # A profile may have been deleted or merged since its id was learnt.
            ids = self._ids(batch.rows, is_known_trusted=False)
            self._send_list(batch, ids, may_be_stale=False)
        rejected = tuple(
            RejectedRow(position, ErrorClass.NOT_FOUND, is_retryable=True)
            for position in range(len(batch.rows))
            if is_adding and position not in ids
        )
        return BatchResult(rejected, dest_ids=ids)

    def _send_list(
        self, batch: Batch, ids: Mapping[int, str], *, may_be_stale: bool
    ) -> bool:
        """Whether it was done; False when an id may be one that is gone."""
        if not ids:
            return True
        list_id = quote(batch.settings["list_id"], safe="")
        response = self._client.request(
            "POST" if batch.action is Action.ADD else "DELETE",
            f"{_LISTS_PATH}/{list_id}/relationships/profiles",
            content=json_bytes(
                {
                    "data": [
                        {"type": "profile", "id": profile_id}
                        for profile_id in dict.fromkeys(ids.values())
                    ]
                }
            ),
            headers={"content-type": _MEDIA_TYPE},
            group="lists",
            accepts=frozenset({404}) if may_be_stale else frozenset(),
        )
        if response.status not in (204, 404):
            raise response.undocumented()
        return response.status == 204

    def _erase(self, records: Sequence[Record]) -> BatchResult:
        unknown = {
            position: record
            for position, record in enumerate(records)
            if not record.match.get("email") and not record.match.get("phone_number")
        }
        ids = self._ids(list(unknown.values()), is_known_trusted=False)
        people: list[dict[str, Json]] = [
            {"id": profile_id, "attributes": {}} for profile_id in ids.values()
        ]
        for position, record in enumerate(records):
            if position not in unknown:
                name, value = key_of(record, "email", "phone_number")
                people.append({"attributes": {name: value}})
        for person in people:
            response = self._client.request(
                "POST",
                "/api/data-privacy-deletion-jobs",
                content=json_bytes(_deletion(person)),
                headers={"content-type": _MEDIA_TYPE},
                group="erase",
                accepts=frozenset({404}),
            )
            if response.status not in (202, 404):
                raise response.undocumented()
        return BatchResult()

    def _ids(
        self, records: Sequence[Record], *, is_known_trusted: bool
    ) -> dict[int, str]:
        """Klaviyo's id of each record that it has, by position."""
        ids: dict[int, str] = {}
        wanted: dict[str, dict[str, list[int]]] = {}
        for position, record in enumerate(records):
            if is_known_trusted and record.dest_id:
                ids[position] = record.dest_id
                continue
            name, value = key_of(record, *_IDENTIFIERS)
            by_value = wanted.setdefault(name, {})
            by_value.setdefault(_folded(name, value), []).append(position)
        for name, by_value in wanted.items():
            values = list(by_value)
            for start in range(0, len(values), _MAX_LOOKED_UP):
                piece = values[start : start + _MAX_LOOKED_UP]
                listed = json.dumps(piece, ensure_ascii=False, separators=(",", ":"))
                query = {
                    "filter": f"any({name},{listed})",
                    "fields[profile]": name,
                    "page[size]": "100",
                }
                for found in self._pages("/api/profiles", query, "profiles"):
                    profile_id, attributes = found.get("id"), found.get("attributes")
                    if isinstance(profile_id, str) and isinstance(attributes, dict):
                        value = str(attributes.get(name) or "")
                        for position in by_value.get(_folded(name, value), ()):
                            ids.setdefault(position, profile_id)
        return ids

    def _pages(
        self, path: str, query: Mapping[str, str], group: str
    ) -> Iterator[dict[str, Json]]:
        """Every element of a list that is answered in pages."""
        page: str | None = path
        asked: Mapping[str, str] | None = query or {"page[size]": "100"}
        while page is not None:
            response = self._client.request("GET", page, query=asked, group=group)
            body = response.json()
            data = body.get("data") if isinstance(body, dict) else None
            if not isinstance(body, dict) or not isinstance(data, list):
                raise response.undocumented()
            for element in data:
                if not isinstance(element, dict):
                    raise response.undocumented()
                yield element
            links = body.get("links")
            following = links.get("next") if isinstance(links, dict) else None
            page = following if isinstance(following, str) and following else None
            asked = None


def _profile(record: Record, profile_id: str | None) -> Json:
    properties = record.fields.get("properties")
    consent = "subscriptions" if "subscriptions" in record.fields else None
    if isinstance(properties, dict) and "$consent" in properties:
        consent = "properties.$consent"
    if consent is not None:
        raise FatalDeliveryError(
            f"The mapping writes '{consent}', which is a consent and not an attribute. "
            "Nothing was sent. Take it out of the mapping.",
            error_class=ErrorClass.CONFIG,
        )
    profile: dict[str, Json] = {
        "type": "profile",
        "attributes": {**record.fields, **record.match},
    }
    return profile if profile_id is None else {**profile, "id": profile_id}


def _import_content(profiles: list[Json]) -> bytes:
    content = json_bytes(
        {
            "data": {
                "type": "profile-bulk-import-job",
                "attributes": {"profiles": {"data": profiles}},
            }
        }
    )
    if len(content) > _MAX_BYTES or any(
        len(json_bytes(profile)) > _MAX_PROFILE_BYTES for profile in profiles
    ):
        raise BatchRefusedError(
            f"An import of {len(profiles):,} profiles to Klaviyo is larger than "
            f"{_MAX_BYTES:,} bytes, or one of them is larger than "
            f"{_MAX_PROFILE_BYTES:,}. Nothing of it was sent.",
            is_too_large=True,
        )
    return content


def _deletion(person: dict[str, Json]) -> Json:
    return {
        "data": {
            "type": "data-privacy-deletion-job",
            "attributes": {"profile": {"data": {"type": "profile", **person}}},
        }
    }


def _attributes_of(response: Response) -> Mapping[str, Json]:
    body = response.json()
    data = body.get("data") if isinstance(body, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(attributes, dict):
        raise response.undocumented()
    return attributes


def _started(response: Response, count: int) -> str:
    """The id of a job that has taken on every profile that was sent."""
    body = response.json()
    data = body.get("data") if isinstance(body, dict) else None
    job_id = data.get("id") if isinstance(data, dict) else None
    if (
        response.status != 202
        or not isinstance(job_id, str)
        or _attributes_of(response).get("total_count") != count
    ):
        raise response.undocumented()
    return job_id


def _job_text(job_id: str, rejected: Sequence[RejectedRow]) -> str:
    """A job and the rows that are not in it. It is kept, and holds nothing personal."""
    if not rejected:
        return job_id
    rows = [
        [row.position, row.error_class, row.code, row.field]
        for row in sorted(rejected, key=lambda row: row.position)
    ]
    return f"{job_id} {json.dumps(rows, separators=(',', ':'))}"


def _read_job(job: str) -> tuple[str, list[RejectedRow]]:
    job_id, _, rows = job.partition(" ")
    return job_id, [RejectedRow(*row) for row in json.loads(rows or "[]")]


def _refused_rows(
    response: Response, positions: Sequence[int]
) -> Iterator[RejectedRow]:
    """Rows that a refusal of the whole import points at, each once.

    Raises:
        BatchRefusedError: It does not point at rows.
    """
    body = response.json()
    errors = body.get("errors") if isinstance(body, dict) else None
    rows: dict[int, RejectedRow] = {}
    for error in errors if isinstance(errors, list) else ():
        pointed = _ROW_POINTER.fullmatch(_pointer(error))
        if pointed is None or int(pointed[1]) >= len(positions):
            rows.clear()
            break
        position = positions[int(pointed[1])]
        rows.setdefault(position, _rejected_row(position, error))
    if not rows:
        raise BatchRefusedError("Klaviyo refused an import as a whole.", code="400")
    yield from rows.values()


def _with_errors(
    rejected: Sequence[RejectedRow],
    errors: Sequence[dict[str, Json]],
    failed_count: int,
    records: Sequence[Record],
) -> BatchResult:
    """Rows found again by the identifiers in the payload that an error quotes."""
    by_identifier: dict[tuple[str, str], list[int]] = {}
    for position, record in enumerate(records):
        for name, value in record.match.items():
            by_identifier.setdefault((name, _folded(name, value)), []).append(position)
    rows = {row.position: row for row in rejected}
    nameless = 0
    for error in errors:
        positions = _positions(error, by_identifier)
        nameless += not positions
        for position in positions:
            rows.setdefault(position, _rejected_row(position, error))
    named = len(rows) - len(rejected)
    return BatchResult(
        tuple(rows[position] for position in sorted(rows)),
        uncounted_failures=min(nameless, max(0, failed_count - named)),
    )


def _positions(
    error: dict[str, Json], by_identifier: Mapping[tuple[str, str], list[int]]
) -> Sequence[int]:
    attributes = error.get("attributes")
    payload = (
        attributes.get("original_payload") if isinstance(attributes, dict) else None
    )
    # The payload is the profile, or its attributes alone.
    while isinstance(payload, dict):
        for name in _IDENTIFIERS:
            value = payload.get(name)
            found = by_identifier.get((name, _folded(name, str(value or ""))))
            if found:
                return found
        payload = payload.get("data", payload.get("attributes"))
    return ()


def _pointer(error: Json) -> str:
    described = error.get("attributes", error) if isinstance(error, dict) else None
    source = described.get("source") if isinstance(described, dict) else None
    pointer = source.get("pointer") if isinstance(source, dict) else None
    return pointer if isinstance(pointer, str) else ""


def _rejected_row(position: int, error: Json) -> RejectedRow:
    described = error.get("attributes", error) if isinstance(error, dict) else None
    code = described.get("code") if isinstance(described, dict) else None
    code = code if isinstance(code, str) and _NAME.fullmatch(code) else None
    last = _pointer(error).rpartition("/")[2]
    is_field = _NAME.fullmatch(last) and last not in ("data", "attributes")
    field = last if is_field else None
    if code is not None and "duplicate" in code:
        error_class = ErrorClass.CONFLICT
    elif field in _IDENTIFIERS:
        error_class = ErrorClass.INVALID_KEY
    elif field is not None or code == "invalid":
        error_class = ErrorClass.INVALID_FIELD
    else:
        error_class = ErrorClass.OTHER
    return RejectedRow(position, error_class, code, field)


def _folded(name: str, value: str) -> str:
    """Addresses are the same in any case; Klaviyo keeps them in lower case."""
    return value.lower() if name == "email" else value


def _read_feedback(response: Response) -> Feedback | None:
    """What is left of the steady window. The burst window has no headers."""
    remaining = response.headers.get("ratelimit-remaining", "")
    reset = response.headers.get("ratelimit-reset", "")
    if response.status == 429 or not remaining.isdecimal():
        return None
    return Feedback(
        is_throttled=False,
        remaining=int(remaining),
        reset_s=float(reset) if reset.isdecimal() else None,
    )


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"], prefix="Klaviyo-API-Key "),
        opening.http,
        headers={"accept": _MEDIA_TYPE, "revision": _REVISION},
        read_feedback=_read_feedback,
    ) as client:
        yield KlaviyoDestination(client, DESTINATION.objects[opening.object])


DESTINATION = DestinationType(
    name="klaviyo",
    label="Klaviyo",
    objects={"profiles": PROFILES, "lists": LISTS},
    credentials=(
        Credential(
            "url",
            "address of the API",
            is_secret=False,
            default="https://a.klaviyo.com",
        ),
        Credential("token", "private API key"),
    ),
    open=_open,
    limits=(
        *(
            RateLimit(max_requests, window_s, group=group)
            for group in ("import", "jobs", "lists")
            for max_requests, window_s in ((10, 1.0), (150, 60.0))
        ),
        RateLimit(75, 1.0, group="profiles"),
        RateLimit(750, 60.0, group="profiles"),
        RateLimit(3, 1.0, group="erase"),
        RateLimit(60, 60.0, group="erase"),
    ),
)
