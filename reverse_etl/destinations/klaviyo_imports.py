"""Klaviyo's bulk import jobs: started, and read back when they are complete.

A job's text is its id, and behind it the rows of the batch that are not in it: it is kept
between the two, and holds nothing personal.
"""

import json
from collections.abc import Sequence
from urllib.parse import quote

from reverse_etl.destinations.json_answers import in_order
from reverse_etl.destinations.klaviyo_answers import (
    attributes_of,
    refused_rows,
    started_job,
    with_errors,
)
from reverse_etl.destinations.klaviyo_bodies import MEDIA_TYPE, import_content
from reverse_etl.destinations.klaviyo_lookup import pages
from reverse_etl.destinations.protocol import BatchResult, Record, RejectedRow
from reverse_etl.errors import BatchRefusedError, JobLostError
from reverse_etl.transport import HttpClient
from warehouse.manifest import Json

_MAX_REFUSALS = 3
"""How often rows that are named as invalid are left out of an import before it is halved."""


class ImportJobs:
    """Starts imports of one account, and reads them back."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def start(
        self, profiles: dict[int, Json], rejected: Sequence[RejectedRow]
    ) -> BatchResult:
        """Start a job, without the rows that Klaviyo names as invalid beforehand.

        Args:
            profiles: By their place in the batch. Empty: no job is started.
            rejected: Rows of the batch that are refused already.

        Raises:
            BatchRefusedError: The import was refused as a whole, or is too large.
        """
        refused = list(rejected)
        for _ in range(_MAX_REFUSALS):
            if not profiles:
                break
            response = self._client.request(
                "POST",
                "/api/profile-bulk-import-jobs",
                content=import_content(list(profiles.values())),
                headers={"content-type": MEDIA_TYPE},
                group="import",
                accepts=frozenset({400}),
            )
            if response.status != 400:
                job_id = started_job(response, len(profiles))
                return BatchResult(job=_job_text(job_id, refused))
            positions = list(profiles)
            for row in refused_rows(response, positions):
                refused.append(row)
                del profiles[row.position]
        if not profiles:
            return BatchResult(tuple(refused))
        raise BatchRefusedError(
            f"Klaviyo refused an import of {len(profiles):,} profiles {_MAX_REFUSALS} "
            "times over.",
            code="400",
        )

    def poll(self, job: str, records: Sequence[Record]) -> BatchResult | None:
        """What became of a job, with the rows that are not in it or that it refused.

        Raises:
            JobLostError: Klaviyo does not know it, or it was cancelled.
        """
        job_id, rejected = _read_job(job)
        path = f"/api/profile-bulk-import-jobs/{quote(job_id, safe='')}"
        response = self._client.request(
            "GET", path, group="jobs", accepts=frozenset({404})
        )
        if response.status == 404:
            raise JobLostError(
                "Klaviyo does not know an import that it had taken on.",
                is_in_doubt=True,
            )
        attributes = attributes_of(response)
        status, failed_count = attributes.get("status"), attributes.get("failed_count")
        if status in ("queued", "processing"):
            return None
        if status == "cancelled":
            raise JobLostError(
                "An import to Klaviyo was cancelled before it was complete.",
                is_in_doubt=True,
            )
        if status != "complete" or not isinstance(failed_count, int | None):
            raise response.undocumented()
        if failed_count == 0:
            return BatchResult(tuple(rejected))
        errors = list(pages(self._client, f"{path}/import-errors", {}, "jobs"))
        if len(errors) < (failed_count or 0):
            raise response.undocumented()
        return with_errors(rejected, errors, failed_count or 0, records)


def _job_text(job_id: str, rejected: Sequence[RejectedRow]) -> str:
    """A job and the rows that are not in it. It is kept, and holds nothing personal."""
    if not rejected:
        return job_id
    rows = [
        [row.position, row.error_class, row.code, row.field]
        for row in in_order(rejected)
    ]
    return f"{job_id} {json.dumps(rows, separators=(',', ':'))}"


def _read_job(job: str) -> tuple[str, list[RejectedRow]]:
    job_id, _, rows = job.partition(" ")
    return job_id, [RejectedRow(*row) for row in json.loads(rows or "[]")]
