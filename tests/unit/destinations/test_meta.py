"""Meta's custom audiences: what is asked, what each answer means, and the simulator."""

import json
from collections.abc import Iterator

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from reverse_etl.destinations.meta import DESTINATION
from reverse_etl.destinations.meta_answers import read_usage
from reverse_etl.destinations.protocol import BatchResult
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    RetryableDeliveryError,
)
from reverse_etl.modes import Action
from reverse_etl.transport import Feedback, Response
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

SETTINGS = {"audience_id": "42"}
PERSON = record("a", {"email": ADA})


def on(answers):
    return opened(DESTINATION, "audience_members", SETTINGS, answers.options, token="t")


def received(number, invalid=0):
    return said(
        {
            "audience_id": "42",
            "session_id": "1",
            "num_received": number,
            "num_invalid_entries": invalid,
            "invalid_entry_samples": {},
        }
    )


def sent(records, action=Action.ADD, invalid=0):
    answers = Answers(received(len(records), invalid))
    with on(answers) as destination:
        return destination.send(batch(records, action)), answers


def failing(*answers):
    with (
        on(Answers(*answers)) as destination,
        pytest.raises((BatchRefusedError, FatalDeliveryError)) as caught,
    ):
        destination.send(batch([PERSON]))
    return caught.value


def error(code, subcode=None, status=400, *, is_transient=False, **headers):
    body = {"code": code, "message": f"about {ADA}", "is_transient": is_transient}
    if subcode is not None:
        body["error_subcode"] = subcode
    return said({"error": body}, status, **headers)


def usage(minutes, **shares):
    entry = {"type": "custom_audience", "call_count": 10} | shares
    if minutes is not None:
        entry["estimated_time_to_regain_access"] = minutes
    return json.dumps({"1": [entry]})


def test_people_enter_as_rows_of_the_columns_that_any_of_them_has():
    result, answers = sent(
        [
            record("a", {"phone": ALAN, "email": ADA}),
            record("b", {"email": GRACE, "external_id": "c-2"}),
        ]
    )

    request = answers.requests[0]
    assert result == BatchResult()
    assert (request.method, request.url.path) == ("POST", "/v25.0/42/users")
    assert request.headers["authorization"] == "Bearer t"
    assert answers.bodies[0]["payload"] == {
        "schema": ["EMAIL", "PHONE", "EXTERN_ID"],
        "data": [[ADA, ALAN, ""], [GRACE, "", "c-2"]],
    }


def test_each_request_is_a_session_of_its_own():
    _, answers = sent([PERSON])

    assert answers.bodies[0]["session"] == {
        "session_id": 2**51 + 1,
        "batch_seq": 1,
        "last_batch_flag": True,
        "estimated_num_total": 1,
    }


@pytest.mark.parametrize("action", [Action.REMOVE, Action.ERASE])
def test_people_leave_by_the_same_rows(action):
    _, answers = sent([PERSON], action)

    request = answers.requests[0]
    assert (request.method, request.url.path) == ("DELETE", "/v25.0/42/users")
    assert answers.bodies[0]["payload"] == {"schema": ["EMAIL"], "data": [[ADA]]}


def test_limited_data_use_and_values_are_columns_of_their_own():
    _, answers = sent(
        [
            record(
                "a",
                {"email": ADA},
                lookalike_value=12.5,
                data_processing_options="LDU",
                data_processing_options_country=1,
                data_processing_options_state=1000,
            ),
            record("b", {"email": GRACE}, lookalike_value=None),
        ]
    )

    assert answers.bodies[0]["payload"] == {
        "schema": [
            "EMAIL",
            "LOOKALIKE_VALUE",
            "DATA_PROCESSING_OPTIONS",
            "DATA_PROCESSING_OPTIONS_COUNTRY",
            "DATA_PROCESSING_OPTIONS_STATE",
        ],
        "data": [[ADA, 12.5, ["LDU"], 1, 1000], [GRACE, "", [], "", ""]],
    }


def test_a_batch_of_nobody_sends_nothing():
    answers = Answers()
    with on(answers) as destination:
        assert destination.send(batch([])) == BatchResult()

    assert answers.requests == []


def test_ten_thousand_people_go_in_one_request():
    people = [record(str(n), {"email": f"{n:064x}"}) for n in range(10_000)]

    _, answers = sent(people)

    assert DESTINATION.objects["audience_members"].max_batch_rows == 10_000
    assert len(answers.bodies[0]["payload"]["data"]) == 10_000


def test_rows_that_meta_could_not_read_are_counted():
    result, _ = sent([PERSON, record("b", {"email": GRACE})], invalid=1)

    assert result == BatchResult(uncounted_failures=1)


@pytest.mark.parametrize(
    "answer",
    [
        received(0),
        received(2),
        received(1, invalid=2),
        received(1, invalid=-1),
        said({"num_received": 1}),
        said({"num_invalid_entries": 0}),
        said({"num_received": "1", "num_invalid_entries": 0}),
        said([]),
        page(),
    ],
)
def test_an_answer_that_does_not_account_for_everybody_stops_the_sync(answer):
    caught = failing(answer)

    assert caught.error_class is ErrorClass.INTERNAL
    assert caught.is_in_doubt


@pytest.mark.parametrize(
    ("answer", "error_class", "code"),
    [
        (error(190, 463), ErrorClass.AUTH, None),
        (error(190, status=401), ErrorClass.AUTH, None),
        (error(10), ErrorClass.PERMISSION, "10"),
        (error(200, 1_870_034, 403), ErrorClass.PERMISSION, "200/1870034"),
        (error(100, 1_713_230), ErrorClass.CONFIG, "100/1713230"),
        (error(100, 33), ErrorClass.CONFIG, "100/33"),
    ],
)
def test_what_every_later_request_would_meet_too_stops_the_sync(
    answer, error_class, code
):
    caught = failing(answer)

    assert isinstance(caught, FatalDeliveryError)
    assert (caught.error_class, caught.code) == (error_class, code)
    assert ADA not in str(caught)


def test_any_other_error_is_about_the_content():
    caught = failing(error(100, 1_487_366))

    assert isinstance(caught, BatchRefusedError)
    assert caught.code == "100/1487366"


@pytest.mark.parametrize("code", [4, 17, 32, 613, 80_003])
def test_throttling_in_a_400_waits_for_as_long_as_the_usage_says(code):
    answers = Answers(
        error(code, x_business_use_case_usage=usage(7)),
        received(1),
    )
    with on(answers) as destination:
        assert destination.send(batch([PERSON])) == BatchResult()

    assert answers.waits == [420.0]


@pytest.mark.parametrize(
    "answer", [error(1, status=500), error(2), error(900, is_transient=True)]
)
def test_errors_that_pass_are_tried_again(answer):
    answers = Answers(answer, received(1))
    with on(answers) as destination:
        assert destination.send(batch([PERSON])) == BatchResult()

    assert destination.request_count == 2


def test_a_lost_answer_is_in_doubt_after_every_attempt():
    answers = Answers(httpx.ReadTimeout, httpx.ReadTimeout)
    with (
        on(answers) as destination,
        pytest.raises(RetryableDeliveryError) as caught,
    ):
        destination.send(batch([PERSON]))

    assert caught.value.is_in_doubt


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (usage(0), None),
        (usage(None), None),
        (usage(2), Feedback(is_throttled=False, remaining=0, reset_s=120.0)),
        (
            usage(0, total_time=96),
            Feedback(is_throttled=False, remaining=0, reset_s=60.0),
        ),
        ("not json", None),
        ("[1]", None),
        ('{"1": [3]}', None),
    ],
)
def test_usage_slows_requests_down_before_meta_does(header, expected):
    response = Response(200, {"x-business-use-case-usage": header}, b"")

    assert read_usage(response) == expected


def test_there_are_no_jobs():
    with on(Answers()) as destination, pytest.raises(JobLostError):
        destination.poll("1", batch([PERSON]))


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("meta",)) as running:
        yield running


@pytest.fixture
def audience(simulator):
    with opened_on(simulator, DESTINATION, "audience_members", SETTINGS) as found:
        yield found


def test_people_enter_and_leave_the_simulated_audience(simulator, audience):
    people = [record("a", {"email": ADA}), record("b", {"phone": GRACE})]

    assert audience.send(batch(people)) == BatchResult()
    assert simulator.hold("meta").members["42"] == {ADA, GRACE}

    assert audience.send(batch(people[:1], Action.REMOVE)) == BatchResult()
    assert audience.send(batch(people[:1], Action.REMOVE)) == BatchResult()
    assert simulator.hold("meta").members["42"] == {GRACE}
    assert simulator.breaches("meta") == ()


def test_the_simulated_audience_counts_rows_that_it_cannot_read(simulator, audience):
    simulator.script("meta", Fault(FaultKind.REFUSE_ROWS, rows=(ADA,)))

    result = audience.send(batch([PERSON, record("b", {"email": GRACE})]))

    assert result == BatchResult(uncounted_failures=1)
    assert simulator.hold("meta").members["42"] == {GRACE}


def test_the_simulated_tool_throttles_and_refuses_as_meta_does(simulator, audience):
    simulator.script(
        "meta", Fault(FaultKind.THROTTLE, retry_after="30"), Fault(FaultKind.SHORT)
    )

    with pytest.raises(FatalDeliveryError) as caught:
        audience.send(batch([PERSON]))

    assert caught.value.error_class is ErrorClass.INTERNAL
    assert [arrival.status for arrival in simulator.arrivals("meta")] == [400, 200]


def test_a_wrong_token_is_told_by_its_code(simulator):
    settings = {
        "url": simulator.url_of("meta"),
        "token": "another",
    }
    options = Answers().options.__class__(allow_private_addresses=True)
    with (
        opened(
            DESTINATION, "audience_members", SETTINGS, options, **settings
        ) as destination,
        pytest.raises(FatalDeliveryError) as caught,
    ):
        destination.send(batch([PERSON]))

    assert caught.value.error_class is ErrorClass.AUTH
