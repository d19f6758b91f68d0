"""Destinations that a project describes itself, in YAML and without code.

Each file destinations/<name>.yml is a tool with an HTTP interface: its requests are made
from templates whose names are looked up and nothing else, and its answers are read at the
paths that the file names. What it cannot say (jobs that end later, files, several requests
for one batch) needs a module. Format: docs/destinations/custom-http.md.

Credentials: url, and what the file's `auth` needs: token, or user and password, or secret,
or client_id and client_secret.
"""

import base64
import contextlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import assert_never
from urllib.parse import quote, urlencode

from reverse_etl.auth import client_credentials
from reverse_etl.destinations.custom_definition import (
    Auth,
    AuthKind,
    Body,
    Check,
    Constant,
    CustomDestination,
    CustomObject,
    Each,
    Elements,
    Errors,
    NotFound,
    Pairing,
    Parts,
    Request,
    RowAnswers,
    Signs,
    read_definition,
)
from reverse_etl.destinations.placeholders import (
    MISSING,
    Found,
    Lookup,
    Missing,
    Template,
    as_text,
    at_name,
    at_path,
)
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Destination,
    DestinationType,
    Idempotency,
    Opening,
    Record,
    RejectedRow,
)
from reverse_etl.destinations.signing import signature
from reverse_etl.errors import (
    BatchRefusedError,
    DeliveryError,
    ErrorClass,
    JobLostError,
    SyncConfigurationError,
)
from reverse_etl.transport import (
    Auth as AuthOfClient,
)
from reverse_etl.transport import (
    Expired,
    Faulty,
    HttpClient,
    OutOfQuota,
    Reader,
    Reading,
    Refused,
    Response,
    Secret,
    Signer,
    Throttled,
    TokenAuth,
    json_bytes,
)
from reverse_etl.yaml_reading import read_yaml
from warehouse.manifest import Json

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CODE = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_NOT_FOUND_STATUS = 404
_NO_PART = frozenset({"", ".", ".."})


def read_custom_types(
    folder: Path, *, reserved: Collection[str] = ()
) -> Mapping[str, DestinationType]:
    """The kinds of destination that a folder's files describe; none without the folder.

    Args:
        folder: The project's folder `destinations`.
        reserved: Names that are taken.

    Raises:
        SyncConfigurationError: A file cannot be meant as it is written.
    """
    types: dict[str, DestinationType] = {}
    for path in sorted(folder.glob("*.y*ml")):
        shown = f"{folder.name}/{path.name}"
        if not _NAME.fullmatch(path.stem) or path.stem in reserved:
            why = (
                "is a destination of its own" if path.stem in reserved else "is no name"
            )
            raise SyncConfigurationError(
                f"{shown}: '{path.stem}' {why}. Name the file by up to 40 lower-case "
                "letters, digits and underscores."
            )
        if path.stem in types:
            raise SyncConfigurationError(f"{shown} is there twice, as .yml and .yaml.")
        content = read_yaml(path, shown=shown)
        if content is None:
            raise SyncConfigurationError(f"{shown} is empty.")
        types[path.stem] = custom_type(read_definition(path.stem, content))
    return types


def custom_type(definition: CustomDestination) -> DestinationType:
    """The kind of destination that a definition describes."""

    @contextlib.contextmanager
    def opened(opening: Opening) -> Iterator[Destination]:
        described = definition.objects.get(opening.object) or definition.objects["*"]
        with HttpClient(
            opening.plain("url"),
            _auth(definition.auth, opening.credentials),
            opening.http,
            headers=definition.headers,
            read=_reader(definition.errors),
        ) as client:
            sign = _signer(definition.auth, opening)
            yield CustomHttpDestination(client, described, definition.errors, sign)

    return DestinationType(
        name=definition.name,
        label=definition.label,
        objects={
            name: described.capabilities
            for name, described in definition.objects.items()
        },
        credentials=definition.credentials,
        open=opened,
        limits=definition.limits,
    )


class CustomHttpDestination:
    """Speaks to one tool as its file describes it."""

    def __init__(
        self,
        client: HttpClient,
        described: CustomObject,
        errors: Errors,
        sign: Signer | None = None,
    ) -> None:
        self._client = client
        self._requests = described.requests
        self._errors = errors
        self._sign = sign
        self.capabilities: Capabilities = described.capabilities

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Make the action's request for the batch, and read the answer."""
        records = batch.rows
        if not records:
            return BatchResult()
        request = self._requests.get(batch.action)
        if request is None:
            raise SyncConfigurationError(
                f"The file of this destination has no request for '{batch.action}'. Add "
                f"it under 'actions' of '{batch.object}'."
            )
        content = self._content(request, batch, records)
        scope = _batch_scope(batch, records)
        idempotency = self.capabilities.idempotency
        response = self._client.request(
            request.method,
            _path(request, scope),
            content=content,
            headers={
                **({} if content is None else {"content-type": "application/json"}),
                **_headers(request.headers, scope),
            },
            is_repeatable=idempotency is not Idempotency.NONE,
            idempotency_key=batch.idempotency_key
            if idempotency is Idempotency.HEADER
            else None,
            accepts=request.accepts
            | (
                {_NOT_FOUND_STATUS} if request.not_found is not NotFound.STOP else set()
            ),
            sign=self._sign,
            shown_path=_shown(request.path),
        )
        if response.status == _NOT_FOUND_STATUS:
            return _not_found(request.not_found, records)
        return _read_answer(request, response, records, self._errors)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("A destination that is described in YAML has no jobs.")

    def _content(
        self, request: Request, batch: Batch, records: Sequence[Record]
    ) -> bytes | None:
        most_rows = self.capabilities.max_batch_rows
        if most_rows is not None and len(records) > most_rows:
            raise _too_large(len(records), f"{most_rows:,} records")
        if request.body is None:
            return None
        most_row_bytes = self.capabilities.max_row_bytes
        if most_row_bytes is not None:
            for record in records:
                size = len(json_bytes(_whole_record(record)))
                if size > most_row_bytes:
                    raise _too_large(len(records), f"{most_row_bytes:,} bytes a record")
        body = render(request.body, _batch_scope(batch, records), records)
        content = json_bytes(None if isinstance(body, Missing) else body)
        most_bytes = self.capabilities.max_batch_bytes
        if most_bytes is not None and len(content) > most_bytes:
            raise _too_large(len(records), f"{most_bytes:,} bytes")
        return content


def render(body: Body, scope: Lookup, records: Sequence[Record]) -> Found:
    """A body with its names filled in; what has no value is left out."""
    match body:
        case Constant(value):
            return value
        case Template():
            return body.value(scope)
        case Each(entry):
            write = _writer(entry, scope)
            entries = (write(record) for record in records)
            return [entry for entry in entries if not isinstance(entry, Missing)]
        case Parts(by_name):
            parts = {
                name: render(part, scope, records) for name, part in by_name.items()
            }
            return {
                name: part
                for name, part in parts.items()
                if not isinstance(part, Missing)
            }
        case Elements(items):
            elements = (render(item, scope, records) for item in items)
            return [item for item in elements if not isinstance(item, Missing)]
        case _:
            assert_never(body)


def _writer(entry: Body, around: Lookup) -> Callable[[Record], Found]:
    """What gives one record's entry. Made once for all of them."""
    match entry:
        case Template(only_name="fields"):
            return lambda record: record.json_fields
        case Template(only_name="key"):
            return lambda record: record.key
        case Parts(by_name):
            writers = {name: _writer(part, around) for name, part in by_name.items()}
            return lambda record: {
                name: part
                for name, write in writers.items()
                if not isinstance(part := write(record), Missing)
            }
        case _:
            return lambda record: render(entry, _row_scope(around, record), ())


def _batch_scope(batch: Batch, records: Sequence[Record]) -> Lookup:
    """Values of the batch, and of its record when it has one."""
    values: dict[str, Json] = {
        "sync": batch.sync,
        "object": batch.object,
        "action": batch.action.value,
        "run_id": batch.run_id,
        "batch_id": batch.idempotency_key,
        "row_count": len(records),
    }

    def look_up(name: str) -> Found:
        if name in values:
            return values[name]
        first, _, rest = name.partition(".")
        if first == "settings":
            return batch.settings.get(rest, MISSING)
        return MISSING

    return _row_scope(look_up, records[0]) if len(records) == 1 else look_up


def _row_scope(around: Lookup, record: Record) -> Lookup:
    def look_up(name: str) -> Found:
        first, _, rest = name.partition(".")
        match first:
            case "key":
                return record.key
            case "op":
                return record.op.value
            case "event_id":
                return record.event_id
            case "dest_id":
                return MISSING if record.dest_id is None else record.dest_id
            case "match" | "fields" | "associations":
                held: dict[str, Json] = dict(getattr(record, first))
                return at_name(held, rest) if rest else held
            case _:
                return around(name)

    return look_up


def _whole_record(record: Record) -> Json:
    return {"match": dict(record.match), "fields": dict(record.fields)}


def _path(request: Request, scope: Lookup) -> str:
    path = request.path.text(scope, _part_of_path)
    if isinstance(path, Missing):
        raise _cannot_say("path")
    query = {
        name: text
        for name, template in request.query.items()
        if not isinstance(text := template.text(scope), Missing)
    }
    return f"{path}?{urlencode(query)}" if query else path


def _part_of_path(value: str) -> str:
    if value in _NO_PART:
        # A path with a hole or a step up in it would mean another resource.
        raise _cannot_say("path")
    return quote(value, safe="")


def _headers(templates: Mapping[str, Template], scope: Lookup) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for name, template in templates.items():
        text = template.text(scope)
        if isinstance(text, Missing):
            continue
        if not (text.isascii() and text.isprintable()):
            raise _cannot_say("header")
        headers[name] = text
    return headers


def _shown(path: Template) -> str:
    return "".join(text + ("" if name is None else "{}") for text, name in path.pieces)


def _cannot_say(where: str) -> BatchRefusedError:
    return BatchRefusedError(
        f"A {where} of the request cannot be made: a value that it needs is missing, or "
        f"has no place in a {where}. Nothing was sent.",
        error_class=ErrorClass.INVALID_KEY,
    )


def _too_large(count: int, most: str) -> BatchRefusedError:
    return BatchRefusedError(
        f"A batch of {count:,} records is larger than {most}. Nothing of it was sent.",
        is_too_large=True,
    )


def _not_found(meaning: NotFound, records: Sequence[Record]) -> BatchResult:
    if meaning is NotFound.DONE:
        return BatchResult()
    return BatchResult(
        tuple(
            RejectedRow(position, ErrorClass.NOT_FOUND, code=str(_NOT_FOUND_STATUS))
            for position in range(len(records))
        )
    )


def _read_answer(
    request: Request, response: Response, records: Sequence[Record], errors: Errors
) -> BatchResult:
    """What became of each record, or the error for an answer that does not say it."""
    body = response.optional_json()
    if request.success is not None and not _holds(request.success, body):
        code = _code(body, errors.code)
        raise BatchRefusedError(
            f"{response.place} answered with success, and says that it failed.",
            error_class=_class(code, errors),
            code=code,
        )
    if request.rows is None:
        return BatchResult()
    return _read_rows(
        request.rows,
        response,
        records,
        errors,
        may_miss=request.success is not None and not request.rows.are_all,
    )


def _read_rows(
    rows: RowAnswers,
    response: Response,
    records: Sequence[Record],
    errors: Errors,
    *,
    may_miss: bool,
) -> BatchResult:
    entries = at_path(response.optional_json(), rows.list)
    if may_miss and (isinstance(entries, Missing) or entries is None):
        entries = []
    if not isinstance(entries, list) or (rows.are_all and len(entries) != len(records)):
        raise response.undocumented()
    positions = _positions(rows, records)
    rejected: dict[int, RejectedRow] = {}
    ids: dict[int, str] = {}
    seen: set[int] = set()
    for number, entry in enumerate(entries):
        position = _position(rows, entry, number, positions)
        if position is None or not 0 <= position < len(records) or position in seen:
            raise response.undocumented()
        seen.add(position)
        if rows.failed is None or _holds(rows.failed, entry):
            rejected[position] = _rejected(position, rows, entry, errors)
        elif rows.id is not None:
            found = at_path(entry, rows.id)
            if isinstance(found, str | int) and not isinstance(found, bool):
                ids[position] = str(found)
    return BatchResult(
        tuple(rejected[position] for position in sorted(rejected)), dest_ids=ids
    )


def _positions(rows: RowAnswers, records: Sequence[Record]) -> Mapping[str, int]:
    if rows.pairing is not Pairing.KEY:
        return {}
    keys = (
        rows.equals.text(_row_scope(lambda _: MISSING, record)) for record in records
    )
    return {
        key: position
        for position, key in enumerate(keys)
        if not isinstance(key, Missing)
    }


def _position(
    rows: RowAnswers, entry: Json, number: int, positions: Mapping[str, int]
) -> int | None:
    if rows.pairing is Pairing.ORDER:
        return number
    found = at_path(entry, rows.index if rows.pairing is Pairing.INDEX else rows.key)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    if rows.pairing is Pairing.INDEX:
        text = str(found)
        return int(text) if text.isdecimal() else None
    return positions.get(str(found))


def _rejected(
    position: int, rows: RowAnswers, entry: Json, errors: Errors
) -> RejectedRow:
    code = _code(entry, rows.code)
    field = _code(entry, rows.field)
    return RejectedRow(
        position,
        _class(code, errors),
        code=code,
        field=field,
        is_retryable=code in errors.retryable,
    )


def _holds(check: Check, body: Json) -> bool:
    found = at_path(body, check.path)
    return any(found == value and type(found) is type(value) for value in check.equals)


def _code(body: Json, path: str | None) -> str | None:
    """A code, if it looks like one: anything else may be a sentence that quotes a value."""
    found = MISSING if path is None else at_path(body, path)
    if isinstance(found, Missing | list | dict) or found is None:
        return None
    text = as_text(found)
    return text if _CODE.fullmatch(text) else None


def _class(code: str | None, errors: Errors) -> ErrorClass:
    return errors.classes.get(code or "", ErrorClass.OTHER)


def _reader(errors: Errors) -> Reader:
    """What an answer means, by its status or by the code in it."""

    def read(response: Response) -> Reading | None:
        code = None
        if errors.code is not None and response.content[:1] in (b"{", b"["):
            with contextlib.suppress(DeliveryError):
                code = _code(response.json(), errors.code)

        def is_meant(signs: Signs) -> bool:
            return response.status in signs.statuses or code in signs.codes

        if is_meant(errors.quota):
            return OutOfQuota(errors.quota_wait_s)
        if is_meant(errors.throttled):
            return Throttled()
        if is_meant(errors.auth):
            return Expired()
        if is_meant(errors.retried):
            return Faulty()
        if is_meant(errors.refused):
            return Refused(code=code, error_class=_class(code, errors))
        return None

    return read


def _auth(auth: Auth, credentials: Mapping[str, Secret]) -> AuthOfClient | None:
    match auth.kind:
        case AuthKind.NONE | AuthKind.HMAC:
            return None
        case AuthKind.BEARER | AuthKind.HEADER:
            return TokenAuth(credentials["token"], auth.name, auth.prefix)
        case AuthKind.BASIC:
            pair = ":".join(credentials[name].reveal() for name in ("user", "password"))
            token = base64.b64encode(pair.encode()).decode()
            return TokenAuth(Secret(token), "authorization", "Basic ")
        case AuthKind.OAUTH:
            return client_credentials(
                auth.token_url,
                client_id=credentials["client_id"].reveal(),
                client_secret=credentials["client_secret"],
                scope=auth.scope or None,
            )
        case _:
            assert_never(auth.kind)


def _signer(auth: Auth, opening: Opening) -> Signer | None:
    if auth.kind is not AuthKind.HMAC:
        return None
    secret = opening.credentials["secret"]

    def sign(content: bytes) -> Mapping[str, str]:
        at_s = int(opening.http.now().timestamp())
        return {auth.name: signature(content, at_s=at_s, secrets=(secret,))}

    return sign
