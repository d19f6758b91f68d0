"""Zendesk's users: a hundred at a time, in jobs whose results are read back.

What a job does not hold of its batch stands behind its id, so that the rest is found again
by its place.
"""

import re
from collections.abc import Mapping, Sequence

from reverse_etl.destinations.json_answers import in_order
from reverse_etl.destinations.protocol import Batch, BatchResult, RejectedRow
from reverse_etl.destinations.zendesk_answers import job_results, named_object
from reverse_etl.destinations.zendesk_erasures import erase_users
from reverse_etl.destinations.zendesk_lookup import Lookup, find_user, rejected_rows
from reverse_etl.destinations.zendesk_objects import EXTERNAL_ID, USERS
from reverse_etl.destinations.zendesk_rows import is_to_leave, user_body
from reverse_etl.errors import ErrorClass, FatalDeliveryError, JobLostError
from reverse_etl.modes import Action
from reverse_etl.transport import HttpClient, Response
from warehouse.manifest import Json

_BULK_WRITES: Mapping[Action, tuple[str, str]] = {
    Action.UPSERT: ("POST", "/api/v2/users/create_or_update_many"),
    Action.CREATE: ("POST", "/api/v2/users/create_many"),
    Action.UPDATE: ("PUT", "/api/v2/users/update_many"),
}
_UNDER_WAY = frozenset({"queued", "working"})
_JOB = re.compile(r"[0-9A-Za-z_-]+")


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
                return erase_users(self._client, records)
            case Action.DELETE:
                found = [
                    find_user(self._client, record, batch.action) for record in records
                ]
                ids = ",".join(each.user_id for each in found if each.user_id)
                if not ids:
                    return _without_job(found)
                response = self._started(
                    "DELETE", "/api/v2/users/destroy_many", query={"ids": ids}
                )
                return BatchResult(job=_job(response, found))
            case Action.UPDATE:
                found = [
                    Lookup(record.dest_id)
                    if record.dest_id or record.match.get(EXTERNAL_ID)
                    else find_user(self._client, record, batch.action)
                    for record in records
                ]
            case _:
                found = [Lookup(None)] * len(records)
        users: list[Json] = [
            user_body(record, each.user_id, batch.action)
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
        job_id, left_out = _read_job(job)
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
        rejected = [*rejected_rows(left_out)]
        for row in failed:
            place = sent[row.position]
            record = batch.rows[place]
            is_absent = row.error_class is ErrorClass.NOT_FOUND
            known = (
                find_user(self._client, record, batch.action).user_id
                if batch.action is Action.CREATE
                and row.error_class is ErrorClass.CONFLICT
                else None
            )
            if known is not None:
                found[place] = known
            elif not (is_absent and is_to_leave(record, batch.action)):
                rejected.append(
                    RejectedRow(place, row.error_class, code=row.code, field=row.field)
                )
        return BatchResult(
            in_order(rejected),
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


def _job(response: Response, found: Sequence[Lookup]) -> str:
    """The job's id, and behind it which records it does not hold: "8b72:d3,n7"."""
    job_id = named_object(response, "job_status").get("id")
    if not isinstance(job_id, str) or not _JOB.fullmatch(job_id):
        raise response.undocumented()
    left_out = [
        f"{each.left_out}{position}"
        for position, each in enumerate(found)
        if each.left_out
    ]
    return f"{job_id}:{','.join(left_out)}" if left_out else job_id


def _read_job(job: str) -> tuple[str, Mapping[int, str]]:
    job_id, _, left_out = job.partition(":")
    return job_id, {int(each[1:]): each[0] for each in left_out.split(",") if each}


def _without_job(found: Sequence[Lookup]) -> BatchResult:
    """The result of a batch of which nothing had to be sent."""
    return BatchResult(
        tuple(rejected_rows({place: each.left_out for place, each in enumerate(found)}))
    )
