"""A simulated Intercom: contacts one at a time, companies by their own id, tags on contacts.

Search shows no archived contact. A contact that is there already is refused with 409, and
the message names its id. Every tag exists, unless its id begins with "missing".
"""

import re
import time
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

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CONTACT_FIELDS = frozenset(
    {
        "role",
        "external_id",
        "email",
        "email_verified",
        "phone",
        "name",
        "avatar",
        "signed_up_at",
        "last_seen_at",
        "owner_id",
        "unsubscribed_from_emails",
        "language_override",
        "custom_attributes",
    }
)


def _create_contact(hold: Hold, call: Call) -> Answer:
    body = _body(call)
    _check(hold, body)
    contact: Record = {"role": "user", **body}
    for contact_id, held in hold.collection("contacts").items():
        if "merged_into" not in held and _clashes(held, contact):
            kind = "An archived contact" if held.get("archived") else "A contact"
            raise _refused(
                409,
                "conflict",
                f"{kind} matching those details already exists with id={contact_id}",
            )
    contact_id = f"{int(hold.new_id()):024x}"
    hold.collection("contacts")[contact_id] = _merged({}, contact)
    return Answer(200, _shown(hold, contact_id))


def _update_contact(hold: Hold, call: Call) -> Answer:
    contact_id = call.params["contact_id"]
    held = _contact(hold, contact_id)
    body = _body(call)
    _check(hold, body)
    changed = _merged(held, body)
    for other_id, other in hold.collection("contacts").items():
        if other_id != contact_id and _clashes(other, changed):
            raise _refused(
                409,
                "conflict",
                f"A contact matching those details already exists with id={other_id}",
            )
    hold.collection("contacts")[contact_id] = changed
    return Answer(200, _shown(hold, contact_id))


def _show_contact(hold: Hold, call: Call) -> Answer:
    contact_id = call.params["contact_id"]
    _contact(hold, contact_id)
    return Answer(200, _shown(hold, contact_id))


def _search_contacts(hold: Hold, call: Call) -> Answer:
    query = _body(call).get("query")
    found: list[Json] = [
        _shown(hold, contact_id)
        for contact_id, held in hold.collection("contacts").items()
        if not held.get("archived") and "merged_into" not in held
        if _matches(query, held)
    ]
    return Answer(200, {"type": "list", "data": found[:50], "total_count": len(found)})


def _archive(hold: Hold, call: Call) -> Answer:
    return _with_archived(hold, call, is_archived=True)


def _unarchive(hold: Hold, call: Call) -> Answer:
    return _with_archived(hold, call, is_archived=False)


def _with_archived(hold: Hold, call: Call, *, is_archived: bool) -> Answer:
    contact_id = call.params["contact_id"]
    held = _contact(hold, contact_id, is_archived_too=True)
    _refuse_scripted(hold, held)
    held["archived"] = is_archived
    return Answer(
        200,
        {
            "type": "contact",
            "id": contact_id,
            "external_id": held.get("external_id"),
            "archived": is_archived,
        },
    )


def _delete_contact(hold: Hold, call: Call) -> Answer:
    contact_id = call.params["contact_id"]
    held = _contact(hold, contact_id, is_archived_too=True)
    _refuse_scripted(hold, held)
    del hold.collection("contacts")[contact_id]
    hold.erased.add(contact_id)
    return Answer(200, {"type": "contact", "id": contact_id, "deleted": True})


def _upsert_company(hold: Hold, call: Call) -> Answer:
    body = _body(call)
    wanted = body.get("company_id")
    if not isinstance(wanted, str) or not wanted:
        raise _refused(400, "parameter_not_found", "company_id is missing")
    _refuse_scripted(hold, body)
    companies = hold.collection("companies")
    company_id = (
        next(
            (key for key, held in companies.items() if held["company_id"] == wanted),
            None,
        )
        or f"{int(hold.new_id()):024x}"
    )
    companies[company_id] = _merged(companies.get(company_id, {}), body)
    return Answer(200, _company_shown(hold, company_id))


def _find_company(hold: Hold, call: Call) -> Answer:
    wanted = call.query.get("company_id")
    for company_id, held in hold.collection("companies").items():
        if held["company_id"] == wanted:
            return Answer(200, _company_shown(hold, company_id))
    raise _refused(404, "company_not_found", "Company Not Found")


def _update_company(hold: Hold, call: Call) -> Answer:
    company_id = call.params["company_id"]
    held = _company(hold, company_id)
    body = _body(call)
    _refuse_scripted(hold, {**held, **body})
    hold.collection("companies")[company_id] = _merged(held, body)
    return Answer(200, _company_shown(hold, company_id))


def _delete_company(hold: Hold, call: Call) -> Answer:
    company_id = call.params["company_id"]
    _refuse_scripted(hold, _company(hold, company_id))
    del hold.collection("companies")[company_id]
    return Answer(200, {"id": company_id, "object": "company", "deleted": True})


def _attach_company(hold: Hold, call: Call) -> Answer:
    contact = _contact(hold, call.params["contact_id"])
    company_id = str(_body(call).get("id"))
    _company(hold, company_id)
    attached = contact.setdefault("companies", [])
    if isinstance(attached, list) and company_id not in attached:
        attached.append(company_id)
    return Answer(200, _company_shown(hold, company_id))


def _show_tag(hold: Hold, call: Call) -> Answer:
    del hold
    return Answer(200, _tag(call.params["tag_id"]))


def _tag_contact(hold: Hold, call: Call) -> Answer:
    contact_id = call.params["contact_id"]
    contact = _contact(hold, contact_id)
    tag = _tag(str(_body(call).get("id")))
    _refuse_scripted(hold, contact)
    hold.list_members(str(tag["id"])).add(contact_id)
    return Answer(200, tag)


def _untag_contact(hold: Hold, call: Call) -> Answer:
    contact_id = call.params["contact_id"]
    contact = _contact(hold, contact_id)
    tag = _tag(call.params["tag_id"])
    _refuse_scripted(hold, contact)
    members = hold.list_members(str(tag["id"]))
    if contact_id not in members:
        raise _refused(404, "not_found", "Resource Not Found")
    members.discard(contact_id)
    return Answer(200, tag)


def _body(call: Call) -> Record:
    body = call.json()
    if not isinstance(body, dict):
        raise _refused(400, "bad_request", "The body is not an object")
    return body


def _check(hold: Hold, contact: Record) -> None:
    for name, value in contact.items():
        if name not in _CONTACT_FIELDS:
            raise _refused(400, "parameter_invalid", f"{name} is not known", name)
        if name == "email" and not (isinstance(value, str) and _EMAIL.fullmatch(value)):
            raise _refused(400, "parameter_invalid", f"{value!r} is invalid", name)
    custom = contact.get("custom_attributes")
    if isinstance(custom, dict):
        for name, value in custom.items():
            if isinstance(value, dict | list):
                raise _refused(400, "type_mismatch", f"{name}: {value!r}", name)
    _refuse_scripted(hold, contact)


def _refuse_scripted(hold: Hold, row: Mapping[str, Json]) -> None:
    code = hold.refuse(row)
    if code is not None:
        raise _refused(400, code, "refused")


def _clashes(one: Record, other: Record) -> bool:
    external_id = other.get("external_id")
    if external_id is not None and one.get("external_id") == external_id:
        return True
    email = other.get("email")
    return (
        email is not None
        and one.get("role") == other.get("role") == "user"
        and str(one.get("email") or "").lower() == str(email).lower()
    )


def _matches(query: Json, contact: Record) -> bool:
    if not isinstance(query, dict):
        return False
    operator, value = query.get("operator"), query.get("value")
    if operator in ("AND", "OR") and isinstance(value, list):
        results = [_matches(each, contact) for each in value]
        return all(results) if operator == "AND" else any(results)
    held = contact.get(str(query.get("field")))
    return isinstance(held, str) and held.lower() == str(value).lower()


def _contact(hold: Hold, contact_id: str, *, is_archived_too: bool = False) -> Record:
    held = hold.collection("contacts").get(contact_id)
    if held is None or (held.get("archived") and not is_archived_too):
        raise _refused(404, "not_found", "User Not Found")
    if "merged_into" in held:
        answer = _refused(410, "contact_merged", "This contact has been merged").answer
        raise _GoneError(answer, str(held["merged_into"]))
    return held


def _company(hold: Hold, company_id: str) -> Record:
    held = hold.collection("companies").get(company_id)
    if held is None:
        raise _refused(404, "company_not_found", "Company Not Found")
    return held


def _tag(tag_id: str) -> Record:
    if tag_id.startswith("missing"):
        raise _refused(404, "tag_not_found", "Resource Not Found")
    return {"type": "tag", "id": tag_id, "name": f"Tag {tag_id}"}


def _merged(held: Record, changes: Record) -> Record:
    """Changed fields over those that are there; null clears, and so inside attributes."""
    merged = {**held, **changes}
    before, after = held.get("custom_attributes"), changes.get("custom_attributes")
    if isinstance(after, dict):
        both = {**(before if isinstance(before, dict) else {}), **after}
        merged["custom_attributes"] = {
            name: value for name, value in both.items() if value is not None
        }
    return {name: value for name, value in merged.items() if value is not None}


def _shown(hold: Hold, contact_id: str) -> Record:
    held = hold.collection("contacts")[contact_id]
    return {
        "type": "contact",
        "id": contact_id,
        "role": held.get("role"),
        "external_id": held.get("external_id"),
        "email": held.get("email"),
        "name": held.get("name"),
        "custom_attributes": held.get("custom_attributes") or {},
    }


def _company_shown(hold: Hold, company_id: str) -> Record:
    return {
        "type": "company",
        "id": company_id,
        **hold.collection("companies")[company_id],
    }


def _refused(
    status: int, code: str, message: str, field: str | None = None
) -> RefusedError:
    error: Record = {"code": code, "message": message}
    if field is not None:
        error["field"] = field
    return RefusedError(
        status,
        code,
        {
            "type": "error.list",
            "request_id": "7b0a6b3e-simulated",
            "errors": [error],
        },
    )


class _GoneError(RefusedError):
    """410, with the address of the contact that is left of two."""

    def __init__(self, answer: Answer, canonical_id: str) -> None:
        super().__init__(410, "contact_merged", answer.body)
        self.answer = Answer(
            410,
            answer.body,
            {"link": f'</contacts/{canonical_id}>; rel="canonical"'},
        )


def _throttled(reset_s: float) -> Answer:
    return Answer(
        429,
        _refused(429, "rate_limit_exceeded", "Exceeded rate limit").answer.body,
        {
            "x-ratelimit-limit": "1666",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": str(int(time.time() + reset_s + 1)),
        },
    )


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {"KENNING_INTERCOM_URL": url, "KENNING_INTERCOM_TOKEN": token}


def _write(
    operation: str,
    method: str,
    path: str,
    handle: Callable[[Hold, Call], Answer],
    wrong: Json = None,
) -> Route:
    """A route that writes. Its wrong request is no object, or of no known version."""
    return Route(
        operation,
        method,
        path,
        handle,
        canary=WrongRequest(
            wrong,
            headers={"intercom-version": "none"},
            path=re.sub(r"\{\w+\}", "1", path),
        ),
    )


VENDOR = Vendor(
    name="intercom",
    routes=(
        _write("create_contact", "POST", "/contacts", _create_contact, ["nonsense"]),
        _write(
            "update_contact",
            "PUT",
            "/contacts/{contact_id}",
            _update_contact,
            ["nonsense"],
        ),
        Route("show_contact", "GET", "/contacts/{contact_id}", _show_contact),
        Route("search_contacts", "POST", "/contacts/search", _search_contacts),
        _write("archive_contact", "POST", "/contacts/{contact_id}/archive", _archive),
        _write(
            "unarchive_contact", "POST", "/contacts/{contact_id}/unarchive", _unarchive
        ),
        _write("delete_contact", "DELETE", "/contacts/{contact_id}", _delete_contact),
        _write(
            "attach_company",
            "POST",
            "/contacts/{contact_id}/companies",
            _attach_company,
            {"company_id": 1},
        ),
        _write("upsert_company", "POST", "/companies", _upsert_company, ["nonsense"]),
        Route("find_company", "GET", "/companies", _find_company),
        _write(
            "update_company",
            "PUT",
            "/companies/{company_id}",
            _update_company,
            ["nonsense"],
        ),
        _write("delete_company", "DELETE", "/companies/{company_id}", _delete_company),
        Route("show_tag", "GET", "/tags/{tag_id}", _show_tag),
        _write(
            "tag_contact",
            "POST",
            "/contacts/{contact_id}/tags",
            _tag_contact,
            {"tag": 1},
        ),
        _write(
            "untag_contact",
            "DELETE",
            "/contacts/{contact_id}/tags/{tag_id}",
            _untag_contact,
        ),
    ),
    environ=_environ,
    unauthorised=_refused(401, "unauthorized", "Access Token Invalid").answer,
    throttled=_throttled,
    limits=(Window(1_666, 10.0),),
    max_body_bytes=1_000_000,
)
