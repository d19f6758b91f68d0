"""Webhooks: batches of records, signed, to an address of one's own.

One POST for each batch, or for each record with `settings: {form: row}`. Every request
carries an idempotency key and an HMAC-SHA256 signature with its time. Any 2xx is success;
the answer may say what became of each record. Interface: docs/destinations/webhook.md.

Credentials: url, secret; old_secret while the secret is being replaced; token, where the
receiver wants a bearer token too.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from reverse_etl.destinations.protocol import (
    ANY_ASSOCIATION,
    Batch,
    BatchResult,
    Capabilities,
    Credential,
    Destination,
    DestinationType,
    Idempotency,
    Opening,
    Record,
)
from reverse_etl.destinations.request_bodies import json_within, too_large
from reverse_etl.destinations.signing import signature
from reverse_etl.destinations.webhook_answers import read_result
from reverse_etl.errors import JobLostError, SyncConfigurationError
from reverse_etl.modes import Mode, Removal
from reverse_etl.transport import HttpClient, TokenAuth, json_bytes, origin_and_path
from warehouse.manifest import Json

VERSION = 1
SIGNATURE_HEADER = "x-kenning-signature"

_BATCH, _ROW = "batch", "row"

CAPABILITIES = Capabilities(
    modes=frozenset(set(Mode) - {Mode.FULL}),
    removals=frozenset(
        {Removal.CLEAR, Removal.REMOVE, Removal.ARCHIVE, Removal.DELETE}
    ),
    max_batch_rows=100,
    max_batch_bytes=1_000_000,
    max_row_bytes=256_000,
    idempotency=Idempotency.HEADER,
    gives_ids=True,
    can_erase=True,
    optional_settings=("form", "max_batch_rows"),
    associations=ANY_ASSOCIATION,
)

_MOST_ROWS = 10_000


class WebhookDestination:
    """Posts to one address."""

    def __init__(self, client: HttpClient, path: str, opening: Opening) -> None:
        self._client = client
        self._path = path
        self._secrets = tuple(
            opening.credentials[name]
            for name in ("secret", "old_secret")
            if opening.credentials[name].reveal()
        )
        self._is_by_row = _form(opening.settings) == _ROW
        self.capabilities = dataclasses.replace(
            CAPABILITIES,
            max_batch_rows=1 if self._is_by_row else _max_rows(opening.settings),
        )

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Post one batch."""
        records = batch.rows
        if not records:
            return BatchResult()
        response = self._client.request(
            "POST",
            self._path,
            content=self._content(batch, records),
            headers={
                "content-type": "application/json",
                "x-run-id": batch.run_id,
                "x-batch-id": batch.idempotency_key,
            },
            idempotency_key=batch.idempotency_key,
            sign=self._signed,
            # The path of a webhook is often its secret.
            shown_path="",
        )
        return read_result(response, records)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("A webhook has no jobs.")

    def _content(self, batch: Batch, records: Sequence[Record]) -> bytes:
        what = f"A batch of {len(records):,} records for the webhook"
        most_rows = self.capabilities.max_batch_rows or 1
        if len(records) > most_rows:
            raise too_large(what, f"{most_rows:,} records")
        rows = [row_body(record) for record in records]
        most_row_bytes = self.capabilities.max_row_bytes or 0
        if any(len(json_bytes(row)) > most_row_bytes for row in rows):
            raise too_large(what, f"{most_row_bytes:,} bytes a record")
        body: dict[str, Json] = {
            "version": VERSION,
            "sync": batch.sync,
            "object": batch.object,
            "action": batch.action.value,
            "run_id": batch.run_id,
            "batch_id": batch.idempotency_key,
        }
        body |= {"row": rows[0]} if self._is_by_row else {"rows": [*rows]}
        return json_within(body, self.capabilities.max_batch_bytes or 0, what)

    def _signed(self, content: bytes) -> Mapping[str, str]:
        at_s = int(self._client.options.now().timestamp())
        return {SIGNATURE_HEADER: signature(content, at_s=at_s, secrets=self._secrets)}


def row_body(record: Record) -> dict[str, Json]:
    """One record, as it stands in a body."""
    body: dict[str, Json] = {
        "op": record.op.value,
        "key": record.key,
        "event_id": record.event_id,
        "match": dict(record.match),
        "fields": dict(record.fields),
    }
    if record.associations:
        body["associations"] = dict(record.associations)
    if record.dest_id is not None:
        body["id"] = record.dest_id
    return body


def _form(settings: Mapping[str, str]) -> str:
    form = settings.get("form", _BATCH)
    if form not in (_BATCH, _ROW):
        raise SyncConfigurationError(
            f"settings.form of a webhook is '{_BATCH}' or '{_ROW}', not '{form}'."
        )
    return form


def _max_rows(settings: Mapping[str, str]) -> int:
    text = settings.get("max_batch_rows", str(CAPABILITIES.max_batch_rows))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST_ROWS):
        raise SyncConfigurationError(
            f"settings.max_batch_rows of a webhook is a number from 1 to {_MOST_ROWS:,}."
        )
    return int(text)


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    # The path is kept as it is: a slash at its end may mean another place.
    origin, path = origin_and_path(opening.plain("url"))
    token = opening.credentials["token"]
    with HttpClient(
        origin,
        TokenAuth(token) if token.reveal() else None,
        opening.http,
    ) as client:
        yield WebhookDestination(client, path, opening)


DESTINATION = DestinationType(
    name="webhook",
    label="Webhook",
    objects={"*": CAPABILITIES},
    credentials=(
        Credential(
            "url",
            "Where to post. By {env: NAME} or {file: PATH} where it is a secret.",
            is_secret=False,
        ),
        Credential("secret", "What requests are signed with."),
        Credential(
            "old_secret", "The secret before, while it is replaced.", default=""
        ),
        Credential(
            "token", "A bearer token, where the receiver wants one.", default=""
        ),
    ),
    open=_open,
)
