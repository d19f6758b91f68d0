"""Destinations that a project describes itself, in YAML and without code.

Each file destinations/<name>.yml is a tool with an HTTP interface: its requests are made
from templates whose names are looked up and nothing else, and its answers are read at the
paths that the file names. What it cannot say (jobs that end later, files, several requests
for one batch) needs a module. Format: docs/destinations/custom-http.md.

Credentials: url, and what the file's `auth` needs: token, or user and password, or secret,
or client_id and client_secret.
"""

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from reverse_etl.destinations.custom_answers import (
    NOT_FOUND_STATUS,
    read_answer,
    read_not_found,
    reader,
)
from reverse_etl.destinations.custom_auth import auth_of, signer_of
from reverse_etl.destinations.custom_definition import (
    CustomDestination,
    CustomObject,
    Errors,
    NotFound,
    Request,
)
from reverse_etl.destinations.custom_reading import read_definition
from reverse_etl.destinations.custom_requests import (
    headers_of,
    path_and_query,
    render,
    shown_path,
)
from reverse_etl.destinations.custom_scopes import batch_scope
from reverse_etl.destinations.placeholders import Missing
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Destination,
    DestinationType,
    Idempotency,
    Opening,
    Record,
)
from reverse_etl.destinations.request_bodies import too_large
from reverse_etl.errors import JobLostError, SyncConfigurationError
from reverse_etl.transport import HttpClient, Signer, json_bytes
from reverse_etl.yaml_reading import read_yaml
from warehouse.manifest import Json

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


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
            auth_of(definition.auth, opening.credentials),
            opening.http,
            headers=definition.headers,
            read=reader(definition.errors),
        ) as client:
            sign = signer_of(definition.auth, opening)
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
        scope = batch_scope(batch, records)
        idempotency = self.capabilities.idempotency
        response = self._client.request(
            request.method,
            path_and_query(request, scope),
            content=content,
            headers={
                **({} if content is None else {"content-type": "application/json"}),
                **headers_of(request.headers, scope),
            },
            is_repeatable=idempotency is not Idempotency.NONE,
            idempotency_key=batch.idempotency_key
            if idempotency is Idempotency.HEADER
            else None,
            accepts=request.accepts
            | ({NOT_FOUND_STATUS} if request.not_found is not NotFound.STOP else set()),
            sign=self._sign,
            shown_path=shown_path(request.path),
        )
        if response.status == NOT_FOUND_STATUS:
            return read_not_found(request.not_found, records)
        return read_answer(request, response, records, self._errors)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("A destination that is described in YAML has no jobs.")

    def _content(
        self, request: Request, batch: Batch, records: Sequence[Record]
    ) -> bytes | None:
        what = f"A batch of {len(records):,} records"
        most_rows = self.capabilities.max_batch_rows
        if most_rows is not None and len(records) > most_rows:
            raise too_large(what, f"{most_rows:,} records")
        if request.body is None:
            return None
        most_row_bytes = self.capabilities.max_row_bytes
        if most_row_bytes is not None:
            for record in records:
                size = len(json_bytes(_whole_record(record)))
                if size > most_row_bytes:
                    raise too_large(what, f"{most_row_bytes:,} bytes a record")
        body = render(request.body, batch_scope(batch, records), records)
        content = json_bytes(None if isinstance(body, Missing) else body)
        most_bytes = self.capabilities.max_batch_bytes
        if most_bytes is not None and len(content) > most_bytes:
            raise too_large(what, f"{most_bytes:,} bytes")
        return content


def _whole_record(record: Record) -> Json:
    return {"match": dict(record.match), "fields": dict(record.fields)}
