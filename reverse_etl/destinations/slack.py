"""Slack: one digest of a run in a channel, or one message for each row.

Calls chat.postMessage, whose answer is 200 with `ok: false` for nearly every refusal. There
is no way to post the same message only once, so a lost answer stays in doubt.

Credentials: token, of an app with the scope chat:write; url.
"""

import contextlib
from collections.abc import Iterator, Mapping

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
)
from reverse_etl.destinations.slack_answers import (
    CHANNEL_CODES,
    ROW_CLASSES,
    read,
    stopped,
)
from reverse_etl.destinations.slack_messages import digest, message_text
from reverse_etl.destinations.slack_wording import DIGEST, Wording, read_wording
from reverse_etl.errors import ErrorClass, JobLostError
from reverse_etl.modes import Mode, Removal
from reverse_etl.transport import HttpClient, TokenAuth
from warehouse.manifest import Json

MESSAGES = "messages"

MAX_TEXT = 40_000
"""Characters that Slack takes of a message. It cuts what is longer without a word."""

_EXTRAS = ("thread_ts", "username", "icon_emoji", "icon_url")

_OBJECTS: Mapping[str, Capabilities] = {
    DIGEST: Capabilities(
        modes=frozenset({Mode.APPEND, Mode.MIRROR}),
        removals=frozenset({Removal.REMOVE}),
        max_batch_rows=None,
        idempotency=Idempotency.NONE,
        max_workers=1,
        settings=("channel",),
        optional_settings=("text", "row", "max_rows"),
    ),
    MESSAGES: Capabilities(
        modes=frozenset({Mode.APPEND}),
        max_batch_rows=1,
        idempotency=Idempotency.NONE,
        max_workers=1,
        optional_settings=("channel", "text"),
    ),
}


class SlackDestination:
    """Posts to the channels of one workspace."""

    def __init__(
        self, client: HttpClient, capabilities: Capabilities, wording: Wording
    ) -> None:
        self._client = client
        self._wording = wording
        self.capabilities = capabilities

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Post the digest of a whole run, or the message of one row."""
        if batch.object == DIGEST:
            return self._send_digest(batch)
        records = batch.rows
        if len(records) > 1:
            raise ValueError("one message at a time, or a refusal would hit them all")
        for record in records:
            rejected = self._send_message(record)
            if rejected is not None:
                return BatchResult((rejected,))
        return BatchResult()

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Slack has no jobs.")

    def _send_digest(self, batch: Batch) -> BatchResult:
        text = digest(batch.sync, batch.records, self._wording)
        if text is None:
            return BatchResult()
        code = self._post({"channel": self._wording.channel, "text": text})
        if code is not None:
            raise stopped(code)
        return BatchResult()

    def _send_message(self, record: Record) -> RejectedRow | None:
        text = message_text(record, self._wording)
        own_channel = record.fields.get("channel")
        channel = own_channel or self._wording.channel
        if not isinstance(channel, str):
            return RejectedRow(0, ErrorClass.INVALID_FIELD, "no_channel", "channel")
        if not text.strip():
            return RejectedRow(0, ErrorClass.INVALID_FIELD, "no_text", "text")
        if len(text) > MAX_TEXT:
            return RejectedRow(0, ErrorClass.TOO_LARGE, "msg_too_long", "text")
        extras: dict[str, Json] = {
            name: record.fields[name] for name in _EXTRAS if record.fields.get(name)
        }
        code = self._post({"channel": channel, "text": text, **extras})
        if code is None:
            return None
        if code in CHANNEL_CODES and not own_channel:
            raise stopped(code)
        return RejectedRow(0, ROW_CLASSES.get(code, ErrorClass.OTHER), code)

    def _post(self, body: Mapping[str, Json]) -> str | None:
        """Post one message; Slack's code for why not, or None when it stands there."""
        response = self._client.request(
            "POST",
            "/chat.postMessage",
            body={**body, "unfurl_links": False, "unfurl_media": False},
            headers={"content-type": "application/json; charset=utf-8"},
            is_repeatable=False,
        )
        answer = json_object(response)
        code = answer.get("error")
        if answer.get("ok") is False and isinstance(code, str):
            return code
        if answer.get("ok") is not True or not isinstance(answer.get("ts"), str):
            raise response.undocumented()
        return None


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    wording = read_wording(opening.object, opening.settings)
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"]),
        opening.http,
        read=read,
    ) as client:
        yield SlackDestination(client, _OBJECTS[opening.object], wording)


DESTINATION = DestinationType(
    name="slack",
    label="Slack",
    objects=_OBJECTS,
    credentials=(
        Credential("token", "Token of the app: xoxb-…"),
        Credential(
            "url",
            "Address of the Web API.",
            is_secret=False,
            default="https://slack.com/api",
        ),
    ),
    open=_open,
    limits=(RateLimit(1, 1.0),),
)
