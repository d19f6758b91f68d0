"""A simulated Iterable, of a project where addresses and user ids both identify people.

A field keeps the type of its first value for ever. Who was forgotten stays out. A bulk
answer counts, and names who failed in lists, one for each reason.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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
_BULK_BYTES = 4 * 1024 * 1024


@dataclass
class IterableHold(Hold):
    """What Iterable holds: the type of each field beside the usual."""

    types: dict[str, str] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget everything, types too."""
        super().clear()
        self.types.clear()


class _Outcome:
    """Counts of a bulk call, and the lists of those who failed."""

    def __init__(self) -> None:
        self._succeeded = 0
        self._failed = 0
        self._lists: dict[str, list[Json]] = {}

    def ok(self) -> None:
        self._succeeded += 1

    def failed(self, reason: str, user: Record) -> None:
        """Put a user to the list of a reason, by the identity that was given."""
        self._failed += 1
        kind = "Emails" if isinstance(user.get("email"), str) else "UserIds"
        value = user.get("email") or user.get("userId")
        self._lists.setdefault(reason + kind, []).append(value)

    def answer(self) -> Answer:
        return Answer(
            200,
            {
                "successCount": self._succeeded,
                "failCount": self._failed,
                "failedUpdates": {
                    name: list(each) for name, each in self._lists.items()
                },
            },
        )


def _bulk_update(hold: Hold, call: Call) -> Answer:
    outcome = _Outcome()
    for user in _listed(call, "users"):
        reason = _update(hold, user)
        if reason is None:
            outcome.ok()
        else:
            outcome.failed(reason, user)
    return outcome.answer()


def _subscribe(hold: Hold, call: Call) -> Answer:
    members = hold.list_members(_list_id(call))
    outcome = _Outcome()
    for user in _listed(call, "subscribers"):
        reason = _update(hold, user)
        if reason is None:
            members.add(str(_found(hold, user)))
            outcome.ok()
        else:
            outcome.failed(reason, user)
    return outcome.answer()


def _unsubscribe(hold: Hold, call: Call) -> Answer:
    members = hold.list_members(_list_id(call))
    outcome = _Outcome()
    for user in _listed(call, "subscribers"):
        found = _found(hold, user)
        reason = _refusal(hold, user) or (None if found else "notFound")
        if reason is None:
            members.discard(str(found))
            outcome.ok()
        else:
            outcome.failed(reason, user)
    return outcome.answer()


def _track_bulk(hold: Hold, call: Call) -> Answer:
    outcome = _Outcome()
    for event in _listed(call, "events"):
        reason = _refusal(hold, event)
        if reason is None and _found(hold, event) is None:
            if "email" in event:
                hold.collection("users")[hold.new_id()] = {"email": event["email"]}
            else:
                reason = "notFound"
        if reason is not None:
            outcome.failed(reason, event)
            continue
        known = [each for each in hold.events if each.get("id") == event.get("id")]
        for each in known:
            each.update(event)
        if not known:
            hold.events.append(event)
        outcome.ok()
    return outcome.answer()


def _forget(hold: Hold, call: Call) -> Answer:
    user = call.json()
    if not isinstance(user, dict) or ("email" in user) == ("userId" in user):
        raise _refused(400, "BadParams")
    email = user.get("email")
    if email is not None and not _EMAIL.fullmatch(str(email)):
        raise _refused(400, "InvalidEmailAddressError")
    code = hold.refuse(user)
    if code is not None:
        raise _refused(400, code)
    _remove(hold, _found(hold, user))
    hold.erased.add(_folded(user))
    return Answer(200, {"code": "Success", "msg": "", "params": None})


def _delete_by_email(hold: Hold, call: Call) -> Answer:
    return _delete(hold, {"email": call.params["email"]})


def _delete_by_user_id(hold: Hold, call: Call) -> Answer:
    return _delete(hold, {"userId": call.params["user_id"]})


def _delete(hold: Hold, user: Record) -> Answer:
    email = user.get("email")
    if email is not None and not _EMAIL.fullmatch(str(email)):
        raise _refused(400, "InvalidEmailAddressError")
    code = hold.refuse(user)
    if code is not None:
        raise _refused(400, code)
    found = _found(hold, user)
    if found is None:
        raise _refused(404, "NotFound")
    _remove(hold, found)
    return Answer(200, {"code": "Success", "msg": "", "params": None})


def _remove(hold: Hold, user_key: str | None) -> None:
    if user_key is not None:
        del hold.collection("users")[user_key]
        for members in hold.members.values():
            members.discard(user_key)


def _update(hold: Hold, user: Record) -> str | None:
    """Update or create a profile. Returns the reason when it is not taken."""
    reason = _refusal(hold, user)
    if reason is not None:
        return reason
    data = user.get("dataFields")
    fields = dict(data) if isinstance(data, dict) else {}
    if not _has_known_types(hold, fields):
        return "invalidData"
    held = hold.collection("users")
    key = _found(hold, user)
    for name in ("email", "userId"):
        other = _found(hold, {name: fields[name]}) if name in fields else None
        if other is not None and other != key:
            return "conflict"
    key = key or hold.new_id()
    profile = held.get(key, {})
    for name, value in fields.items():
        before = profile.get(name)
        if (
            user.get("mergeNestedObjects") is True
            and isinstance(value, dict)
            and isinstance(before, dict)
        ):
            profile[name] = {**before, **value}
        else:
            profile[name] = value
    for name in ("email", "userId"):
        if name in user:
            profile[name] = user[name]
    held[key] = profile
    return None


def _refusal(hold: Hold, user: Record) -> str | None:
    email = user.get("email")
    data = user.get("dataFields")
    if email is not None and not _EMAIL.fullmatch(str(email)):
        return "invalid"
    if _folded(user) in hold.erased:
        return "forgotten"
    inner = data if isinstance(data, dict) else {}
    if hold.refuse({"email": email, "userId": user.get("userId"), **inner}) is not None:
        return "invalidData"
    return None


def _has_known_types(hold: Hold, fields: Record) -> bool:
    if not isinstance(hold, IterableHold):
        raise TypeError("Iterable holds things in its own way")
    types = {name: _type(value) for name, value in fields.items() if value is not None}
    if any(hold.types.get(name, kind) != kind for name, kind in types.items()):
        return False
    hold.types.update(types)
    return True


def _type(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def _found(hold: Hold, user: Record) -> str | None:
    wanted = _folded(user)
    for key, held in hold.collection("users").items():
        for name in ("email", "userId"):
            if name in user and name in held and _folded({name: held[name]}) == wanted:
                return key
    return None


def _folded(user: Record) -> str:
    email = user.get("email")
    return str(user.get("userId")) if email is None else str(email).lower()


def _listed(call: Call, name: str) -> list[Record]:
    if len(call.body) > _BULK_BYTES:
        raise _refused(413, "BatchTooLarge")
    body = call.json()
    listed = body.get(name) if isinstance(body, dict) else None
    if not isinstance(listed, list):
        raise _refused(400, "BadParams")
    return [dict(each) for each in listed if isinstance(each, dict)]


def _list_id(call: Call) -> str:
    body = call.json()
    list_id = body.get("listId") if isinstance(body, dict) else None
    if not isinstance(list_id, int):
        raise _refused(400, "BadParams")
    return str(list_id)


def _refused(status: int, code: str) -> RefusedError:
    return RefusedError(status, code, {"code": code, "msg": code, "params": None})


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {"KENNING_ITERABLE_URL": url, "KENNING_ITERABLE_API_KEY": token}


VENDOR = Vendor(
    name="iterable",
    routes=(
        Route(
            "bulk_update_users",
            "POST",
            "/api/users/bulkUpdate",
            _bulk_update,
            canary=WrongRequest({"users": {"email": "ada@example.com"}}),
            limit_group="users",
        ),
        Route(
            "subscribe",
            "POST",
            "/api/lists/subscribe",
            _subscribe,
            canary=WrongRequest({"listId": "12", "subscribers": []}),
            limit_group="lists",
        ),
        Route(
            "unsubscribe",
            "POST",
            "/api/lists/unsubscribe",
            _unsubscribe,
            canary=WrongRequest({"listId": "12", "subscribers": []}),
            limit_group="lists",
        ),
        Route(
            "track_bulk",
            "POST",
            "/api/events/trackBulk",
            _track_bulk,
            canary=WrongRequest({"events": [{"email": "ada@example.com"}]}),
            limit_group="events",
        ),
        Route(
            "forget",
            "POST",
            "/api/users/forget",
            _forget,
            canary=WrongRequest({"email": "ada@example.com", "userId": "c1"}),
            limit_group="forget",
        ),
        Route(
            "delete_by_email",
            "DELETE",
            "/api/users/{email}",
            _delete_by_email,
            canary=WrongRequest(None, path="/api/users/nonsense"),
        ),
        Route(
            "delete_by_user_id",
            "DELETE",
            "/api/users/byUserId/{user_id}",
            _delete_by_user_id,
            canary=WrongRequest(None, path="/api/users/byUserId/nobody"),
        ),
    ),
    environ=_environ,
    is_authorised=lambda call, token: call.headers.get("api-key") == token,
    unauthorised=_refused(401, "BadApiKey").answer,
    throttled=lambda reset_s: Answer(
        429,
        _refused(429, "RateLimitExceeded").answer.body,
        {"retry-after": str(max(1, round(reset_s)))},
    ),
    limits=(
        Window(5, 1.0, group="users"),
        Window(5, 1.0, group="lists"),
        Window(10, 1.0, group="events"),
        Window(100, 1.0),
        Window(3, 1.0, group="forget"),
        Window(1_000, 86_400.0, group="forget"),
    ),
    make_hold=lambda now, _: IterableHold(now),
)
