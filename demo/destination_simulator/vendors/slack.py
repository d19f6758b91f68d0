"""Slack's chat.postMessage: 200 for nearly everything, with `ok` and a code.

Any channel is there but #missing; the app is in all of them but #private, and #archived is
archived. The same message posted twice is two messages.
"""

import zlib
from collections.abc import Mapping

from demo.destination_simulator.answers import Answer, Json
from demo.destination_simulator.vendor import (
    Call,
    Hold,
    Route,
    Vendor,
    Window,
    WrongRequest,
)

MAX_TEXT = 40_000

_CHANNEL_PROBLEMS: Mapping[str, str] = {
    "#missing": "channel_not_found",
    "#private": "not_in_channel",
    "#archived": "is_archived",
}


def _post_message(hold: Hold, call: Call) -> Answer:
    body = call.json()
    if not isinstance(body, dict):
        return _no("invalid_json")
    channel, text = str(body.get("channel")), str(body.get("text", ""))
    problem = _CHANNEL_PROBLEMS.get(channel)
    if problem is None and not text.strip():
        problem = "no_text"
    if problem is None:
        problem = hold.refuse(_texts(body))
    if problem is not None:
        return _no(problem)
    message: dict[str, Json] = {**body, "text": text[:MAX_TEXT]}
    hold.events.append(message)
    ts = f"{1_782_820_800 + len(hold.events)}.{len(hold.events):06}"
    return Answer(
        200,
        {
            "ok": True,
            "channel": f"C{zlib.crc32(channel.encode()):010}",
            "ts": ts,
            "message": {"type": "message", "text": message["text"], "ts": ts},
        },
    )


def _texts(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The message's values, and each line and word of its text."""
    text = str(body["text"])
    parts = {*text.splitlines(), *text.split()}
    return {**body, **{f"part {number}": part for number, part in enumerate(parts)}}


def _no(code: str) -> Answer:
    return Answer(200, {"ok": False, "error": code})


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {"KENNING_SLACK_URL": f"{url}/api", "KENNING_SLACK_TOKEN": token}


VENDOR = Vendor(
    name="slack",
    routes=(
        Route(
            "post_message",
            "POST",
            "/api/chat.postMessage",
            _post_message,
            canary=WrongRequest({"channel": 7, "text": ["not a text"]}),
        ),
    ),
    environ=_environ,
    token="xoxb-simulated",  # noqa: S106  a stand-in's own token
    unauthorised=_no("invalid_auth"),
    throttled=lambda reset_s: Answer(
        429,
        {"ok": False, "error": "ratelimited"},
        {"retry-after": str(max(1, round(reset_s)))},
    ),
    limits=(Window(1, 1.0),),
)
