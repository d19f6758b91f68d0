"""HubSpot: contacts, companies, deals, custom objects, and who is in a list.

Up to 100 records go in one request of the CRM objects API, v3. They are found by a property
that is unique there; lists, updates and archiving want HubSpot's record id, which is looked
up where it is not known.

Needs the access token of a private app with the scopes of what is synced.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from reverse_etl.destinations.hubspot_answers import (
    SentRows,
    is_said_by_hubspot,
    read_batch,
    read_feedback,
    read_status,
)
from reverse_etl.destinations.hubspot_rows import (
    RECORD_ID,
    check,
    created,
    match_property,
    updated,
    upserted,
)
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
    RejectedRow,
)
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    JobLostError,
)
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.transport import HttpClient, Response, TokenAuth
from warehouse.manifest import Json

_MAX_BATCH_ROWS = 100
_EMAIL = "email"
_OTHER_EMAILS = "hs_additional_emails"

RECORDS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR, Mode.ARCHIVE}),
    removals=frozenset({Removal.CLEAR, Removal.ARCHIVE}),
    max_batch_rows=_MAX_BATCH_ROWS,
    gives_ids=True,
)
CONTACTS = Capabilities(
    modes=RECORDS.modes,
    removals=RECORDS.removals,
    max_batch_rows=_MAX_BATCH_ROWS,
    gives_ids=True,
    can_erase=True,
)
LISTS = Capabilities(
    modes=frozenset({Mode.ADD, Mode.REMOVE, Mode.MIRROR}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=_MAX_BATCH_ROWS,
    is_membership=True,
    gives_ids=True,
    settings=("list_id",),
    optional_settings=("object_type",),
)


class HubspotDestination:
    """Speaks to one account."""

    def __init__(self, client: HttpClient, capabilities: Capabilities) -> None:
        self._client = client
        self.capabilities = capabilities

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Write a batch of records, or change who is in a list."""
        if not batch.rows:
            return BatchResult()
        check(batch)
        match batch.action:
            case Action.UPSERT:
                return self._upsert(batch)
            case Action.CREATE:
                return self._create(batch)
            case Action.UPDATE:
                return self._update(batch)
            case Action.ARCHIVE:
                return self._archive(batch)
            case Action.ADD | Action.REMOVE:
                return self._change_list(batch)
            case Action.ERASE:
                return self._erase(batch)
            case other:
                raise ValueError(f"HubSpot has no action '{other.value}'")

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("HubSpot has no jobs.")

    def _upsert(self, batch: Batch) -> BatchResult:
        everybody, name = range(len(batch.rows)), match_property(batch)
        inputs: list[Json] = [upserted(batch, position, name) for position in everybody]
        response = self._post(batch.object, "upsert", {"inputs": inputs})
        return read_batch(response, _sent_by_value(batch, everybody))

    def _create(self, batch: Batch) -> BatchResult:
        """One record that is there already refuses all; the others are tried without it."""
        everybody = range(len(batch.rows))
        response = self._post_new(batch, everybody)
        if response.status != 409:
            return read_batch(response, _sent_by_value(batch, everybody))
        ids = self._ids(batch, batch.object)
        absent = [position for position in everybody if ids[position] is None]
        conflicts = [
            RejectedRow(position, ErrorClass.CONFLICT, "CONFLICT")
            for position in everybody
            if ids[position] is not None or len(batch.rows) == 1
        ]
        if not conflicts:
            raise _refused_whole(batch)
        if not absent or len(batch.rows) == 1:
            return BatchResult(tuple(conflicts))
        response = self._post_new(batch, absent)
        if response.status == 409:
            raise _refused_whole(batch)
        written = read_batch(response, _sent_by_value(batch, absent))
        rejected = sorted((*conflicts, *written.rejected), key=lambda row: row.position)
        return BatchResult(tuple(rejected), written.dest_ids)

    def _post_new(self, batch: Batch, positions: Sequence[int]) -> Response:
        inputs: list[Json] = [created(batch, position) for position in positions]
        return self._post(
            batch.object, "create", {"inputs": inputs}, accepts=frozenset({409})
        )

    def _update(self, batch: Batch) -> BatchResult:
        ids = self._ids(batch, batch.object)
        missing = [
            RejectedRow(position, ErrorClass.NOT_FOUND)
            for position, record in enumerate(batch.rows)
            # Nothing is left to be cleared in a record that is not there.
            if ids[position] is None and record.op is not Op.REMOVE
        ]
        # Of two rows for one record the last one counts: HubSpot takes no id twice.
        by_id = {
            record_id: position
            for position, record_id in enumerate(ids)
            if record_id is not None
        }
        if not by_id:
            return BatchResult(tuple(missing))
        inputs: list[Json] = [
            updated(batch, position, record_id) for record_id, position in by_id.items()
        ]
        written = read_batch(
            self._post(batch.object, "update", {"inputs": inputs}),
            SentRows(
                batch.rows,
                frozenset(by_id.values()),
                by_id,
                lambda result: _text(result.get("id")),
                drops_missing=True,
            ),
        )
        rejected = sorted((*missing, *written.rejected), key=lambda row: row.position)
        return BatchResult(tuple(rejected), written.dest_ids)

    def _archive(self, batch: Batch) -> BatchResult:
        ids = dict.fromkeys(each for each in self._ids(batch, batch.object) if each)
        if ids:
            inputs: list[Json] = [{"id": record_id} for record_id in ids]
            _check_done(self._post(batch.object, "archive", {"inputs": inputs}))
        return BatchResult()

    def _erase(self, batch: Batch) -> BatchResult:
        """One request for each identifier: by address, which also bars it, and by id."""
        name = match_property(batch)
        ids = (
            [record.dest_id for record in batch.rows]
            if name == _EMAIL
            else self._ids(batch, batch.object)
        )
        for record, record_id in zip(batch.rows, ids, strict=True):
            if name == _EMAIL:
                self._forget({"objectId": record.match[name], "idProperty": _EMAIL})
            if record_id is not None:
                self._forget({"objectId": record_id})
        return BatchResult()

    def _forget(self, body: dict[str, Json]) -> None:
        response = self._client.request(
            "POST",
            "/crm/v3/objects/contacts/gdpr-delete",
            body=body,
            accepts=frozenset({404}),
        )
        if response.status != 404:
            _check_done(response)
        elif not is_said_by_hubspot(response):
            raise response.undocumented()

    def _change_list(self, batch: Batch) -> BatchResult:
        ids = self._ids(batch, batch.settings.get("object_type", "contacts"))
        missing = {position for position, each in enumerate(ids) if each is None}
        if len(missing) < len(ids):
            missing |= self._changed_list(batch, ids)
        rejected = [
            # Another sync may create the record before the next run.
            RejectedRow(position, ErrorClass.NOT_FOUND, is_retryable=True)
            for position in sorted(missing)
            if batch.action is Action.ADD
        ]
        return BatchResult(
            tuple(rejected),
            {
                position: record_id
                for position, record_id in enumerate(ids)
                if record_id is not None and position not in missing
            },
        )

    def _changed_list(self, batch: Batch, ids: Sequence[str | None]) -> set[int]:
        """Put records in, or take them out; positions of those that HubSpot lacks."""
        verb = "add" if batch.action is Action.ADD else "remove"
        list_id = quote(batch.settings["list_id"], safe="")
        response = self._client.request(
            "PUT",
            f"/crm/v3/lists/{list_id}/memberships/{verb}",
            body=[*dict.fromkeys(each for each in ids if each is not None)],
        )
        body = response.json()
        if not isinstance(body, dict):
            raise response.undocumented()
        # The first name is spelt like that for lists, and the second for everything else.
        changed = (
            body.get("recordsIdsAdded", body.get("recordIdsAdded"))
            if batch.action is Action.ADD
            else body.get("recordIdsRemoved")
        )
        missing = body.get("recordIdsMissing")
        if not isinstance(changed, list) and not isinstance(missing, list):
            raise response.undocumented()
        absent = {str(each) for each in missing} if isinstance(missing, list) else set()
        return {position for position, each in enumerate(ids) if each in absent}

    def _ids(self, batch: Batch, object_type: str) -> Sequence[str | None]:
        """HubSpot's id of each record, in order; None where it has no such one."""
        name = match_property(batch)
        if name == RECORD_ID:
            return [record.match[name] for record in batch.rows]
        # To erase takes the record that has the identifier today.
        is_fresh = batch.action is Action.ERASE
        unknown = {
            record.match[name].casefold(): record.match[name]
            for record in batch.rows
            if is_fresh or record.dest_id is None
        }
        found = self._look_up(object_type, name, [*unknown.values()]) if unknown else {}
        ids: list[str | None] = []
        for record in batch.rows:
            held = found.get(record.match[name].casefold())
            ids.append(held or record.dest_id if is_fresh else record.dest_id or held)
        return ids

    def _look_up(
        self, object_type: str, name: str, values: Sequence[str]
    ) -> Mapping[str, str]:
        """Record ids by value in small letters. A contact has every address it ever had."""
        inputs: list[Json] = [{"id": value} for value in values]
        names: list[Json] = [name, _OTHER_EMAILS] if name == _EMAIL else [name]
        response = self._post(
            object_type,
            "read",
            {"idProperty": name, "properties": names, "inputs": inputs},
        )
        body = response.json()
        results = body.get("results") if isinstance(body, dict) else None
        if not isinstance(results, list):
            raise response.undocumented()
        found: dict[str, str] = {}
        for result in results:
            record_id = _text(result.get("id")) if isinstance(result, dict) else None
            if not isinstance(result, dict) or record_id is None:
                raise response.undocumented()
            held = _held(result, name)
            others = _held(result, _OTHER_EMAILS) if name == _EMAIL else None
            for value in (held, *(others or "").split(";")):
                if value:
                    found.setdefault(value.strip(), record_id)
        return found

    def _post(
        self,
        object_type: str,
        verb: str,
        body: dict[str, Json],
        *,
        accepts: frozenset[int] = frozenset(),
    ) -> Response:
        path = f"/crm/v3/objects/{quote(object_type, safe='')}/batch/{verb}"
        return self._client.request("POST", path, body=body, accepts=accepts)


def _sent_by_value(batch: Batch, positions: Sequence[int]) -> SentRows:
    """Rows that an answer may name by the value of the property they are found by."""
    name = match_property(batch)
    return SentRows(
        batch.rows,
        frozenset(positions),
        {batch.rows[place].match[name].casefold(): place for place in positions},
        lambda result: _held(result, name),
    )


def _refused_whole(batch: Batch) -> BatchRefusedError:
    return BatchRefusedError(
        f"HubSpot refused a batch of {len(batch.rows):,} new records of sync "
        f"'{batch.sync}', because one of them is there already, and did not say which.",
        error_class=ErrorClass.CONFLICT,
        code="CONFLICT",
    )


def _check_done(response: Response) -> None:
    if response.status != 204:
        raise response.undocumented()


def _held(result: Mapping[str, Json], name: str) -> str | None:
    """A result's value of a property, in small letters, as HubSpot compares it."""
    properties = result.get("properties")
    value = properties.get(name) if isinstance(properties, dict) else None
    return value.casefold() if isinstance(value, str) else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"]),
        opening.http,
        read=read_status,
        read_feedback=read_feedback,
    ) as client:
        capabilities = DESTINATION.capabilities(opening.object) or RECORDS
        yield HubspotDestination(client, capabilities)


DESTINATION = DestinationType(
    name="hubspot",
    label="HubSpot",
    objects={"contacts": CONTACTS, "lists": LISTS, "*": RECORDS},
    credentials=(
        Credential(
            "url",
            "address of the API",
            is_secret=False,
            default="https://api.hubapi.com",
        ),
        Credential("token", "access token of a private app"),
    ),
    open=_open,
    limits=(
        RateLimit(190, 10.0),
        RateLimit(650_000, 86_400.0, kind=LimitKind.DAILY),
    ),
)
