"""Salesforce's Bulk API 2.0: one job for up to 10,000 records, as CSV.

A job is created, filled and closed in three requests, runs for seconds to minutes, and
tells its rows apart afterwards. It is filled by the first `poll`, so that its id is known
before anything can happen: a job that was never closed does nothing.
"""

import re
from collections.abc import Mapping, Sequence

from reverse_etl.destinations.json_answers import in_order, json_object
from reverse_etl.destinations.protocol import Batch, BatchResult, RejectedRow
from reverse_etl.destinations.salesforce_csv import job_csv, key_column, read_csv
from reverse_etl.destinations.salesforce_lookup import record_ids
from reverse_etl.destinations.salesforce_rows import (
    BY_ID,
    DATA_PATH,
    REMOVALS,
    match_field,
    missing_rows,
    refused_row,
)
from reverse_etl.errors import BatchRefusedError, ErrorClass, JobLostError
from reverse_etl.modes import Action
from reverse_etl.transport import HttpClient, Response
from warehouse.manifest import Json

MAX_JOB_BYTES = 100_000_000
"""Salesforce's 150 MB count the file as it is kept, which is half as long again."""

_OPERATIONS: Mapping[Action, str] = {
    Action.UPSERT: "upsert",
    Action.CREATE: "insert",
    Action.UPDATE: "update",
    Action.DELETE: "delete",
    Action.ERASE: "hardDelete",
}

_ERROR = re.compile(r"([A-Z][A-Z0-9_]+):.*?(?::(\w+) --)?", re.DOTALL)
_UNDER_WAY = frozenset({"UploadComplete", "InProgress"})
_JOB_ID = re.compile(r"[A-Za-z0-9]{1,40}")


class BulkJobs:
    """Makes jobs of one object, and reads them back."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def start(self, batch: Batch) -> BatchResult:
        """Create a job for a batch. What has no record to remove or update makes none.

        Raises:
            BatchRefusedError: Its file would be too large.
        """
        keys = _keys(self._client, batch)
        if not any(keys):
            return BatchResult(missing_rows(batch, keys))
        if len(job_csv(batch, keys)) > MAX_JOB_BYTES:
            raise BatchRefusedError(
                f"A batch of {len(batch.rows):,} records for Salesforce is larger than "
                f"{MAX_JOB_BYTES:,} bytes as CSV. Nothing of it was sent.",
                is_too_large=True,
            )
        body: dict[str, Json] = {
            "object": batch.object,
            "operation": _OPERATIONS[batch.action],
            "contentType": "CSV",
            "lineEnding": "LF",
        }
        if batch.action is Action.UPSERT:
            body["externalIdFieldName"] = match_field(batch)
        response = self._client.request("POST", f"{DATA_PATH}/jobs/ingest", body=body)
        job = _job(response).get("id")
        if not isinstance(job, str) or not _JOB_ID.fullmatch(job):
            raise response.undocumented()
        return BatchResult(job=job)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """Fill and close a job that is open; the result of one that is done.

        Raises:
            JobLostError: It failed as a whole, or is not known.
        """
        response = self._client.request(
            "GET", self._path(job), accepts=frozenset({404})
        )
        if response.status == 404:
            raise JobLostError(
                f"Salesforce does not know job {job} of sync '{batch.sync}' any more. "
                "Its rows are in doubt.",
                is_in_doubt=True,
            )
        found = _job(response)
        state = found.get("state")
        if state == "Open":
            self._fill(job, batch)
            return None
        if state in _UNDER_WAY:
            return None
        if state == "JobComplete":
            return self._result(job, batch, _count(found, "numberRecordsProcessed"))
        if state in ("Failed", "Aborted"):
            is_invalid = str(found.get("errorMessage", "")).startswith("InvalidBatch")
            raise JobLostError(
                f"Salesforce's job {job} of sync '{batch.sync}' ended as {state}"
                f"{': its fields are not those of the object' if is_invalid else ''}. "
                "Look at it under Setup, Bulk Data Load Jobs.",
                is_in_doubt=_count(found, "numberRecordsProcessed") > 0,
                error_class=ErrorClass.CONFIG if is_invalid else ErrorClass.TRANSIENT,
                code="InvalidBatch" if is_invalid else str(state),
            )
        raise response.undocumented()

    def _path(self, job: str) -> str:
        return f"{DATA_PATH}/jobs/ingest/{job}"

    def _fill(self, job: str, batch: Batch) -> None:
        keys = _keys(self._client, batch)
        response = self._client.request(
            "PUT",
            f"{self._path(job)}/batches",
            content=job_csv(batch, keys),
            headers={"content-type": "text/csv; charset=utf-8"},
            accepts=frozenset({400}),
        )
        # A job takes one file. A second one is refused, which says that the first arrived.
        is_filled = response.status != 400 or b"multiple contents" in response.content
        closing = self._client.request(
            "PATCH",
            self._path(job),
            body={"state": "UploadComplete" if is_filled else "Aborted"},
            accepts=frozenset({400}),
        )
        if not is_filled:
            raise JobLostError(
                f"Salesforce refused the file of job {job} of sync '{batch.sync}'. "
                "Nothing of it was applied."
            )
        # An answer that was lost makes the second try a refusal: the state decides.
        if closing.status == 400 and self._state(job) == "Open":
            raise JobLostError(
                f"Salesforce did not start job {job} of sync '{batch.sync}'. Nothing of "
                "it was applied."
            )

    def _state(self, job: str) -> Json:
        return _job(self._client.request("GET", self._path(job))).get("state")

    def _result(self, job: str, batch: Batch, processed: int) -> BatchResult:
        keys = _keys(self._client, batch)
        column = key_column(batch)
        done = self._rows(job, "successfulResults", {column, "sf__Id"})
        failed = self._rows(job, "failedResults", {column, "sf__Error"})
        left = self._rows(job, "unprocessedrecords", {column})
        row_count = len(done) + len(failed) + len(left)
        if len(done) + len(failed) != processed or (
            # What was found by look-up may be gone by now, and cannot be counted.
            batch.action not in BY_ID and row_count != len(keys)
        ):
            raise _unaccounted(job, batch)
        places = _Places(keys)
        rejected = [*missing_rows(batch, keys)]
        for row in (*failed, *left):
            position = places.take(row[column])
            if position is None and batch.action not in REMOVALS:
                raise _unaccounted(job, batch)
            if position is not None:
                refused = _refused(batch, position, row.get("sf__Error"))
                rejected += [] if refused is None else [refused]
        dest_ids: dict[int, str] = {}
        for row in done if batch.action not in REMOVALS else ():
            position = places.take(row[column])
            if position is not None:
                dest_ids[position] = row["sf__Id"]
        return BatchResult(in_order(rejected), dest_ids)

    def _rows(
        self, job: str, kind: str, columns: set[str]
    ) -> Sequence[Mapping[str, str]]:
        response = self._client.request("GET", f"{self._path(job)}/{kind}")
        return read_csv(response, columns)


class _Places:
    """Where the rows of a batch are, by what they are told apart by."""

    def __init__(self, keys: Sequence[str | None]) -> None:
        self._places: dict[str, list[int]] = {}
        for position, key in enumerate(keys):
            if key is not None:
                self._places.setdefault(key, []).append(position)

    def take(self, key: str) -> int | None:
        """The next place of a key; None when it has no more."""
        found = self._places.get(key)
        return found.pop(0) if found else None


def _refused(batch: Batch, position: int, error: str | None) -> RejectedRow | None:
    """A row that failed, as "CODE:message:field --"; without an error it was not tried."""
    if error is None:
        return RejectedRow(
            position, ErrorClass.TRANSIENT, "UNPROCESSED", is_retryable=True
        )
    found = _ERROR.fullmatch(error.strip())
    code, field = found.groups() if found else (None, None)
    return refused_row(batch, position, code, field)


def _unaccounted(job: str, batch: Batch) -> JobLostError:
    return JobLostError(
        f"The results of Salesforce's job {job} do not account for every row of sync "
        f"'{batch.sync}', so that its rows are in doubt. Look at the job under Setup, "
        "Bulk Data Load Jobs.",
        is_in_doubt=True,
        error_class=ErrorClass.INTERNAL,
    )


def _keys(client: HttpClient, batch: Batch) -> tuple[str | None, ...]:
    """What each row is told apart by, in the file and in the results."""
    if batch.action in BY_ID:
        return record_ids(client, batch)
    name = match_field(batch)
    return tuple(record.match[name] for record in batch.rows)


def _job(response: Response) -> Mapping[str, Json]:
    body = json_object(response)
    if not isinstance(body.get("state"), str):
        raise response.undocumented()
    return body


def _count(job: Mapping[str, Json], name: str) -> int:
    value = job.get(name)
    return value if isinstance(value, int) else 0
