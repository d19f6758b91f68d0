"""A simulated Zendesk: users in jobs, which take two seconds, and organizations.

Ids of ours and addresses are the same in any case. A second address is added to a user and
does not replace the first. A user with open tickets cannot be deleted.
"""

import base64
import re
from collections.abc import Callable, Mapping

from demo.destination_simulator.answers import Answer, Json, Record, RefusedError
from demo.destination_simulator.vendor import (
    Call,
    Hold,
    Route,
    Vendor,
    Window,
    WrongRequest,
)

AGENT = "agent@example.com"
JOB_DURATION_S = 2.0
MAX_JOBS = 30

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_QUOTED_EMAIL = re.compile(r'email:"([^"]*)"')
_WriteUser = Callable[[Hold, Record], Record]


class _UserError(Exception):
    """A user of a job who is not taken."""

    def __init__(self, error: str, details: str) -> None:
        super().__init__(error)
        self.result: Record = {"error": error, "details": details, "status": "Failed"}


def _create_or_update_many(hold: Hold, call: Call) -> Answer:
    return _job_of_users(hold, call, _create_or_update)


def _create_many(hold: Hold, call: Call) -> Answer:
    return _job_of_users(hold, call, _create)


def _update_many(hold: Hold, call: Call) -> Answer:
    return _job_of_users(hold, call, _update)


def _destroy_many(hold: Hold, call: Call) -> Answer:
    _check_jobs(hold)
    results: list[Json] = []
    for index, user_id in enumerate(call.query["ids"].split(",")):
        try:
            _soft_delete(hold, user_id)
        except _UserError as error:
            results.append({"index": index, "id": int(user_id), **error.result})
        else:
            results.append(
                {
                    "action": "delete",
                    "id": int(user_id),
                    "status": "Deleted",
                    "success": True,
                }
            )
    return _new_job(hold, results)


def _job_of_users(hold: Hold, call: Call, write: _WriteUser) -> Answer:
    _check_jobs(hold)
    results: list[Json] = []
    for index, user in enumerate(_listed(call, "users")):
        try:
            results.append({"index": index, **write(hold, user)})
        except _UserError as error:
            results.append({"index": index, **error.result})
    return _new_job(hold, results)


def _check_jobs(hold: Hold) -> None:
    under_way = sum(
        float(str(job["ready_at"])) > hold.now() for job in hold.jobs.values()
    )
    if under_way >= MAX_JOBS:
        refused = RefusedError(
            429, "TooManyJobs", {"error": "TooManyJobs", "description": "Too many jobs"}
        )
        refused.answer = Answer(429, refused.answer.body, {"retry-after": "2"})
        raise refused


def _new_job(hold: Hold, results: list[Json]) -> Answer:
    job_id = f"job{hold.new_id()}"
    hold.jobs[job_id] = {
        "ready_at": hold.now() + JOB_DURATION_S,
        "status": "completed",
        "results": results,
    }
    return Answer(
        200,
        {
            "job_status": {
                "id": job_id,
                "status": "queued",
                "progress": None,
                "message": None,
                "results": None,
            }
        },
    )


def _job_status(hold: Hold, call: Call) -> Answer:
    job_id = call.params["job_id"]
    job = hold.jobs.get(job_id)
    if job is None:
        raise _not_found()
    if float(str(job["ready_at"])) > hold.now():
        return Answer(
            200, {"job_status": {"id": job_id, "status": "working", "results": None}}
        )
    return Answer(
        200,
        {
            "job_status": {
                "id": job_id,
                "status": job["status"],
                "results": job["results"],
            }
        },
    )


def _create_or_update(hold: Hold, user: Record) -> Record:
    found = _with_value(hold, "external_id", user.get("external_id")) or _with_value(
        hold, "email", user.get("email")
    )
    return _create(hold, user) if found is None else _changed(hold, found, user)


def _create(hold: Hold, user: Record) -> Record:
    _check_user(hold, user, "UserCreateError")
    if not user.get("name"):
        raise _UserError(
            "UserCreateError", "Name: is too short (minimum one character)"
        )
    for name in ("external_id", "email"):
        if _with_value(hold, name, user.get(name)) is not None:
            raise _UserError(
                "UserCreateError",
                f"{name.capitalize()}: {user[name]} is already being used by another user",
            )
    user_id = hold.new_id()
    hold.collection("users")[user_id] = _kept({}, user)
    if user.get("skip_verify_email") is not True and user.get("email"):
        hold.events.append({"mail": "verify your address", "user": user_id})
    return {"id": int(user_id), "status": "Created", "email": user.get("email")}


def _update(hold: Hold, user: Record) -> Record:
    given = user.get("id")
    found = (
        str(given)
        if str(given) in hold.collection("users")
        else _with_value(hold, "external_id", user.get("external_id"))
    )
    if found is None:
        raise _UserError("NotFound", "RecordNotFound")
    return _changed(hold, found, user)


def _changed(hold: Hold, user_id: str, user: Record) -> Record:
    _check_user(hold, user, "UserUpdateError")
    if not user.get("name", "kept"):
        raise _UserError(
            "UserUpdateError", "Name: is too short (minimum one character)"
        )
    held = hold.collection("users")[user_id]
    kept = _kept(held, user)
    first, given = held.get("email"), user.get("email")
    if first and given and str(first).casefold() != str(given).casefold():
        others = held.get("other_emails")
        kept["email"] = first
        kept["other_emails"] = [*(others if isinstance(others, list) else []), given]
    hold.collection("users")[user_id] = kept
    return {"id": int(user_id), "status": "Updated", "email": kept.get("email")}


def _check_user(hold: Hold, user: Record, error: str) -> None:
    email = user.get("email")
    if email is not None and not _EMAIL.fullmatch(str(email)):
        raise _UserError(error, f"Email: {email} is not properly formatted")
    refused = hold.refuse(user)
    if refused is not None:
        raise _UserError(refused, "refused")


def _kept(held: Record, changes: Record) -> Record:
    merged = {**held, **changes}
    before, after = held.get("user_fields"), changes.get("user_fields")
    if isinstance(after, dict):
        both = {**(before if isinstance(before, dict) else {}), **after}
        merged["user_fields"] = {
            name: value for name, value in both.items() if value is not None
        }
    return {
        name: value
        for name, value in merged.items()
        if value is not None and name not in ("id", "skip_verify_email")
    }


def _with_value(hold: Hold, name: str, value: Json) -> str | None:
    if value is None:
        return None
    wanted = str(value).casefold()
    for user_id, held in hold.collection("users").items():
        others = held.get("other_emails")
        values = [held.get(name)]
        if name == "email" and isinstance(others, list):
            values += others
        if any(each is not None and str(each).casefold() == wanted for each in values):
            return user_id
    return None


def _search_users(hold: Hold, call: Call) -> Answer:
    name, value = "external_id", call.query.get("external_id")
    quoted = _QUOTED_EMAIL.fullmatch(call.query.get("query", ""))
    if quoted is not None:
        name, value = "email", quoted.group(1)
    found = _with_value(hold, name, value)
    users: list[Json] = []
    if found is not None:
        users.append({"id": int(found), **hold.collection("users")[found]})
    return Answer(200, {"users": users, "count": len(users), "next_page": None})


def _delete_user(hold: Hold, call: Call) -> Answer:
    user_id = call.params["user_id"]
    try:
        user = _soft_delete(hold, user_id)
    except _UserError as error:
        if error.result["error"] == "NotFound":
            raise _not_found() from None
        raise _invalid("base", str(error.result["error"])) from None
    return Answer(200, {"user": {"id": int(user_id), **user, "active": False}})


def _soft_delete(hold: Hold, user_id: str) -> Record:
    users = hold.collection("users")
    if user_id not in users:
        raise _UserError("NotFound", "RecordNotFound")
    refused = hold.refuse(users[user_id])
    if refused is not None:
        raise _UserError(refused, "refused")
    if users[user_id].get("open_tickets"):
        raise _UserError("UserDestroyError", "Base: is the requester of open tickets")
    user = users.pop(user_id)
    hold.collection("deleted_users")[user_id] = user
    return user


def _erase_user(hold: Hold, call: Call) -> Answer:
    user_id = call.params["user_id"]
    if hold.collection("deleted_users").pop(user_id, None) is None:
        raise _not_found()
    hold.erased.add(user_id)
    return Answer(200, {"deleted_user": {"id": int(user_id), "active": False}})


def _upsert_organization(hold: Hold, call: Call) -> Answer:
    body = _one(call, "organization")
    found = _organization_of(hold, body.get("external_id"))
    return (
        _created_organization(hold, body)
        if found is None
        else _changed_organization(hold, found, body)
    )


def _create_organization(hold: Hold, call: Call) -> Answer:
    return _created_organization(hold, _one(call, "organization"))


def _update_organization(hold: Hold, call: Call) -> Answer:
    organization_id = call.params["organization_id"]
    if organization_id not in hold.collection("organizations"):
        raise _not_found()
    return _changed_organization(hold, organization_id, _one(call, "organization"))


def _created_organization(hold: Hold, body: Record) -> Answer:
    if not body.get("name"):
        raise _invalid("name", "BlankValue")
    if _organization_of(hold, body.get("external_id")) is not None:
        raise _invalid("external_id", "DuplicateValue")
    organization_id = hold.new_id()
    answer = _changed_organization(hold, organization_id, body)
    return Answer(201, answer.body)


def _changed_organization(hold: Hold, organization_id: str, body: Record) -> Answer:
    refused = hold.refuse(body)
    if refused is not None:
        raise _invalid("base", refused)
    held = hold.collection("organizations")
    name = body.get("name", "kept")
    if not name:
        raise _invalid("name", "BlankValue")
    for other_id, other in held.items():
        if other_id != organization_id and other.get("name") == body.get("name", ""):
            raise _invalid("name", "DuplicateValue")
    merged = {**held.get(organization_id, {}), **body}
    held[organization_id] = {
        key: value for key, value in merged.items() if value is not None
    }
    return Answer(
        200, {"organization": {"id": int(organization_id), **held[organization_id]}}
    )


def _delete_organization(hold: Hold, call: Call) -> Answer:
    if (
        hold.collection("organizations").pop(call.params["organization_id"], None)
        is None
    ):
        raise _not_found()
    return Answer(204, None)


def _search_organizations(hold: Hold, call: Call) -> Answer:
    found = _organization_of(hold, call.query.get("external_id"))
    organizations: list[Json] = []
    if found is not None:
        organizations.append(
            {"id": int(found), **hold.collection("organizations")[found]}
        )
    return Answer(200, {"organizations": organizations, "count": len(organizations)})


def _organization_of(hold: Hold, external_id: Json) -> str | None:
    if external_id is None:
        return None
    wanted = str(external_id).casefold()
    return next(
        (
            key
            for key, held in hold.collection("organizations").items()
            if str(held.get("external_id", "")).casefold() == wanted
        ),
        None,
    )


def _listed(call: Call, name: str) -> list[Record]:
    body = call.json()
    listed = body.get(name) if isinstance(body, dict) else None
    if not isinstance(listed, list):
        raise _invalid(name, "BlankValue")
    return [dict(each) for each in listed if isinstance(each, dict)]


def _one(call: Call, name: str) -> Record:
    body = call.json()
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise _invalid(name, "BlankValue")
    return dict(found)


def _invalid(field: str, error: str) -> RefusedError:
    return RefusedError(
        422,
        "RecordInvalid",
        {
            "error": "RecordInvalid",
            "description": "Record validation errors",
            "details": {field: [{"description": f"{field}: {error}", "error": error}]},
        },
    )


def _not_found() -> RefusedError:
    return RefusedError(
        404, "RecordNotFound", {"error": "RecordNotFound", "description": "Not found"}
    )


def _is_authorised(call: Call, token: str) -> bool:
    pair = base64.b64encode(f"{AGENT}/token:{token}".encode()).decode()
    return call.headers.get("authorization") in (f"Basic {pair}", f"Bearer {token}")


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {
        "KENNING_ZENDESK_URL": url,
        "KENNING_ZENDESK_EMAIL": AGENT,
        "KENNING_ZENDESK_TOKEN": token,
    }


_MANY_WRONG = WrongRequest({"users": {"email": "ada@example.com"}})
_ONE_WRONG = WrongRequest({"organizations": []})


VENDOR = Vendor(
    name="zendesk",
    routes=(
        Route(
            "create_or_update_users",
            "POST",
            "/api/v2/users/create_or_update_many",
            _create_or_update_many,
            canary=_MANY_WRONG,
        ),
        Route(
            "create_users",
            "POST",
            "/api/v2/users/create_many",
            _create_many,
            canary=_MANY_WRONG,
        ),
        Route(
            "update_users",
            "PUT",
            "/api/v2/users/update_many",
            _update_many,
            canary=_MANY_WRONG,
        ),
        Route(
            "destroy_users",
            "DELETE",
            "/api/v2/users/destroy_many",
            _destroy_many,
            canary=WrongRequest(None, path="/api/v2/users/destroy_many?ids=ada"),
        ),
        Route("search_users", "GET", "/api/v2/users/search", _search_users),
        Route(
            "delete_user",
            "DELETE",
            "/api/v2/users/{user_id}",
            _delete_user,
            canary=WrongRequest(None, path="/api/v2/users/nonsense"),
        ),
        Route(
            "erase_user",
            "DELETE",
            "/api/v2/deleted_users/{user_id}",
            _erase_user,
            canary=WrongRequest(None, path="/api/v2/deleted_users/nonsense"),
            limit_group="erase",
        ),
        Route("job_status", "GET", "/api/v2/job_statuses/{job_id}", _job_status),
        Route(
            "create_or_update_organization",
            "POST",
            "/api/v2/organizations/create_or_update",
            _upsert_organization,
            canary=_ONE_WRONG,
        ),
        Route(
            "create_organization",
            "POST",
            "/api/v2/organizations",
            _create_organization,
            canary=_ONE_WRONG,
        ),
        Route(
            "update_organization",
            "PUT",
            "/api/v2/organizations/{organization_id}",
            _update_organization,
            canary=WrongRequest({"organizations": []}, path="/api/v2/organizations/1"),
        ),
        Route(
            "delete_organization",
            "DELETE",
            "/api/v2/organizations/{organization_id}",
            _delete_organization,
            canary=WrongRequest(None, path="/api/v2/organizations/nonsense"),
        ),
        Route(
            "search_organizations",
            "GET",
            "/api/v2/organizations/search",
            _search_organizations,
        ),
    ),
    environ=_environ,
    is_authorised=_is_authorised,
    unauthorised=Answer(401, {"error": "Couldn't authenticate you"}),
    throttled=lambda reset_s: Answer(
        429,
        {"error": "APIRateLimitExceeded", "description": "Too many requests"},
        {"retry-after": str(max(1, round(reset_s)))},
    ),
    limits=(Window(200, 60.0), Window(700, 600.0, group="erase")),
    failed_job={"status": "failed", "results": []},
)
