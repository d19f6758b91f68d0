"""Mailchimp: contacts of one audience, over the Marketing API 3.0.

Up to 500 contacts a request are created or updated by POST /lists/{id}; clearing, archiving
and erasing take a request each. An answer of 200 may hold failed rows, and a 403 without
JSON is throttling.

The status of a contact is its consent, and belongs to the person: this module never sends
`status`, only `status_if_new`, and no status that subscribes.

Needs an API key, whose ending says where the account is.
"""

import base64
import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Credential,
    Destination,
    DestinationType,
    LimitKind,
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
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.transport import (
    HttpClient,
    Reading,
    Response,
    Secret,
    Throttled,
    TokenAuth,
)
from warehouse.manifest import Json

_EMAIL = "email_address"
_CENTRE = "{dc}"
_NEW_STATUSES = ("transactional", "pending", "unsubscribed")
_ARCHIVED = "archived"
_CONSENT_FIELDS = frozenset({"status", "status_if_new", "marketing_permissions"})
_EMPTY: Mapping[str, Json] = {"language": "", "vip": False}
"""What clears a field outside of the merge fields."""

MEMBERS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR, Mode.ARCHIVE}),
    removals=frozenset({Removal.CLEAR, Removal.ARCHIVE}),
    max_batch_rows=500,
    match_fields=(_EMAIL,),
    requires_all_match_fields=True,
    can_erase=True,
    settings=("list_id",),
    optional_settings=("status_if_new", "skip_merge_validation"),
)

# Error titles and the fixed part of its sentences, in the order in which they are looked for.
_ERROR_CLASSES: Sequence[tuple[str, str, ErrorClass]] = (
    ("compliance state", "compliance_state", ErrorClass.SUPPRESSED),
    ("permanently deleted", "permanently_deleted", ErrorClass.SUPPRESSED),
    ("forgotten email", "permanently_deleted", ErrorClass.SUPPRESSED),
    ("already a list member", "member_exists", ErrorClass.CONFLICT),
    ("member exists", "member_exists", ErrorClass.CONFLICT),
    ("duplicate", "duplicate", ErrorClass.CONFLICT),
    ("fake or invalid", "invalid_email", ErrorClass.INVALID_KEY),
    ("valid email", "invalid_email", ErrorClass.INVALID_KEY),
    ("merge field", "invalid_merge_field", ErrorClass.INVALID_FIELD),
)
_CODES = {
    "ERROR_CONTACT_EXISTS": ErrorClass.CONFLICT,
    "ERROR_GENERIC": ErrorClass.OTHER,
}


class MailchimpDestination:
    """Speaks to one audience of one account."""

    capabilities = MEMBERS

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._is_audience_known = False

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Create and update contacts together, or change each with a request of its own."""
        records = batch.rows
        if not records:
            return BatchResult()
        if batch.action in (Action.UPSERT, Action.CREATE):
            return self._write(batch)
        rejected = []
        for position, record in enumerate(records):
            row = self._change(batch, position, record)
            if row is not None:
                rejected.append(row)
        return BatchResult(tuple(rejected))

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Mailchimp has no jobs.")

    def _write(self, batch: Batch) -> BatchResult:
        status = batch.settings.get("status_if_new", _NEW_STATUSES[0])
        members: dict[int, Json] = {}
        rejected = []
        for position, record in enumerate(batch.rows):
            member, uncleared = _member(record)
            if uncleared is None:
                members[position] = {**member, "status_if_new": status}
            else:
                rejected.append(_cannot_clear(position, uncleared))
        if not members:
            return BatchResult(tuple(rejected))
        response = self._client.request(
            "POST",
            _list_path(batch.settings),
            body={
                "members": list(members.values()),
                "update_existing": batch.action is Action.UPSERT,
            },
            query=_query(batch.settings),
        )
        sent = [(position, batch.rows[position]) for position in members]
        rejected += _read_written(response, sent, status)
        return BatchResult(tuple(sorted(rejected, key=lambda row: row.position)))

    def _change(
        self, batch: Batch, position: int, record: Record
    ) -> RejectedRow | None:
        """One request for one contact."""
        email = record.match[_EMAIL]
        place = f"{_list_path(batch.settings)}/members/"
        path, shown = f"{place}{member_id(email)}", f"{place}…"
        match batch.action:
            case Action.ARCHIVE:
                response = self._client.request(
                    "DELETE", path, accepts=frozenset({404, 405}), shown_path=shown
                )
                if response.status == 405 and not self._is_archived(path, shown):
                    return RejectedRow(position, ErrorClass.CONFLICT, "cannot_archive")
            case Action.ERASE:
                response = self._client.request(
                    "POST",
                    f"{path}/actions/delete-permanent",
                    accepts=frozenset({404}),
                    shown_path=f"{shown}/actions/delete-permanent",
                )
            case Action.UPDATE:
                return self._update(batch, position, record, path, shown)
            case other:
                raise ValueError(f"Mailchimp has no action '{other.value}'")
        if response.status == 404:
            self._check_audience(batch.settings)
        elif response.status not in (204, 405):
            raise response.undocumented()
        return None

    def _is_archived(self, path: str, shown: str) -> bool:
        """Whether a contact that cannot be archived is so already."""
        response = self._client.request(
            "GET", path, query={"fields": "status"}, shown_path=shown
        )
        body = response.json()
        return isinstance(body, dict) and body.get("status") == _ARCHIVED

    def _check_audience(self, settings: Settings) -> None:
        """A missing contact and a missing audience get the same answer; tell them apart.

        Raises:
            FatalDeliveryError: There is no such audience.
        """
        if not self._is_audience_known:
            self._client.request("GET", _list_path(settings), query={"fields": "id"})
            self._is_audience_known = True

    def _update(
        self, batch: Batch, position: int, record: Record, path: str, shown: str
    ) -> RejectedRow | None:
        member, uncleared = _member(record)
        if uncleared is not None:
            return _cannot_clear(position, uncleared)
        response = self._client.request(
            "PATCH",
            path,
            body=member,
            query=_query(batch.settings),
            accepts=frozenset({400, 404}),
            shown_path=shown,
        )
        if response.status == 404:
            self._check_audience(batch.settings)
            is_gone = record.op is Op.REMOVE
            return None if is_gone else RejectedRow(position, ErrorClass.NOT_FOUND)
        body = response.json()
        if not isinstance(body, dict):
            raise response.undocumented()
        if response.status == 400:
            return _rejected(position, body, ("title", "detail"))
        if response.status != 200 or _folded(body.get(_EMAIL)) != _folded(
            record.match[_EMAIL]
        ):
            raise response.undocumented()
        return None


def member_id(email: str) -> str:
    """Mailchimp's own id of an address: MD5 of its lower-case form."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def _member(record: Record) -> tuple[dict[str, Json], str | None]:
    """A contact as Mailchimp writes it, and a field that it cannot clear."""
    consent = sorted(_CONSENT_FIELDS & record.fields.keys())
    if consent:
        raise FatalDeliveryError(
            f"The mapping writes '{consent[0]}', which is a contact's consent and not an "
            "attribute. Nothing was sent. Take it out of the mapping; what new contacts "
            "are is the setting status_if_new.",
            error_class=ErrorClass.CONFIG,
        )
    member: dict[str, Json] = {}
    for name, value in record.fields.items():
        if name == "merge_fields" and isinstance(value, dict):
            member[name] = {
                tag: "" if inner is None else inner for tag, inner in value.items()
            }
        elif value is not None:
            member[name] = value
        elif name in _EMPTY:
            member[name] = _EMPTY[name]
        else:
            return {}, name
    return {**member, _EMAIL: record.match[_EMAIL]}, None


def _read_written(
    response: Response, sent: Sequence[tuple[int, Record]], status: str
) -> list[RejectedRow]:
    body = response.json()
    if not isinstance(body, dict):
        raise response.undocumented()
    created, updated, errors = (
        body.get(name) for name in ("new_members", "updated_members", "errors")
    )
    if (
        not isinstance(created, list)
        or not isinstance(updated, list)
        or not isinstance(errors, list)
        or len(created) + len(updated) + len(errors) != len(sent)
    ):
        raise response.undocumented()
    for member in created:
        if not isinstance(member, dict) or member.get("status") != status:
            raise FatalDeliveryError(
                "Mailchimp gave new contacts another status than the sync asks for. The "
                "sync stopped, because a status is a consent. Check the audience's "
                "settings, and the contacts that were added last.",
                is_in_doubt=True,
                error_class=ErrorClass.CONFIG,
            )
    positions: dict[str, list[int]] = {}
    for position, record in sent:
        positions.setdefault(_folded(record.match[_EMAIL]), []).append(position)
    rejected = []
    for error in errors:
        position = _taken(error, positions, response)
        rejected.append(_rejected(position, error, ("error", "field_message")))
    for member in updated:
        # Writing to an archived contact does not bring it back into the audience.
        if isinstance(member, dict) and member.get("status") == _ARCHIVED:
            position = _taken(member, positions, response)
            rejected.append(RejectedRow(position, ErrorClass.SUPPRESSED, _ARCHIVED))
    return rejected


def _taken(
    element: Json, positions: Mapping[str, list[int]], response: Response
) -> int:
    """The place of the row that an element of an answer is about, by its address.

    Of an address that is there twice the first one counts, so that the last is refused.
    """
    email = element.get(_EMAIL) if isinstance(element, dict) else None
    left = positions.get(_folded(email))
    if not left:
        raise response.undocumented()
    return left.pop()


def _rejected(position: int, error: Json, texts: Sequence[str]) -> RejectedRow:
    """A refused row.

    Mailchimp tells the reason in sentences, which may quote the address: they are looked
    at, and not kept.
    """
    error = error if isinstance(error, dict) else {}
    said = " ".join(str(error.get(name) or "") for name in texts).lower()
    code = error.get("error_code")
    field = error.get("field")
    error_class = _CODES.get(str(code), ErrorClass.OTHER)
    shown = str(code) if code in _CODES else None
    for phrase, name, known in _ERROR_CLASSES:
        if phrase in said:
            error_class, shown = known, name
            break
    if error_class is ErrorClass.OTHER and (field or error.get("errors")):
        error_class = ErrorClass.INVALID_FIELD
    return RejectedRow(
        position,
        error_class,
        shown or _shown_code(code),
        str(field) if isinstance(field, str) and field else _first_field(error),
    )


def _shown_code(code: Json) -> str | None:
    is_code = isinstance(code, str) and code.replace("_", "").isalnum()
    return code if is_code and isinstance(code, str) else None


def _first_field(error: dict[str, Json]) -> str | None:
    problems = error.get("errors")
    first = problems[0] if isinstance(problems, list) and problems else None
    field = first.get("field") if isinstance(first, dict) else None
    return field if isinstance(field, str) and field else None


def _cannot_clear(position: int, field: str) -> RejectedRow:
    return RejectedRow(position, ErrorClass.INVALID_FIELD, "cannot_clear", field)


def _folded(email: Json) -> str:
    return email.strip().casefold() if isinstance(email, str) else ""


def _list_path(settings: Settings) -> str:
    return f"/3.0/lists/{quote(settings['list_id'], safe='')}"


def _query(settings: Settings) -> dict[str, str]:
    if settings.get("skip_merge_validation") == "true":
        return {"skip_merge_validation": "true"}
    return {}


def _read(response: Response) -> Reading | None:
    """Above its limit, Mailchimp also refuses with a page instead of a problem."""
    if response.status == 403 and not response.content.lstrip().startswith(b"{"):
        return Throttled()
    return None


def _base_url(url: str, api_key: Secret) -> str:
    if _CENTRE not in url:
        return url
    centre = api_key.reveal().rpartition("-")[2]
    if not centre.isalnum() or "-" not in api_key.reveal():
        raise SyncConfigurationError(
            "KENNING_MAILCHIMP_API_KEY does not end in the account's data centre, like "
            "-us19. Copy the whole key, or give KENNING_MAILCHIMP_URL."
        )
    return url.replace(_CENTRE, centre)


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    status = opening.settings.get("status_if_new", _NEW_STATUSES[0])
    if status not in _NEW_STATUSES:
        raise SyncConfigurationError(
            f"The setting status_if_new of a sync to Mailchimp is '{status}'. It may be "
            f"{', '.join(_NEW_STATUSES)}: nobody is subscribed by a sync of attributes."
        )
    api_key = opening.credentials["api_key"]
    token = base64.b64encode(f"kenning:{api_key.reveal()}".encode()).decode()
    with HttpClient(
        _base_url(opening.plain("url"), api_key),
        TokenAuth(Secret(token), prefix="Basic "),
        opening.http,
        read=_read,
    ) as client:
        yield MailchimpDestination(client)


DESTINATION = DestinationType(
    name="mailchimp",
    label="Mailchimp",
    objects={"members": MEMBERS},
    credentials=(
        Credential(
            "url",
            "address of the API; {dc} is the ending of the key",
            is_secret=False,
            default=f"https://{_CENTRE}.api.mailchimp.com",
        ),
        Credential("api_key", "API key of the account"),
    ),
    open=_open,
    limits=(RateLimit(10, kind=LimitKind.CONCURRENCY),),
)
