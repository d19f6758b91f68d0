"""The marketing tool that ships with the demo. Its interface: docs/destinations/mailer.md.

It answers for every row, keeps its batch limit, and honours idempotency keys. It is the one
tool that can outlive the process, so that a second demo run finds what the first one sent.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from demo.destination_simulator.answers import Answer, Json, Record, RefusedError
from demo.destination_simulator.store import Answered, Store
from demo.destination_simulator.vendor import (
    Call,
    Hold,
    Route,
    Vendor,
    Window,
    WrongRequest,
)

MAX_BATCH_ROWS = 500
MAX_PAGE_ROWS = 1_000
MAX_TEXT_LENGTH = 5_000

_OBJECT = re.compile(r"[a-z][a-z0-9_]*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass
class MailerHold(Hold):
    """What the mailer holds, written through to a file when it has one."""

    store: Store | None = None
    answered: dict[str, Answered] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget everything, in the file too."""
        super().clear()
        self.answered.clear()
        if self.store is not None:
            self.store.clear()

    def close(self) -> None:
        """Close the file."""
        if self.store is not None:
            self.store.close()


def _make_hold(now: Callable[[], float], path: Path | None) -> Hold:
    if path is None:
        return MailerHold(now)
    store = Store(path)
    return MailerHold(
        now, records=store.records(), store=store, answered=store.answered()
    )


def _upsert(hold: Hold, call: Call) -> Answer:
    return _write(hold, call, "records", _upsert_row)


def _delete(hold: Hold, call: Call) -> Answer:
    return _write(hold, call, "ids", _delete_row)


def _page(hold: Hold, call: Call) -> Answer:
    limit_text = call.query.get("limit", str(MAX_PAGE_ROWS))
    limit = min(int(limit_text), MAX_PAGE_ROWS) if limit_text.isdecimal() else 0
    if limit < 1:
        raise RefusedError(400, "invalid_limit")
    held = hold.collection(_object(call))
    after = call.query.get("after", "")
    ids = sorted(record_id for record_id in held if record_id > after)
    page: list[Json] = [
        {"id": record_id, "properties": held[record_id]} for record_id in ids[:limit]
    ]
    return Answer(
        200, {"records": page, "next": ids[limit - 1] if len(ids) > limit else None}
    )


_Changes = dict[str, Record | None]
_WriteRow = Callable[[Hold, str, Json, _Changes], Record]


def _write(hold: Hold, call: Call, name: str, write_row: _WriteRow) -> Answer:
    if not isinstance(hold, MailerHold):
        raise TypeError("the mailer holds things in its own way")
    object_name = _object(call)
    rows = _rows(call, name)
    key = call.headers.get("idempotency-key")
    digest = hashlib.sha256(f"{name}\n".encode() + call.body).hexdigest()
    known = hold.answered.get(key or "")
    if known is not None:
        if known.request_sha256 != digest:
            raise RefusedError(409, "idempotency_key_reused")
        return known.answer
    changes: _Changes = {}
    results: list[Json] = [write_row(hold, object_name, row, changes) for row in rows]
    has_errors = any(
        isinstance(result, dict) and result["status"] == "error" for result in results
    )
    answer = Answer(207 if has_errors else 200, {"results": results})
    answered = Answered(digest, answer)
    if hold.store is not None:
        hold.store.keep(object_name, changes, key, answered)
    if key is not None:
        hold.answered[key] = answered
    return answer


def _upsert_row(hold: Hold, object_name: str, row: Json, changes: _Changes) -> Record:
    key = row.get("id") if isinstance(row, dict) else None
    properties = row.get("properties") if isinstance(row, dict) else None
    if not isinstance(key, str) or not _is_id(key):
        return {"id": key, "status": "error", "code": "invalid_id"}
    if key in changes:
        return {"id": key, "status": "error", "code": "duplicate_id"}
    if not isinstance(properties, dict):
        return {"id": key, "status": "error", "code": "invalid_property"}
    for name, value in properties.items():
        if not _is_property(name, value):
            return {
                "id": key,
                "status": "error",
                "code": "invalid_property",
                "property": name,
                "message": f"{name} does not accept {value!r}",
            }
    refused = hold.refuse({"id": key, **properties})
    if refused is not None:
        return {"id": key, "status": "error", "code": refused}
    held = hold.collection(object_name)
    is_new = key not in held
    merged = held.get(key, {}) | properties
    kept: Record = {name: value for name, value in merged.items() if value is not None}
    held[key] = changes[key] = kept
    return {"id": key, "status": "created" if is_new else "updated"}


def _delete_row(hold: Hold, object_name: str, row: Json, changes: _Changes) -> Record:
    if not isinstance(row, str) or not _is_id(row):
        return {"id": row, "status": "error", "code": "invalid_id"}
    refused = hold.refuse({"id": row})
    if refused is not None:
        return {"id": row, "status": "error", "code": refused}
    was_there = hold.collection(object_name).pop(row, None) is not None
    changes[row] = None
    return {"id": row, "status": "deleted" if was_there else "absent"}


def _object(call: Call) -> str:
    name = call.params["object"]
    if not _OBJECT.fullmatch(name):
        raise RefusedError(404, "no_such_path")
    return name


def _rows(call: Call, name: str) -> list[Json]:
    content = call.json()
    rows = content.get(name) if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise RefusedError(400, f"no_{name}")
    if len(rows) > MAX_BATCH_ROWS:
        raise RefusedError(413, "batch_too_large")
    return rows


def _is_id(value: str) -> bool:
    return bool(value.strip()) and len(value) <= 255


def _is_property(name: str, value: Json) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return name != "email" or value is None
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH:
        return False
    return name != "email" or _EMAIL.fullmatch(value) is not None


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {"KENNING_MAILER_URL": url, "KENNING_MAILER_TOKEN": token}


VENDOR = Vendor(
    name="mailer",
    routes=(
        Route(
            "upsert",
            "POST",
            "/v1/{object}/batch/upsert",
            _upsert,
            canary=WrongRequest(
                {"records": {"id": "a"}}, path="/v1/contacts/batch/upsert"
            ),
        ),
        Route(
            "delete",
            "POST",
            "/v1/{object}/batch/delete",
            _delete,
            canary=WrongRequest({"records": ["a"]}, path="/v1/contacts/batch/delete"),
        ),
        Route("page", "GET", "/v1/{object}", _page),
    ),
    environ=_environ,
    unauthorised=RefusedError(401, "unauthorized").answer,
    throttled=lambda reset_s: Answer(
        429,
        {"error": {"code": "throttled"}},
        {"retry-after": str(max(1, round(reset_s)))},
    ),
    limits=(Window(100, 1.0),),
    max_body_bytes=16_000_000,
    make_hold=_make_hold,
)
