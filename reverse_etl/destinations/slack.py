"""Slack: one digest of a run in a channel, or one message for each row.

Calls chat.postMessage, whose answer is 200 with `ok: false` for nearly every refusal. There
is no way to post the same message only once, so a lost answer stays in doubt.

Credentials: token, of an app with the scope chat:write; url.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reverse_etl.destinations.placeholders import (
    Found,
    Lookup,
    Missing,
    Template,
    as_text,
    at_name,
    parse_template,
)
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
)
from reverse_etl.errors import (
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    SyncConfigurationError,
)
from reverse_etl.modes import Mode, Op, Removal
from reverse_etl.transport import (
    Faulty,
    HttpClient,
    Reading,
    Response,
    Stopped,
    Throttled,
    TokenAuth,
)
from warehouse.manifest import Json

DIGEST, MESSAGES = "digest", "messages"

MAX_TEXT = 40_000
"""Characters that Slack takes of a message. It cuts what is longer without a word."""

MAX_DIGEST_TEXT = 3_500
"""A digest ends before Slack folds it."""

_MAX_LINE = 400
_MOST_ROWS = 50
_DEFAULT_ROWS = 20
_DEFAULT_TEXT = "*{sync}*: {added} new, {changed} changed, {removed} left"
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

_THROTTLED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_AUTH = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_authed",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
_PERMISSION = frozenset(
    {
        "access_denied",
        "accesslimited",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "org_login_required",
        "restricted_action",
        "team_access_not_granted",
        "team_added_to_org",
    }
)
# Slack says of these two that some of the operation may have succeeded.
_PERHAPS_DONE = frozenset({"fatal_error", "internal_error"})
_NOTHING_DONE = frozenset({"request_timeout", "service_unavailable"})
_CHANNEL = frozenset(
    {
        "channel_is_archived",
        "channel_not_found",
        "is_archived",
        "not_in_channel",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    }
)
_ROW_CLASSES: Mapping[str, ErrorClass] = {
    "invalid_blocks": ErrorClass.INVALID_FIELD,
    "markdown_text_conflict": ErrorClass.INVALID_FIELD,
    "msg_blocks_too_long": ErrorClass.TOO_LARGE,
    "msg_too_long": ErrorClass.TOO_LARGE,
    "no_text": ErrorClass.INVALID_FIELD,
    "thread_not_found": ErrorClass.NOT_FOUND,
    "user_not_found": ErrorClass.NOT_FOUND,
    **dict.fromkeys(_CHANNEL, ErrorClass.NOT_FOUND),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """What messages say, read from a sync's settings.

    Attributes:
        channel: Id or name of the channel; None where each row names its own.
        text: The message, or a digest's first line; None takes the field `text`.
        row: A digest's line for each row; None takes the field `text`.
        max_rows: Most lines of a digest.
    """

    channel: str | None
    text: Template | None
    row: Template | None
    max_rows: int


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
            raise _stopped(code)
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
        if code in _CHANNEL and not own_channel:
            raise _stopped(code)
        return RejectedRow(0, _ROW_CLASSES.get(code, ErrorClass.OTHER), code)

    def _post(self, body: Mapping[str, Json]) -> str | None:
        """Post one message; Slack's code for why not, or None when it stands there."""
        response = self._client.request(
            "POST",
            "/chat.postMessage",
            body={**body, "unfurl_links": False, "unfurl_media": False},
            headers={"content-type": "application/json; charset=utf-8"},
            is_repeatable=False,
        )
        answer = response.json()
        if not isinstance(answer, dict):
            raise response.undocumented()
        code = answer.get("error")
        if answer.get("ok") is False and isinstance(code, str):
            return code
        if answer.get("ok") is not True or not isinstance(answer.get("ts"), str):
            raise response.undocumented()
        return None


def digest(sync: str, records: Iterable[Record], wording: Wording) -> str | None:
    """What one run changed, in a few lines; None when it changed nothing.

    Reads the records once, and keeps no more of them than it shows.
    """
    counts: Counter[Op] = Counter()
    lines: list[str] = []
    shown = 0
    length = 0
    for record in records:
        counts[record.op] += 1
        if record.op is Op.REMOVE or shown >= wording.max_rows:
            continue
        line = _filled(wording.row, record)[:_MAX_LINE]
        if line.strip() and length + len(line) <= MAX_DIGEST_TEXT:
            lines.append(f"• {line}")
            shown += 1
            length += len(line)
    if not counts:
        return None
    head = (wording.text or parse_template(_DEFAULT_TEXT)).text(
        _count_scope(sync, counts), escaped
    )
    left_out = counts[Op.ADD] + counts[Op.CHANGE] - shown
    if lines and left_out:
        lines.append(f"… and {left_out:,} more")
    return "\n".join(["" if isinstance(head, Missing) else head, *lines])


def message_text(record: Record, wording: Wording) -> str:
    """The message of one row."""
    return _filled(wording.text, record)


def escaped(value: str) -> str:
    """A value that Slack shows as it is: it can neither link nor call anybody."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _filled(template: Template | None, record: Record) -> str:
    if template is None:
        return escaped(as_text(record.fields.get("text")))
    text = template.text(_field_scope(record), escaped)
    return "" if isinstance(text, Missing) else text


def _field_scope(record: Record) -> Lookup:
    def look_up(name: str) -> Found:
        if name == "key":
            return record.key
        found = at_name(record.fields, name)
        # A field that is not known leaves a gap, and not the whole message out.
        return None if isinstance(found, Missing) else found

    return look_up


def _count_scope(sync: str, counts: Mapping[Op, int]) -> Lookup:
    values: Mapping[str, Json] = {
        "sync": sync,
        "added": counts[Op.ADD],
        "changed": counts[Op.CHANGE],
        "removed": counts[Op.REMOVE],
        "total": sum(counts.values()),
    }
    return values.get


def _read(response: Response) -> Reading | None:
    """What an answer means for every later message; None leaves it to status and row."""
    if not response.content.startswith(b"{"):
        return None
    try:
        answer = response.json()
    except FatalDeliveryError:
        return None
    code = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(code, str):
        return None
    if code in _THROTTLED:
        return Throttled()
    if code in _AUTH:
        return Stopped(ErrorClass.AUTH, code)
    if code in _PERMISSION:
        return Stopped(ErrorClass.PERMISSION, code)
    if code in _PERHAPS_DONE or code in _NOTHING_DONE:
        return Faulty(may_be_applied=code in _PERHAPS_DONE)
    return None


def _stopped(code: str) -> FatalDeliveryError:
    known = code if code in _ROW_CLASSES else "a code that is not known here"
    return FatalDeliveryError(
        f"Slack did not take the message ({known}). Check settings.channel, and that the "
        "app was invited there; then run again.",
        error_class=ErrorClass.CONFIG,
        code=code,
    )


def _wording(object_name: str, settings: Settings) -> Wording:
    rows = settings.get("max_rows", str(_DEFAULT_ROWS))
    if not (rows.isascii() and rows.isdecimal() and int(rows) <= _MOST_ROWS):
        raise SyncConfigurationError(
            f"settings.max_rows of slack is a number from 0 to {_MOST_ROWS}."
        )
    text = _template(settings, "text")
    if object_name == DIGEST and text is not None:
        known = ("sync", "added", "changed", "removed", "total")
        unknown = [name for name in text.names if name not in known]
        if unknown:
            raise SyncConfigurationError(
                f"settings.text of a slack digest has {{{unknown[0]}}}. It is about the "
                f"whole run: {', '.join(known)}. Fields of rows go into settings.row."
            )
    return Wording(
        channel=settings.get("channel"),
        text=text,
        row=_template(settings, "row"),
        max_rows=int(rows),
    )


def _template(settings: Settings, name: str) -> Template | None:
    if name not in settings:
        return None
    try:
        return parse_template(settings[name])
    except ValueError as error:
        raise SyncConfigurationError(f"settings.{name} of slack: {error}") from None


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    wording = _wording(opening.object, opening.settings)
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"]),
        opening.http,
        read=_read,
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
