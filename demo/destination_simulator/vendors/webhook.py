"""A receiver of webhooks. Its interface: docs/destinations/webhook.md.

It checks signatures as the page tells a receiver to, knows a batch again by its idempotency
key, and answers for every row.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping

from demo.destination_simulator.answers import Answer, Json, Record, RefusedError
from demo.destination_simulator.vendor import (
    Call,
    Hold,
    Route,
    Vendor,
    WrongRequest,
)

PATH = "/hooks/kenning"
MAX_AGE_S = 300
MAX_TEXT_LENGTH = 100_000

_SIGNATURE = "x-kenning-signature"
_LEAVING = frozenset({"delete", "erase"})


def _receive(hold: Hold, call: Call) -> Answer:
    key = call.headers["idempotency-key"]
    digest = hashlib.sha256(call.body).hexdigest()
    known = hold.jobs.get(key)
    if known is not None:
        if known["sha256"] != digest:
            raise RefusedError(409, "idempotency_key_reused")
        return Answer(200, {"results": known["results"]})
    body = call.json()
    if not isinstance(body, dict):
        raise RefusedError(400, "not_a_batch")
    rows = body["rows"] if "rows" in body else [body["row"]]
    if not isinstance(rows, list):
        raise RefusedError(400, "not_a_batch")
    results: list[Json] = [
        _apply(hold, str(body["object"]), str(body["action"]), row)
        for row in rows
        if isinstance(row, dict)
    ]
    hold.jobs[key] = {"sha256": digest, "results": results}
    return Answer(200, {"results": results})


def _apply(hold: Hold, object_name: str, action: str, row: Record) -> Json:
    key = str(row["key"])
    fields, match = _map(row["fields"]), _map(row["match"])
    if not key.strip():
        return {"key": key, "status": "error", "error": "invalid_key"}
    for name, value in fields.items():
        if isinstance(value, str) and len(value) > MAX_TEXT_LENGTH:
            return {
                "key": key,
                "status": "error",
                "error": "too_large",
                "field": name,
            }
    refused = hold.refuse({"key": key, **match, **fields})
    if refused is not None:
        return {"key": key, "status": "error", "error": refused}
    problem = _write(hold, object_name, action, row)
    if problem is not None:
        return {"key": key, "status": "error", "error": problem}
    return {"key": key, "status": "ok"}


def _write(hold: Hold, object_name: str, action: str, row: Record) -> str | None:
    key = str(row["key"])
    held = hold.collection(object_name)
    if action == "append":
        hold.events.append({"object": object_name, **row})
    elif action == "add":
        hold.list_members(object_name).add(key)
        _merge(held, key, row)
    elif action == "remove":
        hold.list_members(object_name).discard(key)
        held.pop(key, None)
    elif action in _LEAVING:
        held.pop(key, None)
        hold.list_members(object_name).discard(key)
        if action == "erase":
            hold.erased.add(key)
    elif action == "archive":
        if key in held:
            held[key]["archived"] = True
    elif action == "create" and key in held:
        return "conflict"
    elif action == "update" and key not in held:
        # A removal that clears fields finds nothing to clear, which is as it should be.
        return None if row["op"] == "remove" else "not_found"
    else:
        _merge(held, key, row)
    return None


def _merge(held: dict[str, Record], key: str, row: Record) -> None:
    fields = _map(held.get(key, {}).get("fields", {})) | _map(row["fields"])
    held[key] = {
        "match": row["match"],
        "fields": {name: value for name, value in fields.items() if value is not None},
    }


def _map(value: Json) -> Record:
    if not isinstance(value, dict):
        raise RefusedError(400, "not_a_map")
    return value


def _is_authorised(call: Call, token: str) -> bool:
    """Whether the signature is good and fresh; without one, whether the token is right."""
    given = call.headers.get(_SIGNATURE)
    if given is None:
        return call.headers.get("authorization") == f"Bearer {token}"
    parts = [part.partition("=")[::2] for part in given.split(",")]
    seconds = next((value for name, value in parts if name == "t"), "")
    if not seconds.isdecimal() or abs(time.time() - int(seconds)) > MAX_AGE_S:
        return False
    expected = hmac.new(
        token.encode(), f"{seconds}.".encode() + call.body, hashlib.sha256
    ).hexdigest()
    return any(
        name == "v1" and hmac.compare_digest(value.encode(), expected.encode())
        for name, value in parts
    )


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {"KENNING_WEBHOOK_URL": f"{url}{PATH}", "KENNING_WEBHOOK_SECRET": token}


_TOKEN = "simulated-secret"  # noqa: S105  a stand-in's own secret

VENDOR = Vendor(
    name="webhook",
    routes=(
        Route(
            "receive",
            "POST",
            PATH,
            _receive,
            canary=WrongRequest(
                {"version": 1, "object": "people", "rows": [{"key": 1}]},
                headers={"authorization": f"Bearer {_TOKEN}"},
            ),
        ),
    ),
    environ=_environ,
    token=_TOKEN,
    is_authorised=_is_authorised,
)
