"""Matched audiences of LinkedIn: DMP segments of users.

One call adds and removes up to 5,000 people, and the answer has a status for each, in
order. LinkedIn opens it only to those whom it has approved. Credentials: a member's token
with the right rw_dmp_segments.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from reverse_etl.destinations.digests import sendable
from reverse_etl.destinations.json_answers import json_object
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
)
from reverse_etl.errors import ErrorClass, JobLostError
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient, Response, TokenAuth
from warehouse.manifest import Json

_IDS = {"email": "SHA256_EMAIL", "device_id": "GOOGLE_AID"}
_HASHED = frozenset({"email"})
_TRAITS = {
    "first_name": "firstName",
    "last_name": "lastName",
    "company": "company",
    "title": "title",
    "country": "country",
}
_NAMES = ("first_name", "last_name")

CAPABILITIES = Capabilities(
    modes=frozenset({Mode.MIRROR, Mode.ADD, Mode.REMOVE}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=5_000,
    match_fields=(*_IDS, *_TRAITS),
    is_membership=True,
    can_erase=True,
    settings=("segment_id",),
)


class LinkedinDestination:
    """Speaks to one segment.

    Args:
        client: The connection.
        path: Path of the segment's users.
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
        """Add the people of one batch to the segment, or take them out."""
        verb = "ADD" if batch.action in (Action.ADD, Action.UPSERT) else "REMOVE"
        elements, positions, rejected = _elements(batch.rows, verb)
        if not elements:
            return BatchResult(rejected)
        response = self._client.request(
            "POST",
            self._path,
            body={"elements": elements},
            headers={"x-restli-method": "BATCH_CREATE"},
        )
        return BatchResult((*rejected, *refused_rows(response, positions, verb)))

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("LinkedIn has no jobs.")


def _elements(
    records: Sequence[Record], verb: str
) -> tuple[list[Json], list[int], tuple[RejectedRow, ...]]:
    """Elements, their places in the batch, and records that nobody can be found by."""
    may_go = sendable(records, _HASHED)
    elements: list[Json] = []
    positions, rejected = [], [*may_go.rejected]
    for position, record in zip(may_go.positions, may_go.records, strict=True):
        element = element_of(record.match, verb)
        if element is None:
            rejected.append(RejectedRow(position, ErrorClass.INVALID_KEY))
        else:
            elements.append(element)
            positions.append(position)
    return elements, positions, tuple(rejected)


def element_of(match: Mapping[str, str], verb: str) -> dict[str, Json] | None:
    """One person as the API wants it: found by an id, or by first and last name."""
    ids: list[Json] = [
        {"idType": kind, "idValue": match[name]}
        for name, kind in _IDS.items()
        if match.get(name)
    ]
    if not ids and not all(match.get(name) for name in _NAMES):
        return None
    traits: dict[str, Json] = {
        kind: match[name] for name, kind in _TRAITS.items() if match.get(name)
    }
    return {"action": verb, **({"userIds": ids} if ids else {}), **traits}


def refused_rows(
    response: Response, positions: Sequence[int], verb: str
) -> tuple[RejectedRow, ...]:
    """Rows that were refused; the answer must have a status for every one that was sent."""
    elements = json_object(response).get("elements")
    if not isinstance(elements, list) or len(elements) != len(positions):
        raise response.undocumented()
    rejected = []
    for position, element in zip(positions, elements, strict=True):
        status = element.get("status") if isinstance(element, dict) else None
        if type(status) is not int:
            raise response.undocumented()
        is_gone = status == 404 and verb == "REMOVE"
        if 200 <= status < 300 or is_gone:
            continue
        rejected.append(
            RejectedRow(
                position,
                _error_class(status),
                code=str(status),
                is_retryable=status == 429 or status >= 500,
            )
        )
    return tuple(rejected)


def _error_class(status: int) -> ErrorClass:
    if status >= 500:
        return ErrorClass.TRANSIENT
    return {
        400: ErrorClass.INVALID_FIELD,
        404: ErrorClass.NOT_FOUND,
        409: ErrorClass.CONFLICT,
        422: ErrorClass.INVALID_FIELD,
        429: ErrorClass.THROTTLED,
    }.get(status, ErrorClass.OTHER)


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    segment = quote(opening.settings["segment_id"], safe="")
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"]),
        opening.http,
        headers={
            "linkedin-version": opening.plain("version"),
            "x-restli-protocol-version": "2.0.0",
        },
    ) as client:
        yield LinkedinDestination(client, f"/rest/dmpSegments/{segment}/users")


DESTINATION = DestinationType(
    name="linkedin",
    label="LinkedIn matched audiences",
    objects={"audience_members": CAPABILITIES},
    credentials=(
        Credential(
            "url",
            "address of the API",
            is_secret=False,
            default="https://api.linkedin.com",
        ),
        Credential("token", "member's token with rw_dmp_segments"),
        Credential(
            "version",
            "version of the API, as YYYYMM",
            is_secret=False,
            default="202604",
        ),
    ),
    open=_open,
    limits=(RateLimit(500, 60),),
)
