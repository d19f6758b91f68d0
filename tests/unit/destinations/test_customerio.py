"""How Customer.io is told of people, events and segments, and what its answers mean."""

import base64
import re
from collections.abc import Iterator, Mapping

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from reverse_etl.destinations.customerio import DESTINATION
from reverse_etl.destinations.customerio_entries import event_ulid
from reverse_etl.destinations.protocol import BatchResult, RejectedRow
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
)
from reverse_etl.modes import Action
from tests.unit.destinations.marketing_tools import (
    Answers,
    answered,
    batch,
    record,
    simulated,
)

CREDENTIALS = {"site_id": "site", "api_key": "secret-key"}
SEGMENT = {"segment_id": "7"}
ADA = record({"id": "c1"}, {"first_name": "Ada"})
GRACE = record({"id": "c2"}, {"first_name": "Grace"})


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("customerio",)) as running:
        yield running
        assert running.breaches("customerio") == ()


def send(
    answers: Answers,
    records,
    action: Action = Action.UPSERT,
    object_name: str = "people",
    settings: Mapping[str, str] | None = None,
) -> BatchResult:
    with answered(
        DESTINATION, CREDENTIALS, answers, object_name=object_name, settings=settings
    ) as destination:
        return destination.send(batch(records, action, settings, object_name))


def accepted() -> httpx.Response:
    return httpx.Response(200, json={})


def partly(*errors: dict) -> httpx.Response:
    return httpx.Response(207, json={"errors": list(errors)})


def test_a_person_is_identified_by_one_identifier_and_null_clears():
    answers = Answers(accepted())
    person = record({"email": "ada@example.com", "id": "c1"}, {"city": None})

    assert send(answers, [person]) == BatchResult()

    assert answers.bodies == [
        {
            "batch": [
                {
                    "type": "person",
                    "identifiers": {"id": "c1"},
                    "action": "identify",
                    "attributes": {"city": None},
                }
            ]
        }
    ]
    pair = base64.b64decode(answers.requests[0].headers["authorization"][6:])
    assert pair == b"site:secret-key"
    assert str(answers.requests[0].url) == "https://track.customer.io/api/v2/batch"


def test_an_update_creates_nobody():
    answers = Answers(accepted())

    send(answers, [ADA], Action.UPDATE)

    attributes = answers.bodies[0]["batch"][0]["attributes"]
    assert attributes == {"first_name": "Ada", "_update": True}


@pytest.mark.parametrize(
    "name",
    ["unsubscribed", "cio_subscription_preferences.topics.topic_1"],
)
def test_a_subscription_is_never_written_by_the_way(name: str):
    answers = Answers()

    with pytest.raises(FatalDeliveryError, match=re.escape(name)):
        send(answers, [record({"id": "c1"}, {name: False})])

    assert answers.requests == []


def test_an_event_is_named_timed_and_known_again_by_its_id():
    answers = Answers(accepted())
    fields = {"timestamp": 1_700_000_000, "attributes": {"eur": 5}}
    event = record({"id": "c1"}, fields, event_id="event-1")

    send(answers, [event], Action.APPEND, "events", {"event_name": "ordered"})

    assert answers.bodies[0]["batch"] == [
        {
            "type": "person",
            "identifiers": {"id": "c1"},
            "action": "event",
            "name": "ordered",
            "timestamp": 1_700_000_000,
            "attributes": {"eur": 5},
            "id": event_ulid("event-1"),
        }
    ]


def test_a_field_that_events_do_not_have_stops_before_any_request():
    answers = Answers()

    with pytest.raises(FatalDeliveryError, match=r"attributes\.revenue"):
        send(
            answers,
            [record({"id": "c1"}, {"name": "ordered", "revenue": 5})],
            Action.APPEND,
            "events",
        )

    assert answers.requests == []


def test_an_event_id_is_a_ulid_that_depends_on_the_id_alone():
    assert event_ulid("event-1") == "6E6T33YMDPQBWX2RWQZYSYKBTG"
    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", event_ulid("event-2"))
    assert event_ulid("event-1") != event_ulid("event-2")


def test_rows_are_refused_by_the_place_of_their_entry():
    answers = Answers(
        partly(
            {"batch_index": 1, "reason": "invalid", "field": "email", "message": "m"},
            {"batch_index": 1, "reason": "required", "field": "name"},
            {"batch_index": 2, "reason": "The value is wrong", "field": "plan"},
            {"batch_index": 3, "reason": "parse_error"},
        )
    )

    result = send(answers, [ADA, GRACE, ADA, GRACE])

    assert result.rejected == (
        RejectedRow(1, ErrorClass.INVALID_KEY, "invalid", "email"),
        RejectedRow(2, ErrorClass.INVALID_FIELD, None, "plan"),
        RejectedRow(3, ErrorClass.OTHER, "parse_error"),
    )


def test_an_erasure_deletes_and_bars_and_is_one_row():
    answers = Answers(partly({"batch_index": 3, "reason": "invalid", "field": "id"}))

    result = send(answers, [ADA, GRACE], Action.ERASE)

    assert [entry["action"] for entry in answers.bodies[0]["batch"]] == [
        "delete",
        "suppress",
    ] * 2
    assert [row.position for row in result.rejected] == [1]


@pytest.mark.parametrize(
    "answer",
    [
        partly(),
        partly({"batch_index": 9, "reason": "invalid"}),
        partly({"reason": "invalid"}),
        httpx.Response(207, json=[]),
        httpx.Response(200, json={"errors": [{"batch_index": 0}]}),
        httpx.Response(200, json=[]),
        httpx.Response(202, json={}),
        httpx.Response(200, text="<html>Sign in</html>"),
    ],
)
def test_an_answer_that_does_not_account_for_every_row_stops_the_sync(
    answer: httpx.Response,
):
    with pytest.raises(FatalDeliveryError) as raised:
        send(Answers(answer), [ADA, GRACE])

    assert raised.value.is_in_doubt


def test_an_answer_without_a_body_is_acceptance():
    assert send(Answers(httpx.Response(200)), [ADA]) == BatchResult()


@pytest.mark.parametrize(
    "records",
    [
        [record({"id": "c1"}, {"bio": "é" * 16_000})],
        [record({"id": f"c{n}"}, {"bio": "x" * 25_000}) for n in range(21)],
    ],
)
def test_what_is_too_large_is_refused_before_any_request(records):
    answers = Answers()

    with pytest.raises(BatchRefusedError) as raised:
        send(answers, records)

    assert raised.value.is_too_large
    assert answers.requests == []


def test_a_segment_gets_one_request_for_each_kind_of_identifier():
    answers = Answers(accepted(), accepted())
    members = [
        record({"id": "c1"}),
        record({"email": "grace@example.com"}),
        record({"id": "c2"}),
    ]

    send(answers, members, Action.ADD, "segments", {"segment_id": "7/8"})

    assert [
        (request.url.raw_path.decode(), body["ids"])
        for request, body in zip(answers.requests, answers.bodies, strict=True)
    ] == [
        ("/api/v1/segments/7%2F8/add_customers?id_type=id", ["c1", "c2"]),
        (
            "/api/v1/segments/7%2F8/add_customers?id_type=email",
            ["grace@example.com"],
        ),
    ]


def test_a_missing_segment_stops_the_sync(simulator: Simulator):
    settings = {"segment_id": "missing"}

    with (
        simulated(
            DESTINATION, simulator, object_name="segments", settings=settings
        ) as destination,
        pytest.raises(FatalDeliveryError) as raised,
    ):
        destination.send(batch([ADA], Action.ADD, settings, "segments"))

    assert raised.value.error_class is ErrorClass.CONFIG


def test_members_enter_and_leave_a_segment(simulator: Simulator):
    with simulated(
        DESTINATION, simulator, object_name="segments", settings=SEGMENT
    ) as destination:
        destination.send(batch([ADA, GRACE], Action.ADD, SEGMENT, "segments"))
        destination.send(batch([ADA], Action.REMOVE, SEGMENT, "segments"))

    assert simulator.hold("customerio").members == {"7": {"c2"}}


def test_a_person_lives_through_creation_clearing_and_deletion(simulator: Simulator):
    people = simulator.hold("customerio").collection("people")
    with simulated(DESTINATION, simulator, object_name="people") as destination:
        destination.send(
            batch([record({"id": "c1"}, {"name": "Ada עדה 👩🏽‍💻", "city": "Ulm"})])
        )
        destination.send(batch([record({"id": "c1"}, {"city": None})], Action.UPDATE))
        destination.send(batch([GRACE], Action.UPDATE))
        held = [dict(person) for person in people.values()]
        destination.send(batch([ADA, GRACE], Action.DELETE))

    assert held == [{"cio_id": held[0]["cio_id"], "id": "c1", "name": "Ada עדה 👩🏽‍💻"}]
    assert people == {}


def test_an_erased_person_does_not_come_back(simulator: Simulator):
    with simulated(DESTINATION, simulator, object_name="people") as destination:
        destination.send(batch([ADA, GRACE]))
        destination.send(batch([ADA], Action.ERASE))
        destination.send(batch([ADA]))

    people = simulator.hold("customerio").collection("people").values()
    assert [person["id"] for person in people] == ["c2"]


def test_the_same_event_twice_is_one_event(simulator: Simulator):
    events = batch(
        [
            record({"id": "c1"}, {"name": "ordered"}, event_id="e1"),
            record({"id": "c1"}, {"name": None}, event_id="e2"),
        ],
        Action.APPEND,
        object_name="events",
    )

    with simulated(DESTINATION, simulator, object_name="events") as destination:
        first = destination.send(events)
        destination.send(events)

    assert first.rejected == (
        RejectedRow(1, ErrorClass.INVALID_FIELD, "required", "name"),
    )
    assert len(simulator.hold("customerio").events) == 1


def test_one_bad_row_does_not_hold_back_the_others(simulator: Simulator):
    simulator.script(
        "customerio", Fault(FaultKind.REFUSE_ROWS, rows=("c2",), code="no")
    )

    with simulated(DESTINATION, simulator, object_name="people") as destination:
        result = destination.send(batch([ADA, GRACE]))

    assert result.rejected == (
        RejectedRow(1, ErrorClass.INVALID_FIELD, "no", "attributes"),
    )


def test_throttling_without_any_header_backs_off():
    answers = Answers(httpx.Response(429), accepted())

    assert send(answers, [ADA]) == BatchResult()
    assert answers.waits == [0.5]
