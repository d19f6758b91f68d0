"""The marketing tool that ships with the demo, over its HTTP batch interface.

Records are upserted and deleted by id, up to 500 a request, and each row is answered for:
200 when all went well, 207 when some did not. Interface: docs/destinations/mailer.md.

Environment: KENNING_MAILER_URL, KENNING_MAILER_TOKEN.
"""

from collections.abc import Mapping, Sequence

from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    RejectedRow,
)
from reverse_etl.errors import FatalDeliveryError, SyncConfigurationError
from reverse_etl.payload import Change
from reverse_etl.plan import BatchKind
from reverse_etl.spec import Mode
from reverse_etl.transport import HttpTransport, Secret
from warehouse.manifest import Json

URL_VARIABLE = "KENNING_MAILER_URL"
TOKEN_VARIABLE = "KENNING_MAILER_TOKEN"  # noqa: S105  the variable's name, no token

CAPABILITIES = Capabilities(frozenset(Mode), max_batch_rows=500)

_ERROR_CLASSES: Mapping[str, str] = {
    "invalid_id": "INVALID_KEY",
    "invalid_property": "INVALID_FIELD",
    "duplicate_id": "CONFLICT",
}


class MailerDestination:
    """Speaks to one account."""

    capabilities = CAPABILITIES

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._transport.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Upsert or delete the rows of one batch."""
        changes = tuple(batch.changes)
        action, body = _request(batch.kind, changes)
        path = f"/v1/{batch.object}/batch/{action}"
        answer = self._transport.post(path, body, idempotency_key=batch.idempotency_key)
        return BatchResult(_rejected_rows(answer.body, changes, path))


def mailer_transport(environ: Mapping[str, str]) -> HttpTransport:
    """The connection that the environment describes.

    Raises:
        SyncConfigurationError: A variable is missing.
    """
    missing = [name for name in (URL_VARIABLE, TOKEN_VARIABLE) if not environ.get(name)]
    if missing:
        raise SyncConfigurationError(
            f"The destination 'mailer' needs {' and '.join(missing)} in the environment. "
            "`kenning demo` sets them for the simulator that it starts; "
            "`python -m demo.destination_simulator` prints them."
        )
    return HttpTransport(environ[URL_VARIABLE], Secret(environ[TOKEN_VARIABLE]))


def _request(kind: BatchKind, changes: Sequence[Change]) -> tuple[str, Json]:
    if kind is BatchKind.REMOVE:
        return "delete", {"ids": [change.key for change in changes]}
    return "upsert", {
        "records": [
            {"id": change.key, "properties": dict(change.fields)} for change in changes
        ]
    }


def _rejected_rows(
    body: Json, changes: Sequence[Change], path: str
) -> tuple[RejectedRow, ...]:
    """Rows that the answer calls failed; the answer must name every row that was sent."""
    results = body.get("results") if isinstance(body, dict) else None
    if not isinstance(results, list) or len(results) != len(changes):
        raise _undocumented(path)
    rejected = []
    for position, (result, change) in enumerate(zip(results, changes, strict=True)):
        if not isinstance(result, dict) or result.get("id") != change.key:
            raise _undocumented(path)
        status = result.get("status")
        if status == "error":
            rejected.append(_rejected_row(position, result))
        elif status not in ("created", "updated", "deleted", "absent"):
            raise _undocumented(path)
    return tuple(rejected)


def _rejected_row(position: int, result: Mapping[str, Json]) -> RejectedRow:
    code, field = result.get("code"), result.get("property")
    code = code if isinstance(code, str) else None
    return RejectedRow(
        position,
        _ERROR_CLASSES.get(code or "", "OTHER"),
        code=code,
        field=field if isinstance(field, str) else None,
    )


def _undocumented(path: str) -> FatalDeliveryError:
    return FatalDeliveryError(
        f"The mailer's answer to {path} does not account for every row that was sent. The "
        "sync stopped, because the interface is not the one it knows.",
        is_in_doubt=True,
    )
