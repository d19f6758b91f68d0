"""LinkedIn's matched audiences: what is asked, what each answer means, and the simulator."""

from collections.abc import Iterator

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from reverse_etl.destinations.linkedin import DESTINATION
from reverse_etl.destinations.protocol import BatchResult, RejectedRow
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
)
from reverse_etl.modes import Action
from tests.unit.destinations.ad_platforms import (
    ADA,
    ALAN,
    GRACE,
    Answers,
    batch,
    opened,
    opened_on,
    page,
    record,
    said,
)

SETTINGS = {"segment_id": "42"}
PERSON = record("a", {"email": ADA})


def on(answers, **settings):
    return opened(
        DESTINATION, "audience_members", SETTINGS | settings, answers.options, token="t"
    )


def statuses(*numbers):
    return said({"elements": [{"status": number} for number in numbers]})


def sent(records, *numbers, action=Action.ADD):
    answers = Answers(statuses(*numbers))
    with on(answers) as destination:
        return destination.send(batch(records, action)), answers


def test_people_enter_by_ids_and_by_what_is_known_of_them():
    result, answers = sent(
        [
            record("a", {"email": ADA, "company": "Example Ltd", "country": "GB"}),
            record("b", {"device_id": "d-1"}),
            record("c", {"first_name": "Zoë", "last_name": "Doe", "title": "Head"}),
        ],
        201,
        201,
        200,
    )

    request = answers.requests[0]
    assert result == BatchResult()
    assert (request.method, request.url.path) == ("POST", "/rest/dmpSegments/42/users")
    assert {
        name: request.headers[name]
        for name in (
            "authorization",
            "linkedin-version",
            "x-restli-method",
            "x-restli-protocol-version",
        )
    } == {
        "authorization": "Bearer t",
        "linkedin-version": "202604",
        "x-restli-method": "BATCH_CREATE",
        "x-restli-protocol-version": "2.0.0",
    }
    assert answers.bodies[0]["elements"] == [
        {
            "action": "ADD",
            "userIds": [{"idType": "SHA256_EMAIL", "idValue": ADA}],
            "company": "Example Ltd",
            "country": "GB",
        },
        {"action": "ADD", "userIds": [{"idType": "GOOGLE_AID", "idValue": "d-1"}]},
        {"action": "ADD", "firstName": "Zoë", "lastName": "Doe", "title": "Head"},
    ]


@pytest.mark.parametrize("action", [Action.REMOVE, Action.ERASE])
def test_people_leave_by_the_same_identifiers(action):
    _, answers = sent([PERSON], 201, action=action)

    assert answers.bodies[0]["elements"] == [
        {"action": "REMOVE", "userIds": [{"idType": "SHA256_EMAIL", "idValue": ADA}]}
    ]


def test_somebody_who_cannot_be_found_by_anything_is_not_sent():
    result, answers = sent(
        [record("a", {"first_name": "Ada"}), record("b", {"email": GRACE})], 422
    )

    assert len(answers.bodies[0]["elements"]) == 1
    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_KEY),
        RejectedRow(1, ErrorClass.INVALID_FIELD, code="422"),
    )


def test_a_batch_of_nobody_sends_nothing():
    answers = Answers()
    with on(answers) as destination:
        assert destination.send(batch([])) == BatchResult()
        nobody = destination.send(batch([record("a", {"country": "NL"})]))

    assert nobody == BatchResult((RejectedRow(0, ErrorClass.INVALID_KEY),))
    assert answers.requests == []


def test_five_thousand_people_go_in_one_request():
    people = [record(str(n), {"email": f"{n:064x}"}) for n in range(5_000)]

    _, answers = sent(people, *[201] * 5_000)

    assert DESTINATION.objects["audience_members"].max_batch_rows == 5_000
    assert len(answers.bodies[0]["elements"]) == 5_000


@pytest.mark.parametrize(
    ("status", "error_class", "is_retryable"),
    [
        (400, ErrorClass.INVALID_FIELD, False),
        (403, ErrorClass.OTHER, False),
        (404, ErrorClass.NOT_FOUND, False),
        (409, ErrorClass.CONFLICT, False),
        (429, ErrorClass.THROTTLED, True),
        (500, ErrorClass.TRANSIENT, True),
        (503, ErrorClass.TRANSIENT, True),
        (299 + 1, ErrorClass.OTHER, False),
    ],
)
def test_each_person_has_a_status(status, error_class, is_retryable):
    people = [PERSON, record("b", {"email": GRACE}), record("c", {"email": ALAN})]

    result, _ = sent(people, 201, status, 201)

    assert result == BatchResult(
        (RejectedRow(1, error_class, code=str(status), is_retryable=is_retryable),)
    )


def test_somebody_who_left_already_has_left():
    result, _ = sent([PERSON], 404, action=Action.REMOVE)

    assert result == BatchResult()


@pytest.mark.parametrize(
    "answer",
    [
        statuses(),
        statuses(201, 201),
        said({"elements": [{}]}),
        said({"elements": [{"status": "201"}]}),
        said({"elements": [201]}),
        said({}),
        said([]),
        page(),
    ],
)
def test_an_answer_that_does_not_account_for_everybody_stops_the_sync(answer):
    with (
        on(Answers(answer)) as destination,
        pytest.raises(FatalDeliveryError) as caught,
    ):
        destination.send(batch([PERSON]))

    assert caught.value.error_class is ErrorClass.INTERNAL
    assert caught.value.is_in_doubt


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (401, ErrorClass.AUTH),
        (403, ErrorClass.PERMISSION),
        (404, ErrorClass.CONFIG),
    ],
)
def test_what_every_later_request_would_meet_too_stops_the_sync(status, error_class):
    answers = Answers(said({"status": status, "message": "no"}, status))
    with on(answers) as destination, pytest.raises(FatalDeliveryError) as caught:
        destination.send(batch([PERSON]))

    assert caught.value.error_class is error_class


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_refused_as_a_whole_is_about_its_content(status):
    answers = Answers(said({"status": status, "message": "no"}, status))
    with on(answers) as destination, pytest.raises(BatchRefusedError) as caught:
        destination.send(batch([PERSON]))

    assert caught.value.is_too_large == (status == 413)


def test_throttling_and_lost_answers_are_tried_again():
    answers = Answers(said({}, 429), httpx.ReadTimeout, statuses(201))
    with on(answers) as destination:
        assert destination.send(batch([PERSON])) == BatchResult()

    assert destination.request_count == 3


def test_a_segment_that_is_no_number_stays_one_part_of_the_path():
    answers = Answers(statuses(201))
    with on(answers, segment_id="4/2?x") as destination:
        destination.send(batch([PERSON]))

    assert answers.requests[0].url.raw_path == b"/rest/dmpSegments/4%2F2%3Fx/users"


def test_there_are_no_jobs():
    with on(Answers()) as destination, pytest.raises(JobLostError):
        destination.poll("1", batch([PERSON]))


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("linkedin",)) as running:
        yield running


@pytest.fixture
def segment(simulator):
    with opened_on(simulator, DESTINATION, "audience_members", SETTINGS) as found:
        yield found


def test_people_enter_and_leave_the_simulated_segment(simulator, segment):
    people = [
        record("a", {"email": ADA}),
        record("b", {"first_name": "Grace", "last_name": "Hopper"}),
    ]

    assert segment.send(batch(people)) == BatchResult()
    assert segment.send(batch(people)) == BatchResult()
    assert simulator.hold("linkedin").members["42"] == {ADA, "Grace|Hopper"}

    assert segment.send(batch(people[:1], Action.REMOVE)) == BatchResult()
    assert simulator.hold("linkedin").members["42"] == {"Grace|Hopper"}
    assert simulator.breaches("linkedin") == ()


def test_the_simulated_segment_refuses_single_people(simulator, segment):
    simulator.script(
        "linkedin",
        Fault(FaultKind.REFUSE_ROWS, rows=(ADA,), code="refused"),
        Fault(FaultKind.REFUSE_ROWS, rows=(GRACE,), code="429"),
    )

    result = segment.send(
        batch(
            [
                record("a", {"device_id": ADA}),
                record("b", {"email": GRACE}),
                record("c", {"email": ALAN}),
            ]
        )
    )

    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_FIELD, code="422"),
        RejectedRow(1, ErrorClass.THROTTLED, code="429", is_retryable=True),
    )
    assert simulator.hold("linkedin").members["42"] == {ALAN}


def test_the_simulated_segment_answers_short_on_command(simulator, segment):
    simulator.script("linkedin", Fault(FaultKind.SHORT))

    with pytest.raises(FatalDeliveryError):
        segment.send(batch([PERSON]))
