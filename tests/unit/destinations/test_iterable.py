"""How Iterable is told of users, list members and events, and what its counts mean."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from demo.destination_simulator.faults import Fault, FaultKind
from demo.destination_simulator.server import Simulator, running_simulator
from reverse_etl.destinations.iterable import DESTINATION
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Opening,
    Record,
    RejectedRow,
)
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret

ADA = {"email": "ada@example.com"}
GRACE = {"email": "grace@example.com"}
C1 = {"userId": "c1"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("iterable",)) as running:
        yield running
        assert running.breaches("iterable") == ()


def record(
    match: Mapping[str, str],
    fields: Mapping[str, object] | None = None,
    *,
    event_id: str = "e1",
) -> Record:
    return Record(Op.CHANGE, "k", match, fields or {}, event_id)


def send(
    where: Simulator | httpx.BaseTransport,
    action: Action,
    *records: Record,
    object_name: str = "users",
    settings: Mapping[str, str] | None = None,
) -> BatchResult:
    is_simulated = isinstance(where, Simulator)
    opening = Opening(
        account="iterable",
        object=object_name,
        settings=settings or {},
        credentials={
            "url": Secret(
                where.url_of("iterable") if is_simulated else "https://iterable.test"
            ),
            "api_key": Secret(where.token_of("iterable") if is_simulated else "t"),
        },
        base_dir=Path(),
        http=HttpOptions(
            policy=RetryPolicy(max_attempts=2),
            transport=None if is_simulated else where,
            sleep=lambda _: None,
            jitter=lambda: 0.0,
            allow_private_addresses=True,
        ),
    )
    batch = Batch(
        "sync", object_name, settings or {}, "run", "key", action, tuple(records)
    )
    with DESTINATION.open(opening) as destination:
        return destination.send(batch)


def members(
    where: Simulator | httpx.BaseTransport, action: Action, *records: Record
) -> BatchResult:
    return send(
        where,
        action,
        *records,
        object_name="list_members",
        settings={"list_id": "12"},
    )


def events(where: Simulator | httpx.BaseTransport, *records: Record) -> BatchResult:
    return send(
        where,
        Action.APPEND,
        *records,
        object_name="events",
        settings={"event_name": "ordered"},
    )


def answering(
    *steps: httpx.Response,
) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    left, seen = list(steps), []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return left.pop(0)

    return httpx.MockTransport(respond), seen


def counted(succeeded: int, failed: int = 0, **more: object) -> httpx.Response:
    return httpx.Response(
        200, json={"successCount": succeeded, "failCount": failed, **more}
    )


def users_of(simulator: Simulator) -> list[Mapping[str, object]]:
    return list(simulator.hold("iterable").collection("users").values())


# Users


def test_users_are_created_and_then_updated(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA, {"firstName": "Ada", "plan": "free"}))

    result = send(
        simulator,
        Action.UPSERT,
        record(ADA, {"firstName": "Zoë 🌍", "plan": None}),
        record(C1, {"firstName": "Grace"}),
    )

    assert result == BatchResult()
    assert users_of(simulator) == [
        {"email": "ada@example.com", "firstName": "Zoë 🌍", "plan": None},
        {"userId": "c1", "firstName": "Grace"},
    ]


def test_what_the_mapping_does_not_name_inside_an_object_is_left_as_it_is(
    simulator: Simulator,
) -> None:
    send(simulator, Action.UPSERT, record(ADA, {"address": {"city": "London"}}))
    send(simulator, Action.UPSERT, record(ADA, {"address": {"zip": "N1"}}))

    assert users_of(simulator)[0]["address"] == {"city": "London", "zip": "N1"}


def test_the_address_identifies_and_the_user_id_is_set() -> None:
    network, seen = answering(counted(1))

    send(network, Action.UPSERT, record({**C1, **ADA}, {"n": 1}))

    assert json.loads(seen[0].content) == {
        "users": [
            {
                "email": "ada@example.com",
                "dataFields": {"n": 1, "userId": "c1"},
                "mergeNestedObjects": True,
            }
        ]
    }


def test_unknown_user_ids_are_created_where_the_setting_says_so() -> None:
    network, seen = answering(counted(1))

    send(network, Action.UPSERT, record(C1), settings={"prefer_user_id": "true"})

    assert json.loads(seen[0].content)["users"] == [
        {"userId": "c1", "preferUserId": True}
    ]


@pytest.mark.parametrize(
    ("list_name", "expected"),
    [
        ("invalidEmails", ErrorClass.INVALID_KEY),
        ("invalidDataEmails", ErrorClass.INVALID_FIELD),
        ("conflictEmails", ErrorClass.CONFLICT),
        ("forgottenEmails", ErrorClass.SUPPRESSED),
        ("notFoundEmails", ErrorClass.NOT_FOUND),
        ("brandNewEmails", ErrorClass.OTHER),
    ],
)
def test_who_failed_is_found_in_the_lists_in_any_case(
    list_name: str, expected: ErrorClass
) -> None:
    network, _ = answering(
        counted(1, 1, failedUpdates={list_name: ["Grace@Example.com"]})
    )

    result = send(network, Action.UPSERT, record(ADA), record(GRACE))

    assert result.rejected == (
        RejectedRow(1, expected, code=list_name.removesuffix("Emails")),
    )
    assert "race@" not in repr(result)


def test_user_ids_that_differ_by_case_are_two_users() -> None:
    network, _ = answering(counted(1, 1, failedUpdates={"invalidUserIds": ["C1"]}))

    result = send(network, Action.UPSERT, record(C1), record({"userId": "C1"}))

    assert [row.position for row in result.rejected] == [1]


def test_an_address_that_cannot_be_set_refuses_the_row_that_sets_it() -> None:
    network, _ = answering(
        counted(1, 1, failedUpdates={"conflictEmails": ["taken@example.com"]})
    )

    result = send(
        network,
        Action.UPSERT,
        record({"userId": "c2"}),
        record(C1, {"email": "taken@example.com"}),
    )

    assert result.rejected == (RejectedRow(1, ErrorClass.CONFLICT, code="conflict"),)


def test_two_rows_of_one_user_do_not_overwrite_each_other(
    simulator: Simulator,
) -> None:
    result = send(
        simulator,
        Action.UPSERT,
        record(ADA, {"n": 1}),
        record(GRACE, {"n": 2}),
        record({"email": "ADA@example.com"}, {"n": 3}),
    )

    assert result.rejected == (
        RejectedRow(2, ErrorClass.CONFLICT, code="repeated_in_batch"),
    )
    assert [each["n"] for each in users_of(simulator)] == [1, 2]


def test_places_hold_when_a_repeated_row_comes_before_a_failed_one() -> None:
    network, _ = answering(
        counted(1, 1, failedUpdates={"invalidEmails": ["grace@example.com"]})
    )

    result = send(network, Action.UPSERT, record(ADA), record(ADA), record(GRACE))

    assert [(row.position, row.code) for row in result.rejected] == [
        (1, "repeated_in_batch"),
        (2, "invalid"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        counted(1),
        counted(3),
        counted(1, 1),
        counted(1, 1, failedUpdates={"invalidEmails": ["eve@example.com"]}),
        counted(1, 1, failedUpdates={"invalidEmails": [7]}),
        counted(1, 1, failedUpdates={"invalidThings": ["ada@example.com"]}),
        counted(0, 2, failedUpdates={"invalidEmails": ["ada@example.com"]}),
        httpx.Response(200, json={"failCount": 0}),
        httpx.Response(200, json=[2]),
        httpx.Response(200, content=b"<html>"),
    ],
)
def test_an_answer_that_does_not_account_for_every_user_stops_the_sync(
    answer: httpx.Response,
) -> None:
    network, _ = answering(answer)

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, Action.UPSERT, record(ADA), record(GRACE))
    assert raised.value.error_class is ErrorClass.INTERNAL
    assert raised.value.is_in_doubt


def test_a_value_of_another_type_than_the_field_has_is_refused(
    simulator: Simulator,
) -> None:
    send(simulator, Action.UPSERT, record(ADA, {"ltv": 9}))

    result = send(simulator, Action.UPSERT, record(GRACE, {"ltv": "nine"}))

    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_FIELD, code="invalidData"),
    )


def test_nothing_is_sent_of_no_rows() -> None:
    network, seen = answering()

    assert send(network, Action.UPSERT) == BatchResult()
    assert seen == []


def test_fields_that_the_project_drops_stop_the_sync_by_name() -> None:
    network, _ = answering(counted(1, filteredOutFields=["ltv"]))

    with pytest.raises(FatalDeliveryError, match="ltv") as raised:
        send(network, Action.UPSERT, record(ADA, {"ltv": 9}))
    assert raised.value.error_class is ErrorClass.CONFIG


@pytest.mark.parametrize(
    "name", ["emailListIds", "unsubscribedChannelIds", "subscribedMessageTypeIds"]
)
def test_nobody_is_subscribed_by_the_side_door(name: str) -> None:
    network, seen = answering()

    with pytest.raises(FatalDeliveryError, match=name):
        send(network, Action.UPSERT, record(ADA, {name: [1]}))
    assert seen == []


def test_a_batch_above_four_megabytes_is_halved_before_it_is_sent() -> None:
    network, seen = answering()

    with pytest.raises(BatchRefusedError) as raised:
        send(network, Action.UPSERT, record(ADA, {"bio": "x" * 4_000_001}))
    assert raised.value.is_too_large
    assert seen == []


# Deletion and erasure


@pytest.mark.parametrize("match", [ADA, C1])
def test_a_deleted_user_may_come_back(
    simulator: Simulator, match: Mapping[str, str]
) -> None:
    send(simulator, Action.UPSERT, record(match), record(GRACE))

    results = [send(simulator, Action.DELETE, record(match)) for _ in range(2)]

    assert results == [BatchResult(), BatchResult()]
    assert users_of(simulator) == [GRACE]
    assert send(simulator, Action.UPSERT, record(match)).rejected == ()


def test_an_erased_user_stays_out(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA), record(GRACE))

    results = [send(simulator, Action.ERASE, record(ADA), record(C1)) for _ in range(2)]

    assert results == [BatchResult(), BatchResult()]
    assert users_of(simulator) == [GRACE]
    assert send(simulator, Action.UPSERT, record(ADA)).rejected == (
        RejectedRow(0, ErrorClass.SUPPRESSED, code="forgotten"),
    )


def test_a_user_who_is_forgotten_or_unknown_is_erased_already() -> None:
    network, _ = answering(
        httpx.Response(409, json={"code": "ForgottenUserError", "msg": ""}),
        httpx.Response(400, json={"code": "UnknownUserIdError", "msg": ""}),
        httpx.Response(404, json={"code": "NotFound", "msg": ""}),
    )

    result = send(network, Action.ERASE, record(ADA), record(C1), record(GRACE))

    assert result == BatchResult()


def test_an_address_that_is_none_is_refused_and_the_next_one_goes(
    simulator: Simulator,
) -> None:
    send(simulator, Action.UPSERT, record(ADA))

    result = send(simulator, Action.ERASE, record({"email": "nonsense"}), record(ADA))

    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_KEY, code="InvalidEmailAddressError"),
    )
    assert users_of(simulator) == []


@pytest.mark.parametrize("action", [Action.DELETE, Action.ERASE])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"code": "NotFound"}),
        httpx.Response(200, json={}),
        httpx.Response(404, content=b"<html>"),
    ],
)
def test_only_success_is_an_erasure(action: Action, answer: httpx.Response) -> None:
    network, _ = answering(answer)

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, action, record(ADA))
    assert raised.value.error_class is ErrorClass.INTERNAL


def test_an_address_is_quoted_in_a_path() -> None:
    network, seen = answering(httpx.Response(200, json={"code": "Success"}))

    send(network, Action.DELETE, record({"email": "a/b+c@example.com"}))

    assert seen[0].url.raw_path == b"/api/users/a%2Fb%2Bc%40example.com"


# Lists


def test_members_enter_and_leave_a_list(simulator: Simulator) -> None:
    held = simulator.hold("iterable").list_members("12")

    added = members(simulator, Action.ADD, record(ADA), record(C1), record(ADA))
    size = len(held)
    removed = members(simulator, Action.REMOVE, record(ADA), record(C1))

    assert (added, size) == (BatchResult(), 2)
    assert (removed, held) == (BatchResult(), set())
    assert len(users_of(simulator)) == 2


def test_leaving_a_list_says_nothing_about_subscriptions() -> None:
    network, seen = answering(counted(1))

    members(network, Action.REMOVE, record(ADA))

    assert json.loads(seen[0].content) == {"listId": 12, "subscribers": [ADA]}


def test_who_is_not_there_or_forgotten_has_left_already() -> None:
    network, _ = answering(
        counted(
            0,
            3,
            failedUpdates={
                "notFoundEmails": ["ada@example.com"],
                "forgottenUserIds": ["c1"],
                "invalidEmails": ["nonsense"],
            },
        )
    )

    result = members(
        network, Action.REMOVE, record(ADA), record(C1), record({"email": "nonsense"})
    )

    assert result.rejected == (RejectedRow(2, ErrorClass.INVALID_KEY, code="invalid"),)


def test_every_row_of_a_refused_member_is_refused() -> None:
    network, _ = answering(
        counted(1, 1, failedUpdates={"forgottenEmails": ["ada@example.com"]})
    )

    result = members(network, Action.ADD, record(ADA), record(C1), record(ADA))

    assert [row.position for row in result.rejected] == [0, 2]


def test_a_list_whose_id_is_no_number_is_refused_before_any_request() -> None:
    network, _ = answering()

    with pytest.raises(SyncConfigurationError, match="list_id"):
        send(
            network,
            Action.ADD,
            record(ADA),
            object_name="list_members",
            settings={"list_id": "vips"},
        )


# Events


def test_an_event_sent_twice_is_one_event(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA))
    ordered = [
        record(ADA, {"total": 9, "createdAt": 1_782_820_800}, event_id="o1"),
        record(ADA, {"total": 7}, event_id="o2"),
    ]

    results = [events(simulator, *ordered) for _ in range(2)]

    assert results == [BatchResult(), BatchResult()]
    assert simulator.hold("iterable").events == [
        {
            "email": "ada@example.com",
            "eventName": "ordered",
            "id": "o1",
            "createdAt": 1_782_820_800,
            "dataFields": {"total": 9},
        },
        {
            "email": "ada@example.com",
            "eventName": "ordered",
            "id": "o2",
            "dataFields": {"total": 7},
        },
    ]


def test_every_event_of_a_refused_user_is_refused(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA))

    result = events(
        simulator,
        record(C1, event_id="o1"),
        record(ADA, event_id="o2"),
        record(C1, event_id="o3"),
    )

    assert result.rejected == (
        RejectedRow(0, ErrorClass.NOT_FOUND, code="notFound"),
        RejectedRow(2, ErrorClass.NOT_FOUND, code="notFound"),
    )


def test_an_event_without_a_time_in_seconds_stays_here(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA))

    result = events(
        simulator,
        record(ADA, {"createdAt": "2026-06-30"}, event_id="o1"),
        record(ADA, event_id="o2"),
    )

    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_FIELD, field="createdAt"),
    )
    assert [each["id"] for each in simulator.hold("iterable").events] == ["o2"]


def test_somebodys_address_in_an_event_is_not_the_user_of_the_event() -> None:
    network, _ = answering(
        counted(1, 1, failedUpdates={"invalidEmails": ["ada@example.com"]})
    )

    result = events(network, record(GRACE, {"email": "ada@example.com"}), record(ADA))

    assert [row.position for row in result.rejected] == [1]


# Refusals of whole requests


@pytest.mark.parametrize(
    ("status", "code", "error_class", "is_too_large"),
    [
        (413, "BatchTooLarge", ErrorClass.TOO_LARGE, True),
        (400, "BatchTooLarge", ErrorClass.TOO_LARGE, True),
        (400, "RequestFieldsTypesMismatched", ErrorClass.INVALID_FIELD, False),
        (400, "BadParams", ErrorClass.OTHER, False),
    ],
)
def test_a_batch_is_refused_as_a_whole(
    status: int, code: str, error_class: ErrorClass, is_too_large: bool
) -> None:
    network, _ = answering(httpx.Response(status, json={"code": code, "msg": ""}))

    with pytest.raises(BatchRefusedError) as raised:
        send(network, Action.UPSERT, record(ADA))
    assert raised.value.error_class is error_class
    assert raised.value.is_too_large == is_too_large


@pytest.mark.parametrize(
    ("status", "code", "error_class"),
    [
        (401, "BadApiKey", ErrorClass.AUTH),
        (403, "Forbidden", ErrorClass.PERMISSION),
        (400, "ForbiddenParamsError", ErrorClass.PERMISSION),
        (400, "UniqueFieldsLimitExceeded", ErrorClass.CONFIG),
    ],
)
def test_what_no_other_batch_would_change_stops_the_sync(
    status: int, code: str, error_class: ErrorClass
) -> None:
    network, _ = answering(httpx.Response(status, json={"code": code, "msg": ""}))

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, Action.UPSERT, record(ADA))
    assert raised.value.error_class is error_class


@pytest.mark.parametrize("status", [400, 429])
def test_above_the_limit_it_is_tried_again(status: int) -> None:
    network, seen = answering(
        httpx.Response(status, json={"code": "RateLimitExceeded"}), counted(1)
    )

    assert send(network, Action.UPSERT, record(ADA)) == BatchResult()
    assert len(seen) == 2


def test_a_lost_answer_is_sent_again_with_the_same_effect(
    simulator: Simulator,
) -> None:
    simulator.script("iterable", Fault(FaultKind.DROP_AFTER))

    assert send(simulator, Action.UPSERT, record(ADA, {"n": 1})) == BatchResult()
    assert users_of(simulator) == [{**ADA, "n": 1}]
