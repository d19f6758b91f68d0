"""How Marketo is told of leads and list members, and what its codes mean."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from demo.destination_simulator.faults import Fault, FaultKind
from demo.destination_simulator.server import Simulator, running_simulator
from demo.destination_simulator.vendors.marketo import CLIENT_ID
from reverse_etl.destinations.marketo import DESTINATION
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
    QuotaExhaustedError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
ADA = {"email": "ada@example.com"}
GRACE = {"email": "grace@example.com"}
EVE = {"email": "eve@example.com"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("marketo",)) as running:
        yield running
        assert running.breaches("marketo") == ()


def record(
    match: Mapping[str, str],
    fields: Mapping[str, object] | None = None,
    *,
    dest_id: str | None = None,
    op: Op = Op.CHANGE,
) -> Record:
    return Record(op, "k", match, fields or {}, "e", {}, dest_id)


def opening(
    where: Simulator | httpx.BaseTransport,
    object_name: str = "leads",
    settings: Mapping[str, str] | None = None,
    secret: str | None = None,
) -> Opening:
    is_simulated = isinstance(where, Simulator)
    return Opening(
        account="marketo",
        object=object_name,
        settings=settings or {},
        credentials={
            "url": Secret(
                where.url_of("marketo") if is_simulated else "https://marketo.test"
            ),
            "client_id": Secret(CLIENT_ID),
            "client_secret": Secret(
                secret or (where.token_of("marketo") if is_simulated else "s")
            ),
        },
        base_dir=Path(),
        http=HttpOptions(
            policy=RetryPolicy(max_attempts=2),
            transport=None if is_simulated else where,
            sleep=lambda _: None,
            now=lambda: NOW,
            jitter=lambda: 0.0,
            allow_private_addresses=True,
        ),
    )


def send(
    where: Simulator | httpx.BaseTransport,
    action: Action,
    *records: Record,
    object_name: str = "leads",
    settings: Mapping[str, str] | None = None,
    secret: str | None = None,
) -> BatchResult:
    batch = Batch(
        "sync", object_name, settings or {}, "run", "key", action, tuple(records)
    )
    with DESTINATION.open(opening(where, object_name, settings, secret)) as destination:
        return destination.send(batch)


def listed(
    where: Simulator | httpx.BaseTransport,
    action: Action,
    *records: Record,
    list_id: str = "1001",
) -> BatchResult:
    return send(
        where,
        action,
        *records,
        object_name="list_members",
        settings={"list_id": list_id},
    )


def answering(
    *steps: httpx.Response,
) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """A network that gives tokens, and otherwise these answers in order."""
    left, seen = list(steps), []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/identity/oauth/token":
            return httpx.Response(
                200, json={"access_token": "t", "expires_in": 3600, "scope": "x"}
            )
        seen.append(request)
        return left.pop(0)

    return httpx.MockTransport(respond), seen


def succeeded(*results: Mapping[str, object], **more: object) -> httpx.Response:
    return httpx.Response(
        200, json={"requestId": "1", "success": True, "result": list(results), **more}
    )


def failed(code: str) -> httpx.Response:
    return httpx.Response(
        200,
        json={
            "success": False,
            "errors": [{"code": code, "message": "ada@example.com"}],
        },
    )


def skipped(code: str, message: str = "no", **more: object) -> Mapping[str, object]:
    return {
        "status": "skipped",
        "reasons": [{"code": code, "message": message}],
        **more,
    }


def leads_of(simulator: Simulator) -> Mapping[str, Mapping[str, object]]:
    return simulator.hold("marketo").collection("leads")


def operations(simulator: Simulator) -> Sequence[str | None]:
    return [arrival.operation for arrival in simulator.arrivals("marketo")]


# Leads


def test_leads_are_created_and_updated_with_what_is_mapped(
    simulator: Simulator,
) -> None:
    send(simulator, Action.UPSERT, record(ADA, {"firstName": "Ada", "city": "London"}))

    result = send(
        simulator,
        Action.UPSERT,
        record(GRACE, {"firstName": "Grace"}),
        record(ADA, {"firstName": "Zoë 🌍", "city": None}),
    )

    leads = leads_of(simulator)
    assert result.rejected == ()
    assert [leads[result.dest_ids[place]] for place in (0, 1)] == [
        {"email": "grace@example.com", "firstName": "Grace"},
        {"email": "ada@example.com", "firstName": "Zoë 🌍"},
    ]


def test_the_name_under_match_is_the_lookup_field() -> None:
    network, seen = answering(succeeded({"id": 7, "status": "created"}))

    send(
        network,
        Action.UPSERT,
        record({"customerId": "c1"}, {"email": None}),
        settings={"partition": "Europe"},
    )

    assert json.loads(seen[0].content) == {
        "action": "createOrUpdate",
        "lookupField": "customerId",
        "partitionName": "Europe",
        "input": [{"email": None, "customerId": "c1"}],
    }


def test_marketos_own_id_goes_as_a_number() -> None:
    network, seen = answering(succeeded({"id": 7, "status": "updated"}))

    send(network, Action.UPDATE, record({"id": "7"}, {"city": "Oslo"}))

    assert json.loads(seen[0].content)["input"] == [{"city": "Oslo", "id": 7}]


def test_refused_leads_are_told_by_their_place_and_the_others_are_taken(
    simulator: Simulator,
) -> None:
    result = send(
        simulator,
        Action.UPSERT,
        record({"email": ""}),
        record(ADA, {"lifetimeValue": "nine"}),
        record(GRACE, {"lifetimeValue": 9}),
    )

    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_KEY, field="email"),
        RejectedRow(1, ErrorClass.INVALID_FIELD, code="1001", field="lifetimeValue"),
    )
    assert list(result.dest_ids) == [2]
    assert "nine" not in repr(result)


def test_several_leads_with_one_value_are_left_alone(simulator: Simulator) -> None:
    leads = simulator.hold("marketo").collection("leads")
    leads.update({"1": dict(ADA), "2": dict(ADA)})

    written = send(simulator, Action.UPSERT, record(ADA, {"city": "Oslo"}))
    deleted = send(simulator, Action.DELETE, record(ADA))
    added = listed(simulator, Action.ADD, record(ADA))

    assert [row.code for row in written.rejected] == ["1007"]
    assert [row.code for row in deleted.rejected] == ["several_leads"]
    assert [row.code for row in added.rejected] == ["several_leads"]
    assert leads == {"1": ADA, "2": ADA}
    assert not written.rejected[0].is_retryable


def test_an_update_creates_nobody(simulator: Simulator) -> None:
    result = send(
        simulator,
        Action.UPDATE,
        record(ADA, {"city": "Oslo"}),
        record(GRACE, {"city": None}, op=Op.REMOVE),
    )

    assert result.rejected == (RejectedRow(0, ErrorClass.NOT_FOUND, code="1004"),)
    assert leads_of(simulator) == {}


def test_an_insert_leaves_who_is_there_as_they_are(simulator: Simulator) -> None:
    send(simulator, Action.CREATE, record(ADA, {"city": "London"}))

    result = send(
        simulator, Action.CREATE, record(ADA, {"city": "Oslo"}), record(GRACE)
    )

    assert result.rejected == ()
    assert [each.get("city") for each in leads_of(simulator).values()] == [
        "London",
        None,
    ]


@pytest.mark.parametrize("name", ["unsubscribed", "blackListed", "marketingSuspended"])
def test_nobody_is_subscribed_again(simulator: Simulator, name: str) -> None:
    result = send(
        simulator,
        Action.UPSERT,
        record(ADA, {name: False}),
        record(GRACE, {name: True}),
        record(EVE, {name: None}),
    )

    assert result.rejected == (
        RejectedRow(0, ErrorClass.CONSENT, code="resubscribes", field=name),
    )
    assert list(leads_of(simulator).values()) == [{**GRACE, name: True}, EVE]


@pytest.mark.parametrize(
    "answer",
    [
        succeeded({"id": 1, "status": "updated"}),
        succeeded(*[{"id": 1, "status": "updated"}] * 3),
        succeeded({"id": 1, "status": "updated"}, {"id": 2, "status": "dreamt"}),
        succeeded({"id": 1, "status": "updated"}, {"status": "updated"}),
        succeeded({"id": 1, "status": "updated"}, {"id": 2}),
        httpx.Response(200, json={"success": True, "result": {"id": 1}}),
        httpx.Response(200, json={"result": []}),
        httpx.Response(200, json={"success": False}),
        httpx.Response(200, json=[]),
        httpx.Response(200, content=b"<html>"),
    ],
)
def test_an_answer_that_does_not_account_for_every_lead_stops_the_sync(
    answer: httpx.Response,
) -> None:
    network, _ = answering(answer)

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, Action.UPSERT, record(ADA), record(GRACE))
    assert raised.value.error_class is ErrorClass.INTERNAL
    assert raised.value.is_in_doubt


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (skipped("1003"), RejectedRow(0, ErrorClass.INVALID_FIELD, code="1003")),
        (
            skipped("1006", "Field 'nope' not found"),
            RejectedRow(0, ErrorClass.INVALID_FIELD, code="1006", field="nope"),
        ),
        (skipped("1008"), RejectedRow(0, ErrorClass.OTHER, code="1008")),
        (skipped("1007"), RejectedRow(0, ErrorClass.CONFLICT, code="1007")),
        ({"status": "skipped"}, RejectedRow(0, ErrorClass.OTHER, code="skipped")),
    ],
)
def test_a_skipped_lead_keeps_the_code(
    result: Mapping[str, object], expected: RejectedRow
) -> None:
    network, _ = answering(succeeded(result))

    assert send(network, Action.UPSERT, record(ADA)).rejected == (expected,)


def test_a_batch_above_a_megabyte_is_halved_before_it_is_sent() -> None:
    network, seen = answering()

    with pytest.raises(BatchRefusedError) as raised:
        send(network, Action.UPSERT, record(ADA, {"bio": "x" * 1_000_001}))
    assert raised.value.is_too_large
    assert seen == []


# Deletion and erasure


@pytest.mark.parametrize("action", [Action.DELETE, Action.ERASE])
@pytest.mark.parametrize("knows_id", [True, False])
def test_leads_are_deleted_and_those_who_are_gone_are_done(
    simulator: Simulator, action: Action, knows_id: bool
) -> None:
    ids = send(simulator, Action.UPSERT, record(ADA), record(GRACE)).dest_ids
    records = [
        record({"email": "ADA@example.com"}, dest_id=ids[0] if knows_id else None),
        record(EVE, dest_id="999999" if knows_id else None),
    ]

    results = [send(simulator, action, *records) for _ in range(2)]

    assert results == [BatchResult(), BatchResult()]
    assert list(leads_of(simulator).values()) == [GRACE]


def test_an_erasure_is_for_every_lead_of_the_value(simulator: Simulator) -> None:
    leads = simulator.hold("marketo").collection("leads")
    leads.update({"1": dict(ADA), "2": dict(ADA), "3": dict(GRACE)})

    send(simulator, Action.ERASE, record(ADA, dest_id="1"))

    assert leads == {"3": GRACE}


def test_a_refused_deletion_is_told() -> None:
    network, _ = answering(succeeded(skipped("1018", id=7)))

    result = send(network, Action.DELETE, record(ADA, dest_id="7"))

    assert result.rejected == (RejectedRow(0, ErrorClass.OTHER, code="1018"),)


# Lists


def test_members_enter_and_leave_a_list(simulator: Simulator) -> None:
    ids = send(simulator, Action.UPSERT, record(ADA), record(GRACE)).dest_ids
    members = simulator.hold("marketo").list_members("1001")

    added = listed(simulator, Action.ADD, record(ADA), record(GRACE, dest_id=ids[1]))
    while_listed = set(members)
    removed = [
        listed(simulator, Action.REMOVE, record(ADA), record(GRACE, dest_id=ids[1]))
        for _ in range(2)
    ]

    assert added == BatchResult(dest_ids=ids)
    assert while_listed == set(ids.values())
    assert removed == [BatchResult(), BatchResult()]
    assert members == set()
    assert len(leads_of(simulator)) == 2


def test_nobody_is_created_to_enter_a_list(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA))

    result = listed(simulator, Action.ADD, record(EVE), record(ADA))

    assert result.rejected == (
        RejectedRow(0, ErrorClass.NOT_FOUND, code="1004", is_retryable=True),
    )
    assert list(result.dest_ids) == [1]


def test_every_lead_of_a_value_leaves_the_list(simulator: Simulator) -> None:
    leads = simulator.hold("marketo").collection("leads")
    leads.update({"1": dict(ADA), "2": dict(ADA), "3": dict(GRACE)})
    members = simulator.hold("marketo").list_members("1001")
    members.update({"1", "2", "3"})

    listed(simulator, Action.REMOVE, record(ADA, dest_id="1"))

    assert members == {"3"}


def test_a_value_with_a_comma_is_not_looked_up_as_two(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA))

    result = listed(
        simulator, Action.REMOVE, record({"email": "ada@example.com,x"}), record(ADA)
    )

    assert result.rejected == (RejectedRow(0, ErrorClass.INVALID_KEY, field="email"),)


def test_a_list_that_does_not_exist_stops_the_sync(simulator: Simulator) -> None:
    send(simulator, Action.UPSERT, record(ADA))

    with pytest.raises(FatalDeliveryError) as raised:
        listed(simulator, Action.ADD, record(ADA), list_id="404")
    assert raised.value.error_class is ErrorClass.CONFIG


def test_a_list_whose_id_is_no_number_is_refused_before_any_request() -> None:
    network, seen = answering()

    with pytest.raises(SyncConfigurationError, match="list_id"):
        listed(network, Action.ADD, record(ADA), list_id="ST1001A1")
    assert seen == []


def test_leaving_a_list_names_the_leads_in_both_places() -> None:
    network, seen = answering(
        succeeded({"id": 7, "email": "ada@example.com"}),
        succeeded({"id": 7, "status": "removed"}),
    )

    listed(network, Action.REMOVE, record(ADA))

    assert seen[1].method == "DELETE"
    assert seen[1].url.params.get_list("id") == ["7"]
    assert json.loads(seen[1].content) == {"input": [{"id": 7}]}


def test_pages_of_a_lookup_are_read_to_the_end() -> None:
    network, seen = answering(
        succeeded({"id": 1, "email": "ADA@example.com"}, nextPageToken="p2"),
        succeeded({"id": 2, "email": "grace@example.com"}, moreResult=False),
        succeeded({"id": 1, "status": "added"}, {"id": 2, "status": "memberof"}),
    )

    result = listed(network, Action.ADD, record(ADA), record(GRACE))

    assert result.dest_ids == {0: "1", 1: "2"}
    assert seen[1].url.params["nextPageToken"] == "p2"


def test_a_lookup_is_never_longer_than_an_address_may_be(
    simulator: Simulator,
) -> None:
    records = [
        record({"email": f"{'ä' * 30}{number}@example.com"}) for number in range(300)
    ]

    result = listed(simulator, Action.ADD, *records)

    assert len(result.rejected) == 300
    assert operations(simulator).count("find_leads") > 1


@pytest.mark.parametrize(
    "answer",
    [
        succeeded(),
        succeeded({"id": 8, "status": "added"}),
        succeeded({"status": "added"}),
    ],
)
def test_an_answer_about_other_leads_stops_the_sync(answer: httpx.Response) -> None:
    network, _ = answering(answer)

    with pytest.raises(FatalDeliveryError) as raised:
        listed(network, Action.ADD, record(ADA, dest_id="7"))
    assert raised.value.error_class is ErrorClass.INTERNAL


# Codes of an answer as a whole


@pytest.mark.parametrize("code", ["600", "601", "602"])
def test_a_token_that_is_no_longer_good_is_replaced_once(code: str) -> None:
    network, seen = answering(failed(code), succeeded({"id": 1, "status": "created"}))

    assert send(network, Action.UPSERT, record(ADA)).rejected == ()
    assert len(seen) == 2

    network, _ = answering(failed(code), failed(code))
    with pytest.raises(FatalDeliveryError) as raised:
        send(network, Action.UPSERT, record(ADA))
    assert raised.value.error_class is ErrorClass.AUTH


def test_a_token_runs_out_within_a_run(simulator: Simulator) -> None:
    batch = Batch("sync", "leads", {}, "run", "key", Action.UPSERT, (record(ADA),))
    with DESTINATION.open(opening(simulator)) as destination:
        destination.send(batch)
        simulator.advance(3_601)
        result = destination.send(batch)

    assert result.rejected == ()
    assert operations(simulator) == [
        "token",
        "sync_leads",
        "sync_leads",
        "token",
        "sync_leads",
    ]


def test_a_wrong_secret_stops_the_sync(simulator: Simulator) -> None:
    with pytest.raises(FatalDeliveryError) as raised:
        send(simulator, Action.UPSERT, record(ADA), secret="s3cr3t-of-others")
    assert raised.value.error_class is ErrorClass.AUTH
    assert "s3cr3t-of-others" not in str(raised.value)


@pytest.mark.parametrize("code", ["606", "615", "604", "608", "611", "713", "719"])
def test_what_passes_is_tried_again(code: str) -> None:
    network, seen = answering(failed(code), succeeded({"id": 1, "status": "created"}))

    assert send(network, Action.UPSERT, record(ADA)).dest_ids == {0: "1"}
    assert len(seen) == 2


def test_what_does_not_pass_is_given_up() -> None:
    network, _ = answering(failed("611"), failed("611"))

    with pytest.raises(RetryableDeliveryError):
        send(network, Action.UPSERT, record(ADA))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 6, 30, 12, tzinfo=UTC), datetime(2026, 7, 1, 6, tzinfo=UTC)),
        (datetime(2026, 6, 30, 5, tzinfo=UTC), datetime(2026, 6, 30, 6, tzinfo=UTC)),
    ],
)
def test_a_days_quota_ends_the_run_until_the_next_day(
    now: datetime, expected: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, _ = answering(failed("607"))
    monkeypatch.setitem(globals(), "NOW", now)

    with pytest.raises(QuotaExhaustedError) as raised:
        send(network, Action.UPSERT, record(ADA))
    assert raised.value.resume_at == expected


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        ("603", ErrorClass.PERMISSION),
        ("616", ErrorClass.PERMISSION),
        ("610", ErrorClass.CONFIG),
        ("1006", ErrorClass.CONFIG),
        ("1013", ErrorClass.CONFIG),
    ],
)
def test_what_no_other_batch_would_change_stops_the_sync(
    code: str, error_class: ErrorClass
) -> None:
    network, _ = answering(failed(code))

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, Action.UPSERT, record(ADA))
    assert raised.value.error_class is error_class
    assert "ada@" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "is_too_large"),
    [
        (failed("609"), False),
        (failed("1003"), False),
        (failed("799"), False),
        (httpx.Response(413), True),
    ],
)
def test_a_refused_batch_is_refused_as_a_whole(
    answer: httpx.Response, is_too_large: bool
) -> None:
    network, _ = answering(answer)

    with pytest.raises(BatchRefusedError) as raised:
        send(network, Action.UPSERT, record(ADA))
    assert raised.value.is_too_large == is_too_large
    assert not raised.value.is_in_doubt


def test_a_lost_answer_is_sent_again_with_the_same_effect(
    simulator: Simulator,
) -> None:
    simulator.script("marketo", Fault(FaultKind.DROP_AFTER))

    result = send(simulator, Action.UPSERT, record(ADA))

    assert list(leads_of(simulator)) == [result.dest_ids[0]]


def test_nothing_is_sent_of_no_rows() -> None:
    network, seen = answering()

    assert send(network, Action.UPSERT) == BatchResult()
    assert seen == []
