"""LinkedIn's matched audiences: users of a DMP segment, with a status for each of them.

Adding somebody who is there, and removing somebody who is not, go well. Segments are there
as soon as somebody names one by a number.
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

_DIGESTS = {
    "SHA256_EMAIL": re.compile(r"[0-9a-f]{64}"),
    "SHA512_EMAIL": re.compile(r"[0-9a-f]{128}"),
}
_CREATED = 201


def _users(hold: Hold, call: Call) -> Answer:
    segment = call.params["segment"]
    if not segment.isdecimal():
        raise RefusedError(404, "no_segment", _message(404, "There is no such segment"))
    body = call.json()
    elements = body.get("elements") if isinstance(body, dict) else None
    results: list[Json] = [
        _user(hold, segment, element)
        for element in (elements if isinstance(elements, list) else [])
    ]
    return Answer(200, {"elements": results})


def _user(hold: Hold, segment: str, element: Json) -> Record:
    given = element if isinstance(element, dict) else {}
    identifiers, problem = _identifiers(given)
    if problem is not None:
        return {"status": 400, "error": _message(400, problem)}
    refused = hold.refuse({**given, **identifiers})
    if refused is not None:
        status = int(refused) if refused.isdecimal() else 422
        return {"status": status, "error": _message(status, "Not processed")}
    members = hold.list_members(segment)
    found = {str(value) for value in identifiers.values()}
    if given.get("action") == "ADD":
        members |= found
    else:
        members -= found
    return {"status": _CREATED}


def _identifiers(given: Mapping[str, Json]) -> tuple[dict[str, Json], str | None]:
    ids = given.get("userIds")
    found: dict[str, Json] = {}
    for user_id in ids if isinstance(ids, list) else []:
        entry = user_id if isinstance(user_id, dict) else {}
        kind, value = str(entry.get("idType")), str(entry.get("idValue"))
        digest = _DIGESTS.get(kind)
        if digest is not None and not digest.fullmatch(value):
            return {}, "idValue is no digest"
        found[kind] = value
    if found:
        return found, None
    names = [str(given.get(name, "")) for name in ("firstName", "lastName")]
    if not all(names):
        return {}, "neither ids nor a name"
    return {"name": "|".join(names)}, None


def _message(status: int, text: str) -> Record:
    return {"status": status, "code": "SIMULATED", "message": text}


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {"KENNING_LINKEDIN_URL": url, "KENNING_LINKEDIN_TOKEN": token}


VENDOR = Vendor(
    name="linkedin",
    routes=(
        Route(
            "users",
            "POST",
            "/rest/dmpSegments/{segment}/users",
            _users,
            canary=WrongRequest(
                {"elements": [{"action": "UPSERT"}]},
                {
                    "linkedin-version": "202604",
                    "x-restli-method": "BATCH_CREATE",
                    "x-restli-protocol-version": "2.0.0",
                },
                path="/rest/dmpSegments/12/users",
            ),
        ),
    ),
    environ=_environ,
    unauthorised=Answer(401, _message(401, "The token has expired")),
    # No header says how long to wait.
    throttled=lambda _: Answer(429, _message(429, "Throttle limit for calls reached")),
    limits=(Window(500, 60.0),),
)
