"""TikTok's custom audiences: identifiers as a stream, and files of them.

Every answer is a status 200 with a code. A file is uploaded with its MD5, and then appended
to an audience or removed from it. Audiences are there as soon as somebody names one, with a
thousand people whom nobody here sent: a change of files that would leave fewer is refused.
"""

import hashlib
import re
from collections.abc import Mapping

from demo.destination_simulator.answers import Answer, Json, Record, RefusedError
from demo.destination_simulator.vendor import (
    Call,
    Hold,
    Route,
    Upload,
    Vendor,
    Window,
    WrongRequest,
)

SMALLEST_AUDIENCE = 1_000

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PARAMETERS, _MISSING, _TOO_FAST, _TOKEN = 40_002, 40_007, 40_100, 40_105


def _mapping(hold: Hold, call: Call) -> Answer:
    body = _body(call)
    id_schema, rows = _list(body.get("id_schema")), _list(body.get("batch_data"))
    changes: list[tuple[str, str]] = []
    for row in rows:
        cells = _list(row)
        if len(cells) != len(id_schema):
            raise _refused(_PARAMETERS)
        changes += _entries(hold, cells)
    for audience, identifier in changes:
        members = hold.list_members(audience)
        if body.get("action") == "add":
            members.add(identifier)
        else:
            members.discard(identifier)
    return _success({})


def _entries(hold: Hold, cells: list[Json]) -> list[tuple[str, str]]:
    """Audience and identifier of everything in one row, which must have something."""
    found = []
    for cell in cells:
        entry = cell if isinstance(cell, dict) else {}
        if not entry:
            continue
        identifier = str(entry.get("id"))
        is_known = _DIGEST.fullmatch(identifier) is not None
        if not is_known or hold.refuse({"id": identifier}) is not None:
            raise _refused(_PARAMETERS)
        found += [
            (str(audience), identifier) for audience in _list(entry.get("audience_ids"))
        ]
    if not found:
        raise _refused(_PARAMETERS)
    return found


def _upload(hold: Hold, call: Call) -> Answer:
    form = call.multipart()
    file, signature = form.get("file"), form.get("file_signature")
    if not isinstance(file, Upload) or not file.filename.endswith((".csv", ".txt")):
        raise _refused(_PARAMETERS)
    if hashlib.md5(file.content, usedforsecurity=False).hexdigest() != signature:
        raise _refused(_PARAMETERS)
    path = f"{int(hold.new_id()):016x}"
    hold.files[path] = file.content
    hold.collection("files")[path] = {"calculate_type": str(form["calculate_type"])}
    return _success({"file_path": path})


def _update(hold: Hold, call: Call) -> Answer:
    body = _body(call)
    audience_id = str(body.get("custom_audience_id"))
    if not audience_id.isdecimal():
        raise _refused(_MISSING)
    audience = hold.collection("audiences").setdefault(
        audience_id, {"others": SMALLEST_AUDIENCE}
    )
    members = set(hold.list_members(audience_id))
    for path in _list(body.get("file_paths")):
        file = hold.collection("files").get(str(path))
        if file is None:
            raise _refused(_PARAMETERS)
        kind = audience.setdefault("calculate_type", file["calculate_type"])
        if kind != file["calculate_type"]:
            raise _refused(_PARAMETERS)
        identifiers = hold.files[str(path)].decode().split()
        if any(
            hold.refuse({"id": identifier}) is not None for identifier in identifiers
        ):
            raise _refused(_PARAMETERS)
        if body.get("action") == "APPEND":
            members |= set(identifiers)
        else:
            members -= set(identifiers)
    others = audience["others"]
    if len(members) + (others if isinstance(others, int) else 0) < SMALLEST_AUDIENCE:
        raise _refused(_PARAMETERS)
    hold.members[audience_id] = members
    return _success({})


def _body(call: Call) -> Record:
    body = call.json()
    return body if isinstance(body, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _success(data: Record) -> Answer:
    return Answer(200, {"message": "OK", "code": 0, "data": data})


def _refused(code: int) -> RefusedError:
    return RefusedError(200, str(code), {"message": "Refused", "code": code})


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {
        "KENNING_TIKTOK_URL": url,
        "KENNING_TIKTOK_TOKEN": token,
        "KENNING_TIKTOK_ADVERTISER_ID": "7000000000000000001",
    }


_API = "/open_api/v1.3"

VENDOR = Vendor(
    name="tiktok",
    routes=(
        Route(
            "mapping",
            "POST",
            f"{_API}/segment/mapping/",
            _mapping,
            canary=WrongRequest({"action": "append", "batch_data": []}),
        ),
        Route(
            "upload",
            "POST",
            f"{_API}/dmp/custom_audience/file/upload/",
            _upload,
            canary=WrongRequest({"file": "not a form"}),
        ),
        Route(
            "update",
            "POST",
            f"{_API}/dmp/custom_audience/update/",
            _update,
            canary=WrongRequest({"advertiser_id": "1", "action": "DELETE"}),
        ),
    ),
    environ=_environ,
    is_authorised=lambda call, token: call.headers.get("access-token") == token,
    unauthorised=_refused(_TOKEN).answer,
    throttled=lambda _: _refused(_TOO_FAST).answer,
    limits=(Window(10, 1.0),),
)
