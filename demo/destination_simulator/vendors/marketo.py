"""A simulated Marketo: status 200 whatever happens, and a result for each lead in order.

Tokens are good for an hour. A value may find several leads, which Marketo then leaves
alone. Every static list exists, unless its id is 404.
"""

import json
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

CLIENT_ID = "simulated-client"
TOKEN_LIFE_S = 3_600.0
FIELDS = frozenset(
    {
        "id",
        "email",
        "firstName",
        "lastName",
        "company",
        "phone",
        "city",
        "country",
        "customerId",
        "lifetimeValue",
        "leadScore",
        "unsubscribed",
        "blackListed",
        "marketingSuspended",
    }
)
_TOKEN_PREFIX = "access-"  # noqa: S105  only its beginning
_NUMBERS = frozenset({"lifetimeValue", "leadScore"})
_Handler = Callable[[Hold, Call], Answer]
_WriteLead = Callable[[Hold, Record], Record]


class _SkippedError(Exception):
    """A lead that is left as it is."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.result: Record = {
            "status": "skipped",
            "reasons": [{"code": code, "message": message}],
        }


def _token(hold: Hold, call: Call) -> Answer:
    if call.query.get("grant_type") != "client_credentials":
        raise RefusedError(400, "grant", {"error": "unsupported_grant_type"})
    return Answer(
        200,
        {
            # It says itself when it was given.
            "access_token": f"{_TOKEN_PREFIX}{int(hold.now())}",
            "token_type": "bearer",
            "expires_in": int(TOKEN_LIFE_S),
            "scope": "api@example.com",
        },
    )


def _with_token(handle: _Handler) -> _Handler:
    """A handler that takes only requests with a token that is still good."""

    def checked(hold: Hold, call: Call) -> Answer:
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        given_at = token.removeprefix(_TOKEN_PREFIX)
        if given_at == token or not given_at.isdecimal():
            return _failed("601", "Access token invalid")
        if int(given_at) + TOKEN_LIFE_S <= hold.now():
            return _failed("602", "Access token expired")
        return handle(hold, call)

    return checked


def _sync_leads(hold: Hold, call: Call) -> Answer:
    body = _body(call)
    action = body.get("action", "createOrUpdate")
    lookup_field = str(body.get("lookupField", "email"))
    leads = body.get("input")
    if not isinstance(leads, list) or len(leads) > 300:
        return _failed("1003", "Too many leads, or none")
    if lookup_field not in FIELDS:
        return _failed("1006", f"Field '{lookup_field}' not found")
    for name in sorted(
        {name for lead in leads if isinstance(lead, dict) for name in lead}
    ):
        if name not in FIELDS:
            return _failed("1006", f"Field '{name}' not found")
    return _result(
        hold,
        leads,
        lambda hold, lead: _sync_lead(hold, lead, lookup_field, str(action)),
    )


def _sync_lead(hold: Hold, lead: Record, lookup_field: str, action: str) -> Record:
    value = lead.get(lookup_field)
    if value is None or value == "":
        raise _SkippedError("1003", f"Value for field '{lookup_field}' is missing")
    for name, each in lead.items():
        if name in _NUMBERS and not isinstance(each, int | float | None):
            raise _SkippedError("1001", f"Invalid value '{each}' for field '{name}'")
    refused = hold.refuse(lead)
    if refused is not None:
        raise _SkippedError(refused, "refused")
    found = _matching(hold, lookup_field, value)
    if len(found) > 1:
        raise _SkippedError("1007", "Multiple lead match lookup criteria")
    if found and action == "createOnly":
        raise _SkippedError("1005", "Lead already exists")
    if not found and action == "updateOnly":
        raise _SkippedError("1004", "Lead not found")
    lead_id = found[0] if found else hold.new_id()
    merged = {**hold.collection("leads").get(lead_id, {}), **lead}
    hold.collection("leads")[lead_id] = {
        name: each for name, each in merged.items() if each is not None and name != "id"
    }
    return {"id": int(lead_id), "status": "updated" if found else "created"}


def _find_leads(hold: Hold, call: Call) -> Answer:
    name = call.query["filterType"]
    if name not in FIELDS:
        return _failed("1003", f"Invalid filterType '{name}'")
    found: list[Json] = [
        {"id": int(lead_id), name: hold.collection("leads")[lead_id].get(name)}
        for value in call.query["filterValues"].split(",")
        for lead_id in _matching(hold, name, value)
    ]
    start = int(call.query.get("nextPageToken", "0"))
    size = int(call.query.get("batchSize", "300"))
    answer: Record = {
        "requestId": "1a2b#simulated",
        "success": True,
        "result": found[start : start + size],
        "moreResult": len(found) > start + size,
    }
    if len(found) > start + size:
        answer["nextPageToken"] = str(start + size)
    return Answer(200, answer)


def _delete_leads(hold: Hold, call: Call) -> Answer:
    return _result(hold, _body(call).get("input"), _delete_lead)


def _delete_lead(hold: Hold, lead: Record) -> Record:
    lead_id = _known(hold, lead)
    del hold.collection("leads")[lead_id]
    for members in hold.members.values():
        members.discard(lead_id)
    hold.erased.add(lead_id)
    return {"id": int(lead_id), "status": "deleted"}


def _add_to_list(hold: Hold, call: Call) -> Answer:
    if call.params["list_id"] == "404":
        return _failed("1013", "Static list not found")
    members = hold.list_members(call.params["list_id"])

    def add(hold: Hold, lead: Record) -> Record:
        lead_id = _known(hold, lead)
        members.add(lead_id)
        return {"id": int(lead_id), "status": "added"}

    return _result(hold, _body(call).get("input"), add)


def _remove_from_list(hold: Hold, call: Call) -> Answer:
    if call.params["list_id"] == "404":
        return _failed("1013", "Static list not found")
    members = hold.list_members(call.params["list_id"])

    def remove(hold: Hold, lead: Record) -> Record:
        lead_id = _known(hold, lead)
        if lead_id not in members:
            raise _SkippedError("1015", "Lead not in list")
        members.discard(lead_id)
        return {"id": int(lead_id), "status": "removed"}

    return _result(hold, _body(call).get("input"), remove)


def _known(hold: Hold, lead: Record) -> str:
    lead_id = str(lead.get("id"))
    held = hold.collection("leads").get(lead_id)
    if held is None:
        raise _SkippedError("1004", "Lead not found")
    refused = hold.refuse({"id": lead_id, **held})
    if refused is not None:
        raise _SkippedError(refused, "refused")
    return lead_id


def _matching(hold: Hold, name: str, value: Json) -> list[str]:
    wanted = str(value).casefold()
    return [
        lead_id
        for lead_id, held in hold.collection("leads").items()
        if (lead_id if name == "id" else str(held.get(name, "")).casefold()) == wanted
    ]


def _result(hold: Hold, leads: Json, write: _WriteLead) -> Answer:
    result: list[Json] = []
    for lead in leads if isinstance(leads, list) else ():
        given = dict(lead) if isinstance(lead, dict) else {}
        try:
            result.append(write(hold, given))
        except _SkippedError as skipped:
            known = {"id": given["id"]} if "id" in given else {}
            result.append({**known, **skipped.result})
    return Answer(
        200, {"requestId": "1a2b#simulated", "success": True, "result": result}
    )


def _failed(code: str, message: str) -> Answer:
    return Answer(
        200,
        {
            "requestId": "1a2b#simulated",
            "success": False,
            "errors": [{"code": code, "message": message}],
        },
    )


def _body(call: Call) -> Record:
    try:
        body = json.loads(call.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(200, "609", _failed("609", "Invalid JSON").body)
    return body


def _is_authorised(call: Call, token: str) -> bool:
    """Who asks for a token says the secret; what the others say, their handlers check."""
    return call.path != "/identity/oauth/token" or (
        call.query.get("client_id") == CLIENT_ID
        and call.query.get("client_secret") == token
    )


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {
        "KENNING_MARKETO_URL": url,
        "KENNING_MARKETO_CLIENT_ID": CLIENT_ID,
        "KENNING_MARKETO_CLIENT_SECRET": token,
    }


VENDOR = Vendor(
    name="marketo",
    routes=(
        Route(
            "token",
            "GET",
            "/identity/oauth/token",
            _token,
            limit_group="token",
        ),
        Route(
            "sync_leads",
            "POST",
            "/rest/v1/leads.json",
            _with_token(_sync_leads),
            canary=WrongRequest({"input": {"email": "ada@example.com"}}),
        ),
        Route("find_leads", "GET", "/rest/v1/leads.json", _with_token(_find_leads)),
        Route(
            "delete_leads",
            "POST",
            "/rest/v1/leads/delete.json",
            _with_token(_delete_leads),
            canary=WrongRequest({"input": [{"email": "ada@example.com"}]}),
        ),
        Route(
            "add_to_list",
            "POST",
            "/rest/v1/lists/{list_id}/leads.json",
            _with_token(_add_to_list),
            canary=WrongRequest({"input": []}, path="/rest/v1/lists/1001/leads.json"),
        ),
        Route(
            "remove_from_list",
            "DELETE",
            "/rest/v1/lists/{list_id}/leads.json",
            _with_token(_remove_from_list),
            canary=WrongRequest({"input": []}, path="/rest/v1/lists/1001/leads.json"),
        ),
    ),
    environ=_environ,
    is_authorised=_is_authorised,
    unauthorised=Answer(
        401, {"error": "invalid_client", "error_description": "Bad client credentials"}
    ),
    throttled=lambda _: _failed(
        "606", "Max rate limit '100' exceeded with in '20' secs"
    ),
    out_of_quota=_failed("607", "Daily quota reached"),
    limits=(Window(100, 20.0), Window(10, 0.0), Window(50_000, 86_400.0)),
    max_body_bytes=1_048_576,
)
