"""Customer Match: what is asked, what each answer means, and both against the simulator."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from reverse_etl.destinations.google_data_manager import DESTINATION
from reverse_etl.destinations.protocol import BatchResult, RejectedRow
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    QuotaExhaustedError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action
from tests.unit.destinations.ad_platforms import (
    ADA,
    ALAN,
    GRACE,
    NOW,
    Answers,
    batch,
    opened,
    opened_on,
    page,
    record,
    said,
)

SETTINGS = {"audience_id": "42", "terms_of_service": "accepted"}
ADDRESS = {
    "first_name": "f" * 64,
    "last_name": "1" * 64,
    "country": "NL",
    "postal_code": "1012 AB",
}
TAKEN_ON = said({"requestId": "r1", "fieldWarnings": []})


def on(answers, object_name="audience_members", **settings):
    return opened(
        DESTINATION,
        object_name,
        SETTINGS | settings,
        answers.options,
        token="t",
        customer_id="123-456-7890",
    )


def sent(records, action=Action.ADD, object_name="audience_members", **settings):
    answers = Answers(said({"requestId": "r1"}))
    with on(answers, object_name, **settings) as destination:
        result = destination.send(batch(records, action))
    return result, answers


def polled(answer, records=None):
    records = records or [record("a", {"email": ADA}), record("b", {"email": GRACE})]
    with on(Answers(answer)) as destination:
        return destination.poll("r1", batch(records))


def status(request_status, *counts):
    entry = {"requestStatus": request_status, "destination": {}}
    if counts:
        entry["errorInfo"] = {"errorCounts": list(counts)}
    return said({"requestStatusPerDestination": [entry]})


def count(reason, number, *places):
    entry = {
        "reason": f"PROCESSING_ERROR_REASON_{reason}",
        "recordCount": str(number),
    }
    return {**entry, "recordIndices": list(places)} if places else entry


def error(code, *details, name="INVALID_ARGUMENT"):
    return said(
        {"error": {"code": code, "status": name, "details": list(details)}}, code
    )


def violation(reason, field="audience_members.audience_members[1].user_data"):
    return {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{"field": field, "description": "x", "reason": reason}],
    }


def test_people_enter_with_the_terms_and_the_encoding_that_were_declared():
    result, answers = sent([record("a", {"email": ADA, "phone": ALAN, **ADDRESS})])

    assert result == BatchResult(job="r1")
    assert answers.requests[0].url.path == "/v1/audienceMembers:ingest"
    assert answers.bodies == [
        {
            "destinations": [
                {
                    "operatingAccount": {
                        "accountType": "GOOGLE_ADS",
                        "accountId": "1234567890",
                    },
                    "productDestinationId": "42",
                }
            ],
            "encoding": "HEX",
            "termsOfService": {"customerMatchTermsOfServiceStatus": "ACCEPTED"},
            "audienceMembers": [
                {
                    "userData": {
                        "userIdentifiers": [
                            {"emailAddress": ADA},
                            {"phoneNumber": ALAN},
                            {
                                "address": {
                                    "givenName": "f" * 64,
                                    "familyName": "1" * 64,
                                    "regionCode": "NL",
                                    "postalCode": "1012 AB",
                                }
                            },
                        ]
                    }
                }
            ],
        }
    ]


@pytest.mark.parametrize("action", [Action.REMOVE, Action.ERASE])
def test_people_leave_without_terms_and_consent(action):
    _, answers = sent([record("a", {"email": ADA})], action, ad_user_data="granted")

    assert answers.requests[0].url.path == "/v1/audienceMembers:remove"
    assert set(answers.bodies[0]) == {"destinations", "encoding", "audienceMembers"}


def test_consent_is_what_somebody_said_and_nothing_by_itself():
    _, answers = sent(
        [
            record("a", {"email": ADA}),
            record("b", {"email": GRACE}, ad_user_data=True, ad_personalization=False),
            record(
                "c", {"email": ALAN}, ad_user_data="Granted", ad_personalization=None
            ),
        ]
    )

    members = answers.bodies[0]["audienceMembers"]
    assert "consent" not in answers.bodies[0]
    assert [member.get("consent") for member in members] == [
        None,
        {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_DENIED"},
        {"adUserData": "CONSENT_GRANTED"},
    ]


def test_consent_of_a_whole_sync_comes_from_its_settings():
    _, answers = sent([record("a", {"email": ADA})], ad_personalization="denied")

    assert answers.bodies[0]["consent"] == {"adPersonalization": "CONSENT_DENIED"}


def test_a_person_whose_consent_is_unclear_or_who_has_no_identifier_is_not_sent():
    result, answers = sent(
        [
            record("a", {"email": ADA}, ad_user_data="maybe"),
            record("b", {"first_name": "f" * 64}),
            record("c", {"email": GRACE}),
        ]
    )

    assert len(answers.bodies[0]["audienceMembers"]) == 1
    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_FIELD, field="ad_user_data"),
        RejectedRow(1, ErrorClass.INVALID_KEY),
    )


def test_a_batch_of_nobody_sends_nothing():
    answers = Answers()
    with on(answers) as destination:
        assert destination.send(batch([])) == BatchResult()
        nobody = destination.send(batch([record("a", {"country": "NL"})]))

    assert nobody == BatchResult((RejectedRow(0, ErrorClass.INVALID_KEY),))
    assert answers.requests == []


def test_devices_enter_by_their_ids_in_clear():
    _, answers = sent(
        [record("a", {"device_id": "d-1"})], object_name="audience_devices"
    )

    assert answers.bodies[0]["audienceMembers"] == [
        {"mobileData": {"mobileIds": ["d-1"]}}
    ]


def test_a_manager_account_and_another_kind_of_account_are_named():
    answers = Answers(said({"requestId": "r1"}))
    settings = SETTINGS | {"account_type": "display_video_advertiser"}
    with opened(
        DESTINATION,
        "audience_members",
        settings,
        answers.options,
        token="t",
        customer_id="1",
        login_customer_id="9-9",
    ) as destination:
        destination.send(batch([record("a", {"email": ADA})]))

    destination_sent = answers.bodies[0]["destinations"][0]
    assert destination_sent["operatingAccount"]["accountType"] == (
        "DISPLAY_VIDEO_ADVERTISER"
    )
    assert destination_sent["loginAccount"]["accountId"] == "99"


def test_ten_thousand_people_go_in_one_request():
    capabilities = DESTINATION.objects["audience_members"]
    people = [
        record(str(number), {"email": f"{number:064x}"})
        for number in range(capabilities.max_batch_rows or 0)
    ]

    _, answers = sent(people)

    assert len(answers.bodies[0]["audienceMembers"]) == 10_000


@pytest.mark.parametrize("answer", [said({}), said({"requestId": 7}), said([]), page()])
def test_an_answer_without_a_request_id_stops_the_sync(answer):
    with (
        on(Answers(answer)) as destination,
        pytest.raises(FatalDeliveryError) as caught,
    ):
        destination.send(batch([record("a", {"email": ADA})]))

    assert caught.value.is_in_doubt
    assert caught.value.error_class is ErrorClass.INTERNAL


def test_a_request_that_is_being_processed_has_no_result_yet():
    assert polled(status("PROCESSING")) is None
    assert polled(status("REQUEST_STATUS_UNKNOWN")) is None


def test_success_counts_for_everybody():
    assert polled(status("SUCCESS")) == BatchResult()


def test_failures_without_places_are_counted():
    result = polled(status("PARTIAL_SUCCESS", count("NO_CONSENT", 1)))

    assert result == BatchResult(uncounted_failures=1)


def test_failures_with_places_are_rows_of_the_batch():
    people = [
        record("nobody", {}),
        record("a", {"email": ADA}),
        record("b", {"email": GRACE}),
        record("c", {"email": ALAN}),
        record("d", {"email": "d" * 64}),
    ]

    result = polled(
        status(
            "PARTIAL_SUCCESS",
            count("DENIED_CONSENT", 1, 0),
            count("INTERNAL_ERROR", 1, 2),
            count("INVALID_FORMAT", 1),
        ),
        people,
    )

    assert result == BatchResult(
        (
            RejectedRow(0, ErrorClass.INVALID_KEY),
            RejectedRow(
                1, ErrorClass.CONSENT, code="PROCESSING_ERROR_REASON_DENIED_CONSENT"
            ),
            RejectedRow(
                3,
                ErrorClass.TRANSIENT,
                code="PROCESSING_ERROR_REASON_INTERNAL_ERROR",
                is_retryable=True,
            ),
        ),
        uncounted_failures=1,
    )


def test_a_person_who_fails_twice_is_one_failure():
    both = polled(
        status(
            "PARTIAL_SUCCESS",
            count("NO_CONSENT", 2),
            count("INVALID_FORMAT", 2),
        )
    )

    assert both == BatchResult(uncounted_failures=2)


def test_a_request_that_failed_as_a_whole_was_not_applied():
    with pytest.raises(JobLostError, match="2 people as a whole") as caught:
        polled(status("FAILED", count("INVALID_FORMAT", 2)))

    assert not caught.value.is_in_doubt
    assert caught.value.code == "PROCESSING_ERROR_REASON_INVALID_FORMAT"
    assert caught.value.error_class is ErrorClass.INVALID_FIELD


def test_a_request_that_google_does_not_know_is_in_doubt():
    with pytest.raises(JobLostError) as caught:
        polled(error(404, name="NOT_FOUND"))

    assert caught.value.is_in_doubt


@pytest.mark.parametrize(
    "answer",
    [
        said({}),
        said({"requestStatusPerDestination": []}),
        said({"requestStatusPerDestination": ["SUCCESS"]}),
        status("DONE"),
        status("PARTIAL_SUCCESS"),
        status("PARTIAL_SUCCESS", {"reason": "X", "recordCount": "many"}),
        status("PARTIAL_SUCCESS", {"recordCount": "1"}),
        status("PARTIAL_SUCCESS", "one"),
        said(
            {
                "requestStatusPerDestination": [
                    {"requestStatus": "PARTIAL_SUCCESS", "errorInfo": "none"}
                ]
            }
        ),
        page(),
    ],
)
def test_a_status_that_does_not_account_for_everybody_stops_the_sync(answer):
    with pytest.raises(FatalDeliveryError) as caught:
        polled(answer)

    assert caught.value.error_class is ErrorClass.INTERNAL


def test_one_wrong_member_fails_the_request_for_its_content():
    with (
        on(Answers(error(400, violation("INVALID_SHA256_FORMAT")))) as destination,
        pytest.raises(BatchRefusedError) as caught,
    ):
        destination.send(batch([record("a", {"email": ADA})]))

    assert caught.value.code == "INVALID_SHA256_FORMAT"
    assert caught.value.error_class is ErrorClass.INVALID_FIELD
    assert not caught.value.is_too_large


def test_too_many_members_are_halved():
    with (
        on(Answers(error(400, violation("TOO_MANY_AUDIENCE_MEMBERS")))) as destination,
        pytest.raises(BatchRefusedError) as caught,
    ):
        destination.send(batch([record("a", {"email": ADA})]))

    assert caught.value.is_too_large


@pytest.mark.parametrize(
    ("answer", "error_class"),
    [
        (
            error(400, violation("INVALID_USER_LIST_ID", "destinations[0]")),
            ErrorClass.CONFIG,
        ),
        (
            error(400, violation("SOMETHING_NEW", "destinations[0].operating_account")),
            ErrorClass.CONFIG,
        ),
        (
            error(400, {"reason": "TERMS_AND_CONDITIONS_NOT_SIGNED"}),
            ErrorClass.PERMISSION,
        ),
        (error(403, name="PERMISSION_DENIED"), ErrorClass.PERMISSION),
        (error(401, name="UNAUTHENTICATED"), ErrorClass.AUTH),
    ],
)
def test_what_every_later_request_would_meet_too_stops_the_sync(answer, error_class):
    with (
        on(Answers(answer)) as destination,
        pytest.raises(FatalDeliveryError) as caught,
    ):
        destination.send(batch([record("a", {"email": ADA})]))

    assert caught.value.error_class is error_class
    assert not caught.value.is_in_doubt


def test_a_refusal_by_something_that_is_not_google_is_about_the_content():
    answer = httpx.Response(400, text="<html>")
    with on(Answers(answer)) as destination, pytest.raises(BatchRefusedError):
        destination.send(batch([record("a", {"email": ADA})]))


def exhausted(limit, *more):
    info = {"reason": "RESOURCE_EXHAUSTED", "metadata": {"quota_limit": limit}}
    return error(429, info, *more, name="RESOURCE_EXHAUSTED")


def test_too_many_requests_a_minute_wait_as_long_as_they_are_told_to():
    answers = Answers(
        exhausted("IngestionMutateRequestsPerMinutePerProject", {"retryDelay": "17s"}),
        said({"requestId": "r1"}),
    )
    with on(answers) as destination:
        destination.send(batch([record("a", {"email": ADA})]))

    assert answers.waits == [17.0]


@pytest.mark.parametrize(("hour", "day"), [(3, 20), (12, 21)])
def test_a_used_up_day_ends_at_midnight_pacific_time(hour, day):
    answers = Answers(exhausted("IngestionMutateRequestsPerDayPerProject"))
    now = NOW.replace(hour=hour)
    options = answers.options.__class__(
        transport=httpx.MockTransport(answers), now=lambda: now
    )
    with (
        opened(
            DESTINATION,
            "audience_members",
            SETTINGS,
            options,
            token="t",
            customer_id="1",
        ) as destination,
        pytest.raises(QuotaExhaustedError) as caught,
    ):
        destination.send(batch([record("a", {"email": ADA})]))

    assert caught.value.resume_at == NOW.replace(day=day, hour=8)


def test_a_lost_answer_is_asked_for_again_since_sending_twice_is_harmless():
    answers = Answers(httpx.ReadTimeout, said({"requestId": "r1"}))
    with on(answers) as destination:
        assert destination.send(batch([record("a", {"email": ADA})])).job == "r1"

    assert destination.request_count == 2


def test_an_error_names_nobody():
    answers = Answers(httpx.ReadTimeout, httpx.ReadTimeout)
    with (
        on(answers) as destination,
        pytest.raises(RetryableDeliveryError) as caught,
    ):
        destination.send(batch([record("a", {"email": ADA})]))

    assert ADA not in str(caught.value)


@pytest.mark.parametrize("terms", ["", "rejected", "yes"])
def test_terms_that_nobody_accepted_stop_the_sync_before_it_begins(terms):
    with (
        pytest.raises(SyncConfigurationError, match="terms_of_service: accepted"),
        on(Answers(), terms_of_service=terms),
    ):
        pass


def test_an_unclear_consent_in_the_settings_stops_the_sync_before_it_begins():
    with (
        pytest.raises(SyncConfigurationError, match="'ad_user_data' says neither"),
        on(Answers(), ad_user_data="sure"),
    ):
        pass


def test_without_credentials_the_page_that_explains_them_is_named():
    with (
        pytest.raises(SyncConfigurationError, match=r"google_data_manager\.md"),
        opened(
            DESTINATION,
            "audience_members",
            SETTINGS,
            Answers().options,
            customer_id="1",
        ),
    ):
        pass


def test_a_service_account_gets_a_token_for_this_api_alone():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    account = json.dumps({"client_email": "robot@example.iam", "private_key": pem})
    answers = Answers(
        said({"access_token": "fresh", "expires_in": 3600}), said({"requestId": "r1"})
    )

    with opened(
        DESTINATION,
        "audience_members",
        SETTINGS,
        answers.options,
        service_account=account,
        customer_id="1",
    ) as destination:
        destination.send(batch([record("a", {"email": ADA})]))

    form = parse_qs(answers.requests[0].content.decode())
    claims = jwt.decode(form["assertion"][0], options={"verify_signature": False})
    assert claims["scope"] == "https://www.googleapis.com/auth/datamanager"
    assert answers.requests[1].headers["authorization"] == "Bearer fresh"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("google_data_manager",)) as running:
        yield running


@pytest.fixture
def audience(simulator):
    with opened_on(simulator, DESTINATION, "audience_members", SETTINGS) as found:
        yield found


def finished(simulator, audience, job, asked):
    assert audience.poll(job, asked) is None
    simulator.advance(60)
    return audience.poll(job, asked)


def test_people_enter_and_leave_the_simulated_audience(simulator, audience):
    people = [record("a", {"email": ADA, **ADDRESS}), record("b", {"phone": GRACE})]
    job = audience.send(batch(people)).job

    assert finished(simulator, audience, job, batch(people)) == BatchResult()
    held = simulator.hold("google_data_manager").members["42"]
    assert {ADA, GRACE} < held

    leaving = batch(people[:1], Action.REMOVE)
    job = audience.send(leaving).job
    assert finished(simulator, audience, job, leaving) == BatchResult()
    assert held == {GRACE}
    assert simulator.breaches("google_data_manager") == ()


def test_people_who_did_not_consent_are_counted_and_do_not_enter(simulator, audience):
    people = batch(
        [
            record("a", {"email": ADA}, ad_user_data=False),
            record("b", {"email": GRACE}, ad_user_data=True),
        ]
    )
    job = audience.send(people).job

    result = finished(simulator, audience, job, people)

    assert result == BatchResult(uncounted_failures=1)
    assert simulator.hold("google_data_manager").members["42"] == {GRACE}


def test_the_simulated_audience_refuses_a_request_for_one_wrong_member(
    simulator, audience
):
    nowhere = record("b", {**ADDRESS, "country": "Netherlands"})

    with pytest.raises(BatchRefusedError) as caught:
        audience.send(batch([record("a", {"email": ADA}), nowhere]))

    assert caught.value.code == "INVALID_COUNTRY_CODE"
    assert simulator.hold("google_data_manager").members == {}


def test_a_simulated_request_that_vanishes_or_fails_is_lost(simulator, audience):
    simulator.script(
        "google_data_manager",
        Fault(FaultKind.JOB_VANISHES),
        Fault(FaultKind.JOB_FAILS),
    )
    people = batch([record("a", {"email": ADA})])
    vanished, failed = audience.send(people).job, audience.send(people).job

    with pytest.raises(JobLostError):
        audience.poll(vanished, people)
    with pytest.raises(JobLostError):
        audience.poll(failed, people)
    simulator.advance(60)
    audience.send(people)
    assert simulator.hold("google_data_manager").members == {}


def test_the_simulated_limits_are_told_apart(simulator, audience):
    simulator.script(
        "google_data_manager",
        Fault(FaultKind.THROTTLE, retry_after="30"),
        Fault(FaultKind.OUT_OF_QUOTA, skip=1),
    )
    people = batch([record("a", {"email": ADA})])

    assert audience.send(people).job is not None
    with pytest.raises(QuotaExhaustedError):
        audience.send(people)
