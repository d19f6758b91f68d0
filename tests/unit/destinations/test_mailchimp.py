"""How Mailchimp is told of an audience's contacts, and what its answers mean."""

import base64
from collections.abc import Iterator, Mapping

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from reverse_etl.destinations.mailchimp import DESTINATION
from reverse_etl.destinations.mailchimp_rows import member_id
from reverse_etl.destinations.protocol import BatchResult, RejectedRow
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Op
from tests.unit.destinations.marketing_tools import (
    Answers,
    answered,
    batch,
    record,
    simulated,
)

CREDENTIALS = {"api_key": "secret-us19"}
LIST = {"list_id": "12"}
ADA_EMAIL, GRACE_EMAIL = "Ada@Example.com", "grace@example.com"
ADA = record({"email_address": ADA_EMAIL}, {"merge_fields": {"FNAME": "Ada"}})
GRACE = record({"email_address": GRACE_EMAIL}, {"merge_fields": {"FNAME": "Grace"}})
GONE = {"title": "Resource Not Found", "status": 404}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("mailchimp",)) as running:
        yield running
        assert running.breaches("mailchimp") == ()


def send(
    answers: Answers,
    records,
    action: Action = Action.UPSERT,
    settings: Mapping[str, str] | None = None,
) -> BatchResult:
    given = LIST if settings is None else settings
    with answered(
        DESTINATION, CREDENTIALS, answers, object_name="members", settings=given
    ) as destination:
        return destination.send(batch(records, action, given, "members"))


def written(
    created: list | None = None, updated: list | None = None, errors: list | None = None
) -> httpx.Response:
    return httpx.Response(
        200,
        json={
            "new_members": created or [],
            "updated_members": updated or [],
            "errors": errors or [],
        },
    )


def member(email: str, status: str = "transactional") -> dict:
    return {"email_address": email, "status": status}


def error(email: str, text: str, code: str = "ERROR_GENERIC") -> dict:
    return {"email_address": email, "error": text, "error_code": code, "field": ""}


def test_an_upsert_updates_contacts_and_subscribes_nobody():
    answers = Answers(written([member(ADA_EMAIL)]))
    fields = {"merge_fields": {"FNAME": "Ada", "CITY": None}, "language": None}

    result = send(answers, [record({"email_address": ADA_EMAIL}, fields)])

    assert result == BatchResult()
    assert answers.bodies == [
        {
            "members": [
                {
                    "email_address": ADA_EMAIL,
                    "merge_fields": {"FNAME": "Ada", "CITY": ""},
                    "language": "",
                    "status_if_new": "transactional",
                }
            ],
            "update_existing": True,
        }
    ]


def test_the_address_of_the_account_is_in_the_key():
    answers = Answers(written([member(ADA_EMAIL)]))

    send(answers, [ADA])

    request = answers.requests[0]
    pair = base64.b64decode(request.headers["authorization"].partition(" ")[2])
    assert str(request.url) == "https://us19.api.mailchimp.com/3.0/lists/12"
    assert pair == b"kenning:secret-us19"


def test_a_key_without_its_ending_is_refused_without_showing_it():
    with (
        pytest.raises(SyncConfigurationError) as raised,
        answered(DESTINATION, {"api_key": "secret"}, Answers(), object_name="members"),
    ):
        pass

    assert "data centre" in str(raised.value)


@pytest.mark.parametrize("status", ["subscribed", "cleaned"])
def test_no_setting_subscribes(status: str):
    with pytest.raises(SyncConfigurationError, match=status):
        send(Answers(), [ADA], settings={**LIST, "status_if_new": status})


@pytest.mark.parametrize("name", ["status", "status_if_new", "marketing_permissions"])
@pytest.mark.parametrize("action", [Action.UPSERT, Action.UPDATE])
def test_no_mapping_writes_a_status(name: str, action: Action):
    answers = Answers()

    with pytest.raises(FatalDeliveryError, match=name):
        send(answers, [record({"email_address": ADA_EMAIL}, {name: "x"})], action)

    assert answers.requests == []


def test_new_contacts_may_be_asked_for_their_consent():
    answers = Answers(written([member(ADA_EMAIL, "pending")]))

    send(answers, [ADA], settings={**LIST, "status_if_new": "pending"})

    assert answers.bodies[0]["members"][0]["status_if_new"] == "pending"


def test_a_status_that_was_not_asked_for_stops_the_sync():
    with pytest.raises(FatalDeliveryError, match="another status"):
        send(Answers(written([member(ADA_EMAIL, "subscribed")])), [ADA])


@pytest.mark.parametrize(
    ("text", "code", "error_class", "shown"),
    [
        (
            "is already a list member",
            "ERROR_CONTACT_EXISTS",
            "CONFLICT",
            "member_exists",
        ),
        ("is in a compliance state", "ERROR_GENERIC", "SUPPRESSED", "compliance_state"),
        (
            "was permanently deleted",
            "ERROR_GENERIC",
            "SUPPRESSED",
            "permanently_deleted",
        ),
        ("looks fake or invalid", "ERROR_GENERIC", "INVALID_KEY", "invalid_email"),
        (
            "merge fields were invalid",
            "ERROR_GENERIC",
            "INVALID_FIELD",
            "invalid_merge_field",
        ),
        ("something new", "ERROR_GENERIC", "OTHER", "ERROR_GENERIC"),
        ("something new", "ERROR_NOVEL", "OTHER", "ERROR_NOVEL"),
    ],
)
def test_a_failed_row_is_found_by_its_address_and_its_sentence_is_not_kept(
    text: str, code: str, error_class: str, shown: str
):
    failed = error(ADA_EMAIL.lower(), f"{ADA_EMAIL} {text}", code)
    answers = Answers(written([member(GRACE_EMAIL)], errors=[failed]))

    result = send(answers, [GRACE, ADA])

    assert result.rejected == (RejectedRow(1, ErrorClass(error_class), shown),)


def test_of_an_address_that_is_there_twice_the_later_row_is_refused():
    failed = error(ADA_EMAIL, "is a duplicate", "ERROR_DUPLICATE")

    result = send(Answers(written([member(ADA_EMAIL)], errors=[failed])), [ADA, ADA])

    assert result.rejected == (RejectedRow(1, ErrorClass.CONFLICT, "duplicate"),)


def test_a_contact_that_stays_archived_does_not_count_as_written():
    answers = Answers(written(updated=[member(ADA_EMAIL, "archived")]))

    assert send(answers, [ADA]).rejected == (
        RejectedRow(0, ErrorClass.SUPPRESSED, "archived"),
    )


def test_a_field_that_cannot_be_cleared_is_refused_and_the_others_go():
    answers = Answers(written([member(GRACE_EMAIL)]))
    uncleared = record({"email_address": ADA_EMAIL}, {"email_type": None})

    result = send(answers, [uncleared, GRACE])

    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_FIELD, "cannot_clear", "email_type"),
    )
    assert len(answers.bodies[0]["members"]) == 1


@pytest.mark.parametrize(
    "answer",
    [
        written([member(ADA_EMAIL)]),
        written([member(ADA_EMAIL)], errors=[error("somebody@else.com", "bad")]),
        httpx.Response(200, json={"errors": []}),
        httpx.Response(200, json=[]),
        httpx.Response(200, text="<html>Sign in</html>"),
    ],
)
def test_an_answer_that_does_not_account_for_every_row_stops_the_sync(
    answer: httpx.Response,
):
    with pytest.raises(FatalDeliveryError) as raised:
        send(Answers(answer), [ADA, GRACE])

    assert raised.value.is_in_doubt


def test_a_forbidden_page_without_json_is_throttling():
    page = httpx.Response(403, text="<h1>Forbidden</h1>")
    answers = Answers(page, written([member(ADA_EMAIL)]))

    assert send(answers, [ADA]) == BatchResult()
    assert len(answers.waits) == 1


def test_a_forbidden_problem_is_a_missing_right():
    answers = Answers(httpx.Response(403, json={"title": "Forbidden", "status": 403}))

    with pytest.raises(FatalDeliveryError) as raised:
        send(answers, [ADA])

    assert raised.value.error_class is ErrorClass.PERMISSION


def test_a_request_that_is_refused_as_a_whole_is_halved_by_the_engine():
    with pytest.raises(BatchRefusedError):
        send(Answers(httpx.Response(400, json={"title": "Invalid"})), [ADA, GRACE])


def test_an_update_goes_to_the_hash_of_the_address_and_no_error_shows_it():
    answers = Answers(httpx.ReadTimeout, httpx.ReadTimeout)

    with pytest.raises(RetryableDeliveryError) as raised:
        send(answers, [ADA], Action.UPDATE)

    assert answers.requests[0].url.path.endswith("/members/" + member_id(ADA_EMAIL))
    assert member_id(ADA_EMAIL) == member_id("ada@example.com")
    assert member_id(ADA_EMAIL) not in str(raised.value)


def test_a_refused_update_is_that_row_alone():
    problem = {
        "title": "Invalid Resource",
        "detail": "Your merge fields were invalid.",
        "errors": [{"field": "FNAME", "message": "no"}],
    }
    answers = Answers(
        httpx.Response(400, json=problem), httpx.Response(200, json=member(GRACE_EMAIL))
    )

    result = send(answers, [ADA, GRACE], Action.UPDATE)

    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_FIELD, "invalid_merge_field", "FNAME"),
    )


def test_updating_somebody_who_is_gone_is_refused_but_clearing_is_done():
    def missing() -> Answers:
        return Answers(
            httpx.Response(404, json=GONE), httpx.Response(200, json={"id": "12"})
        )

    leaving = record({"email_address": ADA_EMAIL}, op=Op.REMOVE)

    assert send(missing(), [ADA], Action.UPDATE).rejected == (
        RejectedRow(0, ErrorClass.NOT_FOUND),
    )
    assert send(missing(), [leaving], Action.UPDATE) == BatchResult()


@pytest.mark.parametrize("action", [Action.ARCHIVE, Action.ERASE, Action.UPDATE])
def test_a_missing_audience_is_no_missing_contact(action: Action):
    answers = Answers(httpx.Response(404, json=GONE), httpx.Response(404, json=GONE))

    with pytest.raises(FatalDeliveryError) as raised:
        send(answers, [ADA], action)

    assert raised.value.error_class is ErrorClass.CONFIG


def test_a_contact_that_may_not_be_archived_is_refused():
    answers = Answers(
        httpx.Response(405, json={"title": "Method Not Allowed"}),
        httpx.Response(200, json={"status": "cleaned"}),
    )

    assert send(answers, [ADA], Action.ARCHIVE).rejected == (
        RejectedRow(0, ErrorClass.CONFLICT, "cannot_archive"),
    )


def test_a_contact_is_created_changed_cleared_and_archived(simulator: Simulator):
    held = simulator.hold("mailchimp").collection("members")
    name = "Ada עדה 👩🏽‍💻"
    with simulated(
        DESTINATION, simulator, object_name="members", settings=LIST
    ) as destination:
        created = destination.send(
            batch(
                [record({"email_address": ADA_EMAIL}, {"merge_fields": {"N": name}})],
                Action.UPSERT,
                LIST,
            )
        )
        before = dict(next(iter(held.values())))
        cleared = destination.send(
            batch(
                [record({"email_address": ADA_EMAIL}, {"merge_fields": {"N": None}})],
                Action.UPDATE,
                LIST,
            )
        )
        archived = [
            destination.send(batch([ADA, GRACE], Action.ARCHIVE, LIST))
            for _ in range(2)
        ]

    assert [created, cleared, *archived] == [BatchResult()] * 4
    assert (before["status"], before["merge_fields"]) == ("transactional", {"N": name})
    assert [(one["status"], one["merge_fields"]) for one in held.values()] == [
        ("archived", {"N": ""})
    ]


def test_an_unsubscribed_contact_stays_unsubscribed(simulator: Simulator):
    held = simulator.hold("mailchimp").collection("members")
    held[f"12/{member_id(ADA_EMAIL)}"] = {
        "email_address": ADA_EMAIL,
        "status": "unsubscribed",
    }

    with simulated(
        DESTINATION, simulator, object_name="members", settings=LIST
    ) as destination:
        destination.send(batch([ADA], Action.UPSERT, LIST))
        created = destination.send(batch([ADA, GRACE], Action.CREATE, LIST))

    assert held[f"12/{member_id(ADA_EMAIL)}"]["status"] == "unsubscribed"
    assert created.rejected == (RejectedRow(0, ErrorClass.CONFLICT, "member_exists"),)


def test_an_erased_address_is_barred(simulator: Simulator):
    with simulated(
        DESTINATION, simulator, object_name="members", settings=LIST
    ) as destination:
        destination.send(batch([ADA, GRACE], Action.UPSERT, LIST))
        destination.send(batch([ADA], Action.ERASE, LIST))
        again = destination.send(batch([ADA, GRACE], Action.UPSERT, LIST))

    assert again.rejected == (
        RejectedRow(0, ErrorClass.SUPPRESSED, "permanently_deleted"),
    )


def test_a_throttled_tool_is_asked_again(simulator: Simulator):
    simulator.script("mailchimp", Fault(FaultKind.THROTTLE))

    with simulated(
        DESTINATION, simulator, object_name="members", settings=LIST
    ) as destination:
        destination.send(batch([ADA], Action.UPSERT, LIST))

    assert [one.status for one in simulator.arrivals("mailchimp")] == [403, 200]
