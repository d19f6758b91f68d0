"""The marketing tool that ships with the demo, over its HTTP batch interface.

Records are upserted and deleted by id, up to 500 a request, and each row is answered for:
200 when all went well, 207 when some did not. Interface: docs/destinations/mailer.md.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from reverse_etl.destinations.json_answers import json_object
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Credential,
    Destination,
    DestinationType,
    Opening,
    Record,
    RejectedRow,
)
from reverse_etl.errors import BatchRefusedError, ErrorClass, JobLostError
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient, Response, TokenAuth, json_bytes
from warehouse.manifest import Json

_ID = "id"
_DELETIONS = frozenset({Action.DELETE, Action.ERASE})

CAPABILITIES = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.MIRROR}),
    removals=frozenset({Removal.DELETE}),
    max_batch_rows=500,
    max_batch_bytes=16_000_000,
    match_fields=(_ID,),
    can_erase=True,
)

_ERROR_CLASSES: Mapping[str, ErrorClass] = {
    "invalid_id": ErrorClass.INVALID_KEY,
    "invalid_property": ErrorClass.INVALID_FIELD,
    "duplicate_id": ErrorClass.CONFLICT,
}


class MailerDestination:
    """Speaks to one account."""

    capabilities = CAPABILITIES

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Upsert or delete the records of one batch."""
        records = batch.rows
        if not records:
            return BatchResult()
        verb, body = _request(batch.action, records)
        content = json_bytes(body)
        most_bytes = self.capabilities.max_batch_bytes
        if most_bytes is not None and len(content) > most_bytes:
            raise BatchRefusedError(
                f"A batch of {len(records):,} records for the mailer is larger than "
                f"{most_bytes:,} bytes. Nothing of it was sent.",
                is_too_large=True,
            )
        response = self._client.request(
            "POST",
            f"/v1/{batch.object}/batch/{verb}",
            content=content,
            headers={"content-type": "application/json"},
            idempotency_key=batch.idempotency_key,
        )
        return BatchResult(_rejected_rows(response, records))

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("The mailer has no jobs.")


def _request(action: Action, records: Sequence[Record]) -> tuple[str, Json]:
    if action in _DELETIONS:
        return "delete", {"ids": [_id(record) for record in records]}
    return "upsert", {
        "records": [
            {"id": _id(record), "properties": dict(record.fields)} for record in records
        ]
    }


def _id(record: Record) -> str:
    return record.match.get(_ID) or record.key


def _rejected_rows(
    response: Response, records: Sequence[Record]
) -> tuple[RejectedRow, ...]:
    """Rows that the answer calls failed; the answer must name every row that was sent."""
    results = json_object(response).get("results")
    if not isinstance(results, list) or len(results) != len(records):
        raise response.undocumented()
    rejected = []
    for position, (result, record) in enumerate(zip(results, records, strict=True)):
        if not isinstance(result, dict) or result.get("id") != _id(record):
            raise response.undocumented()
        status = result.get("status")
        if status == "error":
            rejected.append(_rejected_row(position, result))
        elif status not in ("created", "updated", "deleted", "absent"):
            raise response.undocumented()
    return tuple(rejected)


def _rejected_row(position: int, result: Mapping[str, Json]) -> RejectedRow:
    code, field = result.get("code"), result.get("property")
    code = code if isinstance(code, str) else None
    return RejectedRow(
        position,
        _ERROR_CLASSES.get(code or "", ErrorClass.OTHER),
        code=code,
        field=field if isinstance(field, str) else None,
    )


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    with HttpClient(
        opening.plain("url"), TokenAuth(opening.credentials["token"]), opening.http
    ) as client:
        yield MailerDestination(client)


DESTINATION = DestinationType(
    name="mailer",
    label="Mailer of the demo",
    objects={"*": CAPABILITIES},
    credentials=(
        Credential("url", "address of the tool", is_secret=False),
        Credential("token", "bearer token that it accepts"),
    ),
    open=_open,
)
