"""Braze: users and their events. Queues what it takes, and complains in prose.

A request of which no row is any good is refused as a whole; otherwise the good rows are
taken and the others are talked about without saying which they were. Events are never
recognised again.
"""

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

_IDENTIFIERS = ("external_id", "braze_id", "user_alias", "email", "phone")
_EPOCH_S = 1_700_000_000
"""When the simulator's clock began, as Braze writes time."""

_DELETED_BY = {
    "external_ids": "external_id",
    "braze_ids": "braze_id",
    "user_aliases": "user_alias",
    "email_addresses": "email",
    "phone_numbers": "phone",
}


def _track(hold: Hold, call: Call) -> Answer:
    body = call.json()
    answer: Record = {}
    problems: list[Json] = []
    taken = 0
    for kind, write in (("attributes", _write_user), ("events", _write_event)):
        rows = body.get(kind) if isinstance(body, dict) else None
        if not isinstance(rows, list):
            continue
        complaints = [write(hold, row) for row in rows if isinstance(row, dict)]
        processed = sum(complaint is None for complaint in complaints)
        answer[f"{kind}_processed"] = processed
        taken += processed
        problems += [complaint for complaint in complaints if complaint is not None]
    if taken == 0:
        raise RefusedError(
            400,
            "nothing_taken",
            {"message": "None of the rows can be processed", "errors": problems},
        )
    if problems:
        answer["errors"] = problems
    return Answer(201, {**answer, "message": "success"})


def _write_user(hold: Hold, row: Record) -> str | None:
    complaint = _complaint(hold, row)
    if complaint is not None:
        return complaint
    user_id = _find(hold, row)
    if user_id is None:
        if row.get("_update_existing_only") is True:
            return None
        user_id = hold.new_id()
        hold.collection("users")[user_id] = {"braze_id": user_id}
    user = hold.collection("users")[user_id]
    for name, value in row.items():
        if name == "_update_existing_only":
            continue
        if value is None:
            user.pop(name, None)
        else:
            user[name] = value
    return None


def _write_event(hold: Hold, row: Record) -> str | None:
    complaint = _complaint(hold, row)
    if complaint is None:
        hold.events.append(dict(row))
    return complaint


def _complaint(hold: Hold, row: Record) -> str | None:
    email = row.get("email")
    if isinstance(email, str) and "@" not in email:
        return "The value provided for the 'email' field is not a valid email"
    refused = hold.refuse(row)
    return None if refused is None else f"The row cannot be processed: {refused}"


def _find(hold: Hold, row: Record) -> str | None:
    """The user that a row is about; of its identifiers the first counts."""
    name = next(name for name in _IDENTIFIERS if name in row)
    wanted = _folded(row[name])
    return next(
        (
            user_id
            for user_id, user in hold.collection("users").items()
            if name in user and _folded(user[name]) == wanted
        ),
        None,
    )


def _folded(value: Json) -> Json:
    return value.lower() if isinstance(value, str) and "@" in value else value


def _delete(hold: Hold, call: Call) -> Answer:
    body = call.json()
    deleted = 0
    for name, values in body.items() if isinstance(body, dict) else ():
        kind = _DELETED_BY[name]
        for value in values if isinstance(values, list) else ():
            is_inner = kind in ("email", "phone") and isinstance(value, dict)
            sought = value[kind] if is_inner and isinstance(value, dict) else value
            user_id = _find(hold, {kind: sought})
            if user_id is not None:
                del hold.collection("users")[user_id]
                hold.erased.add(str(sought))
                deleted += 1
    return Answer(201, {"deleted": deleted, "message": "success"})


def _headers(hold: Hold) -> Mapping[str, str]:
    return {
        "x-ratelimit-limit": "3000",
        "x-ratelimit-remaining": "2999",
        "x-ratelimit-reset": str(_EPOCH_S + round(hold.now()) + 3),
    }


VENDOR = Vendor(
    name="braze",
    routes=(
        Route(
            "track",
            "POST",
            "/users/track",
            _track,
            canary=WrongRequest({"attributes": [{"first_name": "Ada"}]}),
        ),
        Route(
            "delete",
            "POST",
            "/users/delete",
            _delete,
            canary=WrongRequest({"external_ids": ["a"], "braze_ids": ["b"]}),
            limit_group="delete",
        ),
    ),
    environ=lambda url, token: {"KENNING_BRAZE_URL": url, "KENNING_BRAZE_TOKEN": token},
    unauthorised=Answer(401, {"message": "Invalid API Key"}),
    throttled=lambda _: Answer(429, {"message": "You have exceeded your limit"}),
    limits=(Window(3_000, 3.0), Window(20_000, 60.0, "delete")),
    headers=_headers,
    max_body_bytes=4_000_000,
)
