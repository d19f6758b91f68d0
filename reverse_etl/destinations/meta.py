"""Custom audiences of Meta (Facebook, Instagram), by hashed identifiers.

People are added with POST /{audience}/users and taken out with DELETE. The answer counts
the rows that it could not read and does not name them; who was matched is never told. An
error is a status 400 with a code in its body. Credentials: a system user's token with the
right ads_management.
"""

import contextlib
from collections.abc import Iterator, Sequence

from reverse_etl.destinations.digests import sendable
from reverse_etl.destinations.meta_answers import invalid_count, read_error, read_usage
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Credential,
    Destination,
    DestinationType,
    Opening,
    Record,
)
from reverse_etl.errors import JobLostError
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient, TokenAuth
from warehouse.manifest import Json

_COLUMNS = {
    "email": "EMAIL",
    "phone": "PHONE",
    "first_name": "FN",
    "last_name": "LN",
    "first_initial": "FI",
    "gender": "GEN",
    "birth_year": "DOBY",
    "birth_month": "DOBM",
    "birth_day": "DOBD",
    "city": "CT",
    "state": "ST",
    "postal_code": "ZIP",
    "country": "COUNTRY",
    "device_id": "MADID",
    "external_id": "EXTERN_ID",
}
_HASHED = frozenset(_COLUMNS) - {"device_id", "external_id"}
_FIELDS = {
    "lookalike_value": "LOOKALIKE_VALUE",
    "data_processing_options": "DATA_PROCESSING_OPTIONS",
    "data_processing_options_country": "DATA_PROCESSING_OPTIONS_COUNTRY",
    "data_processing_options_state": "DATA_PROCESSING_OPTIONS_STATE",
}

CAPABILITIES = Capabilities(
    modes=frozenset({Mode.MIRROR, Mode.ADD, Mode.REMOVE}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=10_000,
    match_fields=tuple(_COLUMNS),
    is_membership=True,
    names_failed_rows=False,
    can_erase=True,
    settings=("audience_id",),
)


class MetaDestination:
    """Speaks to one audience.

    Args:
        client: The connection.
        path: Path of the audience's users.
    """

    capabilities = CAPABILITIES

    def __init__(self, client: HttpClient, path: str) -> None:
        self._client = client
        self._path = path

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Add the people of one batch to the audience, or take them out."""
        may_go = sendable(batch.rows, _HASHED)
        if not may_go.records:
            return BatchResult(may_go.rejected)
        is_entering = batch.action in (Action.ADD, Action.UPSERT)
        schema, data = read_rows(may_go.records)
        # A session of its own for each request: a number that was closed is not used again.
        session_id = int(self._client.options.jitter() * 2**52) + 1
        response = self._client.request(
            "POST" if is_entering else "DELETE",
            self._path,
            body={
                "payload": {"schema": schema, "data": data},
                "session": {
                    "session_id": session_id,
                    "batch_seq": 1,
                    "last_batch_flag": True,
                    "estimated_num_total": len(data),
                },
            },
        )
        return BatchResult(
            may_go.rejected, uncounted_failures=invalid_count(response, len(data))
        )

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: what an answer says is all that is ever told."""
        del job, batch
        raise JobLostError("Meta has no jobs.")


def read_rows(records: Sequence[Record]) -> tuple[list[Json], list[Json]]:
    """The columns that any record has, and a row of them for each record."""
    names = [
        *(name for name in _COLUMNS if any(name in record.match for record in records)),
        *(name for name in _FIELDS if any(name in record.fields for record in records)),
    ]
    schema: list[Json] = [_COLUMNS.get(name) or _FIELDS[name] for name in names]
    return schema, [[_cell(record, name) for name in names] for record in records]


def _cell(record: Record, name: str) -> Json:
    if name in _COLUMNS:
        return record.match.get(name, "")
    value = record.fields.get(name)
    if name == "data_processing_options":
        if isinstance(value, list):
            return value
        return [value] if value else []
    return "" if value is None else value


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    version, audience = opening.plain("version"), opening.settings["audience_id"]
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"]),
        opening.http,
        read=read_error,
        read_feedback=read_usage,
    ) as client:
        yield MetaDestination(client, f"/{version}/{audience}/users")


DESTINATION = DestinationType(
    name="meta",
    label="Meta custom audiences",
    objects={"audience_members": CAPABILITIES},
    credentials=(
        Credential(
            "url",
            "address of the Graph API",
            is_secret=False,
            default="https://graph.facebook.com",
        ),
        Credential("token", "system user's token with ads_management"),
        Credential(
            "version", "version of the Graph API", is_secret=False, default="v25.0"
        ),
    ),
    open=_open,
)
