"""Mailchimp: the contacts of audiences. Answers 200 though rows failed.

A contact's status is changed by nobody here: what it is when it is new is in
`status_if_new`. An archived one stays archived when it is written to, and an address that
was deleted for good does not come back. The audience "missing" is not there.
"""

import base64
import hashlib
import re

from demo.destination_simulator.answers import Answer, Json, Record, RefusedError
from demo.destination_simulator.vendor import (
    Call,
    Hold,
    Route,
    Vendor,
    Window,
    WrongRequest,
)

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_MEMBERS = "members"
_MISSING = "missing"


def _problem(status: int, title: str, detail: str) -> RefusedError:
    return RefusedError(
        status,
        title,
        {
            "type": "https://mailchimp.com/developer/marketing/docs/errors/",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": "simulated",
        },
    )


def _not_found() -> RefusedError:
    return _problem(404, "Resource Not Found", "There is no such resource.")


def _list_id(call: Call) -> str:
    if call.params["list"] == _MISSING:
        raise _not_found()
    return call.params["list"]


def _key(list_id: str, email: str) -> str:
    digest = hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()
    return f"{list_id}/{digest}"


def _audience(hold: Hold, call: Call) -> Answer:
    del hold
    return Answer(200, {"id": _list_id(call)})


def _write(hold: Hold, call: Call) -> Answer:
    list_id = _list_id(call)
    body = call.json()
    rows = body.get(_MEMBERS) if isinstance(body, dict) else None
    may_update = isinstance(body, dict) and body.get("update_existing") is True
    created: list[Json] = []
    updated: list[Json] = []
    errors: list[Json] = []
    seen: set[str] = set()
    members = hold.collection(_MEMBERS)
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict):
            continue
        email = str(row["email_address"])
        key = _key(list_id, email)
        complaint = _complaint(hold, key, row)
        if complaint is None and key in seen:
            complaint = ("ERROR_DUPLICATE", f"{email} is a duplicate in this request")
        if complaint is None and key in members and not may_update:
            complaint = ("ERROR_CONTACT_EXISTS", f"{email} is already a list member")
        seen.add(key)
        if complaint is not None:
            errors.append(
                {
                    "email_address": email,
                    "error_code": complaint[0],
                    "error": complaint[1],
                    "field": "",
                    "field_message": "",
                }
            )
        elif key in members:
            updated.append(_merge(members[key], row))
        else:
            members[key] = {"status": row["status_if_new"]}
            created.append(_merge(members[key], row))
    return Answer(
        200,
        {
            "new_members": created,
            "updated_members": updated,
            "errors": errors,
            "total_created": len(created),
            "total_updated": len(updated),
            "error_count": len(errors),
        },
    )


def _complaint(hold: Hold, key: str, row: Record) -> tuple[str, str] | None:
    email = str(row["email_address"])
    refused = hold.refuse(row)
    if refused is not None:
        return refused, "The row was refused"
    if not _EMAIL.fullmatch(email):
        return (
            "ERROR_GENERIC",
            f"{email} looks fake or invalid, please enter a real email address.",
        )
    if key in hold.erased:
        return (
            "ERROR_GENERIC",
            f"{email} was permanently deleted and cannot be re-imported.",
        )
    return None


def _merge(member: Record, row: Record) -> Record:
    held = member.get("merge_fields")
    given = row.get("merge_fields")
    member.update(row)
    member.pop("status_if_new", None)
    if isinstance(held, dict) and isinstance(given, dict):
        member["merge_fields"] = {**held, **given}
    return dict(member)


def _member_key(hold: Hold, call: Call) -> str:
    key = f"{_list_id(call)}/{call.params['hash']}"
    if key not in hold.collection(_MEMBERS):
        raise _not_found()
    return key


def _read(hold: Hold, call: Call) -> Answer:
    return Answer(200, dict(hold.collection(_MEMBERS)[_member_key(hold, call)]))


def _update(hold: Hold, call: Call) -> Answer:
    key = _member_key(hold, call)
    body = call.json()
    row = body if isinstance(body, dict) else {}
    refused = hold.refuse(row)
    if refused is not None:
        raise _problem(400, "Invalid Resource", "The resource could not be validated.")
    return Answer(200, _merge(hold.collection(_MEMBERS)[key], row))


def _archive(hold: Hold, call: Call) -> Answer:
    member = hold.collection(_MEMBERS)[_member_key(hold, call)]
    if member.get("status") == "archived":
        raise _problem(405, "Method Not Allowed", "This member cannot be removed.")
    member["status"] = "archived"
    return Answer(204, None)


def _erase(hold: Hold, call: Call) -> Answer:
    key = _member_key(hold, call)
    del hold.collection(_MEMBERS)[key]
    hold.erased.add(key)
    return Answer(204, None)


def _is_authorised(call: Call, token: str) -> bool:
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    try:
        pair = base64.b64decode(encoded).decode()
    except ValueError:
        return False
    return scheme == "Basic" and pair.partition(":")[2] == token


_LIST = "/3.0/lists/{list}"
_MEMBER = "/3.0/lists/{list}/members/{hash}"
_NOBODY = "/3.0/lists/12/members/00000000000000000000000000000000"

VENDOR = Vendor(
    name="mailchimp",
    routes=(
        Route("audience", "GET", _LIST, _audience),
        Route(
            "write",
            "POST",
            _LIST,
            _write,
            canary=WrongRequest(
                {"members": [{"email_address": "a@example.com"}]}, path="/3.0/lists/12"
            ),
        ),
        Route("read", "GET", _MEMBER, _read),
        Route(
            "update",
            "PATCH",
            _MEMBER,
            _update,
            canary=WrongRequest({"status": "subscribed"}, path=_NOBODY),
        ),
        Route(
            "archive",
            "DELETE",
            _MEMBER,
            _archive,
            canary=WrongRequest(None, path=_NOBODY),
        ),
        Route(
            "erase",
            "POST",
            f"{_MEMBER}/actions/delete-permanent",
            _erase,
            canary=WrongRequest(None, path=f"{_NOBODY}/actions/delete-permanent"),
        ),
    ),
    environ=lambda url, token: {
        "KENNING_MAILCHIMP_URL": url,
        "KENNING_MAILCHIMP_API_KEY": token,
    },
    is_authorised=_is_authorised,
    unauthorised=_problem(401, "API Key Invalid", "The key is not valid.").answer,
    throttled=lambda _: Answer(
        403, None, {"content-type": "text/html"}, b"<h1>Forbidden</h1>"
    ),
    limits=(Window(10, 0.0),),
)
