"""Intercom over its REST API 2.16: contacts, companies, and tags on contacts.

There is no bulk endpoint, so a batch is one record. A contact is found by the id of an
earlier answer or by search, and then updated; one that is not there is created. Companies
are looked up by Intercom itself. Credential: an access token of the workspace.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import quote

from reverse_etl.destinations.intercom_answers import (
    GONE,
    Found,
    RowRefusedError,
    feedback_reader,
    first_error,
    id_of,
    json_object,
    reader,
    refusal,
    success,
    text,
)
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
from reverse_etl.errors import (
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.transport import HttpClient, Response, TokenAuth
from warehouse.manifest import Json

API_VERSION = "2.16"

_EXTERNAL_ID, _EMAIL, _COMPANY_ID = "external_id", "email", "company_id"
_ROLES = ("user", "lead")
_MAX_WORKERS = 8

CONTACTS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR, Mode.ARCHIVE}),
    removals=frozenset({Removal.CLEAR, Removal.ARCHIVE, Removal.DELETE}),
    match_fields=(_EXTERNAL_ID, _EMAIL),
    max_workers=_MAX_WORKERS,
    gives_ids=True,
    can_erase=True,
    optional_settings=("role",),
    associations=("company",),
)
COMPANIES = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.UPDATE, Mode.MIRROR}),
    removals=frozenset({Removal.DELETE}),
    match_fields=(_COMPANY_ID,),
    max_workers=_MAX_WORKERS,
    gives_ids=True,
)
CONTACT_TAGS = Capabilities(
    modes=frozenset({Mode.MIRROR, Mode.ADD, Mode.REMOVE}),
    removals=frozenset({Removal.REMOVE}),
    match_fields=(_EXTERNAL_ID, _EMAIL),
    is_membership=True,
    max_workers=_MAX_WORKERS,
    gives_ids=True,
    settings=("tag_id",),
    optional_settings=("role",),
)
OBJECTS = {
    "contacts": CONTACTS,
    "companies": COMPANIES,
    "contact_tags": CONTACT_TAGS,
}

# Statuses that say something about the one record of a request.
_OF_THE_RECORD = frozenset({400, 409, 422})
_CONFLICTING_ID = re.compile(r"\bid=([0-9A-Za-z-]+)")
_UNSUBSCRIBED = "unsubscribed_from_emails"


class IntercomDestination:
    """Speaks to one workspace about one kind of object.

    Args:
        client: The connection.
        object_name: One of `OBJECTS`.
        role: Which contacts are looked for and created.
    """

    def __init__(
        self, client: HttpClient, object_name: str, *, role: str = _ROLES[0]
    ) -> None:
        self.capabilities = OBJECTS[object_name]
        self._client = client
        self._role = role
        self._company_ids: dict[str, str] = {}
        self._known_tags: set[str] = set()
        deliveries: Mapping[str, Callable[[Record, Batch], str | None]] = {
            "contacts": self._contact,
            "companies": self._company,
            "contact_tags": self._tagging,
        }
        self._deliver = deliveries[object_name]

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Deliver each record of a batch, normally one."""
        rejected: list[RejectedRow] = []
        dest_ids: dict[int, str] = {}
        for position, record in enumerate(batch.rows):
            try:
                dest_id = self._deliver(record, batch)
            except RowRefusedError as refused:
                rejected.append(refused.at(position))
            else:
                if dest_id is not None:
                    dest_ids[position] = dest_id
        return BatchResult(tuple(rejected), dest_ids)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Intercom has no jobs.")

    # Contacts

    def _contact(self, record: Record, batch: Batch) -> str | None:
        match batch.action:
            case Action.ARCHIVE:
                self._take_away(self._ids(record), "archived")
                return None
            case Action.DELETE:
                self._take_away(self._ids(record), "deleted")
                return None
            case Action.ERASE:
                self._take_away(self._every_id(record), "deleted")
                return None
        if record.fields.get(_UNSUBSCRIBED) is False:
            raise RowRefusedError(
                ErrorClass.CONSENT, "resubscribes", field=_UNSUBSCRIBED
            )
        contact_id = self._written(record, batch.action)
        if contact_id is None:
            return None
        company_id = record.associations.get("company")
        if company_id:
            self._attach(contact_id, company_id)
        return contact_id

    def _written(self, record: Record, action: Action) -> str | None:
        """Create or update a contact; None when there is none that is to be cleared."""
        body: dict[str, Json] = {**record.fields, **record.match}
        if body.get(_UNSUBSCRIBED, True) is None:
            del body[_UNSUBSCRIBED]
        if record.dest_id is not None and action is not Action.CREATE:
            response = self._ask("PUT", _path("contacts", record.dest_id), body)
            if response.status not in GONE:
                return id_of(response)
        found = self._found(record, self._role)
        if found is None and record.op is Op.REMOVE:
            return None
        if found is None and action is Action.UPDATE:
            raise RowRefusedError(ErrorClass.NOT_FOUND, "not_found")
        if found is None:
            return self._created(record, body, action)
        if action is Action.CREATE:
            return found
        return id_of(self._ask("PUT", _path("contacts", found), body))

    def _created(self, record: Record, body: Mapping[str, Json], action: Action) -> str:
        """Create a contact; one that search did not show is updated instead."""
        response = self._ask(
            "POST", "/contacts", {"role": self._role, **body}, may_be_gone=False
        )
        if response.status != 409:
            return id_of(response)
        message = text((first_error(response) or {}).get("message")) or ""
        named = _CONFLICTING_ID.search(message)
        if named is None:
            raise refusal(response)
        path = _path("contacts", named.group(1))
        is_archived = "archived" in message.lower()
        if is_archived and action is not Action.CREATE:
            self._ask("POST", f"{path}/unarchive")
        contact = self._ask("GET", path)
        if contact.status in GONE or not _is_of(json_object(contact), record):
            # It shares an address with this record, but is known as somebody else.
            if is_archived and action is not Action.CREATE:
                self._ask("POST", f"{path}/archive")
            raise RowRefusedError(ErrorClass.CONFLICT, "conflict")
        if action is Action.CREATE:
            return id_of(contact)
        return id_of(self._ask("PUT", path, {**body}))

    def _ids(self, record: Record) -> Sequence[str]:
        """The one contact that a record is about, if there is one."""
        found = record.dest_id or self._found(record, self._role)
        return () if found is None else (found,)

    def _every_id(self, record: Record) -> Sequence[str]:
        """Every contact that a privacy request is about, users and leads alike."""
        ids = {text(each.get("id")) for each in self._matching(record, None)}
        return sorted({each for each in (*ids, record.dest_id) if each})

    def _take_away(self, ids: Sequence[str], done: str) -> None:
        for contact_id in ids:
            path = _path("contacts", contact_id)
            response = (
                self._ask("POST", f"{path}/archive")
                if done == "archived"
                else self._ask("DELETE", path)
            )
            if response.status in GONE:
                continue
            if success(response).get(done) is not True:
                raise response.undocumented()

    def _found(self, record: Record, role: str | None) -> str | None:
        """The id of the contact that has a record's identifiers.

        Raises:
            RowRefusedError: Several have, so that nobody can tell which one it is.
        """
        matching = self._matching(record, role)
        wanted = record.match.get(_EXTERNAL_ID)
        exact = [each for each in matching if wanted and each[_EXTERNAL_ID] == wanted]
        candidates = exact or matching
        if len(candidates) > 1:
            raise RowRefusedError(ErrorClass.CONFLICT, "several_contacts")
        return text(candidates[0].get("id")) if candidates else None

    def _matching(self, record: Record, role: str | None) -> Sequence[Found]:
        response = self._ask(
            "POST", "/contacts/search", _search(record, role), may_be_gone=False
        )
        data = success(response).get("data")
        if not isinstance(data, list):
            raise response.undocumented()
        found = [each for each in data if isinstance(each, dict)]
        if len(found) != len(data) or not all(text(each.get("id")) for each in found):
            raise response.undocumented()
        return [each for each in found if _is_of(each, record)]

    def _attach(self, contact_id: str, company_id: str) -> None:
        known = self._company_ids.get(company_id) or self._company_id(company_id)
        if known is None:
            raise RowRefusedError(
                ErrorClass.NOT_FOUND, "not_found", field="company", is_retryable=True
            )
        self._company_ids[company_id] = known
        id_of(
            self._ask(
                "POST", f"{_path('contacts', contact_id)}/companies", {"id": known}
            )
        )

    # Companies

    def _company(self, record: Record, batch: Batch) -> str | None:
        company_id = record.match[_COMPANY_ID]
        if batch.action is Action.UPSERT:
            body: dict[str, Json] = {**record.fields, _COMPANY_ID: company_id}
            return id_of(self._ask("POST", "/companies", body, may_be_gone=False))
        known = record.dest_id or self._company_id(company_id)
        if batch.action is Action.DELETE:
            if known is not None:
                response = self._ask("DELETE", _path("companies", known))
                if response.status not in GONE:
                    id_of(response)
            return None
        if known is not None:
            changed = self._ask("PUT", _path("companies", known), {**record.fields})
            if changed.status not in GONE:
                return id_of(changed)
        if record.op is Op.REMOVE:
            return None
        raise RowRefusedError(ErrorClass.NOT_FOUND, "not_found")

    def _company_id(self, company_id: str) -> str | None:
        """Intercom's own id of a company that is known by ours."""
        response = self._ask("GET", "/companies", query={_COMPANY_ID: company_id})
        if response.status == 404:
            return None
        found = success(response)
        listed = found.get("data")
        companies = listed if isinstance(listed, list) else [found]
        return next(
            (
                text(each.get("id"))
                for each in companies
                if isinstance(each, dict) and each.get(_COMPANY_ID) == company_id
            ),
            None,
        )

    # Tags

    def _tagging(self, record: Record, batch: Batch) -> str | None:
        tag_id = batch.settings["tag_id"]
        if tag_id not in self._known_tags:
            # A tag that is not there stops the sync here, with its 404.
            self._client.request("GET", _path("tags", tag_id))
            self._known_tags.add(tag_id)
        is_removal = batch.action is Action.REMOVE
        if record.dest_id is not None and self._tag(record.dest_id, tag_id, is_removal):
            return record.dest_id
        found = self._found(record, self._role)
        if is_removal:
            if found is not None:
                self._tag(found, tag_id, is_removal)
            return None
        if found is None or not self._tag(found, tag_id, is_removal):
            raise RowRefusedError(ErrorClass.NOT_FOUND, "not_found", is_retryable=True)
        return found

    def _tag(self, contact_id: str, tag_id: str, is_removal: bool) -> bool:  # noqa: FBT001
        """Tag a contact or take its tag away; whether the contact is there."""
        path = f"{_path('contacts', contact_id)}/tags"
        response = (
            self._ask("DELETE", f"{path}/{quote(tag_id, safe='')}")
            if is_removal
            else self._ask("POST", path, {"id": tag_id})
        )
        if response.status in GONE:
            return False
        if id_of(response) != tag_id:
            raise response.undocumented()
        return True

    def _ask(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        query: Mapping[str, str] | None = None,
        may_be_gone: bool = True,
    ) -> Response:
        """Make one request about one record.

        Raises:
            FatalDeliveryError: The path does not exist, rather than the record.
        """
        response = self._client.request(
            method,
            path,
            body=body,
            query=query,
            accepts=_OF_THE_RECORD | GONE if may_be_gone else _OF_THE_RECORD,
        )
        if response.status in GONE and first_error(response) is None:
            raise FatalDeliveryError(
                f"{response.place} answered {response.status}, and not as Intercom does "
                "for a record that is not there. Check the URL.",
                error_class=ErrorClass.CONFIG,
            )
        return response


def _path(collection: str, record_id: str) -> str:
    return f"/{collection}/{quote(record_id, safe='')}"


def _search(record: Record, role: str | None) -> Json:
    filters: list[Json] = [
        {"field": name, "operator": "=", "value": record.match[name]}
        for name in (_EXTERNAL_ID, _EMAIL)
        if record.match.get(name)
    ]
    query: Json = (
        filters[0] if len(filters) == 1 else {"operator": "OR", "value": filters}
    )
    if role is not None:
        of_role: Json = {"field": "role", "operator": "=", "value": role}
        query = {"operator": "AND", "value": [of_role, query]}
    return {"query": query}


def _is_of(contact: Found, record: Record) -> bool:
    """Whether a contact is the one of a record, and not somebody with the same address.

    Our id decides where both have one. Only a contact without it goes by its address.
    """
    wanted, held = record.match.get(_EXTERNAL_ID), contact.get(_EXTERNAL_ID)
    if wanted and held:
        return held == wanted
    email, held_email = record.match.get(_EMAIL), contact.get(_EMAIL)
    return (
        email is not None
        and isinstance(held_email, str)
        and held_email.casefold() == email.casefold()
    )


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    role = opening.settings.get("role", _ROLES[0])
    if role not in _ROLES:
        raise SyncConfigurationError(
            f"The setting role of '{opening.account}' is '{role}'. Intercom has the roles "
            f"{' and '.join(_ROLES)}."
        )
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"]),
        opening.http,
        headers={"intercom-version": API_VERSION},
        read=reader(opening.http.now),
        read_feedback=feedback_reader(opening.http.now),
    ) as client:
        yield IntercomDestination(client, opening.object, role=role)


DESTINATION = DestinationType(
    name="intercom",
    label="Intercom",
    objects=OBJECTS,
    credentials=(
        Credential(
            "url",
            "address of the workspace's region",
            is_secret=False,
            default="https://api.intercom.io",
        ),
        Credential("token", "access token of the workspace"),
    ),
    open=_open,
    # 10,000 a minute, which Intercom counts in slices of ten seconds.
    limits=(RateLimit(1_600, 10.0),),
)
