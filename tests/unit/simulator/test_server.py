"""A running simulator: who is let in, what is noted, how it is driven."""

import json

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, running_simulator
from demo.destination_simulator.server import Simulator, SimulatorError
from tests.unit.simulator.conftest import TOOL

ROWS = {"rows": [{"id": "a"}, {"id": "b"}]}


def test_a_right_request_is_done_and_noted(client, simulator):
    answer = client.put("/things", json=ROWS)

    assert answer.json() == {
        "results": [{"id": "a", "error": None}, {"id": "b", "error": None}]
    }
    assert answer.headers["x-held"] == "2"
    assert sorted(simulator.hold("tool").collection("things")) == ["a", "b"]
    (arrival,) = simulator.arrivals("tool")
    assert (arrival.operation, arrival.status, arrival.is_write) == ("put", 200, True)


def test_a_wrong_token_is_refused_and_nothing_is_done(simulator):
    answer = httpx.put(f"{simulator.url_of('tool')}/things", json=ROWS, trust_env=False)

    assert answer.status_code == 401
    assert simulator.hold("tool").records == {}


def test_a_breach_of_the_contract_is_refused_named_and_noted(client, simulator):
    answer = client.put("/things", json={"raws": ["somebody's value"]})

    assert answer.status_code == 400
    assert answer.json()["error"]["problems"] == [
        'body $: "rows" is a required property'
    ]
    assert simulator.breaches("tool") == ('put: body $: "rows" is a required property',)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/things", 405), ("GET", "/jobs/a/b", 404)],
)
def test_a_path_that_is_not_there_is_refused(client, method, path, status):
    assert client.request(method, path).status_code == status


def test_a_literal_path_goes_before_one_with_a_parameter(client):
    assert client.get("/jobs/special").json() == "special"


def test_a_parameter_is_decoded_and_holds_no_slash(client, simulator):
    simulator.hold("tool").jobs["a b/ü"] = {"state": "here", "ready_at": 0.0}

    assert client.get("/jobs/a%20b%2F%C3%BC").json() == {"state": "here"}


def test_an_unknown_tool_is_not_found(simulator):
    answer = httpx.get(f"{simulator.url}/other/things", trust_env=False)

    assert answer.status_code == 404


def test_a_crash_of_a_tool_fails_the_test_that_met_it(simulator, client):
    answer = client.get("/crash")

    assert answer.status_code == 500
    with pytest.raises(SimulatorError, match="ZeroDivisionError"):
        simulator.__exit__(None, None, None)
    simulator.tools["tool"].crashes.clear()


def test_limits_are_kept_only_when_asked(client, simulator):
    free = [client.put("/things", json=ROWS).status_code for _ in range(3)]
    simulator.keep_limits("tool")
    limited = [client.put("/things", json=ROWS).status_code for _ in range(3)]
    simulator.advance(10)
    later = client.put("/things", json=ROWS).status_code

    assert free == [200, 200, 200]
    assert limited == [200, 200, 429]
    assert later == 200


def test_environ_leads_to_the_tool(simulator):
    assert simulator.environ == {
        "KENNING_TOOL_URL": f"{simulator.url}/tool",
        "KENNING_TOOL_TOKEN": "right",
    }


def test_a_reset_forgets_everything(client, simulator):
    client.put("/things", json=ROWS)
    simulator.script("tool", Fault(FaultKind.STATUS), Fault(FaultKind.REFUSE_ROWS))

    simulator.reset("tool")

    assert simulator.hold("tool").records == {}
    assert simulator.arrivals("tool") == ()
    assert simulator.faults_left("tool") == 0
    assert client.put("/things", json=ROWS).status_code == 200


def test_watchers_see_each_request(client, simulator):
    seen = []
    simulator.watch("tool", lambda route, call: seen.append((route.operation, call)))

    client.put("/things?a=1&b=", json=ROWS)

    ((operation, call),) = seen
    assert operation == "put"
    assert dict(call.query) == {"a": "1", "b": ""}
    assert call.json() == ROWS
    assert call.base_url == simulator.url_of("tool")


def test_it_is_driven_over_http(client, driver):
    driver.post(
        "/tool/script",
        json={"faults": [{"kind": "status", "status": 503, "skip": 1}]},
    )
    statuses = [client.put("/things", json=ROWS).status_code for _ in range(3)]

    assert statuses == [200, 503, 200]
    assert sorted(driver.get("/tool/state").json()["records"]["things"]) == ["a", "b"]
    assert [each["status"] for each in driver.get("/tool/arrivals").json()] == statuses


def test_jobs_limits_and_time_are_driven_over_http(client, driver):
    job = client.post("/jobs", json={}).json()["job"]
    before = client.get(f"/jobs/{job}").json()
    driver.post("/advance", json={"seconds": 10})
    after = client.get(f"/jobs/{job}").json()
    driver.post(f"/tool/jobs/{job}", json={"state": "lost"})
    changed = client.get(f"/jobs/{job}").json()
    driver.post("/tool/limits", json={"is_on": True})
    limited = [client.get(f"/jobs/{job}").status_code for _ in range(3)]
    driver.post("/tool/clear")
    driver.post("/tool/reset")
    driver.post("/reset")

    assert (before["state"], after["state"], changed["state"]) == (
        "running",
        "done",
        "lost",
    )
    assert limited == [200, 200, 429]
    assert driver.get("/tool/state").json()["jobs"] == {}


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/tool/script", '{"faults": [{"kind": "nonsense"}]}', 400),
        ("POST", "/tool/script", '{"faults": [{"kind": "status", "where": 1}]}', 400),
        ("POST", "/tool/script", '{"faults": {}}', 400),
        ("POST", "/tool/script", "{}", 400),
        ("POST", "/tool/script", "[", 400),
        ("POST", "/tool/script", "[]", 400),
        ("POST", "/advance", '{"seconds": "soon"}', 400),
        ("POST", "/tool/jobs/none", "{}", 400),
        ("GET", "/other/state", "", 404),
        ("DELETE", "/tool/state", "", 404),
    ],
)
def test_what_the_driver_does_not_know_is_refused(
    driver, method, path, content, status
):
    assert driver.request(method, path, content=content).status_code == status


def test_an_unknown_tool_is_named_with_those_that_there_are():
    with (
        pytest.raises(ValueError, match=r"no simulated tool 'hubspott'.*hubspot"),
        running_simulator(vendors=("hubspott",)),
    ):
        pass


def test_a_taken_port_is_an_error_of_the_system(simulator):
    port = int(simulator.url.rpartition(":")[2])

    with pytest.raises(OSError, match="in use"):
        Simulator({"tool": TOOL}, port=port, token=None, has_limits=False, store=None)


def test_state_is_json(simulator, client):
    client.put("/things", json=ROWS)
    hold = simulator.hold("tool")
    hold.list_members("l").update({"b", "a"})
    hold.files["f"] = b"123"
    hold.erased.add("x")

    assert json.loads(json.dumps(hold.state())) == {
        "records": {"things": {"a": {"id": "a"}, "b": {"id": "b"}}},
        "members": {"l": ["a", "b"]},
        "events": [],
        "jobs": {},
        "files": {"f": 3},
        "erased": ["x"],
    }
