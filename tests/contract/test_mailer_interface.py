"""The mailer's interface: what the simulator does, and how the destination takes it."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from reverse_etl.destinations.mailer import DESTINATION, MailerDestination
from reverse_etl.destinations.protocol import Batch, Opening, Record, RejectedRow
from reverse_etl.errors import DeliveryError, ErrorClass, FatalDeliveryError
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with running_simulator(
        tmp_path / "simulator.sqlite", vendors=("mailer",), token="right"
    ) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=simulator.url_of("mailer"),
        headers={"authorization": "Bearer right"},
        trust_env=False,
    ) as opened:
        yield opened


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def destination(
    simulator: Simulator, waits: list[float]
) -> Iterator[MailerDestination]:
    with open_mailer(simulator, "right", waits) as opened:
        yield opened


def open_mailer(simulator: Simulator, token: str, waits: list[float]):
    return DESTINATION.open(
        Opening(
            account="mailer",
            object="contacts",
            settings={},
            credentials={
                "url": Secret(simulator.url_of("mailer")),
                "token": Secret(token),
            },
            base_dir=Path(),
            http=HttpOptions(
                policy=RetryPolicy(max_attempts=3, first_wait_s=0.0, timeout_s=5.0),
                sleep=waits.append,
                allow_private_addresses=True,
            ),
        )
    )


def batch(*records: Record, action: Action = Action.UPSERT) -> Batch:
    return Batch(
        sync="mailer__people",
        object="contacts",
        settings={},
        run_id="20260630T120000-1",
        idempotency_key=f"key of {action.value}",
        action=action,
        records=records,
    )


def row(key: str, **fields: object) -> Record:
    return Record(Op.ADD, key, {"id": key}, fields, f"event of {key}")


PEOPLE = (row("a", name="Ada"), row("b", name="Bo"))


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
    assert simulator.hold("mailer").collection("contacts") == {
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
    assert list(simulator.hold("mailer").collection("contacts")) == ["b"]


def test_upsert_of_null_clears_a_property(client, simulator):
    upsert(client, person("a", name="Ada", age=3))
    upsert(client, person("a", name=None))

    assert simulator.hold("mailer").collection("contacts") == {"a": {"age": 3}}


def test_delete_answers_for_every_row(client, simulator):
    upsert(client, person("a", name="Ada"))

    answer = client.post("/v1/contacts/batch/delete", json={"ids": ["a", "z"]})

    assert answer.json() == {
        "results": [{"id": "a", "status": "deleted"}, {"id": "z", "status": "absent"}]
    }
    assert simulator.hold("mailer").collection("contacts") == {}


def test_objects_are_apart(client, simulator):
    upsert(client, person("a", name="Ada"))
    client.post("/v1/leads/batch/upsert", json={"records": [person("a", name="Al")]})

    assert simulator.hold("mailer").collection("contacts") == {"a": {"name": "Ada"}}


def test_the_same_idempotency_key_gets_the_same_answer_and_no_second_effect(
    client, simulator
):
    first = upsert(client, person("a", name="Ada"), key="k")
    client.post("/v1/contacts/batch/delete", json={"ids": ["a"]})

    again = upsert(client, person("a", name="Ada"), key="k")

    assert again.json() == first.json()
    assert simulator.hold("mailer").collection("contacts") == {}


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
    answer = client.request(
        method, path, content=content, headers={"content-type": "application/json"}
    )

    assert answer.status_code == status


@pytest.mark.parametrize("token", ["wrong", "", "righ", "right "])
def test_a_wrong_token_is_refused(simulator, token):
    answer = httpx.get(
        f"{simulator.url_of('mailer')}/v1/contacts",
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
    with running_simulator(
        tmp_path / "kept.sqlite", vendors=("mailer",), token="t"
    ) as first:
        for _ in range(2):
            httpx.post(
                f"{first.url_of('mailer')}/v1/contacts/batch/upsert",
                json={"records": [person("a", name="Ada")]},
                headers={"authorization": "Bearer t", "idempotency-key": "k"},
                trust_env=False,
            )

    with running_simulator(tmp_path / "kept.sqlite", vendors=("mailer",)) as second:
        assert second.hold("mailer").collection("contacts") == {"a": {"name": "Ada"}}


def test_a_deleted_record_stays_deleted_when_it_is_started_again(tmp_path):
    with running_simulator(
        tmp_path / "kept.sqlite", vendors=("mailer",), token="t"
    ) as first:
        for path, body in (
            ("upsert", {"records": [person("a", name="Ada")]}),
            ("delete", {"ids": ["a"]}),
        ):
            httpx.post(
                f"{first.url_of('mailer')}/v1/contacts/batch/{path}",
                json=body,
                headers={"authorization": "Bearer t"},
                trust_env=False,
            )

    with running_simulator(tmp_path / "kept.sqlite", vendors=("mailer",)) as second:
        assert second.hold("mailer").collection("contacts") == {}


def test_it_throttles_above_its_rate(client, simulator):
    simulator.keep_limits("mailer")

    answers = [
        client.post("/v1/contacts/batch/delete", json={"ids": ["a"]})
        for _ in range(101)
    ]

    assert {answer.status_code for answer in answers[:100]} == {200}
    assert answers[100].status_code == 429
    assert answers[100].headers["retry-after"] == "1"


def test_it_takes_requests_again_when_the_window_is_over(client, simulator):
    simulator.keep_limits("mailer")
    for _ in range(101):
        client.post("/v1/contacts/batch/delete", json={"ids": ["a"]})

    simulator.advance(1.0)

    answer = client.post("/v1/contacts/batch/delete", json={"ids": ["a"]})
    assert answer.status_code == 200


def test_a_throttle_is_waited_for_as_long_as_it_says(destination, simulator, waits):
    simulator.script(
        "mailer",
        Fault(FaultKind.STATUS, status=429, retry_after="7"),
        Fault(FaultKind.STATUS, status=429, retry_after="3"),
    )

    result = destination.send(batch(*PEOPLE))

    assert result.rejected == ()
    assert waits == [7.0, 3.0]
    assert destination.request_count == 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.STATUS, status=500),
        Fault(FaultKind.STATUS, status=503, retry_after="0"),
        Fault(FaultKind.DROP_BEFORE),
        Fault(FaultKind.DROP_AFTER),
        Fault(FaultKind.HALF),
    ],
    ids=lambda fault: fault.kind.value,
)
def test_a_fault_is_tried_again_and_has_one_effect(destination, simulator, fault):
    simulator.script("mailer", fault)

    result = destination.send(batch(*PEOPLE))

    assert result.rejected == ()
    assert destination.request_count == 2
    assert sorted(simulator.hold("mailer").collection("contacts")) == ["a", "b"]


@pytest.mark.parametrize(
    ("fault", "is_in_doubt"),
    [
        (Fault(FaultKind.STATUS, status=500, times=3), True),
        (Fault(FaultKind.DROP_AFTER, times=3), True),
        (Fault(FaultKind.GARBAGE), True),
        (Fault(FaultKind.SHORT), True),
        (Fault(FaultKind.LOGIN_PAGE), True),
        (Fault(FaultKind.STATUS, status=400), False),
        (Fault(FaultKind.STATUS, status=401), False),
        (Fault(FaultKind.STATUS, status=404), False),
        (Fault(FaultKind.STATUS, status=413), False),
    ],
)
def test_a_lasting_fault_fails_the_batch_and_the_next_one_makes_it_good(
    destination, simulator, fault, is_in_doubt
):
    simulator.script("mailer", fault)

    with pytest.raises(DeliveryError) as caught:
        destination.send(batch(*PEOPLE))
    mended = destination.send(batch(*PEOPLE))

    assert caught.value.is_in_doubt is is_in_doubt
    assert mended.rejected == ()
    assert sorted(simulator.hold("mailer").collection("contacts")) == ["a", "b"]


def test_a_row_that_is_refused_is_told_with_code_and_field(destination, simulator):
    result = destination.send(
        batch(row("a", email="ada@example.com"), row("b", email="not an address"))
    )

    assert result.rejected == (
        RejectedRow(1, ErrorClass.INVALID_FIELD, "invalid_property", "email"),
    )
    assert list(simulator.hold("mailer").collection("contacts")) == ["a"]


def test_a_wrong_token_stops_with_advice(simulator, waits):
    with (
        open_mailer(simulator, "wrong", waits) as destination,
        pytest.raises(FatalDeliveryError, match="token is missing, wrong or expired"),
    ):
        destination.send(batch(*PEOPLE))


def test_every_try_of_a_batch_carries_its_key(destination, simulator):
    keys: list[str | None] = []
    simulator.watch(
        "mailer", lambda _, call: keys.append(call.headers.get("idempotency-key"))
    )
    simulator.script("mailer", Fault(FaultKind.DROP_AFTER))

    destination.send(batch(*PEOPLE))

    assert keys == ["key of upsert", "key of upsert"]


def test_an_answer_about_other_rows_is_no_success(simulator, destination):
    simulator.script(
        "mailer",
        Fault(
            FaultKind.STATUS,
            status=200,
            body={
                "results": [
                    {"id": "b", "status": "created"},
                    {"id": "a", "status": "created"},
                ]
            },
        ),
    )

    with pytest.raises(FatalDeliveryError) as caught:
        destination.send(batch(*PEOPLE))

    assert caught.value.is_in_doubt


@pytest.mark.parametrize("action", [Action.DELETE, Action.ERASE])
def test_a_deletion_names_ids_alone(destination, simulator, action):
    destination.send(batch(*PEOPLE))

    destination.send(batch(row("a"), row("z"), action=action))

    assert list(simulator.hold("mailer").collection("contacts")) == ["b"]
