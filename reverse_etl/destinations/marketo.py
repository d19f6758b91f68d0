"""Marketo Engage: leads up to 300 at a time, and who is in a static list.

`POST /rest/v1/leads.json` answers for each lead in order. Lists and deletions want
Marketo's own ids, which come with earlier answers or are looked up. Credentials: client id
and secret of a custom service in LaunchPoint.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote, urlencode

from reverse_etl.auth import client_credentials
from reverse_etl.destinations.marketo_answers import (
    LEAD_EXISTS,
    LEAD_NOT_FOUND,
    NOT_IN_LIST,
    Result,
    lead_id,
    next_page,
    reader,
    refused_with,
    rejected_row,
    results,
    results_by_id,
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
    Record,
    RejectedRow,
)
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    JobLostError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.transport import HttpClient, Response, json_bytes
from warehouse.manifest import Json

_MAX_ROWS = 300
_MAX_BYTES = 1_000_000
_MAX_QUERY_CHARACTERS = 6_000
_ID = "id"

LEADS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR}),
    removals=frozenset({Removal.CLEAR, Removal.DELETE}),
    max_batch_rows=_MAX_ROWS,
    max_batch_bytes=_MAX_BYTES,
    gives_ids=True,
    can_erase=True,
    optional_settings=("partition",),
)
LIST_MEMBERS = Capabilities(
    modes=frozenset({Mode.MIRROR, Mode.ADD, Mode.REMOVE}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=_MAX_ROWS,
    is_membership=True,
    gives_ids=True,
    settings=("list_id",),
)
OBJECTS = {"leads": LEADS, "list_members": LIST_MEMBERS}

_LEAD_ACTIONS: Mapping[Action, str] = {
    Action.UPSERT: "createOrUpdate",
    Action.CREATE: "createOnly",
    Action.UPDATE: "updateOnly",
}
# True in these is somebody's wish. Taking it back is not for a sync to do.
_CONSENT_FIELDS = ("unsubscribed", "blackListed", "marketingSuspended")


class MarketoDestination:
    """Speaks to one instance about leads, or about one list.

    Args:
        client: The connection.
        object_name: One of `OBJECTS`.
    """

    def __init__(self, client: HttpClient, object_name: str) -> None:
        self.capabilities = OBJECTS[object_name]
        self._client = client

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Write, delete or erase leads, or change who is in the list."""
        if not batch.rows:
            return BatchResult()
        match batch.action:
            case Action.DELETE | Action.ERASE:
                return self._deleted(batch)
            case Action.ADD | Action.REMOVE:
                return self._listed(batch)
        return self._written(batch)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Marketo has no jobs here.")

    def _written(self, batch: Batch) -> BatchResult:
        name = _lookup_field(batch.rows)
        rejected = dict(_unsendable(batch.rows, name))
        sent = [place for place in range(len(batch.rows)) if place not in rejected]
        if not sent:
            return _result(rejected)
        body: dict[str, Json] = {
            "action": _LEAD_ACTIONS[batch.action],
            "lookupField": name,
            "input": [_lead(batch.rows[place]) for place in sent],
        }
        if "partition" in batch.settings:
            body["partitionName"] = batch.settings["partition"]
        response = self._send("POST", "/rest/v1/leads.json", body)
        found = results(response)
        if len(found) != len(sent):
            raise response.undocumented()
        dest_ids: dict[int, str] = {}
        for place, result in zip(sent, found, strict=True):
            code = refused_with(result, response)
            known = lead_id(result)
            if code is None and known is None:
                raise response.undocumented()
            if known is not None:
                dest_ids[place] = str(known)
            if code is not None and not _is_done(code, batch.rows[place], batch.action):
                rejected[place] = rejected_row(place, code, result)
        return _result(rejected, dest_ids)

    def _deleted(self, batch: Batch) -> BatchResult:
        is_erasure = batch.action is Action.ERASE
        ids, rejected = self._ids(batch.rows, looks_up_all=is_erasure)
        for place, found in ids.items():
            if len(found) > 1 and not is_erasure:
                rejected[place] = _several_leads(place)
        self._each(ids, rejected, batch, "POST", "/rest/v1/leads/delete.json")
        return _result(rejected)

    def _listed(self, batch: Batch) -> BatchResult:
        is_removal = batch.action is Action.REMOVE
        ids, rejected = self._ids(batch.rows, looks_up_all=is_removal)
        if not is_removal:
            for place, found in ids.items():
                if len(found) > 1:
                    rejected[place] = _several_leads(place)
                elif not found and place not in rejected:
                    rejected[place] = RejectedRow(
                        place,
                        ErrorClass.NOT_FOUND,
                        code=LEAD_NOT_FOUND,
                        is_retryable=True,
                    )
        path = f"/rest/v1/lists/{batch.settings['list_id']}/leads.json"
        self._each(ids, rejected, batch, "DELETE" if is_removal else "POST", path)
        return _result(
            rejected,
            {
                place: str(found[0])
                for place, found in ids.items()
                if not is_removal and len(found) == 1
            },
        )

    def _each(
        self,
        ids: Mapping[int, Sequence[int]],
        rejected: dict[int, RejectedRow],
        batch: Batch,
        method: str,
        path: str,
    ) -> None:
        """Send the leads of all places not yet rejected, and reject those refused."""
        wanted = sorted(
            {
                each
                for place, found in ids.items()
                if place not in rejected
                for each in found
            }
        )
        refused: dict[int, tuple[str, Result]] = {}
        for start in range(0, len(wanted), _MAX_ROWS):
            part = wanted[start : start + _MAX_ROWS]
            # Taking out of a list wants the ids behind the question mark too.
            query = f"?{urlencode([(_ID, each) for each in part])}"
            response = self._send(
                method,
                f"{path}{query if method == 'DELETE' else ''}",
                {"input": [{_ID: each} for each in part]},
            )
            for each, result in results_by_id(response, part).items():
                code = refused_with(result, response)
                if code is not None:
                    refused[each] = code, result
        for place, found in ids.items():
            for each in found:
                if each in refused and place not in rejected:
                    code, result = refused[each]
                    if not _is_done(code, batch.rows[place], batch.action):
                        rejected[place] = rejected_row(place, code, result)

    def _ids(
        self, records: Sequence[Record], *, looks_up_all: bool = False
    ) -> tuple[dict[int, list[int]], dict[int, RejectedRow]]:
        """Marketo's ids of the leads that records are about, by place; none, or several.

        Those without an id of an earlier answer are looked up. With `looks_up_all` so are
        the others: leads may have been merged since, or be there twice.
        """
        name = _lookup_field(records)
        ids: dict[int, list[int]] = {}
        rejected: dict[int, RejectedRow] = {}
        unknown: dict[int, str] = {}
        for place, record in enumerate(records):
            value = record.match.get(name, "")
            ids[place] = [int(record.dest_id)] if record.dest_id else []
            if name == _ID and value.isdecimal():
                ids[place] = [int(value)]
            elif not ids[place] or looks_up_all:
                if value and "," not in value and name != _ID:
                    unknown[place] = value
                elif not ids[place]:
                    rejected[place] = RejectedRow(
                        place, ErrorClass.INVALID_KEY, field=name
                    )
        found = self._looked_up(name, unknown.values()) if unknown else {}
        for place, value in unknown.items():
            others = found.get(value.casefold(), [])
            ids[place] += [each for each in others if each not in ids[place]]
        return ids, rejected

    def _looked_up(self, name: str, values: Iterable[str]) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {}
        for part in _parts_of_a_query(sorted(set(values))):
            query = {
                "filterType": name,
                "filterValues": ",".join(part),
                "fields": f"{_ID},{name}",
                "batchSize": str(_MAX_ROWS),
            }
            token: str | None = None
            while True:
                if token is not None:
                    query["nextPageToken"] = token
                response = self._client.request(
                    "GET", "/rest/v1/leads.json", query=query
                )
                for result in results(response):
                    known, value = lead_id(result), result.get(name)
                    if known is None:
                        raise response.undocumented()
                    found.setdefault(str(value).casefold(), []).append(known)
                token = next_page(response)
                if token is None:
                    break
        return found

    def _send(self, method: str, path: str, body: Mapping[str, Json]) -> Response:
        content = json_bytes(dict(body))
        if len(content) > _MAX_BYTES:
            raise BatchRefusedError(
                f"A batch for Marketo is larger than {_MAX_BYTES:,} bytes. Nothing of it "
                "was sent.",
                is_too_large=True,
            )
        return self._client.request(
            method,
            path,
            content=content,
            headers={"content-type": "application/json"},
        )


def _lookup_field(records: Sequence[Record]) -> str:
    return next(iter(records[0].match))


def _lead(record: Record) -> dict[str, Json]:
    fields = {
        name: value
        for name, value in record.fields.items()
        if not (name in _CONSENT_FIELDS and value is None)
    }
    match: dict[str, Json] = {
        name: int(value) if name == _ID and value.isdecimal() else value
        for name, value in record.match.items()
    }
    return {**fields, **match}


def _several_leads(place: int) -> RejectedRow:
    return RejectedRow(place, ErrorClass.CONFLICT, code="several_leads")


def _unsendable(
    records: Sequence[Record], name: str
) -> Iterator[tuple[int, RejectedRow]]:
    """Records without the field that leads are found by, or that subscribe somebody."""
    for place, record in enumerate(records):
        if not record.match.get(name):
            yield place, RejectedRow(place, ErrorClass.INVALID_KEY, field=name)
            continue
        for field in _CONSENT_FIELDS:
            if record.fields.get(field) is False:
                yield (
                    place,
                    RejectedRow(
                        place, ErrorClass.CONSENT, code="resubscribes", field=field
                    ),
                )
                break


def _is_done(code: str, record: Record, action: Action) -> bool:
    """Whether a skipped record is as it should be all the same."""
    if action is Action.CREATE:
        return code == LEAD_EXISTS
    if action is Action.REMOVE:
        return code in (LEAD_NOT_FOUND, NOT_IN_LIST)
    is_to_leave = action in (Action.DELETE, Action.ERASE) or record.op is Op.REMOVE
    return is_to_leave and code == LEAD_NOT_FOUND


def _parts_of_a_query(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Values in parts that fit into an address, at most 300 at a time."""
    for chunk in (values[i : i + _MAX_ROWS] for i in range(0, len(values), _MAX_ROWS)):
        part: list[str] = []
        size = 0
        for value in chunk:
            characters = len(quote(value, safe="")) + len("%2C")
            if part and size + characters > _MAX_QUERY_CHARACTERS:
                yield part
                part, size = [], 0
            part.append(value)
            size += characters
        yield part


def _result(
    rejected: Mapping[int, RejectedRow], dest_ids: Mapping[int, str] | None = None
) -> BatchResult:
    return BatchResult(
        tuple(rejected[place] for place in sorted(rejected)),
        {
            place: known
            for place, known in (dest_ids or {}).items()
            if place not in rejected
        },
    )


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    list_id = opening.settings.get("list_id", "0")
    if not list_id.isdecimal():
        raise SyncConfigurationError(
            f"The setting list_id of '{opening.account}' is '{list_id}'. The id of a "
            "static list in Marketo is a number: it is in the list's address, behind ST."
        )
    url = opening.plain("url").rstrip("/")
    auth = client_credentials(
        f"{url}/identity/oauth/token",
        client_id=opening.plain("client_id"),
        client_secret=opening.credentials["client_secret"],
        is_query=True,
    )
    with HttpClient(url, auth, opening.http, read=reader(opening.http.now)) as client:
        yield MarketoDestination(client, opening.object)


DESTINATION = DestinationType(
    name="marketo",
    label="Marketo Engage",
    objects=OBJECTS,
    credentials=(
        Credential(
            "url",
            "address of the instance, like https://123-ABC-456.mktorest.com",
            is_secret=False,
        ),
        Credential("client_id", "client id of the custom service", is_secret=False),
        Credential("client_secret", "client secret of the custom service"),
    ),
    open=_open,
    # Of the whole instance: other integrations count too.
    limits=(
        RateLimit(100, 20.0),
        RateLimit(10, kind=LimitKind.CONCURRENCY),
        RateLimit(50_000, 86_400.0, kind=LimitKind.DAILY),
    ),
)
