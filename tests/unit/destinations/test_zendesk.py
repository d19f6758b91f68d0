"""How Zendesk is told of users and organizations, and what its jobs and answers mean."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from demo.destination_simulator.faults import Fault, FaultKind
from demo.destination_simulator.server import Simulator, running_simulator
from demo.destination_simulator.vendors.zendesk import AGENT
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Opening,
    Record,
    RejectedRow,
)
from reverse_etl.destinations.zendesk import DESTINATION
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
)
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret

ADA = {"external_id": "c1", "email": "ada@example.com"}
GRACE = {"external_id": "c2", "email": "grace@example.com"}
EVE = {"external_id": "c3", "email": "eve@example.com"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("zendesk",)) as running:
        yield running
        assert running.breaches("zendesk") == ()


def record(
    match: Mapping[str, str],
    fields: Mapping[str, object] | None = None,
    *,
    dest_id: str | None = None,
    op: Op = Op.CHANGE,
) -> Record:
    return Record(op, "k", match, fields or {}, "e", {}, dest_id)


def send(
    where: Simulator | httpx.BaseTransport,
    action: Action,
    *records: Record,
    object_name: str = "users",
    email: str = AGENT,
) -> BatchResult:
    """Send a batch and, where that makes a job, wait for it."""
    is_simulated = isinstance(where, Simulator)
    waits: list[float] = []
    opening = Opening(
        account="zendesk",
        object=object_name,
        settings={},
        credentials={
            "url": Secret(
                where.url_of("zendesk") if is_simulated else "https://acme.zendesk.test"
            ),
            "token": Secret(where.token_of("zendesk") if is_simulated else "t"),
            "email": Secret(email),
        },
        base_dir=Path(),
        http=HttpOptions(
            policy=RetryPolicy(max_attempts=2),
            transport=None if is_simulated else where,
            sleep=where.advance if is_simulated else waits.append,
            jitter=lambda: 0.0,
            allow_private_addresses=True,
        ),
    )
    batch = Batch("sync", object_name, {}, "run", "key", action, tuple(records))
    with DESTINATION.open(opening) as destination:
        result = destination.send(batch)
        while result.job is not None:
            polled = destination.poll(result.job, batch)
            if polled is not None:
                return polled
            assert is_simulated
            where.advance(1)
    return result


def answering(
    *steps: httpx.Response,
) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    left, seen = list(steps), []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return left.pop(0)

    return httpx.MockTransport(respond), seen


def job(status: str, **more: object) -> httpx.Response:
    return httpx.Response(
        200, json={"job_status": {"id": "j1", "status": status, **more}}
    )


def users_of(simulator: Simulator) -> Mapping[str, Mapping[str, object]]:
    return simulator.hold("zendesk").collection("users")


def operations(simulator: Simulator) -> Sequence[str | None]:
    return [arrival.operation for arrival in simulator.arrivals("zendesk")]


# Users


def test_users_are_created_and_updated_by_one_job(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA, {"name": "Ada", "phone": "+44"}))

    result = send(
        simulator,
        Action.UPSERT,
        record(ADA, {"name": "Ada 🌍", "user_fields": {"ltv": 9, "tier": None}}),
        record(GRACE, {"name": "Grace"}),
    )

    held = users_of(simulator)
    assert [held[result.dest_ids[place]]["name"] for place in (0, 1)] == [
        "Ada 🌍",
        "Grace",
    ]
    assert held[result.dest_ids[0]]["phone"] == "+44"
    assert held[result.dest_ids[0]]["user_fields"] == {"ltv": 9}
    assert operations(simulator).count("create_or_update_users") == 2


def test_nobody_gets_a_mail_for_being_created(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA, {"name": "Ada"}))
    send(simulator, Action.CREATE, record(GRACE, {"name": "Grace"}))

    assert len(users_of(simulator)) == 2
    assert simulator.hold("zendesk").events == []


def test_refused_users_are_told_by_their_place_and_the_others_are_taken(
    simulator: Simulator,
) -> None:
    result = send(
        simulator,
        Action.UPSERT,
        record({"external_id": "c1", "email": "no address"}, {"name": "Ada"}),
        record(GRACE, {"name": "Grace"}),
        record(EVE),
    )

    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_FIELD, code="UserCreateError", field="email"),
        RejectedRow(2, ErrorClass.INVALID_FIELD, code="UserCreateError"),
    )
    assert list(result.dest_ids) == [1]
    assert "no address" not in repr(result)


def test_an_insert_leaves_who_is_there_as_they_are(simulator: Simulator) -> None:
    first = send(simulator, Action.CREATE, record(ADA, {"name": "Ada"}))

    second = send(
        simulator,
        Action.CREATE,
        record(ADA, {"name": "Eve"}),
        record(GRACE, {"name": "Grace"}),
    )

    held = users_of(simulator)
    assert second.rejected == ()
    assert second.dest_ids[0] == first.dest_ids[0]
    assert [each["name"] for each in held.values()] == ["Ada", "Grace"]


def test_an_insert_with_an_address_of_somebody_else_is_a_conflict(
    simulator: Simulator,
) -> None:
    send(simulator, Action.CREATE, record(ADA, {"name": "Ada"}))

    result = send(
        simulator,
        Action.CREATE,
        record({"external_id": "c9", "email": "ada@example.com"}, {"name": "Eve"}),
    )

    assert result.rejected == (
        RejectedRow(0, ErrorClass.CONFLICT, code="UserCreateError", field="email"),
    )


def test_an_update_creates_nobody_and_keeps_every_place(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA, {"name": "Ada"}))
    (ada_id,) = users_of(simulator)

    result = send(
        simulator,
        Action.UPDATE,
        record({"email": "nobody@example.com"}, {"name": "Nobody"}),
        record(EVE, {"name": "Eve"}),
        record({"email": "ADA@example.com"}, {"name": "Countess"}),
        record(ADA, {"phone": None}, dest_id=ada_id),
    )

    assert result.rejected == (
        RejectedRow(0, ErrorClass.NOT_FOUND, code="NotFound"),
        RejectedRow(1, ErrorClass.NOT_FOUND, code="NotFound"),
    )
    assert result.dest_ids == {2: ada_id, 3: ada_id}
    assert [each["name"] for each in users_of(simulator).values()] == ["Countess"]


def test_an_update_of_nobody_known_starts_no_job(simulator: Simulator) -> None:
    result = send(simulator, Action.UPDATE, record({"email": "ada@example.com"}))

    assert result.rejected == (RejectedRow(0, ErrorClass.NOT_FOUND, code="NotFound"),)
    assert simulator.write_count("zendesk") == 0


# Removals


def test_clearing_somebody_who_is_not_there_is_done(simulator: Simulator) -> None:
    result = send(
        simulator,
        Action.UPDATE,
        record({"email": "nobody@example.com"}, {"phone": None}, op=Op.REMOVE),
        record(EVE, {"phone": None}, op=Op.REMOVE),
        record(EVE, {"phone": None}, op=Op.REMOVE, dest_id="999999"),
    )
    of_organization = organization(
        simulator, Action.UPDATE, record(ACME, {"notes": None}, op=Op.REMOVE)
    )

    assert result == BatchResult()
    assert of_organization == BatchResult()


def test_clearing_leaves_the_name_which_zendesk_lets_nobody_empty(
    simulator: Simulator,
) -> None:
    fields = {"name": "Ada", "phone": "+441"}
    send(simulator, Action.UPSERT, record(ADA, fields))
    organization(simulator, Action.UPSERT, record(ACME, {"name": "A", "notes": "x"}))

    result = send(
        simulator,
        Action.UPDATE,
        record(ADA, {"name": None, "phone": None}, op=Op.REMOVE),
    )
    of_organization = organization(
        simulator,
        Action.UPDATE,
        record(ACME, {"name": None, "notes": None}, op=Op.REMOVE),
    )

    assert (result.rejected, of_organization.rejected) == ((), ())
    assert users_of(simulator)["1001"] == {"name": "Ada", **ADA}
    held = simulator.hold("zendesk").records["organizations"].values()
    assert [*held] == [{"name": "A", **ACME}]


def test_a_name_that_a_mapping_empties_is_refused(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA, {"name": "Ada"}))

    result = send(simulator, Action.UPSERT, record(ADA, {"name": None}))

    assert [row.error_class for row in result.rejected] == [ErrorClass.INVALID_FIELD]


def test_users_are_deleted_in_one_job_and_those_who_are_gone_are_done(
    simulator: Simulator,
) -> None:
    created = send(
        simulator,
        Action.UPSERT,
        record(ADA, {"name": "Ada"}),
        record(GRACE, {"name": "Grace"}),
    )

    result = send(
        simulator,
        Action.DELETE,
        record(EVE),
        record(ADA),
        record(GRACE, dest_id=created.dest_ids[1]),
        record(EVE, dest_id="999999"),
    )

    assert result == BatchResult()
    assert users_of(simulator) == {}
    assert operations(simulator).count("destroy_users") == 1


def test_a_user_with_open_tickets_stays(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA, {"name": "Ada"}))
    (ada_id,) = users_of(simulator)
    simulator.hold("zendesk").records["users"][ada_id]["open_tickets"] = True

    deleted = send(simulator, Action.DELETE, record(ADA))
    erased = send(simulator, Action.ERASE, record(ADA))

    assert [row.code for row in deleted.rejected] == ["UserDestroyError"]
    assert [row.code for row in erased.rejected] == ["UserDestroyError"]
    assert list(users_of(simulator)) == [ada_id]


def test_an_erasure_takes_both_steps(simulator: Simulator) -> None:
    send(
        simulator,
        Action.UPSERT,
        record(ADA, {"name": "Ada"}),
        record(GRACE, {"name": "Grace"}),
    )
    ada_id, grace_id = users_of(simulator)

    result = send(simulator, Action.ERASE, record(EVE), record(ADA, dest_id=ada_id))

    assert result == BatchResult()
    assert list(users_of(simulator)) == [grace_id]
    assert simulator.hold("zendesk").erased == {ada_id}
    assert simulator.hold("zendesk").collection("deleted_users") == {}


@pytest.mark.parametrize(
    "answers",
    [
        [httpx.Response(200, json={"user": {"id": 6}})],
        [
            httpx.Response(200, json={"user": {"id": 5}}),
            httpx.Response(200, json={"deleted_user": {"id": 6}}),
        ],
        [
            httpx.Response(200, json={"user": {"id": 5}}),
            httpx.Response(200, content=b"<html>"),
        ],
    ],
)
def test_an_answer_about_somebody_else_is_no_erasure(
    answers: list[httpx.Response],
) -> None:
    network, _ = answering(*answers)

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, Action.ERASE, record(ADA, dest_id="5"))
    assert raised.value.error_class is ErrorClass.INTERNAL
    assert raised.value.is_in_doubt


def test_an_erasure_that_broke_off_between_its_steps_goes_on_with_the_second(
    simulator: Simulator,
) -> None:
    send(simulator, Action.UPSERT, record(ADA, {"name": "Ada"}))
    (ada_id,) = users_of(simulator)
    send(simulator, Action.DELETE, record(ADA))

    for _ in range(2):
        assert (
            send(simulator, Action.ERASE, record(ADA, dest_id=ada_id)) == BatchResult()
        )

    assert simulator.hold("zendesk").erased == {ada_id}


@pytest.mark.parametrize("action", [Action.DELETE, Action.ERASE])
def test_a_user_who_has_the_address_as_another_one_is_nobodys_guess(
    simulator: Simulator, action: Action
) -> None:
    simulator.hold("zendesk").collection("users")["5"] = {
        "email": "family@example.com",
        "other_emails": ["ada@example.com"],
    }

    result = send(simulator, action, record({"email": "ada@example.com"}))

    assert result.rejected == (
        RejectedRow(0, ErrorClass.CONFLICT, code="several_users"),
    )
    assert list(users_of(simulator)) == ["5"]


def test_a_user_with_another_id_of_ours_is_not_deleted_by_the_address(
    simulator: Simulator,
) -> None:
    simulator.hold("zendesk").collection("users")["5"] = {
        "external_id": "c9",
        "email": "ada@example.com",
    }

    result = send(simulator, Action.DELETE, record(ADA))

    assert [row.error_class for row in result.rejected] == [ErrorClass.CONFLICT]
    assert list(users_of(simulator)) == ["5"]


# Jobs


def test_results_are_put_to_their_places_by_index() -> None:
    network, _ = answering(
        job("queued"),
        job(
            "completed",
            results=[
                {"index": 1, "id": 12, "status": "Created"},
                {"index": 0, "error": "UserCreateError", "details": "Name: x"},
            ],
        ),
    )

    result = send(network, Action.UPSERT, record(ADA), record(GRACE))

    assert result.dest_ids == {1: "12"}
    assert [row.position for row in result.rejected] == [0]


def test_results_without_an_index_are_in_the_order_of_the_request() -> None:
    network, _ = answering(
        job("queued"),
        job(
            "completed",
            results=[
                {
                    "id": 2,
                    "error": "UserUpdateError",
                    "details": "x",
                    "status": "Failed",
                },
                {"id": 12, "status": "Updated"},
            ],
        ),
    )

    result = send(network, Action.UPSERT, record(ADA), record(GRACE))

    assert result.dest_ids == {1: "12"}
    assert [row.position for row in result.rejected] == [0]


@pytest.mark.parametrize(
    "results",
    [
        None,
        [],
        [{"id": 1}],
        [{"id": 1}, {"id": 2}, {"id": 3}],
        [{"id": 1}, {"status": "Created"}],
        [{"id": 1}, "x"],
        [{"id": 1, "index": 0}, {"id": 2, "index": 0}],
        [{"id": 1, "index": 0}, {"id": 2, "index": 2}],
        {"success": True},
    ],
)
def test_a_job_that_does_not_account_for_every_user_stops_the_sync(
    results: object,
) -> None:
    network, _ = answering(job("queued"), job("completed", results=results))

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, Action.UPSERT, record(ADA), record(GRACE))
    assert raised.value.error_class is ErrorClass.INTERNAL


@pytest.mark.parametrize("status", ["failed", "killed"])
def test_a_job_that_fails_as_a_whole_is_lost(status: str) -> None:
    network, _ = answering(job("queued"), job(status))

    with pytest.raises(JobLostError) as raised:
        send(network, Action.UPSERT, record(ADA))
    assert raised.value.is_in_doubt


def test_a_job_that_is_not_known_any_more_is_lost(simulator: Simulator) -> None:
    simulator.script("zendesk", Fault(FaultKind.JOB_VANISHES))

    with pytest.raises(JobLostError) as raised:
        send(simulator, Action.UPSERT, record(ADA, {"name": "Ada"}))
    assert raised.value.is_in_doubt


@pytest.mark.parametrize(
    "answer",
    [
        job("dreaming"),
        httpx.Response(200, json={}),
        httpx.Response(200, content=b"<html>"),
    ],
)
def test_a_status_of_another_shape_stops_the_sync(answer: httpx.Response) -> None:
    network, _ = answering(job("queued"), answer)

    with pytest.raises(FatalDeliveryError):
        send(network, Action.UPSERT, record(ADA))


def test_too_many_jobs_are_waited_for(simulator: Simulator) -> None:
    hold = simulator.hold("zendesk")
    for number in range(30):
        hold.jobs[f"j{number}"] = {"ready_at": hold.now() + 1.5, "status": "completed"}

    result = send(simulator, Action.UPSERT, record(ADA, {"name": "Ada"}))

    assert result.rejected == ()
    assert simulator.arrivals("zendesk")[0].status == 429


def test_an_account_without_bulk_import_is_told_what_to_ask_for() -> None:
    network, _ = answering(httpx.Response(403, json={"error": {"title": "Forbidden"}}))

    with pytest.raises(FatalDeliveryError, match="bulk import") as raised:
        send(network, Action.UPSERT, record(ADA))
    assert raised.value.error_class is ErrorClass.PERMISSION


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_batch_is_refused_as_a_whole(status: int) -> None:
    network, _ = answering(httpx.Response(status, json={"error": "RecordInvalid"}))

    with pytest.raises(BatchRefusedError) as raised:
        send(network, Action.UPSERT, record(ADA))
    assert raised.value.is_too_large == (status == 413)


def test_a_lost_answer_is_sent_again_with_the_same_effect(
    simulator: Simulator,
) -> None:
    simulator.script("zendesk", Fault(FaultKind.DROP_AFTER))

    result = send(simulator, Action.UPSERT, record(ADA, {"name": "Ada"}))

    assert list(users_of(simulator)) == [result.dest_ids[0]]


# Organizations


def organization(simulator: Simulator, action: Action, *records: Record) -> BatchResult:
    return send(simulator, action, *records, object_name="organizations")


ACME = {"external_id": "a1"}


def test_an_organization_is_upserted_by_our_id(simulator: Simulator) -> None:
    first = organization(simulator, Action.UPSERT, record(ACME, {"name": "Acme"}))

    second = organization(
        simulator, Action.UPSERT, record({"external_id": "A1"}, {"details": "x"})
    )

    (held,) = simulator.hold("zendesk").collection("organizations").values()
    assert first.dest_ids == second.dest_ids
    assert (held["name"], held["details"]) == ("Acme", "x")


def test_a_name_that_is_taken_is_a_conflict(simulator: Simulator) -> None:
    organization(simulator, Action.CREATE, record(ACME, {"name": "Acme"}))

    result = organization(
        simulator, Action.CREATE, record({"external_id": "a2"}, {"name": "Acme"})
    )

    assert result.rejected == (
        RejectedRow(0, ErrorClass.CONFLICT, code="DuplicateValue", field="name"),
    )


def test_an_organization_that_is_there_is_not_created_again(
    simulator: Simulator,
) -> None:
    first = organization(simulator, Action.CREATE, record(ACME, {"name": "Acme"}))

    second = organization(simulator, Action.CREATE, record(ACME, {"name": "Other"}))

    (held,) = simulator.hold("zendesk").collection("organizations").values()
    assert second == first
    assert held["name"] == "Acme"


def test_a_refusal_in_other_words_keeps_its_status() -> None:
    network, _ = answering(httpx.Response(422, content=b"<html>"))

    result = send(network, Action.UPSERT, record(ACME), object_name="organizations")

    assert result.rejected == (RejectedRow(0, ErrorClass.OTHER, code="422"),)


def test_only_an_empty_answer_is_a_deleted_organization() -> None:
    network, _ = answering(httpx.Response(200, content=b"<html>"))

    with pytest.raises(FatalDeliveryError) as raised:
        send(
            network,
            Action.DELETE,
            record(ACME, dest_id="1"),
            object_name="organizations",
        )
    assert raised.value.error_class is ErrorClass.INTERNAL


@pytest.mark.parametrize("content", [b"<html>", b"{}", b"[]"])
@pytest.mark.parametrize(
    ("action", "object_name"),
    [(Action.ERASE, "users"), (Action.DELETE, "organizations")],
)
def test_a_path_that_is_not_there_is_no_missing_record(
    action: Action, object_name: str, content: bytes
) -> None:
    network, _ = answering(httpx.Response(404, content=content))

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, action, record(ADA, dest_id="1"), object_name=object_name)
    assert raised.value.error_class is ErrorClass.CONFIG


def test_an_organization_is_updated_only_when_it_is_there(simulator: Simulator) -> None:
    organization(simulator, Action.CREATE, record(ACME, {"name": "Acme"}))

    known = organization(simulator, Action.UPDATE, record(ACME, {"notes": "x"}))
    unknown = organization(simulator, Action.UPDATE, record({"external_id": "a2"}))
    gone = organization(simulator, Action.UPDATE, record(ACME, dest_id="999999"))

    assert known.rejected == ()
    assert unknown.rejected == (RejectedRow(0, ErrorClass.NOT_FOUND, code="NotFound"),)
    assert gone.rejected == (RejectedRow(0, ErrorClass.NOT_FOUND, code="NotFound"),)


def test_an_organization_is_deleted_once(simulator: Simulator) -> None:
    organization(simulator, Action.CREATE, record(ACME, {"name": "Acme"}))

    results = [organization(simulator, Action.DELETE, record(ACME)) for _ in range(2)]

    assert results == [BatchResult(), BatchResult()]
    assert simulator.hold("zendesk").collection("organizations") == {}


def test_an_organization_of_another_shape_stops_the_sync() -> None:
    network, _ = answering(httpx.Response(200, json={"organization": {"name": "x"}}))

    with pytest.raises(FatalDeliveryError):
        send(network, Action.UPSERT, record(ACME), object_name="organizations")


# Who we are


def test_an_api_token_goes_with_its_agent_and_an_oauth_token_alone() -> None:
    network, seen = answering(
        *(job("queued"), job("completed", results=[{"id": 1}])) * 2
    )

    send(network, Action.UPSERT, record(ADA))
    send(network, Action.UPSERT, record(ADA), email="")

    # agent@example.com/token:t
    assert seen[0].headers["authorization"] == (
        "Basic YWdlbnRAZXhhbXBsZS5jb20vdG9rZW46dA=="
    )
    assert seen[2].headers["authorization"] == "Bearer t"


def test_a_search_for_an_address_cannot_be_widened_by_quotes() -> None:
    network, seen = answering(httpx.Response(200, json={"users": []}))

    send(network, Action.DELETE, record({"email": 'a" OR role:admin "@x'}))

    assert seen[0].url.params["query"] == 'email:"a OR role:admin @x"'


def test_a_wrong_token_stops_the_sync() -> None:
    network, _ = answering(httpx.Response(401, json={"error": "no"}))

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, Action.UPSERT, record(ADA))
    assert raised.value.error_class is ErrorClass.AUTH


def test_users_keep_the_names_and_nulls_of_the_mapping() -> None:
    network, seen = answering(job("queued"), job("completed", results=[{"id": 1}]))

    send(network, Action.UPSERT, record(ADA, {"name": "Zoë", "phone": None}))

    assert json.loads(seen[0].content) == {
        "users": [
            {
                "skip_verify_email": True,
                "name": "Zoë",
                "phone": None,
                "external_id": "c1",
                "email": "ada@example.com",
            }
        ]
    }
