"""A simulated HubSpot account: CRM records in batches, lists of them, GDPR deletion.

Contacts are unique by email, without case; every property whose name ends with "_key" is
unique too. Properties that begin with "unknown" do not exist, nor do lists whose id begins
with "missing". A scripted refusal with the code CONFLICT refuses the whole batch with 409.
"""

import re
from collections.abc import Mapping

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
_MAX_VALUE_LENGTH = 65_536
_CONTACTS = frozenset({"contacts", "contact"})


def _upsert(hold: Hold, call: Call) -> Answer:
    inputs = _inputs(call)
    for row in inputs:
        _check_unique_property(call, str(row["idProperty"]))
    _check_no_duplicates([str(row["id"]) for row in inputs])
    _check_all(hold, inputs)
    return _answer([_upsert_row(hold, call, row) for row in inputs])


def _create(hold: Hold, call: Call) -> Answer:
    inputs = _inputs(call)
    for row in inputs:
        for name, value in _properties(row).items():
            if _is_unique(call, name) and _found(hold, call, name, str(value)):
                raise _refused(409, "CONFLICT", "already exists. Existing ID: 1")
    _check_all(hold, inputs)
    return _answer([_create_row(hold, call, row) for row in inputs])


def _update(hold: Hold, call: Call) -> Answer:
    inputs = _inputs(call)
    _check_no_duplicates([str(row["id"]) for row in inputs])
    _check_all(hold, inputs)
    held = hold.collection(_object(call))
    known = [row for row in inputs if row["id"] in held]
    results = [_update_row(hold, call, str(row["id"]), row) for row in known]
    # Records that are not there are left out without a word.
    return _answer(results, is_partial=len(known) < len(inputs))


def _archive(hold: Hold, call: Call) -> Answer:
    held = hold.collection(_object(call))
    for row in _inputs(call):
        refused = hold.refuse({"id": row["id"], **held.get(str(row["id"]), {})})
        if refused is not None:
            raise _refused(400, refused, "refused")
    for row in _inputs(call):
        record_id = str(row["id"])
        if record_id in held:
            archived = hold.collection(f"archived {_object(call)}")
            archived[record_id] = held.pop(record_id)
    return Answer(204, None)


def _read(hold: Hold, call: Call) -> Answer:
    body = call.json()
    name = body.get("idProperty") if isinstance(body, dict) else None
    results: list[Json] = []
    missing: list[Json] = []
    for row in _inputs(call):
        record_id = (
            str(row["id"])
            if name is None
            else _found(hold, call, str(name), str(row["id"]))
        )
        held = hold.collection(_object(call)).get(record_id or "")
        if record_id is None or held is None:
            missing.append(row["id"])
        else:
            results.append({"id": record_id, "properties": dict(held)})
    errors: list[Json] = [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "Could not get some objects, they may be deleted or not exist.",
            "context": {"ids": missing},
        }
    ]
    answer: Record = {"status": "COMPLETE", "results": results}
    if missing:
        return Answer(207, {**answer, "numErrors": 1, "errors": errors})
    return Answer(200, answer)


def _gdpr_delete(hold: Hold, call: Call) -> Answer:
    body = call.json()
    if not isinstance(body, dict):
        raise _refused(400, "VALIDATION_ERROR", "not an object")
    wanted = str(body["objectId"])
    held = hold.collection("contacts")
    if body.get("idProperty") == "email":
        # An unknown address is barred, too.
        hold.erased.add(wanted.lower())
        record_id = _by_value(held, "email", wanted)
    else:
        record_id = wanted if wanted in held else None
        if record_id is None:
            raise _refused(404, "OBJECT_NOT_FOUND", "not found")
    if record_id is not None:
        refused = hold.refuse({"id": record_id, **held[record_id]})
        if refused is not None:
            raise _refused(400, refused, "refused")
        hold.erased.add(str(held.pop(record_id).get("email", record_id)))
        for members in hold.members.values():
            members.discard(record_id)
    return Answer(204, None)


def _add_members(hold: Hold, call: Call) -> Answer:
    return _change_members(hold, call, is_adding=True)


def _remove_members(hold: Hold, call: Call) -> Answer:
    return _change_members(hold, call, is_adding=False)


def _change_members(hold: Hold, call: Call, *, is_adding: bool) -> Answer:
    list_id = call.params["list_id"]
    if list_id.startswith("missing"):
        raise _refused(404, "OBJECT_NOT_FOUND", "List does not exist")
    if list_id.startswith("dynamic"):
        raise _refused(400, "VALIDATION_ERROR", "The list is not manual")
    ids = call.json()
    if not isinstance(ids, list):
        raise _refused(400, "VALIDATION_ERROR", "not a list")
    everybody = hold.records.values()
    changed: list[Json] = []
    missing: list[Json] = []
    for each in map(str, ids):
        held = next((records[each] for records in everybody if each in records), None)
        if held is None:
            missing.append(each)
            continue
        refused = hold.refuse({"id": each, **held})
        if refused is not None:
            raise _refused(400, refused, "refused")
        changed.append(each)
    members = hold.list_members(list_id)
    before = set(members)
    names: Mapping[str, Json]
    if is_adding:
        members.update(map(str, changed))
        names = {"recordsIdsAdded": [each for each in changed if each not in before]}
    else:
        members.difference_update(map(str, changed))
        names = {"recordIdsRemoved": [each for each in changed if each in before]}
    return Answer(
        200,
        {
            "recordsIdsAdded": [],
            "recordIdsRemoved": [],
            **names,
            "recordIdsMissing": missing,
        },
    )


def _upsert_row(hold: Hold, call: Call, row: Record) -> Record:
    name = str(row["idProperty"])
    record_id = _found(hold, call, name, str(row["id"]))
    properties = {name: row["id"], **_properties(row)}
    if record_id is None:
        created = _create_row(hold, call, {**row, "properties": properties})
        return {**created, "new": True} if "id" in created else created
    updated = _update_row(hold, call, record_id, row)
    return {**updated, "new": False} if "id" in updated else updated


def _create_row(hold: Hold, call: Call, row: Record) -> Record:
    problem = _problem(hold, call, row)
    if problem is not None:
        return problem
    record_id = hold.new_id()
    hold.collection(_object(call))[record_id] = _kept({}, row, call)
    return _result(hold, call, record_id, row)


def _update_row(hold: Hold, call: Call, record_id: str, row: Record) -> Record:
    problem = _problem(hold, call, row)
    if problem is not None:
        return problem
    held = hold.collection(_object(call))
    held[record_id] = _kept(held[record_id], row, call)
    return _result(hold, call, record_id, row)


def _kept(held: Record, row: Record, call: Call) -> Record:
    """Properties are text, and an empty one is none."""
    merged = {**held, **_properties(row)}
    if _object(call) in _CONTACTS and "email" in merged:
        merged["email"] = str(merged["email"]).lower()
    return {name: value for name, value in merged.items() if value != ""}


def _result(hold: Hold, call: Call, record_id: str, row: Record) -> Record:
    result: Record = {
        "id": record_id,
        "properties": dict(hold.collection(_object(call))[record_id]),
        "archived": False,
    }
    if "objectWriteTraceId" in row:
        result["objectWriteTraceId"] = row["objectWriteTraceId"]
    return result


def _check_all(hold: Hold, inputs: list[Record]) -> None:
    """Some faults of one row refuse all of them, before anything is written."""
    for row in inputs:
        properties = _properties(row)
        if any(name.startswith("unknown") for name in properties):
            raise _refused(
                400,
                "VALIDATION_ERROR",
                'Property values were not valid: [{"error":"PROPERTY_DOESNT_EXIST"}]',
            )
        if hold.refuse({"id": row.get("id"), **properties}) == "CONFLICT":
            raise _refused(409, "CONFLICT", "already exists. Existing ID: 1")


def _problem(hold: Hold, call: Call, row: Record) -> Record | None:
    """Why a row is refused, when it is."""
    properties = _properties(row)
    refused = hold.refuse({"id": row.get("id"), **properties})
    if refused is not None:
        return _error(row, refused, None)
    for name, value in properties.items():
        is_barred = name == "email" and str(value).lower() in hold.erased
        is_no_email = (
            _object(call) in _CONTACTS
            and name == "email"
            and value != ""
            and not _EMAIL.fullmatch(str(value))
        )
        if is_barred or is_no_email or len(str(value)) > _MAX_VALUE_LENGTH:
            return _error(row, "VALIDATION_ERROR", name)
    return None


def _error(row: Record, category: str, name: str | None) -> Record:
    context: Record = {}
    if "objectWriteTraceId" in row:
        context["objectWriteTraceId"] = [row["objectWriteTraceId"]]
    if name is not None:
        context["propertyName"] = [name]
    return {
        "status": "error",
        "category": category,
        "message": f"{_properties(row).get(name or '')!r} is refused",
        "context": context,
    }


def _answer(rows: list[Record], *, is_partial: bool = False) -> Answer:
    results: list[Json] = [row for row in rows if "id" in row]
    errors: list[Json] = [row for row in rows if "id" not in row]
    body: Record = {"status": "COMPLETE", "results": results}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return Answer(207 if errors or is_partial else 200, body)


def _found(hold: Hold, call: Call, name: str, value: str) -> str | None:
    held = hold.collection(_object(call))
    if name == "hs_object_id":
        return value if value in held else None
    return _by_value(held, name, value)


def _by_value(held: Mapping[str, Record], name: str, value: str) -> str | None:
    for record_id, record in held.items():
        values = [str(record.get(name, ""))]
        if name == "email":
            values += str(record.get("hs_additional_emails", "")).split(";")
        if value.casefold() in [each.casefold() for each in values]:
            return record_id
    return None


def _check_unique_property(call: Call, name: str) -> None:
    if not _is_unique(call, name):
        raise _refused(
            400, "VALIDATION_ERROR", f"Unable to perform upsert by non-unique {name}"
        )


def _is_unique(call: Call, name: str) -> bool:
    is_email = name == "email" and _object(call) in _CONTACTS
    return is_email or name.endswith("_key")


def _check_no_duplicates(values: list[str]) -> None:
    if len({value.casefold() for value in values}) < len(values):
        raise _refused(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")


def _inputs(call: Call) -> list[Record]:
    body = call.json()
    rows = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise _refused(400, "VALIDATION_ERROR", "no inputs")
    return [row for row in rows if isinstance(row, dict)]


def _properties(row: Record) -> Record:
    properties = row.get("properties")
    return dict(properties) if isinstance(properties, dict) else {}


def _object(call: Call) -> str:
    return call.params["object"]


def _refused(status: int, category: str, message: str) -> RefusedError:
    return RefusedError(
        status,
        category,
        {
            "status": "error",
            "category": category,
            "message": message,
            "correlationId": "00000000-0000-4000-8000-000000000000",
        },
    )


def _over_limit(policy: str) -> Answer:
    return Answer(
        429,
        {
            "status": "error",
            "message": f"You have reached your {policy.lower()} limit.",
            "errorType": "RATE_LIMIT",
            "correlationId": "00000000-0000-4000-8000-000000000000",
            "policyName": policy,
        },
    )


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {"KENNING_HUBSPOT_URL": url, "KENNING_HUBSPOT_TOKEN": token}


_BATCH = "/crm/v3/objects/{object}/batch"
_CONTACT_BATCH = "/crm/v3/objects/contacts/batch"
_MEMBERSHIPS = "/crm/v3/lists/{list_id}/memberships"
_NO_INPUTS: Json = {"inputs": {"id": "1"}}

VENDOR = Vendor(
    name="hubspot",
    routes=(
        Route(
            "upsert",
            "POST",
            f"{_BATCH}/upsert",
            _upsert,
            canary=WrongRequest(_NO_INPUTS, path=f"{_CONTACT_BATCH}/upsert"),
        ),
        Route(
            "create",
            "POST",
            f"{_BATCH}/create",
            _create,
            canary=WrongRequest(_NO_INPUTS, path=f"{_CONTACT_BATCH}/create"),
        ),
        Route(
            "update",
            "POST",
            f"{_BATCH}/update",
            _update,
            canary=WrongRequest(_NO_INPUTS, path=f"{_CONTACT_BATCH}/update"),
        ),
        Route(
            "archive",
            "POST",
            f"{_BATCH}/archive",
            _archive,
            canary=WrongRequest(_NO_INPUTS, path=f"{_CONTACT_BATCH}/archive"),
        ),
        Route("read", "POST", f"{_BATCH}/read", _read),
        Route(
            "gdpr_delete",
            "POST",
            "/crm/v3/objects/contacts/gdpr-delete",
            _gdpr_delete,
            canary=WrongRequest({"email": "ada@example.com"}),
        ),
        Route(
            "add_members",
            "PUT",
            f"{_MEMBERSHIPS}/add",
            _add_members,
            canary=WrongRequest({"ids": ["1"]}, path="/crm/v3/lists/1/memberships/add"),
        ),
        Route(
            "remove_members",
            "PUT",
            f"{_MEMBERSHIPS}/remove",
            _remove_members,
            canary=WrongRequest([1], path="/crm/v3/lists/1/memberships/remove"),
        ),
    ),
    environ=_environ,
    unauthorised=_refused(401, "INVALID_AUTHENTICATION", "not valid").answer,
    throttled=lambda _: _over_limit("TEN_SECONDLY_ROLLING"),
    out_of_quota=_over_limit("DAILY"),
    limits=(Window(190, 10.0), Window(650_000, 86_400.0)),
    headers=lambda _: {
        "x-hubspot-ratelimit-max": "190",
        "x-hubspot-ratelimit-remaining": "189",
        "x-hubspot-ratelimit-interval-milliseconds": "10000",
    },
)
