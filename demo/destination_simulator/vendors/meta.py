"""Meta's custom audiences: people in and out by rows of hashed identifiers.

Rows that it cannot read are counted and never named. Every error is a status 400 with a code
in its body. Audiences are there as soon as somebody names one.
"""

import math
import re
from collections.abc import Mapping, Sequence

from demo.destination_simulator.answers import Answer, Json, Record, RefusedError
from demo.destination_simulator.vendor import (
    Call,
    Hold,
    Route,
    Vendor,
    Window,
    WrongRequest,
)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_IDS = ("EMAIL", "PHONE", "MADID", "EXTERN_ID")
_IN_CLEAR = ("MADID", "EXTERN_ID")
_NO_IDENTIFIERS = re.compile(r"LOOKALIKE_VALUE|DATA_PROCESSING_OPTIONS.*")


def _add(hold: Hold, call: Call) -> Answer:
    answer, identifiers = _read(hold, call)
    hold.list_members(call.params["audience"]).update(identifiers)
    return answer


def _remove(hold: Hold, call: Call) -> Answer:
    answer, identifiers = _read(hold, call)
    hold.list_members(call.params["audience"]).difference_update(identifiers)
    return answer


def _read(hold: Hold, call: Call) -> tuple[Answer, set[str]]:
    """What the rows come to: the answer, and the identifiers of those that can be read."""
    audience = call.params["audience"]
    if not audience.isdecimal():
        raise RefusedError(400, "100", _error(100, 33, "There is no such object"))
    body = call.json()
    payload = body.get("payload") if isinstance(body, dict) else None
    session = body.get("session") if isinstance(body, dict) else None
    given = payload if isinstance(payload, dict) else {}
    schema, rows = _texts(given.get("schema")), _list(given.get("data"))
    identifiers: set[str] = set()
    invalid_count = 0
    for row in rows:
        cells = _list(row)
        if len(cells) != len(schema):
            raise RefusedError(
                400, "100", _error(100, 1_487_366, "A row is not like the schema")
            )
        found = _identifiers(schema, cells)
        if not found or hold.refuse(found) is not None:
            invalid_count += 1
        else:
            identifiers |= _members(found)
    return (
        Answer(
            200,
            {
                "audience_id": audience,
                "session_id": str(
                    session.get("session_id") if isinstance(session, dict) else ""
                ),
                "num_received": len(rows),
                "num_invalid_entries": invalid_count,
                "invalid_entry_samples": {},
            },
        ),
        identifiers,
    )


def _identifiers(schema: Sequence[str], cells: Sequence[Json]) -> dict[str, Json]:
    """Identifiers of a row by column; none when one of them is not what it should be."""
    found: dict[str, Json] = {}
    for column, cell in zip(schema, cells, strict=True):
        if _NO_IDENTIFIERS.fullmatch(column) or cell == "":
            continue
        is_digest = isinstance(cell, str) and _DIGEST.fullmatch(cell)
        if column not in _IN_CLEAR and not is_digest:
            return {}
        found[column] = cell
    return found


def _members(found: Mapping[str, Json]) -> set[str]:
    ids = {str(found[column]) for column in _IDS if column in found}
    return ids or {"|".join(f"{column}={found[column]}" for column in sorted(found))}


def _texts(value: Json) -> list[str]:
    return [
        str(entry) for entry in ([value] if isinstance(value, str) else _list(value))
    ]


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _error(code: int, subcode: int, message: str) -> Record:
    return {
        "error": {
            "message": message,
            "type": "OAuthException",
            "code": code,
            "error_subcode": subcode,
            "is_transient": False,
            "fbtrace_id": "simulated",
        }
    }


def _throttled(reset_s: float) -> Answer:
    minutes = max(1, math.ceil(reset_s / 60))
    usage = (
        '{"1": [{"type": "custom_audience", "call_count": 100, "total_cputime": 20, '
        f'"total_time": 20, "estimated_time_to_regain_access": {minutes}}}]}}'
    )
    return Answer(
        400,
        _error(80_003, 2_446_079, "Too many calls to this ad account"),
        {"x-business-use-case-usage": usage},
    )


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {"KENNING_META_URL": url, "KENNING_META_TOKEN": token}


_NOBODY: Json = {"payload": {"schema": ["EMAIL"], "data": []}}

VENDOR = Vendor(
    name="meta",
    routes=(
        Route(
            "add",
            "POST",
            "/{version}/{audience}/users",
            _add,
            canary=WrongRequest(_NOBODY, path="/v25.0/12/users"),
        ),
        Route(
            "remove",
            "DELETE",
            "/{version}/{audience}/users",
            _remove,
            canary=WrongRequest(_NOBODY, path="/v25.0/12/users"),
        ),
    ),
    environ=_environ,
    unauthorised=Answer(400, _error(190, 463, "The access token could not be decoded")),
    throttled=_throttled,
    limits=(Window(300, 60.0),),
)
