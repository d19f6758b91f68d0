"""Custom audiences of TikTok, by a stream of hashed identifiers or by files of them.

The object audience_members sends identifiers straight to an audience. The object
audience_files uploads one file for each batch, and appends it to an audience or removes it
from there. Every answer is a status 200 with a code in its body, and says nothing about
single rows. Credentials: an access token of the advertiser.
"""

import contextlib
import hashlib
from collections.abc import Iterator

from reverse_etl.destinations.digests import sendable
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Credential,
    Destination,
    DestinationType,
    Opening,
    RateLimit,
    RejectedRow,
)
from reverse_etl.destinations.tiktok_answers import check_success, read_error
from reverse_etl.destinations.tiktok_bodies import ID_TYPES, form_with_file, mappings
from reverse_etl.errors import ErrorClass, JobLostError, SyncConfigurationError
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient, TokenAuth

_STREAM = "audience_members"
_FILES = "audience_files"
_API = "/open_api/v1.3"

# In files, Android's id has its older name.
_FILE_ID_TYPES = {**ID_TYPES, "aaid": "GAID_SHA256"}


def _capabilities(max_batch_rows: int, *settings: str) -> Capabilities:
    return Capabilities(
        modes=frozenset({Mode.MIRROR, Mode.ADD, Mode.REMOVE}),
        removals=frozenset({Removal.REMOVE}),
        max_batch_rows=max_batch_rows,
        match_fields=tuple(ID_TYPES),
        is_membership=True,
        # Two changes of one audience at once are refused.
        max_workers=1,
        names_failed_rows=False,
        can_erase=True,
        settings=("audience_id", *settings),
    )


OBJECTS = {
    _STREAM: _capabilities(1_000),
    _FILES: _capabilities(100_000, "id_type"),
}


class TiktokStreamDestination:
    """Streams identifiers to one audience.

    Args:
        client: The connection.
        advertiser_id: Owner of the audience.
        audience_id: The audience.
    """

    capabilities = OBJECTS[_STREAM]

    def __init__(
        self, client: HttpClient, advertiser_id: str, audience_id: str
    ) -> None:
        self._client = client
        self._advertiser_id = advertiser_id
        self._audience_id = audience_id

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Add the people of one batch to the audience, or take them out."""
        may_go = sendable(batch.rows, ID_TYPES)
        if not may_go.records:
            return BatchResult(may_go.rejected)
        is_entering = batch.action in (Action.ADD, Action.UPSERT)
        id_schema, data = mappings(may_go.records, self._audience_id)
        response = self._client.request(
            "POST",
            f"{_API}/segment/mapping/",
            body={
                "advertiser_ids": [self._advertiser_id],
                "action": "add" if is_entering else "delete",
                "id_schema": id_schema,
                "batch_data": data,
            },
        )
        check_success(response)
        return BatchResult(may_go.rejected)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: what an answer says is all that is ever told."""
        del job, batch
        raise JobLostError("TikTok has no jobs.")


class TiktokFilesDestination:
    """Appends files of identifiers to one audience, or removes them from it.

    Args:
        client: The connection.
        advertiser_id: Owner of the audience.
        audience_id: The audience.
        id_type: The one kind of identifier that the audience is made of, see `ID_TYPES`.
    """

    capabilities = OBJECTS[_FILES]

    def __init__(
        self, client: HttpClient, advertiser_id: str, audience_id: str, id_type: str
    ) -> None:
        self._client = client
        self._advertiser_id = advertiser_id
        self._audience_id = audience_id
        self._id_type = id_type

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Upload the people of one batch, then append them or take them out."""
        may_go = sendable(batch.rows, {self._id_type})
        ids = [record.match.get(self._id_type) for record in may_go.records]
        rejected = (
            *may_go.rejected,
            *(
                RejectedRow(position, ErrorClass.INVALID_KEY, field=self._id_type)
                for position, value in zip(may_go.positions, ids, strict=True)
                if not value
            ),
        )
        if len(rejected) == len(batch.rows):
            return BatchResult(rejected)
        path = self._upload("\n".join(value for value in ids if value).encode())
        is_entering = batch.action in (Action.ADD, Action.UPSERT)
        response = self._client.request(
            "POST",
            f"{_API}/dmp/custom_audience/update/",
            body={
                "advertiser_id": self._advertiser_id,
                "custom_audience_id": self._audience_id,
                "action": "APPEND" if is_entering else "REMOVE",
                "file_paths": [path],
            },
        )
        check_success(response)
        return BatchResult(rejected)

    def _upload(self, content: bytes) -> str:
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        fields = {
            "advertiser_id": self._advertiser_id,
            "calculate_type": _FILE_ID_TYPES[self._id_type],
            "file_signature": digest,
        }
        media_type, form = form_with_file(fields, f"{digest}.csv", content)
        response = self._client.request(
            "POST",
            f"{_API}/dmp/custom_audience/file/upload/",
            content=form,
            headers={"content-type": media_type},
        )
        path = check_success(response).get("file_path")
        if not isinstance(path, str) or not path:
            raise response.undocumented()
        return path

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: what an answer says is all that is ever told."""
        del job, batch
        raise JobLostError("TikTok has no jobs.")


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    advertiser_id, audience_id = (
        opening.plain("advertiser_id"),
        opening.settings["audience_id"],
    )
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"], header="access-token", prefix=""),
        opening.http,
        read=read_error,
    ) as client:
        if opening.object == _STREAM:
            yield TiktokStreamDestination(client, advertiser_id, audience_id)
            return
        id_type = opening.settings["id_type"]
        if id_type not in ID_TYPES:
            raise SyncConfigurationError(
                f"The setting id_type is '{id_type}'. An audience by files is made of one "
                f"kind of identifier: {', '.join(ID_TYPES)}."
            )
        yield TiktokFilesDestination(client, advertiser_id, audience_id, id_type)


DESTINATION = DestinationType(
    name="tiktok",
    label="TikTok custom audiences",
    objects=OBJECTS,
    credentials=(
        Credential(
            "url",
            "address of the API",
            is_secret=False,
            default="https://business-api.tiktok.com",
        ),
        Credential("token", "access token of the advertiser"),
        Credential("advertiser_id", "owner of the audience", is_secret=False),
    ),
    open=_open,
    limits=(RateLimit(10, 1),),
)
