"""How Klaviyo is told of profiles and lists, and what its answers mean."""

from collections.abc import Iterator, Mapping

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from reverse_etl.destinations.klaviyo import DESTINATION
from reverse_etl.destinations.protocol import BatchResult, Destination, RejectedRow
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    RetryableDeliveryError,
)
from reverse_etl.modes import Action, Op
from reverse_etl.transport import Feedback
from tests.unit.destinations.marketing_tools import (
    Answers,
    answered,
    batch,
    record,
    simulated,
)

CREDENTIALS = {"token": "secret-key"}
LIST = {"list_id": "L1"}
ADA = record({"email": "Ada@example.com"}, {"first_name": "Ada"})
GRACE = record({"email": "grace@example.com"}, {"first_name": "Grace"})
NOBODY = record({"email": "nobody"}, {"first_name": "No"})


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("klaviyo",)) as running:
        yield running
        assert running.breaches("klaviyo") == ()


def opened(
    answers: Answers,
    object_name: str = "profiles",
    settings: Mapping[str, str] | None = None,
):
    return answered(
        DESTINATION, CREDENTIALS, answers, object_name=object_name, settings=settings
    )


def job(
    status: str = "queued", total: int = 1, failed: int | None = 0, code: int = 200
) -> httpx.Response:
    return httpx.Response(
        code,
        json={
            "data": {
                "type": "profile-bulk-import-job",
                "id": "J1",
                "attributes": {
                    "status": status,
                    "total_count": total,
                    "failed_count": failed,
                },
            }
        },
    )


def started(total: int) -> httpx.Response:
    return job(total=total, code=202)


def page(*elements: dict, following: str | None = None) -> httpx.Response:
    links = {"self": "s"} if following is None else {"self": "s", "next": following}
    return httpx.Response(200, json={"data": list(elements), "links": links})


def import_error(payload: dict | None, code: str = "invalid", pointer: str = "/data"):
    return {
        "type": "import-error",
        "id": "E1",
        "attributes": {
            "code": code,
            "title": "t",
            "detail": "d",
            "source": {"pointer": pointer},
            "original_payload": payload,
        },
    }


def profile(profile_id: str, **attributes: str) -> dict:
    return {"type": "profile", "id": profile_id, "attributes": attributes}


def refusal(*pointers: str) -> httpx.Response:
    errors = [{"code": "invalid", "source": {"pointer": one}} for one in pointers]
    return httpx.Response(400, json={"errors": errors})


def finished(destination: Destination, simulator: Simulator, asked) -> BatchResult:
    """What becomes of a batch, whether it is a job or not."""
    result = destination.send(asked)
    if result.job is None:
        return result
    assert destination.poll(result.job, asked) is None
    simulator.advance(5)
    done = destination.poll(result.job, asked)
    assert done is not None
    return done


def test_an_upsert_is_an_import_job_and_null_clears():
    answers = Answers(started(1))
    person = record(
        {"email": "ada@example.com", "external_id": "c1"},
        {"first_name": "Ada", "properties": {"plan": None}},
    )

    with opened(answers) as destination:
        result = destination.send(batch([person]))

    assert result == BatchResult(job="J1")
    assert answers.bodies == [
        {
            "data": {
                "type": "profile-bulk-import-job",
                "attributes": {
                    "profiles": {
                        "data": [
                            {
                                "type": "profile",
                                "attributes": {
                                    "first_name": "Ada",
                                    "properties": {"plan": None},
                                    "email": "ada@example.com",
                                    "external_id": "c1",
                                },
                            }
                        ]
                    }
                },
            }
        }
    ]
    headers = answers.requests[0].headers
    assert headers["authorization"] == "Klaviyo-API-Key secret-key"
    assert headers["revision"] == "2026-07-15"
    assert headers["content-type"] == "application/vnd.api+json"


@pytest.mark.parametrize(
    "fields", [{"subscriptions": {}}, {"properties": {"$consent": ["email"]}}]
)
def test_a_consent_is_never_written_by_the_way(fields: dict):
    answers = Answers()

    with opened(answers) as destination, pytest.raises(FatalDeliveryError):
        destination.send(batch([record({"email": "ada@example.com"}, fields)]))

    assert answers.requests == []


@pytest.mark.parametrize("status", ["queued", "processing"])
def test_a_job_under_way_has_no_result_yet(status: str):
    with opened(Answers(job(status))) as destination:
        assert destination.poll("J1", batch([ADA])) is None


def test_a_complete_job_without_failures_applied_every_row():
    with opened(Answers(job("complete"))) as destination:
        assert destination.poll("J1", batch([ADA])) == BatchResult()


def test_import_errors_of_every_page_are_found_again_by_their_payload():
    following = "https://a.klaviyo.com/api/profile-bulk-import-jobs/J1/import-errors?page%5Bcursor%5D=x"
    answers = Answers(
        job("complete", total=3, failed=2),
        page(
            import_error(
                {"email": "ada@example.com"}, pointer="/data/attributes/email"
            ),
            following=following,
        ),
        page(import_error({"type": "profile", "attributes": {"external_id": "c3"}})),
    )
    rows = [ADA, GRACE, record({"external_id": "c3"})]

    with opened(answers) as destination:
        result = destination.poll("J1", batch(rows))

    assert result == BatchResult(
        rejected=(
            RejectedRow(0, ErrorClass.INVALID_KEY, "invalid", "email"),
            RejectedRow(2, ErrorClass.INVALID_FIELD, "invalid"),
        )
    )


@pytest.mark.parametrize("payload", [None, {}, {"email": "somebody@else.com"}])
def test_an_import_error_of_no_known_row_is_counted(payload: dict | None):
    answers = Answers(job("complete", failed=1), page(import_error(payload)))

    with opened(answers) as destination:
        result = destination.poll("J1", batch([ADA, GRACE]))

    assert result == BatchResult(uncounted_failures=1)


def test_fewer_errors_than_failures_stop_the_sync():
    answers = Answers(
        job("complete", failed=2), page(import_error({"email": "ada@example.com"}))
    )

    with opened(answers) as destination, pytest.raises(FatalDeliveryError) as raised:
        destination.poll("J1", batch([ADA, GRACE]))

    assert raised.value.is_in_doubt


@pytest.mark.parametrize(
    "answer", [job("cancelled"), httpx.Response(404, json={"errors": []})]
)
def test_a_job_that_was_cancelled_or_is_not_known_is_lost_and_in_doubt(
    answer: httpx.Response,
):
    with opened(Answers(answer)) as destination, pytest.raises(JobLostError) as raised:
        destination.poll("J1", batch([ADA]))

    assert raised.value.is_in_doubt


@pytest.mark.parametrize(
    "answer",
    [
        started(2),
        job(total=1, code=200),
        httpx.Response(202, json={"data": {"attributes": {"total_count": 1}}}),
        httpx.Response(202, json=[]),
        httpx.Response(200, text="<html>Sign in</html>"),
    ],
)
def test_a_job_that_did_not_take_on_every_profile_stops_the_sync(
    answer: httpx.Response,
):
    with opened(Answers(answer)) as destination, pytest.raises(FatalDeliveryError):
        destination.send(batch([ADA]))


@pytest.mark.parametrize(
    "answer",
    [job("expired"), httpx.Response(200, json={"data": []}), httpx.Response(200)],
)
def test_an_unknown_state_of_a_job_stops_the_sync(answer: httpx.Response):
    with opened(Answers(answer)) as destination, pytest.raises(FatalDeliveryError):
        destination.poll("J1", batch([ADA]))


def test_rows_that_a_refusal_points_at_are_left_out_and_the_others_go():
    pointer = "/data/attributes/profiles/data/1/attributes/phone_number"
    answers = Answers(refusal(pointer), started(2), job("complete", total=2))
    rows = batch([ADA, record({"phone_number": "12"}), GRACE])

    with opened(answers) as destination:
        result = destination.send(rows)
        assert result.job is not None
        done = destination.poll(result.job, rows)

    sent = answers.bodies[1]["data"]["attributes"]["profiles"]["data"]
    assert [one["attributes"]["first_name"] for one in sent] == ["Ada", "Grace"]
    assert done == BatchResult(
        rejected=(RejectedRow(1, ErrorClass.INVALID_KEY, "invalid", "phone_number"),)
    )
    assert "12" not in result.job


def test_an_import_of_bad_rows_alone_makes_no_job():
    answers = Answers(refusal("/data/attributes/profiles/data/0"))

    with opened(answers) as destination:
        result = destination.send(batch([ADA]))

    assert (result.job, [row.position for row in result.rejected]) == (None, [0])


@pytest.mark.parametrize("pointer", ["/data/", "/data/attributes/profiles/data/7"])
def test_a_refusal_that_points_at_no_row_is_halved_by_the_engine(pointer: str):
    with (
        opened(Answers(refusal(pointer))) as destination,
        pytest.raises(BatchRefusedError),
    ):
        destination.send(batch([ADA, GRACE]))


def test_an_import_above_the_limits_is_refused_before_any_request():
    answers = Answers()
    large_row = [record({"email": "a@example.com"}, {"first_name": "é" * 50_000})]
    large_body = [
        record({"email": f"{n}@example.com"}, {"first_name": "x" * 90_000})
        for n in range(60)
    ]

    with opened(answers) as destination:
        for rows in (large_row, large_body):
            with pytest.raises(BatchRefusedError) as raised:
                destination.send(batch(rows))
            assert raised.value.is_too_large

    assert answers.requests == []


def test_an_update_goes_to_profiles_that_are_there_alone():
    answers = Answers(
        page(profile("P1", email="ada@example.com")),
        started(1),
        job("complete"),
    )
    leaving = record({"email": "left@example.com"}, op=Op.REMOVE)
    rows = batch([GRACE, ADA, leaving], Action.UPDATE)

    with opened(answers) as destination:
        result = destination.send(rows)
        assert result.job is not None
        done = destination.poll(result.job, rows)

    import_body = answers.requests[1]
    assert b'"id":"P1"' in import_body.content
    assert done == BatchResult(rejected=(RejectedRow(0, ErrorClass.NOT_FOUND),))


def test_an_update_of_nobody_makes_no_job():
    with opened(Answers(page())) as destination:
        result = destination.send(batch([ADA], Action.UPDATE))

    assert result == BatchResult(rejected=(RejectedRow(0, ErrorClass.NOT_FOUND),))


def test_profiles_are_looked_up_in_pieces_of_fifty_by_a_quoted_filter():
    answers = Answers(page(), page())
    rows = [record({"external_id": f'c"{n}'}) for n in range(51)]

    with opened(answers, "lists", LIST) as destination:
        destination.send(batch(rows, Action.REMOVE, LIST, "lists"))

    filters = [request.url.params["filter"] for request in answers.requests]
    assert filters[1] == 'any(external_id,["c\\"50"])'
    assert filters[0].count(",") == 50


def test_a_list_takes_known_ids_and_looks_up_the_others():
    answers = Answers(
        page(profile("P2", email="grace@example.com")), httpx.Response(204)
    )
    known = record({"email": "ada@example.com"}, dest_id="P1")

    with opened(answers, "lists", LIST) as destination:
        result = destination.send(
            batch([known, GRACE, NOBODY], Action.ADD, LIST, "lists")
        )

    assert result == BatchResult(
        rejected=(RejectedRow(2, ErrorClass.NOT_FOUND, is_retryable=True),),
        dest_ids={0: "P1", 1: "P2"},
    )
    assert answers.requests[1].url.path == "/api/lists/L1/relationships/profiles"
    assert answers.requests[1].content == (
        b'{"data":[{"type":"profile","id":"P1"},{"type":"profile","id":"P2"}]}'
    )


def test_two_rows_of_one_profile_name_it_once():
    answers = Answers(httpx.Response(204))
    rows = [
        record({"email": "ada@example.com"}, dest_id="P1"),
        record({"external_id": "c1"}, dest_id="P1"),
    ]

    with opened(answers, "lists", LIST) as destination:
        destination.send(batch(rows, Action.ADD, LIST, "lists"))

    assert answers.bodies == [{"data": [{"type": "profile", "id": "P1"}]}]


def test_removing_somebody_who_is_not_there_is_done():
    with opened(Answers(page()), "lists", LIST) as destination:
        result = destination.send(batch([ADA], Action.REMOVE, LIST, "lists"))

    assert result == BatchResult()


def test_an_id_that_is_gone_is_looked_up_anew():
    gone = httpx.Response(404, json={"errors": []})
    answers = Answers(
        gone, page(profile("P9", email="ada@example.com")), httpx.Response(204)
    )
    known = record({"email": "ada@example.com"}, dest_id="P1")

    with opened(answers, "lists", LIST) as destination:
        result = destination.send(batch([known], Action.REMOVE, LIST, "lists"))

    assert result.dest_ids == {0: "P9"}
    assert b"P9" in answers.requests[2].content


def test_a_missing_list_stops_the_sync():
    gone = httpx.Response(404, json={"errors": []})
    answers = Answers(gone, page(profile("P1", email="ada@example.com")), gone)
    known = record({"email": "ada@example.com"}, dest_id="P1")

    with (
        opened(answers, "lists", LIST) as destination,
        pytest.raises(FatalDeliveryError) as raised,
    ):
        destination.send(batch([known], Action.ADD, LIST, "lists"))

    assert raised.value.error_class is ErrorClass.CONFIG


def test_a_list_that_answers_with_a_page_stops_the_sync():
    answers = Answers(httpx.Response(200, text="<html>Sign in</html>"))
    known = record({"email": "ada@example.com"}, dest_id="P1")

    with (
        opened(answers, "lists", LIST) as destination,
        pytest.raises(FatalDeliveryError),
    ):
        destination.send(batch([known], Action.ADD, LIST, "lists"))


def test_an_erasure_names_one_identifier_and_looks_up_what_it_does_not_take():
    answers = Answers(
        page(profile("P3", external_id="c3")),
        httpx.Response(202),
        httpx.Response(202),
    )
    rows = [
        record({"email": "ada@example.com", "phone_number": "+491701234567"}),
        record({"external_id": "c3"}),
        record({"external_id": "c4"}),
    ]

    with opened(answers) as destination:
        assert destination.send(batch(rows, Action.ERASE)) == BatchResult()

    people = [body["data"]["attributes"]["profile"]["data"] for body in answers.bodies]
    assert people == [
        {"type": "profile", "id": "P3", "attributes": {}},
        {"type": "profile", "attributes": {"email": "ada@example.com"}},
    ]


def test_limits_are_learnt_for_each_kind_of_request():
    answer = started(1)
    answer.headers["ratelimit-remaining"] = "149"
    answer.headers["ratelimit-reset"] = "42"
    answers = Answers(answer)

    with opened(answers) as destination:
        destination.send(batch([ADA]))

    assert answers.learnt == [("import", Feedback(False, 149, 42.0))]


def test_a_throttled_request_waits_as_long_as_it_is_told():
    answers = Answers(httpx.Response(429, headers={"retry-after": "9"}), started(1))

    with opened(answers) as destination:
        destination.send(batch([ADA]))

    assert answers.waits == [9.0]


def test_an_error_shows_neither_key_nor_address():
    answers = Answers(httpx.ReadTimeout, httpx.ReadTimeout)

    with (
        opened(answers, "lists", LIST) as destination,
        pytest.raises(RetryableDeliveryError) as raised,
    ):
        destination.send(batch([ADA], Action.ADD, LIST, "lists"))

    assert "secret-key" not in str(raised.value)
    assert "example.com" not in str(raised.value)


def test_profiles_live_through_creation_clearing_and_erasure(simulator: Simulator):
    held = simulator.hold("klaviyo").collection("profiles")
    created = record(
        {"email": "Ada@example.com"},
        {"first_name": "Ada עדה 👩🏽‍💻", "properties": {"plan": "pro", "age": 36}},
    )
    cleared = record({"email": "Ada@example.com"}, {"properties": {"plan": None}})
    with simulated(DESTINATION, simulator, object_name="profiles") as destination:
        finished(destination, simulator, batch([created]))
        finished(destination, simulator, batch([cleared, GRACE], Action.UPDATE))
        before = [dict(one) for one in held.values()]
        finished(destination, simulator, batch([ADA, GRACE], Action.ERASE))

    assert before == [
        {
            "email": "ada@example.com",
            "first_name": "Ada עדה 👩🏽‍💻",
            "properties": {"age": 36},
        }
    ]
    assert held == {}


def test_bad_rows_of_a_job_are_told_and_the_others_are_there(simulator: Simulator):
    simulator.script(
        "klaviyo", Fault(FaultKind.REFUSE_ROWS, rows=("Grace",), code="no")
    )
    bad = [record({"email": f"bad-{n}"}) for n in range(150)]
    rows = batch([ADA, *bad, GRACE, record({"phone_number": "12"})])

    with simulated(DESTINATION, simulator, object_name="profiles") as destination:
        result = finished(destination, simulator, rows)

    assert [row.position for row in result.rejected] == [*range(1, 153)]
    assert result.rejected[150].code == "no"
    assert len(simulator.hold("klaviyo").records["profiles"]) == 1


def test_a_job_that_fails_or_vanishes_is_lost(simulator: Simulator):
    simulator.script(
        "klaviyo", Fault(FaultKind.JOB_FAILS), Fault(FaultKind.JOB_VANISHES)
    )

    with simulated(DESTINATION, simulator, object_name="profiles") as destination:
        for _ in range(2):
            result = destination.send(batch([ADA]))
            assert result.job is not None
            with pytest.raises(JobLostError):
                destination.poll(result.job, batch([ADA]))


def test_members_enter_and_leave_a_list_and_nobody_is_subscribed(simulator: Simulator):
    with simulated(DESTINATION, simulator, object_name="profiles") as destination:
        finished(destination, simulator, batch([ADA, GRACE]))
    with simulated(
        DESTINATION, simulator, object_name="lists", settings=LIST
    ) as destination:
        added = destination.send(batch([ADA, GRACE, NOBODY], Action.ADD, LIST, "lists"))
        removed = destination.send(batch([ADA, NOBODY], Action.REMOVE, LIST, "lists"))

    assert [row.position for row in added.rejected] == [2]
    assert removed.rejected == ()
    assert simulator.hold("klaviyo").members["L1"] == {added.dest_ids[1]}
    assert {one.operation for one in simulator.arrivals("klaviyo")} == {
        "import",
        "job",
        "profiles",
        "add_to_list",
        "remove_from_list",
    }
