"""What Google's Data Manager API answers: refusals, and how a request went. Pure.

A request is refused as a whole with the reasons in the error's details. One that was taken
on tells later how many people failed for which reason, and in newer answers which ones.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from reverse_etl.destinations.json_answers import json_object
from reverse_etl.destinations.protocol import BatchResult, RejectedRow
from reverse_etl.errors import ErrorClass, JobLostError
from reverse_etl.transport import (
    OutOfQuota,
    Reader,
    Reading,
    Refused,
    Response,
    Stopped,
    Throttled,
)
from warehouse.manifest import Json

_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
_DELAY = re.compile(r"([0-9]+(?:\.[0-9]+)?)s")

# Reasons that every later request would meet too.
_STOPPING = {
    "INVALID_DESTINATION": ErrorClass.CONFIG,
    "INVALID_USER_LIST_ID": ErrorClass.CONFIG,
    "INVALID_USER_LIST_TYPE": ErrorClass.CONFIG,
    "TERMS_AND_CONDITIONS_NOT_SIGNED": ErrorClass.PERMISSION,
    "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": ErrorClass.PERMISSION,
    "DATA_PARTNER_USER_LIST_MUTATE_NOT_ALLOWED": ErrorClass.PERMISSION,
}
_TOO_MANY = "TOO_MANY_AUDIENCE_MEMBERS"
_CONSENT_REASONS = frozenset(
    f"PROCESSING_ERROR_REASON_{reason}"
    for reason in ("DENIED_CONSENT", "NO_CONSENT", "UNKNOWN_CONSENT")
)
_PASSING_REASON = "PROCESSING_ERROR_REASON_INTERNAL_ERROR"


@dataclass(frozen=True, slots=True)
class Members:
    """What a batch comes to: people to send, their places in the batch, and the rest."""

    members: list[Json]
    positions: list[int]
    rejected: tuple[RejectedRow, ...]


def read_status(response: Response, found: Members) -> BatchResult | None:
    """The result of a request, or None while it is under way.

    Raises:
        JobLostError: Nothing of it was applied.
    """
    statuses = json_object(response).get("requestStatusPerDestination")
    if not isinstance(statuses, list) or len(statuses) != 1:
        raise response.undocumented()
    status = statuses[0]
    match status.get("requestStatus") if isinstance(status, dict) else None:
        case "PROCESSING" | "REQUEST_STATUS_UNKNOWN":
            return None
        case "SUCCESS":
            return BatchResult(found.rejected)
        case "PARTIAL_SUCCESS" | "FAILED" as outcome if isinstance(status, dict):
            counts = _error_counts(response, status)
            if not counts and outcome == "PARTIAL_SUCCESS":
                raise response.undocumented()
        case _:
            raise response.undocumented()
    rejected = _named_rows(counts, found.positions)
    unnamed = sum(max(0, count - len(places)) for _, count, places in counts)
    if outcome == "FAILED" and len(rejected) < len(found.positions):
        raise JobLostError(
            f"Google failed a request of {len(found.positions):,} people as a whole.",
            error_class=_reason_class(counts[0][0]) if counts else ErrorClass.OTHER,
            code=counts[0][0] if counts else None,
        )
    return BatchResult(
        (*found.rejected, *rejected),
        # A person can fail for two reasons, and is then counted twice.
        uncounted_failures=min(unnamed, len(found.positions) - len(rejected)),
    )


def _error_counts(
    response: Response, status: Mapping[str, Json]
) -> list[tuple[str, int, list[int]]]:
    """Reason, number of people, and their places in the request where they are given."""
    info = status.get("errorInfo") or {}
    counts = info.get("errorCounts", []) if isinstance(info, dict) else None
    if not isinstance(counts, list):
        raise response.undocumented()
    found = []
    for entry in counts:
        if not isinstance(entry, dict):
            raise response.undocumented()
        reason, count = entry.get("reason"), entry.get("recordCount")
        places = entry.get("recordIndices") or []
        if (
            not isinstance(reason, str)
            or not isinstance(count, str | int)
            or not str(count).isdecimal()
            or not isinstance(places, list)
        ):
            raise response.undocumented()
        found.append(
            (
                reason if _CODE.fullmatch(reason) else "OTHER",
                int(count),
                [place for place in places if type(place) is int],
            )
        )
    return found


def _named_rows(
    counts: Sequence[tuple[str, int, list[int]]], positions: Sequence[int]
) -> tuple[RejectedRow, ...]:
    reasons: dict[int, str] = {}
    for reason, _, places in counts:
        for place in places:
            if 0 <= place < len(positions):
                reasons.setdefault(positions[place], reason)
    return tuple(
        RejectedRow(
            position,
            _reason_class(reason),
            code=reason,
            is_retryable=reason == _PASSING_REASON,
        )
        for position, reason in sorted(reasons.items())
    )


def _reason_class(reason: str) -> ErrorClass:
    if reason in _CONSENT_REASONS:
        return ErrorClass.CONSENT
    if reason == _PASSING_REASON:
        return ErrorClass.TRANSIENT
    return ErrorClass.INVALID_FIELD if "INVALID" in reason else ErrorClass.OTHER


def error_reader(now: Callable[[], datetime]) -> Reader:
    """What refusals mean, from the reasons in them. Quotas end at midnight, Pacific time."""

    def read(response: Response) -> Reading | None:
        if response.status not in (400, 429):
            return None
        details = _details(response)
        if response.status == 429:
            if any("PerDay" in limit for limit in _quota_limits(details)):
                return OutOfQuota(_until_pacific_midnight_s(now()))
            return Throttled(_asked_delay_s(details))
        return _refusal(details)

    return read


def _refusal(details: Sequence[Mapping[str, Json]]) -> Reading:
    """Whether a request was refused for its people, or for everything else in it."""
    violations = [
        violation
        for detail in details
        if isinstance(found := detail.get("fieldViolations"), list)
        for violation in found
        if isinstance(violation, dict)
    ]
    reasons = [
        reason
        for entry in (*violations, *details)
        if isinstance(reason := entry.get("reason"), str) and _CODE.fullmatch(reason)
    ]
    for reason in reasons:
        if reason in _STOPPING:
            return Stopped(_STOPPING[reason], reason)
    code = reasons[0] if reasons else None
    if violations and not any(
        _is_about_people(violation.get("field")) for violation in violations
    ):
        return Stopped(ErrorClass.CONFIG, code)
    return Refused(
        code=code,
        error_class=ErrorClass.INVALID_FIELD,
        is_too_large=_TOO_MANY in reasons,
    )


def _is_about_people(field: Json) -> bool:
    return isinstance(field, str) and field.startswith(
        ("audience_members", "audienceMembers")
    )


def _details(response: Response) -> list[dict[str, Json]]:
    """Details of an error; none when something other than Google answered."""
    try:
        body: Json = orjson.loads(response.content)
    except ValueError:
        return []
    error = body.get("error") if isinstance(body, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    entries = details if isinstance(details, list) else []
    return [entry for entry in entries if isinstance(entry, dict)]


def _quota_limits(details: Sequence[Mapping[str, Json]]) -> list[str]:
    metadata = [detail.get("metadata") for detail in details]
    return [
        str(entry.get("quota_limit", ""))
        for entry in metadata
        if isinstance(entry, dict)
    ]


def _asked_delay_s(details: Sequence[Mapping[str, Json]]) -> float | None:
    for detail in details:
        found = _DELAY.fullmatch(str(detail.get("retryDelay", "")))
        if found:
            return float(found[1])
    return None


def _until_pacific_midnight_s(now: datetime) -> float:
    """Seconds until 08:00 UTC, which is midnight there in winter, and an hour later in summer."""
    reset = now.replace(hour=8, minute=0, second=0, microsecond=0)
    if reset <= now:
        reset += timedelta(days=1)
    return (reset - now).total_seconds()
