"""TikTok's custom audiences: what is asked, what each answer means, and the simulator."""

import hashlib
import json
from collections.abc import Iterator

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from reverse_etl.destinations.protocol import BatchResult, RejectedRow
from reverse_etl.destinations.tiktok import DESTINATION
from reverse_etl.destinations.tiktok_bodies import form_with_file
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    RetryableDeliveryError,
    SyncConfigurationError,
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

STREAM, FILES = "audience_members", "audience_files"
SETTINGS = {STREAM: {"audience_id": "42"}}
SETTINGS[FILES] = {"audience_id": "42", "id_type": "email"}
PERSON = record("a", {"email": ADA})
OK = {"code": 0, "message": "OK", "request_id": "x", "data": {}}
UPLOADED = {"code": 0, "data": {"file_path": "0123456789abcdef"}}


def on(answers, object_name=STREAM, **settings):
    return opened(
        DESTINATION,
        object_name,
        SETTINGS[object_name] | settings,
        answers.options,
        token="t",
        advertiser_id="7",
    )


def sent(records, *bodies, action=Action.ADD, object_name=STREAM, **settings):
    answers = Answers(*(said(body) for body in bodies))
    with on(answers, object_name, **settings) as destination:
        return destination.send(
            batch(records, action, object_name=object_name)
        ), answers


def coded(code):
    return said({"code": code, "message": f"about {ADA}"})


def failing(*answers, object_name=STREAM):
    with (
        on(Answers(*answers), object_name) as destination,
        pytest.raises(
            (BatchRefusedError, FatalDeliveryError, RetryableDeliveryError)
        ) as caught,
    ):
        destination.send(batch([PERSON]))
    return caught.value


def test_people_enter_as_rows_of_the_identifiers_that_any_of_them_has():
    result, answers = sent(
        [record("a", {"phone": ALAN, "email": ADA}), record("b", {"email": GRACE})], OK
    )

    request = answers.requests[0]
    assert result == BatchResult()
    assert request.url.path == "/open_api/v1.3/segment/mapping/"
    assert request.headers["access-token"] == "t"
    assert "authorization" not in request.headers
    assert answers.bodies[0] == {
        "advertiser_ids": ["7"],
        "action": "add",
        "id_schema": ["EMAIL_SHA256", "PHONE_SHA256"],
        "batch_data": [
            [
                {"id": ADA, "audience_ids": ["42"]},
                {"id": ALAN, "audience_ids": ["42"]},
            ],
            [{"id": GRACE, "audience_ids": ["42"]}, {}],
        ],
    }


@pytest.mark.parametrize("action", [Action.REMOVE, Action.ERASE])
def test_people_leave_by_the_same_identifiers(action):
    _, answers = sent([PERSON], OK, action=action)

    assert answers.bodies[0]["action"] == "delete"
    assert answers.bodies[0]["batch_data"] == [[{"id": ADA, "audience_ids": ["42"]}]]


@pytest.mark.parametrize("object_name", [STREAM, FILES])
def test_a_batch_of_nobody_sends_nothing(object_name):
    result, answers = sent([], object_name=object_name)

    assert result == BatchResult()
    assert answers.requests == []


@pytest.mark.parametrize(
    "answer", [said({}), said([]), said({"code": "0"}), said({"code": False}), page()]
)
@pytest.mark.parametrize("object_name", [STREAM, FILES])
def test_an_answer_without_a_code_stops_the_sync(answer, object_name):
    caught = failing(answer, object_name=object_name)

    assert caught.error_class is ErrorClass.INTERNAL


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        (40_105, ErrorClass.AUTH),
        (40_102, ErrorClass.AUTH),
        (40_001, ErrorClass.PERMISSION),
        (40_007, ErrorClass.CONFIG),
    ],
)
def test_what_every_later_request_would_meet_too_stops_the_sync(code, error_class):
    caught = failing(coded(code))

    assert isinstance(caught, FatalDeliveryError)
    assert caught.error_class is error_class
    assert ADA not in str(caught)


@pytest.mark.parametrize("code", [40_002, 40_300, 20_001])
def test_a_refusal_in_a_200_is_about_the_content(code):
    caught = failing(coded(code))

    assert isinstance(caught, BatchRefusedError)
    assert caught.code == str(code)


def test_a_code_of_another_kind_stops_the_sync():
    assert failing(coded(7)).error_class is ErrorClass.INTERNAL


def test_throttling_in_a_200_waits_and_burns_no_attempt():
    answers = Answers(coded(40_100), coded(40_100), coded(40_100), said(OK))
    with on(answers) as destination:
        assert destination.send(batch([PERSON])) == BatchResult()

    assert len(answers.waits) == 3


def test_faults_and_lost_answers_are_in_doubt_after_every_attempt():
    caught = failing(coded(50_000), httpx.ReadTimeout)

    assert isinstance(caught, RetryableDeliveryError)
    assert caught.is_in_doubt


def test_a_file_is_uploaded_with_its_digest_and_then_appended():
    result, answers = sent(
        [PERSON, record("b", {"email": GRACE})], UPLOADED, OK, object_name=FILES
    )

    upload, update = answers.requests
    content = f"{ADA}\n{GRACE}".encode()
    assert result == BatchResult()
    assert upload.url.path == "/open_api/v1.3/dmp/custom_audience/file/upload/"
    assert update.url.path == "/open_api/v1.3/dmp/custom_audience/update/"
    assert upload.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert content in upload.content
    assert hashlib.md5(content).hexdigest().encode() in upload.content
    assert b"EMAIL_SHA256" in upload.content
    assert json.loads(update.content) == {
        "advertiser_id": "7",
        "custom_audience_id": "42",
        "action": "APPEND",
        "file_paths": ["0123456789abcdef"],
    }


def test_a_file_takes_people_out_and_holds_one_kind_of_identifier():
    result, answers = sent(
        [record("a", {"email": ADA}), record("b", {"aaid": GRACE, "email": ALAN})],
        UPLOADED,
        OK,
        action=Action.REMOVE,
        object_name=FILES,
        id_type="aaid",
    )

    upload, update = answers.requests
    assert result == BatchResult(
        (RejectedRow(0, ErrorClass.INVALID_KEY, field="aaid"),)
    )
    assert GRACE.encode() in upload.content
    assert ALAN.encode() not in upload.content
    assert b"GAID_SHA256" in upload.content
    assert json.loads(update.content)["action"] == "REMOVE"


def test_a_file_of_nobody_is_not_uploaded():
    result, answers = sent([record("a", {"phone": ADA})], object_name=FILES)

    assert result.rejected == (RejectedRow(0, ErrorClass.INVALID_KEY, field="email"),)
    assert answers.requests == []


@pytest.mark.parametrize("data", [None, {}, {"file_path": ""}, {"file_path": 1}])
def test_an_upload_without_a_path_stops_the_sync(data):
    caught = failing(said({"code": 0, "data": data}), object_name=FILES)

    assert caught.error_class is ErrorClass.INTERNAL


def test_the_same_file_makes_the_same_form():
    fields = {"advertiser_id": "7"}

    assert form_with_file(fields, "a.csv", b"x") == form_with_file(
        fields, "a.csv", b"x"
    )
    assert form_with_file(fields, "a.csv", b"x") != form_with_file(
        fields, "a.csv", b"y"
    )


def test_an_unknown_kind_of_identifier_stops_the_sync_before_it_begins():
    with (
        pytest.raises(SyncConfigurationError, match="email, phone, idfa, aaid"),
        on(Answers(), FILES, id_type="name"),
    ):
        pass


@pytest.mark.parametrize("object_name", [STREAM, FILES])
def test_there_are_no_jobs(object_name):
    with on(Answers(), object_name) as destination, pytest.raises(JobLostError):
        destination.poll("1", batch([PERSON]))


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("tiktok",)) as running:
        yield running


@pytest.mark.parametrize("object_name", [STREAM, FILES])
def test_people_enter_and_leave_the_simulated_audience(simulator, object_name):
    people = [record("a", {"email": ADA}), record("b", {"email": GRACE})]
    with opened_on(
        simulator, DESTINATION, object_name, SETTINGS[object_name]
    ) as audience:
        assert audience.send(batch(people)) == BatchResult()
        assert audience.send(batch(people)) == BatchResult()
        assert simulator.hold("tiktok").members["42"] == {ADA, GRACE}

        assert audience.send(batch(people[:1], Action.REMOVE)) == BatchResult()

    assert simulator.hold("tiktok").members["42"] == {GRACE}
    assert simulator.breaches("tiktok") == ()


def test_a_file_that_would_leave_too_few_people_is_refused(simulator):
    simulator.hold("tiktok").collection("audiences")["42"] = {"others": 0}
    with (
        opened_on(simulator, DESTINATION, FILES, SETTINGS[FILES]) as audience,
        pytest.raises(BatchRefusedError) as caught,
    ):
        audience.send(batch([PERSON]))

    assert caught.value.code == "40002"
    assert simulator.hold("tiktok").list_members("42") == set()


def test_the_simulated_stream_refuses_a_request_for_one_wrong_identifier(simulator):
    simulator.script("tiktok", Fault(FaultKind.REFUSE_ROWS, rows=(GRACE,)))
    people = [PERSON, record("b", {"email": GRACE})]
    with (
        opened_on(simulator, DESTINATION, STREAM, SETTINGS[STREAM]) as audience,
        pytest.raises(BatchRefusedError),
    ):
        audience.send(batch(people))

    assert simulator.hold("tiktok").members == {}


def test_the_simulated_tool_throttles_in_a_200(simulator):
    simulator.script("tiktok", Fault(FaultKind.THROTTLE))
    with opened_on(simulator, DESTINATION, STREAM, SETTINGS[STREAM]) as audience:
        assert audience.send(batch([PERSON])) == BatchResult()

    assert [one.status for one in simulator.arrivals("tiktok")] == [200, 200]
