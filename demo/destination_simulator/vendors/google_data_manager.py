"""Google's Data Manager API: audiences of Customer Match.

One wrong member fails a whole request; what is wrong with people themselves is found later,
and counted by reason. A request takes `PROCESSING_S` to be processed, in the order in which
requests came. Audiences are there as soon as somebody names one.
"""

import re
from collections.abc import Iterator, Mapping

from demo.destination_simulator.answers import Answer, Json, Record, RefusedError
from demo.destination_simulator.vendor import (
    Call,
    Hold,
    Route,
    Vendor,
    Window,
    WrongRequest,
)

PROCESSING_S = 5.0
MAX_IDENTIFIERS = 10

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LATER = "PROCESSING_ERROR_"
_TYPE = "type.googleapis.com/google.rpc."
_ADDRESS = ("givenName", "familyName", "regionCode", "postalCode")


def _ingest(hold: Hold, call: Call) -> Answer:
    _settle(hold)
    body = _body(call)
    terms = body.get("termsOfService")
    status = (
        terms.get("customerMatchTermsOfServiceStatus")
        if isinstance(terms, dict)
        else None
    )
    if status != "ACCEPTED":
        raise _refused("TERMS_AND_CONDITIONS_NOT_SIGNED", "terms_of_service")
    return _taken_on(hold, body, "ingest")


def _remove(hold: Hold, call: Call) -> Answer:
    _settle(hold)
    return _taken_on(hold, _body(call), "remove")


def _taken_on(hold: Hold, body: Record, action: str) -> Answer:
    identifiers: list[Json] = []
    failed: dict[str, Json] = {}
    members = _list(body.get("audienceMembers"))
    for number, member in enumerate(members):
        found = _identifiers(number, member)
        reason = _reason(hold, number, member, found, body.get("consent"))
        if reason is None or action == "remove":
            identifiers += list(found.values())
        else:
            count = failed.get(reason, 0)
            failed[reason] = (count if isinstance(count, int) else 0) + 1
    job = f"request-{hold.new_id()}"
    hold.jobs[job] = {
        "action": action,
        "audience": _audience(body),
        "count": len(members),
        "identifiers": identifiers,
        "failed": failed,
        "ready_at": hold.now() + PROCESSING_S,
        "is_done": False,
    }
    return Answer(200, {"requestId": job, "fieldWarnings": []})


def _status(hold: Hold, call: Call) -> Answer:
    _settle(hold)
    job = hold.jobs.get(call.query.get("requestId", ""))
    if job is None:
        raise RefusedError(404, "NOT_FOUND", _error(404, "NOT_FOUND", []))
    status: Record = {
        "destination": {"productDestinationId": job["audience"]},
        "requestStatus": "PROCESSING",
    }
    failed = job["failed"] if isinstance(job["failed"], dict) else {}
    if job.get("failure") is not None:
        failed = {str(job["failure"]): job["count"]}
        status["requestStatus"] = "FAILED"
    elif job["is_done"]:
        failed_count = sum(n for n in failed.values() if isinstance(n, int))
        status["requestStatus"] = (
            "SUCCESS"
            if not failed
            else "FAILED"
            if failed_count == job["count"]
            else "PARTIAL_SUCCESS"
        )
    if status["requestStatus"] in ("FAILED", "PARTIAL_SUCCESS"):
        status["errorInfo"] = {
            "errorCounts": [
                {"reason": reason, "recordCount": str(count)}
                for reason, count in sorted(failed.items())
            ]
        }
    return Answer(200, {"requestStatusPerDestination": [status]})


def _settle(hold: Hold) -> None:
    """Process the requests whose time has come, in the order in which they came."""
    for job in hold.jobs.values():
        ready_at = job["ready_at"]
        is_ready = isinstance(ready_at, float) and ready_at <= hold.now()
        if job["is_done"] or not is_ready or job.get("failure") is not None:
            continue
        job["is_done"] = True
        members = hold.list_members(str(job["audience"]))
        identifiers = {str(value) for value in _list(job["identifiers"])}
        if job["action"] == "ingest":
            members |= identifiers
        else:
            members -= identifiers


def _identifiers(number: int, member: Json) -> dict[str, Json]:
    """Identifiers of one member, under names that tell them apart."""
    place = f"audience_members.audience_members[{number}]"
    found: dict[str, Json] = {}
    for kind, value in _named_identifiers(member):
        if kind == "address":
            found[kind] = _address(value, place)
            continue
        text = str(value)
        is_device = kind == "mobileId"
        if not is_device and not _DIGEST.fullmatch(text):
            raise _refused("INVALID_SHA256_FORMAT", f"{place}.user_data")
        found[kind if kind not in found else f"{kind}_{len(found)}"] = text.lower()
    if not found:
        raise _refused("INVALID_AUDIENCE_MEMBER", place)
    if len(found) > MAX_IDENTIFIERS:
        raise _refused("TOO_MANY_USER_IDENTIFIERS", place)
    return found


def _named_identifiers(member: Json) -> Iterator[tuple[str, Json]]:
    data = member if isinstance(member, dict) else {}
    user, mobile = data.get("userData"), data.get("mobileData")
    for identifier in _list(
        user.get("userIdentifiers") if isinstance(user, dict) else None
    ):
        if isinstance(identifier, dict):
            yield from identifier.items()
    for value in _list(mobile.get("mobileIds") if isinstance(mobile, dict) else None):
        yield "mobileId", value


def _address(value: Json, place: str) -> str:
    address = value if isinstance(value, dict) else {}
    parts = [str(address.get(name, "")) for name in _ADDRESS]
    if not all(parts):
        raise _refused("REQUIRED_FIELD_MISSING", f"{place}.user_data")
    if not _COUNTRY.fullmatch(parts[2]):
        raise _refused("INVALID_COUNTRY_CODE", f"{place}.user_data")
    if not all(_DIGEST.fullmatch(part) for part in parts[:2]):
        raise _refused("INVALID_SHA256_FORMAT", f"{place}.user_data")
    return "|".join(part.lower() for part in parts)


def _reason(
    hold: Hold, number: int, member: Json, found: Mapping[str, Json], consent: Json
) -> str | None:
    """Why a member will not enter, found while the request is processed."""
    code = hold.refuse(found)
    if code is not None and not code.startswith(_LATER):
        place = f"audience_members.audience_members[{number}]"
        raise _refused(code, place)
    own = member.get("consent") if isinstance(member, dict) else None
    given = own if isinstance(own, dict) else consent
    if isinstance(given, dict) and "CONSENT_DENIED" in given.values():
        return "PROCESSING_ERROR_REASON_DENIED_CONSENT"
    return code


def _body(call: Call) -> Record:
    body = call.json()
    if not isinstance(body, dict):
        raise _refused("INVALID_ARGUMENT", "")
    return body


def _audience(body: Record) -> str:
    destination = _list(body.get("destinations"))[0]
    found = (
        destination.get("productDestinationId")
        if isinstance(destination, dict)
        else None
    )
    if not isinstance(found, str) or not found.isdecimal():
        raise _refused("INVALID_USER_LIST_ID", "destinations.destinations[0]")
    return found


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _refused(reason: str, field: str) -> RefusedError:
    details: list[Json] = [
        {"@type": f"{_TYPE}ErrorInfo", "reason": "INVALID_ARGUMENT"},
        {
            "@type": f"{_TYPE}BadRequest",
            "fieldViolations": [{"field": field, "reason": reason}],
        },
    ]
    return RefusedError(400, reason, _error(400, "INVALID_ARGUMENT", details))


def _error(status: int, name: str, details: list[Json]) -> Record:
    return {
        "error": {
            "code": status,
            "status": name,
            "message": "There was a problem with the request.",
            "details": details,
        }
    }


def _exhausted(window: str, reset_s: float) -> Answer:
    return Answer(
        429,
        _error(
            429,
            "RESOURCE_EXHAUSTED",
            [
                {
                    "@type": f"{_TYPE}ErrorInfo",
                    "reason": "RESOURCE_EXHAUSTED",
                    "metadata": {
                        "quota_limit": f"IngestionMutateRequests{window}PerProject"
                    },
                },
                {
                    "@type": f"{_TYPE}RetryInfo",
                    "retryDelay": f"{max(1, round(reset_s))}s",
                },
            ],
        ),
    )


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {
        "KENNING_GOOGLE_DATA_MANAGER_URL": url,
        "KENNING_GOOGLE_DATA_MANAGER_TOKEN": token,
        "KENNING_GOOGLE_DATA_MANAGER_CUSTOMER_ID": "1234567890",
    }


_NOBODY: Json = {"destinations": [], "encoding": "HEX", "audienceMembers": []}

VENDOR = Vendor(
    name="google_data_manager",
    routes=(
        Route(
            "ingest",
            "POST",
            "/v1/audienceMembers:ingest",
            _ingest,
            canary=WrongRequest(_NOBODY),
        ),
        Route(
            "remove",
            "POST",
            "/v1/audienceMembers:remove",
            _remove,
            canary=WrongRequest(_NOBODY),
        ),
        Route(
            "status",
            "GET",
            "/v1/requestStatus:retrieve",
            _status,
            limit_group="reads",
        ),
    ),
    environ=_environ,
    unauthorised=Answer(401, _error(401, "UNAUTHENTICATED", [])),
    throttled=lambda reset_s: _exhausted("PerMinute", reset_s),
    limits=(
        Window(300, 60.0),
        Window(100_000, 86_400.0),
        Window(300, 60.0, "reads"),
    ),
    out_of_quota=_exhausted("PerDay", 86_400),
    failed_job={"failure": "PROCESSING_ERROR_REASON_INTERNAL_ERROR"},
)
