"""Klaviyo: profiles by import jobs, and who is in a list.

A job takes some seconds, and tells its errors page by page with the profile as it came. A
phone number that is none refuses a whole import beforehand, and points at the row. Lists
take only Klaviyo's own ids. The list "missing" is not there.
"""

import json
import re
from urllib.parse import urlencode

from demo.destination_simulator.answers import Answer, Json, Record, RefusedError
from demo.destination_simulator.vendor import (
    Call,
    Hold,
    Route,
    Vendor,
    Window,
    WrongRequest,
)

_QUEUED_S = 1.0
_DONE_S = 3.0
_PROFILES = "profiles"
_IDENTIFIERS = ("email", "phone_number", "external_id")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_FILTER = re.compile(r"any\((\w+),(\[.*\])\)", re.DOTALL)
_MEDIA_TYPE = {"content-type": "application/vnd.api+json"}


def _refusal(status: int, code: str, *pointers: str) -> RefusedError:
    errors: list[Json] = [
        {
            "id": "simulated",
            "status": status,
            "code": code,
            "title": "Invalid input.",
            "detail": "The request cannot be taken.",
            "source": {"pointer": pointer},
        }
        for pointer in pointers or ("/data/",)
    ]
    return RefusedError(status, code, {"errors": errors})


def _data(call: Call) -> Record:
    body = call.json()
    data = body.get("data") if isinstance(body, dict) else None
    return data if isinstance(data, dict) else {}


def _inner(value: Json, *names: str) -> Json:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _import(hold: Hold, call: Call) -> Answer:
    found = _inner(_data(call), "attributes", "profiles", "data")
    profiles = (
        [row for row in found if isinstance(row, dict)]
        if isinstance(found, list)
        else []
    )
    wrong = [
        f"/data/attributes/profiles/data/{index}/attributes/phone_number"
        for index, profile in enumerate(profiles)
        if not _is_phone(_inner(profile, "attributes", "phone_number"))
    ]
    if wrong:
        raise _refusal(400, "invalid", *wrong)
    errors: list[Json] = []
    for profile in profiles:
        problem = _write(hold, profile)
        if problem is not None:
            errors.append(problem)
    job_id = hold.new_id()
    hold.jobs[job_id] = {
        "begun_at": hold.now(),
        "status": "complete",
        "total_count": len(profiles),
        "errors": errors,
    }
    return Answer(202, {"data": _job(hold, job_id)}, _MEDIA_TYPE)


def _is_phone(value: Json) -> bool:
    return value is None or _PHONE.fullmatch(str(value)) is not None


def _write(hold: Hold, profile: Record) -> Record | None:
    """Keep a profile, or say what is wrong with it."""
    attributes = profile["attributes"]
    given = attributes if isinstance(attributes, dict) else {}
    email = given.get("email")
    code, field = hold.refuse(given), "attributes"
    if code is None and email is not None and not _EMAIL.fullmatch(str(email)):
        code, field = "invalid", "email"
    profile_id = profile.get("id") or _find(hold, given)
    if (
        code is None
        and "id" in profile
        and profile_id not in hold.collection(_PROFILES)
    ):
        code, field = "not_found", "id"
    if code is not None:
        return {
            "type": "import-error",
            "id": hold.new_id(),
            "attributes": {
                "code": code,
                "title": "Invalid input",
                "detail": "The profile cannot be taken.",
                "source": {"pointer": f"/data/attributes/{field}"},
                "original_payload": given,
            },
        }
    if profile_id is None:
        profile_id = hold.new_id()
        hold.collection(_PROFILES)[profile_id] = {}
    _merge(hold.collection(_PROFILES)[str(profile_id)], given)
    return None


def _merge(held: Record, given: Record) -> None:
    for name, value in given.items():
        inner = held.get(name)
        if value is None:
            held.pop(name, None)
        elif isinstance(value, dict) and name in ("properties", "location"):
            merged = {**(inner if isinstance(inner, dict) else {}), **value}
            held[name] = {key: kept for key, kept in merged.items() if kept is not None}
        elif name == "email":
            held[name] = str(value).lower()
        else:
            held[name] = value


def _find(hold: Hold, given: Record) -> str | None:
    for name in _IDENTIFIERS:
        wanted = given.get(name)
        if wanted is None:
            continue
        for profile_id, profile in hold.collection(_PROFILES).items():
            if _folded(profile.get(name)) == _folded(wanted):
                return profile_id
    return None


def _folded(value: Json) -> Json:
    return value.lower() if isinstance(value, str) and "@" in value else value


def _job(hold: Hold, job_id: str) -> Record:
    job = hold.jobs.get(job_id)
    if job is None:
        raise _refusal(404, "not_found")
    begun_at, errors, total = job["begun_at"], job["errors"], job["total_count"]
    if not isinstance(begun_at, float) or not isinstance(errors, list):
        raise TypeError("a job is what this module made it")
    age_s = hold.now() - begun_at
    status = str(job["status"])
    if status == "complete" and age_s < _DONE_S:
        status = "queued" if age_s < _QUEUED_S else "processing"
    failed_count = len(errors) if status == "complete" else 0
    return {
        "type": "profile-bulk-import-job",
        "id": job_id,
        "attributes": {
            "status": status,
            "created_at": "2026-01-01T00:00:00+00:00",
            "total_count": total,
            "completed_count": total if status == "complete" else 0,
            "failed_count": failed_count,
        },
    }


def _read_job(hold: Hold, call: Call) -> Answer:
    return Answer(200, {"data": _job(hold, call.params["job"])}, _MEDIA_TYPE)


def _import_errors(hold: Hold, call: Call) -> Answer:
    job = hold.jobs.get(call.params["job"])
    errors = None if job is None else job["errors"]
    if not isinstance(errors, list):
        raise _refusal(404, "not_found")
    return _page(call, errors)


def _page(call: Call, elements: list[Json]) -> Answer:
    size = int(call.query.get("page[size]", "20"))
    start = int(call.query.get("page[cursor]", "0"))
    links: Record = {"self": f"{call.base_url}{call.path}"}
    if len(elements) > start + size:
        query = {**call.query, "page[cursor]": str(start + size)}
        links["next"] = f"{call.base_url}{call.path}?{urlencode(query)}"
    return Answer(
        200, {"data": elements[start : start + size], "links": links}, _MEDIA_TYPE
    )


def _profiles(hold: Hold, call: Call) -> Answer:
    found = _FILTER.fullmatch(call.query["filter"])
    if found is None:
        raise _refusal(400, "invalid_filter")
    try:
        wanted = {_folded(value) for value in json.loads(found[2])}
    except (ValueError, TypeError):
        raise _refusal(400, "invalid_filter") from None
    return _page(
        call,
        [
            {"type": "profile", "id": profile_id, "attributes": dict(profile)}
            for profile_id, profile in hold.collection(_PROFILES).items()
            if _folded(profile.get(found[1])) in wanted
        ],
    )


def _add(hold: Hold, call: Call) -> Answer:
    hold.list_members(_list_id(call)).update(_member_ids(hold, call))
    return Answer(204, None)


def _remove(hold: Hold, call: Call) -> Answer:
    hold.list_members(_list_id(call)).difference_update(_member_ids(hold, call))
    return Answer(204, None)


def _list_id(call: Call) -> str:
    if call.params["list"] == "missing":
        raise _refusal(404, "not_found")
    return call.params["list"]


def _member_ids(hold: Hold, call: Call) -> list[str]:
    body = call.json()
    data = body.get("data") if isinstance(body, dict) else None
    ids = [str(_inner(row, "id")) for row in data] if isinstance(data, list) else []
    if any(profile_id not in hold.collection(_PROFILES) for profile_id in ids):
        raise _refusal(404, "not_found")
    return ids


def _erase(hold: Hold, call: Call) -> Answer:
    person = _inner(_data(call), "attributes", "profile", "data")
    attributes = _inner(person, "attributes")
    profile_id = _inner(person, "id") or _find(
        hold, attributes if isinstance(attributes, dict) else {}
    )
    if profile_id is not None:
        hold.collection(_PROFILES).pop(str(profile_id), None)
        for members in hold.members.values():
            members.discard(str(profile_id))
        hold.erased.add(str(profile_id))
    return Answer(202, None)


_MEMBERS_PATH = "/api/lists/{list}/relationships/profiles"
_WRITE_HEADERS = {**_MEDIA_TYPE, "revision": "2026-07-15"}
_WRONG_MEMBERS = WrongRequest(
    {"data": [{"type": "profile", "email": "a@example.com"}]},
    _WRITE_HEADERS,
    "/api/lists/L1/relationships/profiles",
)

VENDOR = Vendor(
    name="klaviyo",
    routes=(
        Route(
            "import",
            "POST",
            "/api/profile-bulk-import-jobs",
            _import,
            canary=WrongRequest({"profiles": []}, _WRITE_HEADERS),
            limit_group="import",
        ),
        Route(
            "job",
            "GET",
            "/api/profile-bulk-import-jobs/{job}",
            _read_job,
            limit_group="jobs",
        ),
        Route(
            "import_errors",
            "GET",
            "/api/profile-bulk-import-jobs/{job}/import-errors",
            _import_errors,
            limit_group="jobs",
        ),
        Route("profiles", "GET", "/api/profiles", _profiles, limit_group="profiles"),
        Route(
            "add_to_list",
            "POST",
            _MEMBERS_PATH,
            _add,
            canary=_WRONG_MEMBERS,
            limit_group="lists",
        ),
        Route(
            "remove_from_list",
            "DELETE",
            _MEMBERS_PATH,
            _remove,
            canary=_WRONG_MEMBERS,
            limit_group="lists",
        ),
        Route(
            "erase",
            "POST",
            "/api/data-privacy-deletion-jobs",
            _erase,
            canary=WrongRequest({"data": {"type": "profile"}}, _WRITE_HEADERS),
            limit_group="erase",
        ),
    ),
    environ=lambda url, token: {
        "KENNING_KLAVIYO_URL": url,
        "KENNING_KLAVIYO_TOKEN": token,
    },
    is_authorised=lambda call, token: (
        call.headers.get("authorization") == f"Klaviyo-API-Key {token}"
    ),
    unauthorised=_refusal(401, "not_authenticated").answer,
    throttled=lambda reset_s: Answer(
        429,
        {"errors": [{"code": "throttled", "status": 429}]},
        {"retry-after": str(max(1, round(reset_s))), **_MEDIA_TYPE},
    ),
    limits=tuple(
        Window(max_requests, window_s, group)
        for group, burst, steady in (
            ("import", 10, 150),
            ("jobs", 10, 150),
            ("lists", 10, 150),
            ("profiles", 75, 750),
            ("erase", 3, 60),
        )
        for max_requests, window_s in ((burst, 1.0), (steady, 60.0))
    ),
    failed_job={"status": "cancelled"},
    max_body_bytes=5_000_000,
)
