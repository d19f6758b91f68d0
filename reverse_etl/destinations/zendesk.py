"""Zendesk Support: users a hundred at a time in jobs, organizations one at a time.

`users/create_or_update_many` and its like answer with a job, whose results come with
`job_statuses/{id}`. Credentials: an API token with the address of its agent, or an OAuth
access token.
"""

import base64
import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

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
from reverse_etl.destinations.zendesk_answers import (
    is_gone,
    job_results,
    named_object,
    named_objects,
    read_feedback,
    record_id,
    refused_record,
)
from reverse_etl.errors import ErrorClass, FatalDeliveryError, JobLostError
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.transport import Auth, HttpClient, Response, Secret, TokenAuth
from warehouse.manifest import Json

_EXTERNAL_ID, _EMAIL = "external_id", "email"
_MODES = frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR})
_REMOVALS = frozenset({Removal.CLEAR, Removal.DELETE})
_ERASE_GROUP = "erase"

USERS = Capabilities(
    modes=_MODES,
    removals=_REMOVALS,
    max_batch_rows=100,
    match_fields=(_EXTERNAL_ID, _EMAIL),
    is_async=True,
    gives_ids=True,
    can_erase=True,
)
ORGANIZATIONS = Capabilities(
    modes=_MODES,
    removals=_REMOVALS,
    match_fields=(_EXTERNAL_ID,),
    gives_ids=True,
)

_BULK_WRITES: Mapping[Action, tuple[str, str]] = {
    Action.UPSERT: ("POST", "/api/v2/users/create_or_update_many"),
    Action.CREATE: ("POST", "/api/v2/users/create_many"),
    Action.UPDATE: ("PUT", "/api/v2/users/update_many"),
}
_UNDER_WAY = frozenset({"queued", "working"})
_JOB = re.compile(r"[0-9A-Za-z_-]+")

# Records of a batch that its job does not hold, behind the job's id: "8b72:d3,n7".
_DONE, _NOT_FOUND, _AMBIGUOUS = "d", "n", "a"
_LEFT_OUT: Mapping[str, tuple[ErrorClass, str]] = {
    _NOT_FOUND: (ErrorClass.NOT_FOUND, "NotFound"),
    _AMBIGUOUS: (ErrorClass.CONFLICT, "several_users"),
}


class _Lookup(NamedTuple):
    """The id of the user whom a record is about, or why there is none."""

    user_id: str | None
    left_out: str = ""


class ZendeskUsers:
    """Speaks to one account about its users."""

    capabilities = USERS

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Start the job of one batch. Erasures are made one by one, without a job."""
        records = batch.rows
        match batch.action:
            case Action.ERASE:
                return self._erased(records)
            case Action.DELETE:
                found = [self._lookup(record, batch.action) for record in records]
                ids = ",".join(each.user_id for each in found if each.user_id)
                if not ids:
                    return _without_job(found)
                response = self._started(
                    "DELETE", "/api/v2/users/destroy_many", query={"ids": ids}
                )
                return BatchResult(job=_job(response, found))
            case Action.UPDATE:
                found = [
                    _Lookup(record.dest_id)
                    if record.dest_id or record.match.get(_EXTERNAL_ID)
                    else self._lookup(record, batch.action)
                    for record in records
                ]
            case _:
                found = [_Lookup(None)] * len(records)
        users: list[Json] = [
            _user(record, each.user_id, batch.action)
            for record, each in zip(records, found, strict=True)
            if not each.left_out
        ]
        if not users:
            return _without_job(found)
        method, path = _BULK_WRITES[batch.action]
        return BatchResult(
            job=_job(self._started(method, path, body={"users": users}), found)
        )

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """What became of a job's users, by their place in the batch."""
        job_id, _, left_out_text = job.partition(":")
        left_out = {int(each[1:]): each[0] for each in left_out_text.split(",") if each}
        response = self._client.request(
            "GET", f"/api/v2/job_statuses/{job_id}", accepts=frozenset({404})
        )
        if response.status == 404:
            raise JobLostError(
                f"{response.place} does not know the job any more. Its users are sent "
                "again.",
                is_in_doubt=True,
            )
        status = named_object(response, "job_status").get("status")
        if status in _UNDER_WAY:
            return None
        if status in ("failed", "killed"):
            raise JobLostError(
                f"A job of {response.place} {status}. Its users are sent again.",
                is_in_doubt=True,
                code=str(status),
            )
        if status != "completed":
            raise response.undocumented()
        sent = [place for place in range(len(batch.rows)) if place not in left_out]
        ids, failed = job_results(response, len(sent))
        found = {sent[place]: user_id for place, user_id in ids.items()}
        rejected = [*_rejected(left_out)]
        for row in failed:
            place = sent[row.position]
            record = batch.rows[place]
            is_absent = row.error_class is ErrorClass.NOT_FOUND
            known = (
                self._lookup(record, batch.action).user_id
                if batch.action is Action.CREATE
                and row.error_class is ErrorClass.CONFLICT
                else None
            )
            if known is not None:
                found[place] = known
            elif not (is_absent and _is_to_leave(record, batch.action)):
                rejected.append(
                    RejectedRow(place, row.error_class, code=row.code, field=row.field)
                )
        return BatchResult(
            tuple(sorted(rejected, key=lambda row: row.position)),
            {} if batch.action is Action.DELETE else found,
        )

    def _started(
        self,
        method: str,
        path: str,
        *,
        body: Json = None,
        query: Mapping[str, str] | None = None,
    ) -> Response:
        response = self._client.request(
            method, path, body=body, query=query, accepts=frozenset({403})
        )
        if response.status == 403:
            raise FatalDeliveryError(
                f"{response.place} does not take users in bulk (status 403). Nothing of "
                "the batch was applied. Ask Zendesk's support to switch on bulk import "
                "for the account, give the token's agent the role of an admin, then run "
                "again.",
                error_class=ErrorClass.PERMISSION,
                code="bulk_import_refused",
            )
        return response

    def _lookup(self, record: Record, action: Action) -> _Lookup:
        """The user of a record: by an earlier answer, by our id, by the address.

        The address finds only a user without an id of ours, and only by its first
        address: a user who has it as another one may be somebody else.
        """
        if record.dest_id:
            return _Lookup(record.dest_id)
        for name in (_EXTERNAL_ID, _EMAIL):
            wanted = record.match.get(name)
            if not wanted:
                continue
            response = self._client.request(
                "GET", "/api/v2/users/search", query=_query(name, wanted)
            )
            users = named_objects(response, "users")
            same = [each for each in users if _is_same(each, record, name)]
            if len(same) == 1:
                return _Lookup(record_id(same[0]))
            if users:
                return _Lookup(None, _AMBIGUOUS)
        return _Lookup(None, _DONE if _is_to_leave(record, action) else _NOT_FOUND)

    def _erased(self, records: Sequence[Record]) -> BatchResult:
        rejected = []
        for position, record in enumerate(records):
            user_id, left_out = self._lookup(record, Action.ERASE)
            row = (
                self._erase(user_id, position)
                if user_id
                else next(_rejected({position: left_out}), None)
            )
            if row is not None:
                rejected.append(row)
        return BatchResult(tuple(rejected))

    def _erase(self, user_id: str, position: int) -> RejectedRow | None:
        """Delete a user, then what Zendesk keeps of a deleted one."""
        accepts = frozenset({404, 422})
        deleted = self._client.request(
            "DELETE", f"/api/v2/users/{user_id}", accepts=accepts
        )
        if (
            not is_gone(deleted)
            and deleted.status < 400
            and _id(deleted, "user") != user_id
        ):
            raise deleted.undocumented()
        erased = self._client.request(
            "DELETE",
            f"/api/v2/deleted_users/{user_id}",
            group=_ERASE_GROUP,
            accepts=accepts,
        )
        if not is_gone(erased) and erased.status < 400:
            if _id(erased, "deleted_user") != user_id:
                raise erased.undocumented()
            return None
        refusing = next(
            (each for each in (deleted, erased) if each.status == 422), None
        )
        return None if refusing is None else refused_record(refusing, position)


class ZendeskOrganizations:
    """Speaks to one account about its organizations."""

    capabilities = ORGANIZATIONS

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Deliver each organization of a batch, normally one."""
        rejected: list[RejectedRow] = []
        dest_ids: dict[int, str] = {}
        for position, record in enumerate(batch.rows):
            response = self._deliver(record, batch.action)
            if response is None or is_gone(response):
                if not _is_to_leave(record, batch.action):
                    rejected.append(
                        RejectedRow(position, ErrorClass.NOT_FOUND, code="NotFound")
                    )
            elif response.status >= 400:
                known = self._found(record) if batch.action is Action.CREATE else None
                if known is None:
                    rejected.append(refused_record(response, position))
                else:
                    dest_ids[position] = known
            elif batch.action is not Action.DELETE:
                dest_ids[position] = _id(response, "organization")
            elif response.status != 204:
                raise response.undocumented()
        return BatchResult(tuple(rejected), dest_ids)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Organizations of Zendesk have no jobs.")

    def _deliver(self, record: Record, action: Action) -> Response | None:
        """The answer about one organization; None when there is none to speak of."""
        body: Json = {"organization": {**_fields(record), **record.match}}
        if action is Action.UPSERT:
            return self._ask("POST", "/api/v2/organizations/create_or_update", body)
        if action is Action.CREATE:
            return self._ask("POST", "/api/v2/organizations", body)
        known = record.dest_id or self._found(record)
        if known is None:
            return None
        path = f"/api/v2/organizations/{known}"
        if action is Action.DELETE:
            return self._ask("DELETE", path, may_be_gone=True)
        return self._ask("PUT", path, body, may_be_gone=True)

    def _found(self, record: Record) -> str | None:
        wanted = record.match[_EXTERNAL_ID]
        response = self._client.request(
            "GET", "/api/v2/organizations/search", query={_EXTERNAL_ID: wanted}
        )
        return next(
            (
                record_id(each)
                for each in named_objects(response, "organizations")
                if _is_same(each, record, _EXTERNAL_ID)
            ),
            None,
        )

    def _ask(
        self, method: str, path: str, body: Json = None, *, may_be_gone: bool = False
    ) -> Response:
        return self._client.request(
            method,
            path,
            body=body,
            accepts=frozenset({400, 404, 422} if may_be_gone else {400, 422}),
        )


def _user(record: Record, user_id: str | None, action: Action) -> dict[str, Json]:
    # A user who is created would otherwise get a mail that asks to verify the address.
    silent: dict[str, Json] = (
        {} if action is Action.UPDATE else {"skip_verify_email": True}
    )
    known: dict[str, Json] = {} if user_id is None else {"id": int(user_id)}
    return {**silent, **_fields(record), **record.match, **known}


def _fields(record: Record) -> Mapping[str, Json]:
    """What is written. Whoever is to be cleared keeps the name, which cannot be empty."""
    return {
        name: value
        for name, value in record.fields.items()
        if not (name == "name" and value is None and record.op is Op.REMOVE)
    }


def _is_to_leave(record: Record, action: Action) -> bool:
    """Whether a record that is not there is as it should be."""
    return action in (Action.DELETE, Action.ERASE) or record.op is Op.REMOVE


def _query(name: str, wanted: str) -> Mapping[str, str]:
    if name == _EXTERNAL_ID:
        return {_EXTERNAL_ID: wanted}
    quoted = wanted.replace("\\", "").replace('"', "")
    return {"query": f'email:"{quoted}"'}


def _is_same(found: Mapping[str, Json], record: Record, name: str) -> bool:
    held, ours = found.get(name), found.get(_EXTERNAL_ID)
    is_ours = name == _EXTERNAL_ID or not (ours and record.match.get(_EXTERNAL_ID))
    return (
        is_ours
        and isinstance(held, str)
        and held.casefold() == record.match[name].casefold()
    )


def _id(response: Response, name: str) -> str:
    found = record_id(named_object(response, name))
    if found is None:
        raise response.undocumented()
    return found


def _job(response: Response, found: Sequence[_Lookup]) -> str:
    """The job's id, and behind it which records of the batch it does not hold."""
    job_id = named_object(response, "job_status").get("id")
    if not isinstance(job_id, str) or not _JOB.fullmatch(job_id):
        raise response.undocumented()
    left_out = [
        f"{each.left_out}{position}"
        for position, each in enumerate(found)
        if each.left_out
    ]
    return f"{job_id}:{','.join(left_out)}" if left_out else job_id


def _without_job(found: Sequence[_Lookup]) -> BatchResult:
    """The result of a batch of which nothing had to be sent."""
    return BatchResult(
        tuple(_rejected({place: each.left_out for place, each in enumerate(found)}))
    )


def _rejected(left_out: Mapping[int, str]) -> Iterator[RejectedRow]:
    for position, reason in left_out.items():
        if reason in _LEFT_OUT:
            error_class, code = _LEFT_OUT[reason]
            yield RejectedRow(position, error_class, code=code)


def _auth(email: str, token: Secret) -> Auth:
    if not email:
        return TokenAuth(token)
    pair = base64.b64encode(f"{email}/token:{token.reveal()}".encode()).decode()
    return TokenAuth(Secret(pair), prefix="Basic ")


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    with HttpClient(
        opening.plain("url"),
        _auth(opening.plain("email"), opening.credentials["token"]),
        opening.http,
        read_feedback=read_feedback,
    ) as client:
        if opening.object == "organizations":
            yield ZendeskOrganizations(client)
        else:
            yield ZendeskUsers(client)


DESTINATION = DestinationType(
    name="zendesk",
    label="Zendesk",
    objects={"users": USERS, "organizations": ORGANIZATIONS},
    credentials=(
        Credential("url", "address, like https://example.zendesk.com", is_secret=False),
        Credential("token", "API token, or OAuth access token"),
        Credential(
            "email",
            "address of the agent whose API token it is; empty for an OAuth token",
            is_secret=False,
            default="",
        ),
    ),
    open=_open,
    # What the smallest plan has; larger ones have up to 2,500 a minute.
    limits=(RateLimit(200, 60.0), RateLimit(700, 600.0, group=_ERASE_GROUP)),
)
