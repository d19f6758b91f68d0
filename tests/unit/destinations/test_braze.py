"""How Braze is told of users and events, and what its answers mean."""

from collections.abc import Iterator, Mapping

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from reverse_etl.destinations.braze import DESTINATION
from reverse_etl.destinations.protocol import BatchResult, Idempotency, RejectedRow
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action
from reverse_etl.transport import Feedback
from tests.unit.destinations.marketing_tools import (
    NOW,
    Answers,
    answered,
    batch,
    record,
    simulated,
)

CREDENTIALS = {"url": "https://rest.fra-01.braze.eu", "token": "secret-key"}
ADA = record({"external_id": "c1"}, {"first_name": "Ada"})
GRACE = record({"external_id": "c2"}, {"first_name": "Grace"})
ORDERED = {"name": "ordered", "time": "2026-11-20T12:00:00Z", "properties": {"eur": 5}}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("braze",)) as running:
        yield running
        assert running.breaches("braze") == ()


def send(
    answers: Answers,
    records,
    action: Action = Action.UPSERT,
    object_name: str = "users",
    settings: Mapping[str, str] | None = None,
) -> BatchResult:
    with answered(
        DESTINATION,
        CREDENTIALS,
        answers,
        object_name=object_name,
        settings=settings,
    ) as destination:
        return destination.send(batch(records, action, settings, object_name))


def tracked(count: int, kind: str = "attributes", errors: list | None = None):
    body = {f"{kind}_processed": count, "message": "success"}
    return httpx.Response(
        201, json=body if errors is None else body | {"errors": errors}
    )


def test_an_upsert_creates_users_and_null_clears_an_attribute():
    answers = Answers(tracked(1))

    result = send(answers, [record({"external_id": "c1"}, {"city": None, "age": 36})])

    assert result == BatchResult()
    assert answers.bodies == [
        {
            "attributes": [
                {
                    "external_id": "c1",
                    "city": None,
                    "age": 36,
                    "_update_existing_only": False,
                }
            ]
        }
    ]
    assert answers.requests[0].url.path == "/users/track"
    assert answers.requests[0].headers["authorization"] == "Bearer secret-key"


def test_an_update_creates_nobody():
    answers = Answers(tracked(1))

    send(answers, [ADA], Action.UPDATE)

    assert answers.bodies[0]["attributes"][0]["_update_existing_only"] is True


def test_a_user_is_found_by_the_first_identifier_of_the_sync():
    answers = Answers(tracked(3))
    people = [
        record({"email": "ada@example.com", "external_id": "c1"}),
        record({"phone": "+491701234567"}),
        record({"user_alias": "ada"}),
    ]

    send(answers, people, settings={"alias_label": "shop"})

    first, second, third = answers.bodies[0]["attributes"]
    assert (first["external_id"], "email" in first) == ("c1", False)
    assert second["phone"] == "+491701234567"
    assert third["user_alias"] == {"alias_name": "ada", "alias_label": "shop"}


def test_an_alias_without_its_label_stops_before_any_request():
    answers = Answers()

    with pytest.raises(FatalDeliveryError, match="alias_label"):
        send(answers, [record({"user_alias": "ada"})])

    assert answers.requests == []


@pytest.mark.parametrize("name", ["email_subscribe", "subscription_groups"])
def test_a_subscription_is_never_written_by_the_way(name: str):
    answers = Answers()

    with pytest.raises(FatalDeliveryError, match=name):
        send(answers, [record({"external_id": "c1"}, {name: "opted_in"})])

    assert answers.requests == []


def test_an_event_carries_its_name_time_and_properties_without_nulls():
    answers = Answers(tracked(1, "events"))
    fields = {
        "time": "2026-11-20T12:00:00Z",
        "app_id": None,
        "properties": {"eur": 5, "coupon": None},
    }

    send(
        answers,
        [record({"external_id": "c1"}, fields)],
        Action.APPEND,
        "events",
        {"event_name": "ordered"},
    )

    assert answers.bodies == [
        {
            "events": [
                {
                    "external_id": "c1",
                    "name": "ordered",
                    "time": "2026-11-20T12:00:00Z",
                    "properties": {"eur": 5},
                }
            ]
        }
    ]


def test_a_field_that_events_do_not_have_stops_before_any_request():
    answers = Answers()

    with pytest.raises(FatalDeliveryError, match=r"properties\.revenue"):
        send(
            answers,
            [record({"external_id": "c1"}, {"name": "ordered", "revenue": 5})],
            Action.APPEND,
            "events",
        )

    assert answers.requests == []


def test_an_event_without_a_time_is_refused_and_the_others_go():
    answers = Answers(tracked(1, "events"))
    timeless = {"name": "ordered", "time": None}

    result = send(
        answers,
        [
            record({"external_id": "c1"}, timeless),
            record({"external_id": "c2"}, ORDERED),
        ],
        Action.APPEND,
        "events",
    )

    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_FIELD, "missing", "time"),
    )
    assert [event["external_id"] for event in answers.bodies[0]["events"]] == ["c2"]


def test_events_whose_answer_is_lost_are_not_sent_again():
    answers = Answers(httpx.ReadTimeout)

    with pytest.raises(RetryableDeliveryError) as raised:
        send(answers, [record({"external_id": "c1"}, ORDERED)], Action.APPEND, "events")

    assert raised.value.is_in_doubt
    assert len(answers.requests) == 1
    assert DESTINATION.objects["events"].idempotency is Idempotency.NONE


def test_attributes_whose_answer_is_lost_are_sent_again():
    answers = Answers(httpx.ReadTimeout, tracked(1))

    assert send(answers, [ADA]) == BatchResult()


def test_complaints_in_prose_are_counted_since_they_name_no_row():
    answers = Answers(tracked(1, errors=["The email is not valid"]))

    assert send(answers, [ADA, GRACE]) == BatchResult(uncounted_failures=1)


def test_complaints_that_name_a_row_refuse_that_row():
    error = {
        "type": "an identifier is required",
        "input_array": "attributes",
        "index": 1,
    }
    answers = Answers(tracked(1, errors=[error]))

    result = send(answers, [ADA, GRACE])

    assert result == BatchResult(rejected=(RejectedRow(1, ErrorClass.OTHER),))


def test_the_place_of_a_named_event_is_its_place_in_the_batch():
    error = {"type": "bad", "input_array": "events", "index": 0}
    answers = Answers(tracked(1, "events", errors=[error]))
    timeless = record({"external_id": "c1"}, {"name": "ordered"})
    good = record({"external_id": "c2"}, ORDERED)

    result = send(answers, [timeless, good, good], Action.APPEND, "events")

    assert [row.position for row in result.rejected] == [0, 1]


def test_a_batch_of_which_nothing_was_taken_is_refused_for_the_engine_to_halve():
    answers = Answers(httpx.Response(400, json={"message": "bad", "errors": []}))

    with pytest.raises(BatchRefusedError):
        send(answers, [ADA, GRACE])


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(201, json={"message": "queued", "attributes_processed": 2}),
        httpx.Response(201, json={"message": "success"}),
        httpx.Response(201, json={"message": "success", "attributes_processed": 1}),
        httpx.Response(201, json={"message": "success", "attributes_processed": 3}),
        httpx.Response(201, json=[]),
        httpx.Response(200, text="<html>Sign in</html>"),
    ],
)
def test_an_answer_that_does_not_account_for_every_row_stops_the_sync(
    answer: httpx.Response,
):
    with pytest.raises(FatalDeliveryError) as raised:
        send(Answers(answer), [ADA, GRACE])

    assert raised.value.error_class is ErrorClass.INTERNAL
    assert raised.value.is_in_doubt


def test_a_throttled_request_waits_until_the_reset_that_the_header_names():
    reset = str(int(NOW.timestamp()) + 7)
    answers = Answers(
        httpx.Response(429, headers={"x-ratelimit-reset": reset}), tracked(1)
    )

    assert send(answers, [ADA]) == BatchResult()
    assert answers.waits == [7.0]


def test_a_wrong_key_stops_without_showing_it():
    answers = Answers(httpx.Response(401, json={"message": "Invalid API Key"}))

    with pytest.raises(FatalDeliveryError) as raised:
        send(answers, [ADA])

    assert raised.value.error_class is ErrorClass.AUTH
    assert "secret-key" not in str(raised.value)


def test_deletions_go_in_pieces_of_fifty_and_of_one_kind():
    answers = Answers(
        *(
            httpx.Response(201, json={"deleted": n, "message": "success"})
            for n in (50, 0, 1)
        )
    )
    people = [record({"external_id": f"c{n}"}) for n in range(51)]

    result = send(
        answers, [*people, record({"email": "ada@example.com"})], Action.ERASE
    )

    assert result == BatchResult()
    assert [len(next(iter(body.values()))) for body in answers.bodies] == [50, 1, 1]
    assert answers.bodies[2] == {
        "email_addresses": [
            {
                "email": "ada@example.com",
                "prioritization": ["identified", "most_recently_updated"],
            }
        ]
    }


def test_an_unreadable_answer_to_a_deletion_stops_the_sync():
    with pytest.raises(FatalDeliveryError):
        send(Answers(httpx.Response(201, json={})), [ADA], Action.DELETE)


def test_a_batch_above_four_megabytes_is_refused_before_any_request():
    answers = Answers()
    large = [record({"external_id": "c1"}, {"bio": "é" * 2_000_001})]

    with pytest.raises(BatchRefusedError) as raised:
        send(answers, large)

    assert raised.value.is_too_large
    assert answers.requests == []


def test_the_batch_size_is_what_the_contract_with_braze_allows():
    def opened(text: str):
        return answered(
            DESTINATION,
            CREDENTIALS,
            Answers(),
            object_name="users",
            settings={"max_batch_rows": text},
        )

    with opened("75") as destination:
        assert destination.capabilities.max_batch_rows == 75
    with pytest.raises(SyncConfigurationError, match="1 to 75"), opened("76"):
        pass
    assert DESTINATION.objects["users"].max_batch_rows == 50


def test_the_limit_is_learnt_from_every_answer():
    reset = str(int(NOW.timestamp()) + 3)
    headers = {"x-ratelimit-remaining": "12", "x-ratelimit-reset": reset}
    body = {"attributes_processed": 1, "message": "success"}
    answers = Answers(httpx.Response(201, json=body, headers=headers))

    send(answers, [ADA])

    assert answers.learnt == [("default", Feedback(False, 12, 3.0))]


def test_a_user_lives_through_creation_clearing_and_deletion(simulator: Simulator):
    with simulated(DESTINATION, simulator, object_name="users") as destination:
        destination.send(
            batch(
                [record({"external_id": "c1"}, {"name": "Ada 👩🏽‍💻", "city": "Ulm"})]
            )
        )
        destination.send(
            batch([record({"external_id": "c1"}, {"city": None})], Action.UPDATE)
        )
        destination.send(batch([GRACE], Action.UPDATE))
        held = list(simulator.hold("braze").records["users"].values())
        destination.send(batch([ADA], Action.DELETE))

    assert [(user["external_id"], user["name"], "city" in user) for user in held] == [
        ("c1", "Ada 👩🏽‍💻", False)
    ]
    assert simulator.hold("braze").records["users"] == {}


def test_of_a_batch_with_one_bad_row_the_others_are_taken(simulator: Simulator):
    simulator.script("braze", Fault(FaultKind.REFUSE_ROWS, rows=("c2",)))

    with simulated(DESTINATION, simulator, object_name="users") as destination:
        result = destination.send(batch([ADA, GRACE]))
        with pytest.raises(BatchRefusedError):
            destination.send(batch([GRACE]))

    assert result == BatchResult(uncounted_failures=1)
    assert len(simulator.hold("braze").records["users"]) == 1


def test_the_same_event_twice_is_two_events(simulator: Simulator):
    events = batch([record({"external_id": "c1"}, ORDERED)], Action.APPEND)

    with simulated(DESTINATION, simulator, object_name="events") as destination:
        destination.send(events)
        destination.send(events)

    assert len(simulator.hold("braze").events) == 2
