"""The mailer's interface: what the simulator does, and how the destination takes it."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from reverse_etl.destinations.mailer import MailerDestination
from reverse_etl.snapshot import RunStatus
from reverse_etl.spec import FieldMapping
from reverse_etl.transport import HttpTransport, RetryPolicy, Secret
from tests.sync_world import SyncWorld, open_sync_world


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with running_simulator(tmp_path / "simulator.sqlite", token="right") as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=simulator.url,
        headers={"authorization": "Bearer right"},
        trust_env=False,
    ) as opened:
        yield opened


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SyncWorld]:
    with open_sync_world(tmp_path / "world") as opened:
        opened.have_people(("a", "Ada", 1), ("b", "Bo", 2))
        opened.have_consents("a", "b")
        yield opened


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def destination(
    simulator: Simulator, waits: list[float]
) -> Iterator[MailerDestination]:
    policy = RetryPolicy(max_attempts=3, first_wait_s=0.0, timeout_s=5.0)
    with HttpTransport(
        simulator.url, Secret(simulator.token), policy=policy, sleep=waits.append
    ) as transport:
        yield MailerDestination(transport)


def upsert(client: httpx.Client, *records: object, key: str | None = None):
    headers = {} if key is None else {"idempotency-key": key}
    return client.post(
        "/v1/contacts/batch/upsert", json={"records": list(records)}, headers=headers
    )


def person(key: str, **properties: object) -> dict[str, object]:
    return {"id": key, "properties": properties}


def test_upsert_answers_for_every_row(client, simulator):
    first = upsert(client, person("a", name="Ada"))
    second = upsert(client, person("a", age=3), person("b", name="Bo"))

    assert first.json() == {"results": [{"id": "a", "status": "created"}]}
    assert second.json() == {
        "results": [
            {"id": "a", "status": "updated"},
            {"id": "b", "status": "created"},
        ]
    }
    assert simulator.records("contacts") == {
        "a": {"name": "Ada", "age": 3},
        "b": {"name": "Bo"},
    }


def test_upsert_keeps_the_good_rows_of_a_batch_with_bad_ones(client, simulator):
    answer = upsert(
        client,
        person("a", email="not an address"),
        person("b", email="bo@example.com"),
        person("", name="nobody"),
        person("b", name="again"),
        "no record",
        person("c", nested={"a": 1}),
    )

    assert answer.status_code == 207
    assert [
        (result["status"], result.get("code")) for result in answer.json()["results"]
    ] == [
        ("error", "invalid_property"),
        ("created", None),
        ("error", "invalid_id"),
        ("error", "duplicate_id"),
        ("error", "invalid_id"),
        ("error", "invalid_property"),
    ]
    assert list(simulator.records("contacts")) == ["b"]


def test_upsert_of_null_clears_a_property(client, simulator):
    upsert(client, person("a", name="Ada", age=3))
    upsert(client, person("a", name=None))

    assert simulator.records("contacts") == {"a": {"age": 3}}


def test_delete_answers_for_every_row(client, simulator):
    upsert(client, person("a", name="Ada"))

    answer = client.post("/v1/contacts/batch/delete", json={"ids": ["a", "z"]})

    assert answer.json() == {
        "results": [{"id": "a", "status": "deleted"}, {"id": "z", "status": "absent"}]
    }
    assert simulator.records("contacts") == {}


def test_objects_are_apart(client, simulator):
    upsert(client, person("a", name="Ada"))
    client.post("/v1/leads/batch/upsert", json={"records": [person("a", name="Al")]})

    assert simulator.records("contacts") == {"a": {"name": "Ada"}}


def test_the_same_idempotency_key_gets_the_same_answer_and_no_second_effect(
    client, simulator
):
    first = upsert(client, person("a", name="Ada"), key="k")
    client.post("/v1/contacts/batch/delete", json={"ids": ["a"]})

    again = upsert(client, person("a", name="Ada"), key="k")

    assert again.json() == first.json()
    assert simulator.records("contacts") == {}


def test_an_idempotency_key_for_another_body_is_refused(client):
    upsert(client, person("a", name="Ada"), key="k")

    assert upsert(client, person("a", name="Bo"), key="k").status_code == 409


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/v1/contacts/batch/upsert", "{", 400),
        ("POST", "/v1/contacts/batch/upsert", '{"records": []}', 400),
        ("POST", "/v1/contacts/batch/upsert", '{"records": {"a": 1}}', 400),
        ("POST", "/v1/contacts/batch/delete", '{"records": ["a"]}', 400),
        ("POST", "/v1/contacts/batch/delete", json.dumps({"ids": ["a"] * 501}), 413),
        ("POST", "/v1/contacts", "{}", 405),
        ("GET", "/v1/contacts/batch/upsert", "", 405),
        ("POST", "/v2/contacts/batch/upsert", "{}", 404),
        ("GET", "/v1/contacts?limit=0", "", 400),
    ],
)
def test_what_is_not_documented_is_refused(client, method, path, content, status):
    assert client.request(method, path, content=content).status_code == status


@pytest.mark.parametrize("token", ["wrong", "", "righ", "right "])
def test_a_wrong_token_is_refused(simulator, token):
    answer = httpx.get(
        f"{simulator.url}/v1/contacts",
        headers={"authorization": f"Bearer {token}x"},
        trust_env=False,
    )

    assert answer.status_code == 401


def test_records_are_read_back_page_by_page(client):
    upsert(client, *(person(f"k{number}", n=number) for number in range(5)))

    first = client.get("/v1/contacts", params={"limit": 2}).json()
    second = client.get("/v1/contacts", params={"limit": 2, "after": "k1"}).json()
    last = client.get("/v1/contacts", params={"limit": 2, "after": "k3"}).json()

    assert [record["id"] for record in first["records"]] == ["k0", "k1"]
    assert (first["next"], second["next"], last["next"]) == ("k1", "k3", None)
    assert [record["id"] for record in last["records"]] == ["k4"]


def test_what_it_holds_outlives_it(tmp_path):
    with running_simulator(tmp_path / "kept.sqlite", token="t") as first:
        httpx.post(
            f"{first.url}/v1/contacts/batch/upsert",
            json={"records": [person("a", name="Ada")]},
            headers={"authorization": "Bearer t"},
            trust_env=False,
        )

    with running_simulator(tmp_path / "kept.sqlite") as second:
        assert second.records("contacts") == {"a": {"name": "Ada"}}


def test_it_throttles_above_its_rate(tmp_path):
    with running_simulator(
        tmp_path / "slow.sqlite", token="t", max_requests_per_second=2
    ) as slow:
        answers = [
            httpx.post(
                f"{slow.url}/v1/contacts/batch/delete",
                json={"ids": ["a"]},
                headers={"authorization": "Bearer t"},
                trust_env=False,
            )
            for _ in range(3)
        ]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "1"


def test_an_unchanged_model_reaches_the_tool_with_no_request(
    world, destination, simulator
):
    world.run(destination)
    before = simulator.write_count

    world.run(destination)

    assert (before, simulator.write_count) == (1, 1)


def test_a_throttle_is_waited_for(world, destination, simulator, waits):
    simulator.inject(
        Fault(FaultKind.STATUS, status=429, retry_after="7"),
        Fault(FaultKind.STATUS, status=429, retry_after="3"),
    )

    report = world.run(destination)

    assert (report.status, report.requests) == (RunStatus.SUCCEEDED, 3)
    assert waits == [7.0, 3.0]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.STATUS, status=500),
        Fault(FaultKind.STATUS, status=503, retry_after="0"),
        Fault(FaultKind.DROP_BEFORE),
        Fault(FaultKind.DROP_AFTER),
    ],
    ids=lambda fault: fault.kind.value,
)
def test_a_fault_is_tried_again_and_has_one_effect(
    world, destination, simulator, fault
):
    simulator.inject(fault)

    report = world.run(destination)

    assert (report.status, report.added, report.requests) == (RunStatus.SUCCEEDED, 2, 2)
    assert sorted(simulator.records("contacts")) == ["a", "b"]


@pytest.mark.parametrize(
    ("fault", "count", "in_doubt", "cancelled"),
    [
        (Fault(FaultKind.STATUS, status=500), 3, 2, 0),
        (Fault(FaultKind.DROP_AFTER), 3, 2, 0),
        (Fault(FaultKind.GARBAGE), 1, 2, 0),
        (Fault(FaultKind.SHORT), 1, 2, 0),
        (Fault(FaultKind.STATUS, status=400), 1, 0, 2),
        (Fault(FaultKind.STATUS, status=401), 1, 0, 2),
        (Fault(FaultKind.STATUS, status=404), 1, 0, 2),
        (Fault(FaultKind.STATUS, status=413), 1, 0, 2),
    ],
)
def test_a_lasting_fault_fails_the_run_and_the_next_one_makes_it_good(
    world, destination, simulator, fault, count, in_doubt, cancelled
):
    simulator.inject(*[fault] * count)

    failed = world.run(destination)
    mended = world.run(destination)

    assert failed.status is RunStatus.FAILED
    assert (failed.in_doubt, failed.cancelled) == (in_doubt, cancelled)
    assert mended.status is RunStatus.SUCCEEDED
    assert sorted(simulator.records("contacts")) == ["a", "b"]


def test_a_row_that_is_refused_is_recorded_with_code_and_field(world, simulator):
    world.change_spec(mapping=(FieldMapping("email", column="first_name"),))
    world.have_people(("a", "ada@example.com", 1), ("b", "not an address", 2))
    with HttpTransport(simulator.url, Secret("right")) as transport:
        report = world.run(MailerDestination(transport))

    assert (report.status, report.added, report.rejected) == (RunStatus.SUCCEEDED, 1, 1)
    assert world.rows(
        "select error_class, error_code, error_field from retl.sync_outcomes "
        "where status = 'rejected'"
    ) == [("INVALID_FIELD", "invalid_property", "email")]


def test_a_wrong_token_stops_the_run_with_advice(world, simulator):
    with HttpTransport(simulator.url, Secret("wrong")) as transport:
        report = world.run(MailerDestination(transport))

    assert report.status is RunStatus.FAILED
    assert report.cancelled == 2
    assert "The token is missing, wrong or expired" in report.message
