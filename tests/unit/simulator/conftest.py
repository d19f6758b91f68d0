"""A simulator with a small tool of its own, so that no real tool's habits matter here."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo.destination_simulator import server
from demo.destination_simulator.answers import Answer, RefusedError
from demo.destination_simulator.server import Simulator
from demo.destination_simulator.vendor import (
    Call,
    Hold,
    Route,
    Vendor,
    Window,
    WrongRequest,
)

CONTRACT = {
    "operations": {
        "put": {
            "media_type": "application/json",
            "body": {"type": "object", "required": ["rows"]},
        }
    }
}


def put(hold: Hold, call: Call) -> Answer:
    body = call.json()
    assert isinstance(body, dict)
    rows = body["rows"]
    assert isinstance(rows, list)
    results = []
    for row in rows:
        assert isinstance(row, dict)
        refused = hold.refuse(row)
        if refused is None:
            hold.collection("things")[str(row["id"])] = row
        results.append({"id": row["id"], "error": refused})
    return Answer(200, {"results": results})


def start(hold: Hold, call: Call) -> Answer:
    job_id = hold.new_id()
    hold.jobs[job_id] = {"state": "running", "ready_at": hold.now() + 10}
    return Answer(202, {"job": job_id})


def look(hold: Hold, call: Call) -> Answer:
    job = hold.jobs.get(call.params["job"])
    if job is None:
        raise RefusedError(404, "no_such_job")
    ready_at = job["ready_at"]
    assert isinstance(ready_at, float)
    is_done = job["state"] == "running" and hold.now() >= ready_at
    return Answer(200, {"state": "done" if is_done else job["state"]})


def crash(hold: Hold, call: Call) -> Answer:
    raise ZeroDivisionError


TOOL = Vendor(
    name="tool",
    routes=(
        Route("put", "PUT", "/things", put, canary=WrongRequest([])),
        Route("start", "POST", "/jobs", start, canary=WrongRequest([])),
        Route("look", "GET", "/jobs/{job}", look),
        Route("special", "GET", "/jobs/special", lambda *_: Answer(200, "special")),
        Route("crash", "GET", "/crash", crash),
        Route("nothing", "DELETE", "/things/{id}", lambda *_: Answer(204, None)),
    ),
    environ=lambda url, token: {"KENNING_TOOL_URL": url, "KENNING_TOOL_TOKEN": token},
    token="right",
    limits=(Window(2, 10.0),),
    failed_job={"state": "failed"},
    headers=lambda hold: {"x-held": str(len(hold.collection("things")))},
)


@pytest.fixture
def simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    (tmp_path / "tool.json").write_text(json.dumps(CONTRACT))
    monkeypatch.setattr(server, "FOLDER", tmp_path)
    with Simulator(
        {"tool": TOOL}, port=0, token=None, has_limits=False, store=None
    ) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=simulator.url_of("tool"),
        headers={"authorization": "Bearer right"},
        trust_env=False,
    ) as opened:
        yield opened


@pytest.fixture
def driver(simulator: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{simulator.url}/_simulator", trust_env=False
    ) as opened:
        yield opened
