"""Klaviyo: profiles, and who is in a list, over its JSON:API interface.

Profiles go in bulk import jobs of up to 10,000, whose errors are read back when a job is
complete. Lists take Klaviyo's own profile ids, which are looked up where they are not
known. Nobody is subscribed here: that is another interface, and membership of a list is no
consent. Erasure is a data privacy deletion job for each person.

Needs a private API key with the scopes profiles, lists and, for erasure, data-privacy.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from reverse_etl.destinations.klaviyo_answers import IDENTIFIERS, read_feedback
from reverse_etl.destinations.klaviyo_bodies import (
    MAX_BYTES,
    MAX_PROFILE_BYTES,
    MEDIA_TYPE,
    deletion,
    profile,
)
from reverse_etl.destinations.klaviyo_imports import ImportJobs
from reverse_etl.destinations.klaviyo_lookup import profile_ids
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
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.transport import HttpClient, TokenAuth, json_bytes
from warehouse.manifest import Json

_REVISION = "2026-07-15"
_LISTS_PATH = "/api/lists"

PROFILES = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.UPDATE, Mode.MIRROR}),
    removals=frozenset({Removal.CLEAR}),
    max_batch_rows=10_000,
    max_batch_bytes=MAX_BYTES,
    max_row_bytes=MAX_PROFILE_BYTES,
    match_fields=IDENTIFIERS,
    is_async=True,
    can_erase=True,
)
LISTS = Capabilities(
    modes=frozenset({Mode.ADD, Mode.REMOVE, Mode.MIRROR}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=1_000,
    match_fields=IDENTIFIERS,
    is_membership=True,
    gives_ids=True,
    settings=("list_id",),
)


class KlaviyoDestination:
    """Speaks to one account."""

    def __init__(self, client: HttpClient, capabilities: Capabilities) -> None:
        self._client = client
        self._imports = ImportJobs(client)
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
                return self._imports.start(
                    {
                        position: profile(record, None)
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
        return self._imports.poll(job, batch.rows)

    def _update(self, records: Sequence[Record]) -> BatchResult:
        ids = profile_ids(self._client, records, is_known_trusted=True)
        rejected = [
            RejectedRow(position, ErrorClass.NOT_FOUND)
            for position, record in enumerate(records)
            # To clear what is gone is to have cleared it.
            if position not in ids and record.op is not Op.REMOVE
        ]
        profiles = {
            position: profile(records[position], profile_id)
            for position, profile_id in sorted(ids.items())
        }
        return self._imports.start(profiles, rejected)

    def _change_list(self, batch: Batch) -> BatchResult:
        is_adding = batch.action is Action.ADD
        ids = profile_ids(self._client, batch.rows, is_known_trusted=True)
        has_known = any(record.dest_id for record in batch.rows)
        if not self._send_list(batch, ids, may_be_stale=has_known):
            # A profile may have been deleted or merged since its id was learnt.
            ids = profile_ids(self._client, batch.rows, is_known_trusted=False)
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
            headers={"content-type": MEDIA_TYPE},
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
        ids = profile_ids(self._client, list(unknown.values()), is_known_trusted=False)
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
                content=json_bytes(deletion(person)),
                headers={"content-type": MEDIA_TYPE},
                group="erase",
                accepts=frozenset({404}),
            )
            if response.status not in (202, 404):
                raise response.undocumented()
        return BatchResult()


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"], prefix="Klaviyo-API-Key "),
        opening.http,
        headers={"accept": MEDIA_TYPE, "revision": _REVISION},
        read_feedback=read_feedback,
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
