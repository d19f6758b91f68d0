"""What goes wrong on purpose, and to whom."""

import time

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind
from demo.destination_simulator.answers import Answer
from demo.destination_simulator.server import shortened

ROWS = {"rows": [{"id": "a"}, {"id": "b"}]}


def held(simulator) -> list[str]:
    return sorted(simulator.hold("tool").collection("things"))


def test_a_status_does_nothing_and_says_what_it_was_told_to(client, simulator):
    simulator.script(
        "tool",
        Fault(FaultKind.STATUS, status=503, retry_after="7", body={"my": "words"}),
    )

    answer = client.put("/things", json=ROWS)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json() == {"my": "words"}
    assert held(simulator) == []


@pytest.mark.parametrize("kind", [FaultKind.THROTTLE, FaultKind.OUT_OF_QUOTA])
def test_a_throttle_speaks_as_the_tool_does(client, simulator, kind):
    simulator.script("tool", Fault(kind, retry_after="9"))

    answer = client.put("/things", json=ROWS)

    assert answer.status_code == 429
    assert answer.json() == {"error": "rate_limited"}
    assert held(simulator) == []


@pytest.mark.parametrize(
    ("kind", "is_done"),
    [
        (FaultKind.DROP_BEFORE, False),
        (FaultKind.DROP_AFTER, True),
        (FaultKind.HALF, True),
    ],
)
def test_a_dropped_connection_has_done_its_work_or_not(
    client, simulator, kind, is_done
):
    simulator.script("tool", Fault(kind))

    with pytest.raises(httpx.RemoteProtocolError):
        client.put("/things", json=ROWS)

    assert held(simulator) == (["a", "b"] if is_done else [])
    assert simulator.arrivals("tool")[0].status is None


@pytest.mark.parametrize(
    ("kind", "is_done"), [(FaultKind.GARBAGE, True), (FaultKind.LOGIN_PAGE, False)]
)
def test_garbage_is_no_json(client, simulator, kind, is_done):
    simulator.script("tool", Fault(kind))

    answer = client.put("/things", json=ROWS)

    assert answer.status_code == 200
    assert answer.content.startswith(b"<")
    assert held(simulator) == (["a", "b"] if is_done else [])


def test_a_short_answer_leaves_the_last_row_out(client, simulator):
    simulator.script("tool", Fault(FaultKind.SHORT))

    answer = client.put("/things", json=ROWS)

    assert answer.json() == {"results": [{"id": "a", "error": None}]}
    assert held(simulator) == ["a", "b"]


def test_an_answer_without_a_body_cannot_be_distorted(client, simulator):
    simulator.script("tool", Fault(FaultKind.GARBAGE, operation="nothing"))

    answer = client.delete("/things/1")

    assert (answer.status_code, answer.content) == (204, b"")
    assert simulator.arrivals("tool")[0].fault is None


def test_a_slow_answer_comes_late(client, simulator):
    simulator.script("tool", Fault(FaultKind.SLOW, delay_s=0.1))
    begun = time.monotonic()

    answer = client.put("/things", json=ROWS)

    assert answer.status_code == 200
    assert time.monotonic() - begun >= 0.1


def test_rows_are_refused_by_any_of_their_values(client, simulator):
    simulator.script("tool", Fault(FaultKind.REFUSE_ROWS, rows=("7",), code="BAD"))

    answer = client.put(
        "/things", json={"rows": [{"id": "a", "deep": [{"n": 7}]}, {"id": "b"}]}
    )

    assert answer.json() == {
        "results": [{"id": "a", "error": "BAD"}, {"id": "b", "error": None}]
    }
    assert simulator.refused_count("tool") == 1


def test_a_job_fails_vanishes_or_never_ends(client, simulator):
    simulator.script("tool", Fault(FaultKind.JOB_FAILS), Fault(FaultKind.JOB_VANISHES))
    failing, gone, standing = (
        client.post("/jobs", json={}).json()["job"] for _ in range(3)
    )
    simulator.script("tool", Fault(FaultKind.JOBS_STAND_STILL))
    client.get(f"/jobs/{standing}")
    simulator.advance(1_000)

    assert client.get(f"/jobs/{failing}").json() == {"state": "failed"}
    assert client.get(f"/jobs/{gone}").status_code == 404
    assert client.get(f"/jobs/{standing}").json() == {"state": "running"}
    simulator.clear_script("tool")
    assert client.get(f"/jobs/{standing}").json() == {"state": "done"}


def test_faults_come_in_order_and_each_as_often_as_it_says(client, simulator):
    simulator.script(
        "tool",
        Fault(FaultKind.STATUS, status=500, times=2),
        Fault(FaultKind.STATUS, status=502, skip=1),
    )

    statuses = [client.put("/things", json=ROWS).status_code for _ in range(5)]

    assert statuses == [500, 500, 200, 502, 200]
    assert simulator.faults_left("tool") == 0


def test_a_fault_without_number_never_ends(client, simulator):
    simulator.script("tool", Fault(FaultKind.STATUS, times=None))

    statuses = [client.put("/things", json=ROWS).status_code for _ in range(4)]

    assert statuses == [500] * 4


def test_a_fault_befalls_writes_unless_it_names_an_operation(client, simulator):
    simulator.script("tool", Fault(FaultKind.STATUS, times=None))
    read = client.get("/jobs/special").status_code
    simulator.clear_script("tool")
    simulator.script("tool", Fault(FaultKind.STATUS, operation="spec*"))
    write = client.put("/things", json=ROWS).status_code
    named = client.get("/jobs/special").status_code

    assert (read, write, named) == (200, 200, 500)


def test_a_fault_can_wait_for_a_body(client, simulator):
    simulator.script("tool", Fault(FaultKind.STATUS, containing='"b"'))

    first = client.put("/things", json={"rows": [{"id": "a"}]}).status_code
    second = client.put("/things", json=ROWS).status_code

    assert (first, second) == (200, 500)


@pytest.mark.parametrize(
    ("body", "short"),
    [
        ({"a": [1], "b": {"c": [1, 2]}}, {"a": [1], "b": {"c": [1]}}),
        ({"ok": True, "taken": 3}, {"ok": True, "taken": 2}),
        ({"ok": True}, {}),
        ([1, 2], [1]),
        ([], {}),
    ],
)
def test_short_takes_a_row_a_count_or_everything(body, short):
    assert shortened(Answer(200, body)).body == short


def test_short_takes_a_line_of_a_text():
    assert shortened(Answer(200, None, content=b"a\nb\n")).content == b"a\n"


def test_short_leaves_what_the_tool_holds_alone():
    held = {"rows": [1, 2]}

    shortened(Answer(200, held))

    assert held == {"rows": [1, 2]}
