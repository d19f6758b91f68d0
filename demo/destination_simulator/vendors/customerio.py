"""Customer.io: people, their events, and who is in a segment.

A batch is answered by the place of what failed in it. An event whose id is known is not
taken twice. Identifiers of a kind that was not announced are ignored without a word, and
so are changes to people who are not there. The segment "missing" is not there.
"""

import base64
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

_MAX_BATCH_BYTES = 500_000
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PEOPLE = "people"


def _batch(hold: Hold, call: Call) -> Answer:
    if len(call.body) > _MAX_BATCH_BYTES:
        raise RefusedError(413, "too_large", {"errors": [{"reason": "too_large"}]})
    body = call.json()
    entries = body.get("batch") if isinstance(body, dict) else None
    errors: list[Json] = []
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        problem = _problem(hold, entry) if isinstance(entry, dict) else None
        if problem is not None:
            errors.append({"batch_index": index, **problem})
        elif isinstance(entry, dict):
            _apply(hold, entry)
    return Answer(207, {"errors": errors}) if errors else Answer(200, {})


def _problem(hold: Hold, entry: Record) -> Record | None:
    kind, value = _identifier(entry)
    refused = hold.refuse(entry)
    if refused is not None:
        return {"reason": refused, "field": "attributes", "message": "refused"}
    if kind == "email" and not _EMAIL.fullmatch(value):
        return {"reason": "invalid", "field": "email", "message": f"{value} is invalid"}
    if entry["action"] == "event" and not entry.get("name"):
        return {"reason": "required", "field": "name", "message": "name is required"}
    return None


def _identifier(entry: Record) -> tuple[str, str]:
    identifiers = entry["identifiers"]
    if not isinstance(identifiers, dict):
        raise TypeError("the contract lets only objects through")
    kind, value = next(iter(identifiers.items()))
    return kind, str(value)


def _apply(hold: Hold, entry: Record) -> None:
    kind, value = _identifier(entry)
    match entry["action"]:
        case "identify":
            attributes = entry["attributes"]
            _identify(
                hold, kind, value, attributes if isinstance(attributes, dict) else {}
            )
        case "event":
            if not any(
                event.get("id") == entry.get("id")
                for event in hold.events
                if entry.get("id") is not None
            ):
                hold.events.append(dict(entry))
        case "delete":
            _remove(hold, kind, value)
        case "suppress":
            _remove(hold, kind, value)
            hold.erased.add(f"{kind}:{value.lower()}")


def _identify(hold: Hold, kind: str, value: str, attributes: Record) -> None:
    if f"{kind}:{value.lower()}" in hold.erased:
        return
    person_id = _find(hold, kind, value)
    if person_id is None:
        if attributes.get("_update") is True:
            return
        person_id = hold.new_id()
        hold.collection(_PEOPLE)[person_id] = {"cio_id": person_id, kind: value}
    person = hold.collection(_PEOPLE)[person_id]
    for name, given in attributes.items():
        if given is None or given == "":
            person.pop(name, None)
        elif name != "_update":
            person[name] = given


def _remove(hold: Hold, kind: str, value: str) -> None:
    person_id = _find(hold, kind, value)
    if person_id is not None:
        del hold.collection(_PEOPLE)[person_id]


def _find(hold: Hold, kind: str, value: str) -> str | None:
    return next(
        (
            person_id
            for person_id, person in hold.collection(_PEOPLE).items()
            if str(person.get(kind, "")).lower() == value.lower()
        ),
        None,
    )


def _add(hold: Hold, call: Call) -> Answer:
    segment, ids = _segment_change(call)
    hold.list_members(segment).update(ids)
    return Answer(200, {})


def _remove_from(hold: Hold, call: Call) -> Answer:
    segment, ids = _segment_change(call)
    hold.list_members(segment).difference_update(ids)
    return Answer(200, {})


def _segment_change(call: Call) -> tuple[str, list[str]]:
    segment = call.params["segment"]
    if segment == "missing":
        raise RefusedError(404, "no_segment", {"meta": {"error": "not found"}})
    body = call.json()
    ids = body.get("ids") if isinstance(body, dict) else None
    is_email = call.query["id_type"] == "email"
    return segment, [
        str(value)
        for value in (ids if isinstance(ids, list) else ())
        if ("@" in str(value)) == is_email
    ]


def _is_authorised(call: Call, token: str) -> bool:
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    try:
        pair = base64.b64decode(encoded).decode()
    except ValueError:
        return False
    return scheme == "Basic" and pair.partition(":")[2] == token


VENDOR = Vendor(
    name="customerio",
    routes=(
        Route(
            "batch",
            "POST",
            "/api/v2/batch",
            _batch,
            canary=WrongRequest({"batch": [{"type": "person", "action": "identify"}]}),
        ),
        Route(
            "add_to_segment",
            "POST",
            "/api/v1/segments/{segment}/add_customers",
            _add,
            canary=WrongRequest(
                {"ids": ["a"]}, path="/api/v1/segments/7/add_customers"
            ),
        ),
        Route(
            "remove_from_segment",
            "POST",
            "/api/v1/segments/{segment}/remove_customers",
            _remove_from,
            canary=WrongRequest(
                {"ids": ["a"]}, path="/api/v1/segments/7/remove_customers"
            ),
        ),
    ),
    environ=lambda url, token: {
        "KENNING_CUSTOMERIO_URL": url,
        "KENNING_CUSTOMERIO_SITE_ID": "simulated-site",
        "KENNING_CUSTOMERIO_API_KEY": token,
    },
    is_authorised=_is_authorised,
    unauthorised=Answer(401, {"meta": {"error": "unauthorized"}}),
    throttled=lambda _: Answer(429, {"meta": {"error": "slow down"}}),
    limits=(Window(100, 1.0),),
)
