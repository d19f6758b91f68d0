"""How HubSpot is told of records and of lists, and what its answers mean."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from demo.destination_simulator.faults import Fault, FaultKind
from demo.destination_simulator.server import Simulator, running_simulator
from reverse_etl.destinations.hubspot import DESTINATION
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Destination,
    Opening,
    Record,
    RejectedRow,
)
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    QuotaExhaustedError,
    RetryableDeliveryError,
)
from reverse_etl.modes import Action, Op
from reverse_etl.transport import (
    Feedback,
    HttpOptions,
    NoLimit,
    RetryPolicy,
    Secret,
)

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
POLICY = RetryPolicy(max_attempts=3, first_wait_s=0.0, total_s=100.0)
ENVIRON = {
    "KENNING_HUBSPOT_URL": "https://api.hubapi.com",
    "KENNING_HUBSPOT_TOKEN": "pat-1",
}
ADA, BEA = "ada@example.com", "bea@example.com"
LIST = {"list_id": "12"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("hubspot",)) as running:
        yield running
        assert running.breaches("hubspot") == ()


def record(
    email: str,
    fields: Mapping[str, object] | None = None,
    *,
    by: str = "email",
    op: Op = Op.CHANGE,
    dest_id: str | None = None,
    associations: Mapping[str, str] | None = None,
) -> Record:
    return Record(
        op, email, {by: email}, fields or {}, "e", associations or {}, dest_id
    )


def batch(
    action: Action,
    *records: Record,
    object_name: str = "contacts",
    settings: Mapping[str, str] | None = None,
) -> Batch:
    return Batch(
        sync="hubspot__contacts",
        object=object_name,
        settings=settings or {},
        run_id="r1",
        idempotency_key="i1",
        action=action,
        records=records,
    )


def opened(environ: Mapping[str, str], object_name: str = "contacts", **http: object):
    options = HttpOptions(
        **{
            "policy": POLICY,
            "sleep": lambda _: None,
            "now": lambda: NOW,
            "allow_private_addresses": True,
            **http,
        }
    )
    return DESTINATION.open(
        Opening(
            account="hubspot",
            object=object_name,
            settings={},
            credentials={
                each.name: Secret(
                    environ.get(f"KENNING_HUBSPOT_{each.name.upper()}")
                    or each.default
                    or ""
                )
                for each in DESTINATION.credentials
            },
            base_dir=Path(),
            http=options,
        )
    )


@pytest.fixture
def account(simulator: Simulator) -> Iterator[Destination]:
    with opened(simulator.environ) as destination:
        yield destination


def contacts(simulator: Simulator) -> dict[str, dict[str, object]]:
    """Contacts that the account holds, by address."""
    held = simulator.hold("hubspot").collection("contacts").values()
    return {
        str(each["email"]): {
            name: value for name, value in each.items() if name != "email"
        }
        for each in held
    }


class Line:
    """Answers in turn; notes what was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.asked: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._answers.pop(0)

    def bodies(self) -> list[object]:
        return [json.loads(request.content) for request in self.asked]


def sent_to(
    line: Callable[[httpx.Request], httpx.Response], of: Batch, **http: object
) -> BatchResult:
    transport = httpx.MockTransport(line)
    with opened(ENVIRON, of.object, transport=transport, **http) as destination:
        return destination.send(of)


def answer(
    results: list[object], errors: list[object] | None = None, status: int = 200
) -> httpx.Response:
    body: dict[str, object] = {"status": "COMPLETE", "results": results}
    if errors is not None:
        body |= {"numErrors": len(errors), "errors": errors}
    return httpx.Response(status, json=body)


def refusal(status: int, **body: object) -> httpx.Response:
    return httpx.Response(
        status, json={"status": "error", "message": f"{ADA} is wrong", **body}
    )


# --- records


def test_an_upsert_names_the_property_and_sends_every_value_as_text():
    line = Line(answer([{"id": "1", "objectWriteTraceId": "0"}]))
    fields = {
        "firstname": "Ada",
        "orders": 3,
        "ltv": 4.5,
        "is_vip": True,
        "is_lost": False,
        "city": None,
        "tags": ["a", "b"],
    }

    result = sent_to(line, batch(Action.UPSERT, record(ADA, fields)))

    (asked,) = line.asked
    assert asked.url == "https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert"
    assert asked.headers["authorization"] == "Bearer pat-1"
    assert line.bodies() == [
        {
            "inputs": [
                {
                    "id": ADA,
                    "idProperty": "email",
                    "objectWriteTraceId": "0",
                    "properties": {
                        "firstname": "Ada",
                        "orders": "3",
                        "ltv": "4.5",
                        "is_vip": "true",
                        "is_lost": "false",
                        "city": "",
                        "tags": "a;b",
                    },
                }
            ]
        }
    ]
    assert result == BatchResult(dest_ids={0: "1"})


def test_an_upsert_creates_updates_clears_and_leaves(simulator, account):
    fields = {"firstname": "Ada", "city": "London", "jobtitle": "Countess"}
    first = account.send(batch(Action.UPSERT, record(ADA, fields)))

    second = account.send(
        batch(Action.UPSERT, record(ADA.upper(), {"city": None, "jobtitle": "ça 🦊"}))
    )

    assert contacts(simulator) == {ADA: {"firstname": "Ada", "jobtitle": "ça 🦊"}}
    assert first.dest_ids == second.dest_ids != {}


def test_objects_of_any_name_are_found_by_a_property_of_their_own(simulator, account):
    row = record("c1", {"name": "Acme"}, by="customer_key")

    account.send(batch(Action.UPSERT, row, object_name="p_subscriptions"))

    held = simulator.hold("hubspot").collection("p_subscriptions")
    assert [*held.values()] == [{"name": "Acme", "customer_key": "c1"}]


def test_refused_rows_are_told_apart_and_the_others_are_applied(simulator, account):
    simulator.script(
        "hubspot", Fault(FaultKind.REFUSE_ROWS, rows=("x",), code="INTERNAL_ERROR")
    )
    rows = [
        record(ADA, {"city": "London"}),
        record("no address", {"email": "no address"}),
        record(BEA, {"city": "x"}),
        record("cy@example.com", {"city": "Rome"}),
    ]

    result = account.send(batch(Action.UPSERT, *rows))

    assert result.rejected == (
        RejectedRow(1, ErrorClass.INVALID_FIELD, "VALIDATION_ERROR", "email"),
        RejectedRow(2, ErrorClass.TRANSIENT, "INTERNAL_ERROR", is_retryable=True),
    )
    assert sorted(result.dest_ids) == [0, 3]
    assert sorted(contacts(simulator)) == [ADA, "cy@example.com"]


def test_one_conflict_refuses_the_whole_batch_and_applies_nothing(simulator, account):
    simulator.script(
        "hubspot", Fault(FaultKind.REFUSE_ROWS, rows=("x",), code="CONFLICT")
    )

    with pytest.raises(BatchRefusedError) as caught:
        account.send(batch(Action.UPSERT, record(ADA), record(BEA, {"city": "x"})))

    assert caught.value.error_class is ErrorClass.CONFLICT
    assert caught.value.code == "CONFLICT"
    assert contacts(simulator) == {}


def test_one_address_twice_is_refused_as_a_whole(simulator, account):
    with pytest.raises(BatchRefusedError):
        account.send(batch(Action.UPSERT, record(ADA), record(ADA.upper())))

    assert contacts(simulator) == {}


def test_a_property_that_does_not_exist_stops_the_run(simulator, account):
    with pytest.raises(FatalDeliveryError) as caught:
        account.send(batch(Action.UPSERT, record(ADA, {"unknown_thing": "x"})))

    assert (caught.value.error_class, caught.value.code) == (
        ErrorClass.CONFIG,
        "PROPERTY_DOESNT_EXIST",
    )


def test_a_create_leaves_a_record_that_is_there_alone(simulator, account):
    account.send(batch(Action.CREATE, record(ADA, {"city": "London"})))
    rows = [record(BEA, {"city": "Oslo"}), record(ADA, {"city": "Rome"})]

    result = account.send(batch(Action.CREATE, *rows))

    assert result.rejected == (RejectedRow(1, ErrorClass.CONFLICT, "CONFLICT"),)
    assert list(result.dest_ids) == [0]
    assert contacts(simulator) == {ADA: {"city": "London"}, BEA: {"city": "Oslo"}}


def test_a_create_whose_answer_is_lost_is_told_that_the_records_are_there(
    simulator, account
):
    simulator.script("hubspot", Fault(FaultKind.DROP_AFTER))

    result = account.send(batch(Action.CREATE, record(ADA), record(BEA)))

    assert [row.error_class for row in result.rejected] == [ErrorClass.CONFLICT] * 2
    assert sorted(contacts(simulator)) == [ADA, BEA]


NOBODY = answer([])
CONFLICT = refusal(409, category="CONFLICT")


def test_a_conflict_over_another_property_is_one_of_the_only_row():
    line = Line(CONFLICT, NOBODY)

    result = sent_to(line, batch(Action.CREATE, record(ADA)))

    assert result.rejected == (RejectedRow(0, ErrorClass.CONFLICT, "CONFLICT"),)


@pytest.mark.parametrize(
    "answers",
    [
        (CONFLICT, NOBODY),
        (CONFLICT, answer([{"id": "1", "properties": {"email": ADA}}]), CONFLICT),
    ],
)
def test_a_conflict_that_cannot_be_placed_halves_the_batch(answers):
    rows = [record(ADA), record(BEA), record("c@example.com")]

    with pytest.raises(BatchRefusedError) as caught:
        sent_to(Line(*answers), batch(Action.CREATE, *rows))

    assert caught.value.error_class is ErrorClass.CONFLICT


def test_an_update_looks_up_what_is_not_known_and_creates_nothing(simulator, account):
    ids = account.send(batch(Action.UPSERT, record(ADA), record(BEA))).dest_ids
    rows = [
        record("new@example.com", {"city": "Rome"}),
        record(ADA.upper(), {"city": "London"}),
        record("other@example.com", {"city": "Oslo"}, dest_id=ids[1]),
    ]

    result = account.send(batch(Action.UPDATE, *rows))

    assert result.rejected == (RejectedRow(0, ErrorClass.NOT_FOUND),)
    assert result.dest_ids == {1: ids[0], 2: ids[1]}
    assert contacts(simulator) == {ADA: {"city": "London"}, BEA: {"city": "Oslo"}}


def test_an_update_of_a_record_that_is_gone_says_so(simulator, account):
    ids = account.send(batch(Action.UPSERT, record(ADA))).dest_ids
    rows = [
        record(BEA, {"city": "x"}, dest_id="999"),
        record(ADA, {"city": "y"}, dest_id=ids[0]),
    ]

    result = account.send(batch(Action.UPDATE, *rows))

    assert result == BatchResult((RejectedRow(0, ErrorClass.NOT_FOUND),), {1: ids[0]})


def test_clearing_a_record_that_is_gone_is_done(account):
    rows = [
        record(ADA, {"city": None}, op=Op.REMOVE, dest_id="999"),
        record(BEA, {"city": None}, op=Op.REMOVE),
    ]

    assert account.send(batch(Action.UPDATE, *rows)) == BatchResult()


def test_a_record_found_by_its_id_needs_no_look_up():
    line = Line(answer([{"id": "7"}]))

    sent_to(line, batch(Action.UPDATE, record("7", {"a": "b"}, by="hs_object_id")))

    assert line.bodies() == [
        {"inputs": [{"id": "7", "properties": {"a": "b"}, "objectWriteTraceId": "0"}]}
    ]


def test_two_rows_of_one_record_are_one_update():
    line = Line(answer([{"id": "7"}]))
    rows = [record(ADA, {"a": "1"}, dest_id="7"), record(BEA, {"a": "2"}, dest_id="7")]

    assert sent_to(line, batch(Action.UPDATE, *rows)).rejected == ()
    assert [row["properties"] for row in line.bodies()[0]["inputs"]] == [{"a": "2"}]


def test_a_contact_is_found_by_any_of_its_addresses(simulator, account):
    account.send(
        batch(Action.UPSERT, record(ADA, {"hs_additional_emails": f"x@y.z;{BEA}"}))
    )

    result = account.send(batch(Action.UPDATE, record(BEA, {"city": "Rome"})))

    assert result.rejected == ()
    assert contacts(simulator)[ADA]["city"] == "Rome"


def test_archiving_takes_what_is_named_and_what_is_gone_is_done(simulator, account):
    ids = account.send(batch(Action.UPSERT, record(ADA), record(BEA))).dest_ids
    rows = [
        record(ADA),
        record(ADA.upper(), dest_id=ids[0]),
        record("never@example.com"),
        record("gone@example.com", dest_id="999"),
    ]

    assert account.send(batch(Action.ARCHIVE, *rows)) == BatchResult()
    assert sorted(contacts(simulator)) == [BEA]
    assert [*simulator.hold("hubspot").collection("archived contacts")] == [ids[0]]


def test_nobody_to_archive_makes_no_request_that_writes(simulator, account):
    account.send(batch(Action.ARCHIVE, record(ADA)))

    assert simulator.write_count("hubspot") == 0


def test_an_erasure_bars_the_address_and_takes_the_contact(simulator, account):
    ids = account.send(batch(Action.UPSERT, record(ADA), record(BEA))).dest_ids
    rows = [record(ADA), record("old@example.com", dest_id=ids[1])]
    rows += [record("n@e.com"), record("gone@example.com", dest_id="999")]

    assert account.send(batch(Action.ERASE, *rows)) == BatchResult()
    assert contacts(simulator) == {}
    assert {ADA, BEA, "old@example.com", "n@e.com"} <= simulator.hold("hubspot").erased
    again = account.send(batch(Action.UPSERT, record(ADA, {"email": ADA})))
    assert [row.field for row in again.rejected] == ["email"]


def test_an_erasure_by_another_property_goes_by_the_record_of_today(simulator, account):
    ids = account.send(
        batch(Action.UPSERT, record("c1", {"email": ADA}, by="customer_key"))
    ).dest_ids
    rows = [
        record("c1", by="customer_key", dest_id="999"),
        record("never", by="customer_key"),
    ]

    account.send(batch(Action.ERASE, *rows))

    assert ids[0] not in simulator.hold("hubspot").collection("contacts")
    assert contacts(simulator) == {}


@pytest.mark.parametrize("action", [Action.ARCHIVE, Action.ERASE])
def test_an_answer_to_a_removal_that_is_not_the_known_one_stops_in_doubt(action):
    line = Line(httpx.Response(200, text="<html>"))
    row = record("7", by="hs_object_id")

    with pytest.raises(FatalDeliveryError) as caught:
        sent_to(line, batch(action, row))

    assert caught.value.is_in_doubt


def test_a_404_that_is_not_hubspots_own_erases_nobody():
    line = Line(httpx.Response(404, text="<html>no such page</html>"))

    with pytest.raises(FatalDeliveryError) as caught:
        sent_to(line, batch(Action.ERASE, record("7", by="hs_object_id")))

    assert caught.value.is_in_doubt


# --- answers


def test_rows_are_told_apart_by_their_traces_in_any_order():
    line = Line(
        answer(
            [
                {"id": "3", "objectWriteTraceId": "2"},
                {"id": "1", "objectWriteTraceId": "0"},
            ],
            [
                {
                    "category": "VALIDATION_ERROR",
                    "context": {
                        "objectWriteTraceId": ["1"],
                        "propertyName": ["other", "city"],
                    },
                }
            ],
            207,
        )
    )
    rows = [record(ADA), record(BEA, {"city": "x"}), record("c@example.com")]

    result = sent_to(line, batch(Action.UPSERT, *rows))

    assert result.dest_ids == {0: "1", 2: "3"}
    assert result.rejected == (
        RejectedRow(1, ErrorClass.INVALID_FIELD, "VALIDATION_ERROR", "city"),
    )


def test_without_traces_rows_are_told_apart_by_what_they_are_found_by():
    line = Line(
        answer(
            [{"id": "2", "properties": {"email": BEA}}],
            [{"category": "OBJECT_NOT_FOUND", "context": {"ids": [ADA]}}],
            207,
        )
    )

    result = sent_to(line, batch(Action.UPSERT, record(ADA.upper()), record(BEA)))

    assert result == BatchResult(
        (RejectedRow(0, ErrorClass.NOT_FOUND, "OBJECT_NOT_FOUND"),), {1: "2"}
    )


def test_results_without_any_name_count_and_give_no_ids():
    line = Line(answer([{"id": "2"}, {"id": "1"}]))

    result = sent_to(line, batch(Action.UPSERT, record(ADA), record(BEA)))

    assert result == BatchResult()


@pytest.mark.parametrize(
    "wrong",
    [
        answer([]),
        answer([{"id": "1"}]),
        answer([{"id": "1"}, {"id": "2"}, {"id": "3"}]),
        answer([{"id": "1", "objectWriteTraceId": "0"}] * 2),
        answer(["1", "2"]),
        answer([{"id": 1}, {"id": 2}]),
        answer([{"id": "1"}], [{"category": "VALIDATION_ERROR"}], 207),
        answer([{"id": "1"}, {"id": "2"}], [{"category": "VALIDATION_ERROR"}], 207),
        answer([{"id": "1"}], ["x"], 207),
        answer([{"id": "1"}], [{"context": {"objectWriteTraceId": ["7"]}}], 207),
        answer(
            [{"id": "1", "objectWriteTraceId": "0"}, {"id": "2"}],
            [{"context": {"objectWriteTraceId": ["0"]}}],
            207,
        ),
        answer([], [], 207),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"status": "COMPLETE"}),
        httpx.Response(200, json={"results": [], "errors": {}}),
        httpx.Response(200, text="<html>"),
        httpx.Response(204),
    ],
)
def test_an_answer_that_does_not_account_for_every_row_stops_in_doubt(wrong):
    with pytest.raises(FatalDeliveryError) as caught:
        sent_to(Line(wrong), batch(Action.UPSERT, record(ADA), record(BEA)))

    assert caught.value.is_in_doubt
    assert caught.value.error_class is ErrorClass.INTERNAL


def test_a_complete_answer_that_leaves_an_update_out_stops():
    rows = [record(ADA, dest_id="1"), record(BEA, dest_id="2")]

    with pytest.raises(FatalDeliveryError):
        sent_to(Line(answer([{"id": "1"}])), batch(Action.UPDATE, *rows))


@pytest.mark.parametrize("category", [None, 7, f"{ADA} is taken"])
def test_a_category_that_is_no_word_is_not_kept(category):
    line = Line(
        answer(
            [], [{"category": category, "context": {"objectWriteTraceId": ["0"]}}], 207
        )
    )

    result = sent_to(line, batch(Action.UPSERT, record(ADA)))

    assert result.rejected == (RejectedRow(0, ErrorClass.OTHER),)


@pytest.mark.parametrize("body", [[], {}, {"results": ["1"]}, {"results": [{}]}])
def test_a_look_up_with_another_shape_stops(body):
    with pytest.raises(FatalDeliveryError):
        sent_to(
            Line(httpx.Response(200, json=body)), batch(Action.ARCHIVE, record(ADA))
        )


# --- limits and refusals of the whole


def test_the_days_quota_pauses_the_sync():
    line = Line(refusal(429, policyName="DAILY"))

    with pytest.raises(QuotaExhaustedError) as caught:
        sent_to(line, batch(Action.UPSERT, record(ADA)))

    assert caught.value.resume_at == NOW + timedelta(hours=1)
    assert not caught.value.is_in_doubt


@pytest.mark.parametrize(
    ("throttled", "waited"),
    [
        (refusal(429, policyName="TEN_SECONDLY_ROLLING"), 10.0),
        (refusal(429, policyName="SECONDLY"), 1.0),
        (httpx.Response(429, text="slow down"), 10.0),
        (httpx.Response(429, headers={"retry-after": "4"}), 4.0),
        (httpx.Response(423), 2.0),
    ],
)
def test_a_limit_is_waited_for_as_long_as_it_lasts(throttled, waited):
    waits: list[float] = []
    line = Line(throttled, answer([{"id": "1"}]))

    sent_to(line, batch(Action.UPSERT, record(ADA)), sleep=waits.append)

    assert waits == [waited]


def test_an_account_that_is_being_moved_pauses_the_sync():
    with pytest.raises(QuotaExhaustedError):
        sent_to(Line(httpx.Response(477)), batch(Action.UPSERT, record(ADA)))


@pytest.mark.parametrize(
    ("wrong", "error_class", "code"),
    [
        (refusal(401, category="INVALID_AUTHENTICATION"), ErrorClass.AUTH, None),
        (
            refusal(403, category="MISSING_SCOPES"),
            ErrorClass.PERMISSION,
            "MISSING_SCOPES",
        ),
        (httpx.Response(403, text="<html>"), ErrorClass.PERMISSION, None),
        (refusal(404, category="OBJECT_NOT_FOUND"), ErrorClass.CONFIG, None),
    ],
)
def test_what_would_befall_every_batch_stops_the_run(wrong, error_class, code):
    with pytest.raises(FatalDeliveryError) as caught:
        sent_to(Line(wrong), batch(Action.UPSERT, record(ADA)))

    assert (caught.value.error_class, caught.value.code) == (error_class, code)
    assert ADA not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "error_class", "code"),
    [
        (
            refusal(400, category="VALIDATION_ERROR"),
            ErrorClass.INVALID_FIELD,
            "VALIDATION_ERROR",
        ),
        (refusal(409), ErrorClass.CONFLICT, None),
        (httpx.Response(400, text="?"), ErrorClass.OTHER, None),
        (httpx.Response(400, json=["?"]), ErrorClass.OTHER, None),
    ],
)
def test_a_batch_that_is_refused_as_a_whole_is_halved(wrong, error_class, code):
    with pytest.raises(BatchRefusedError) as caught:
        sent_to(Line(wrong), batch(Action.UPSERT, record(ADA)))

    assert (caught.value.error_class, caught.value.code) == (error_class, code)


def test_what_is_left_of_ten_seconds_is_heeded():
    learned: list[tuple[str, Feedback]] = []

    class Noted(NoLimit):
        def learn(self, group: str, feedback: Feedback) -> None:
            learned.append((group, feedback))

    said = answer([{"id": "1"}])
    said.headers["x-hubspot-ratelimit-remaining"] = "3"
    said.headers["x-hubspot-ratelimit-interval-milliseconds"] = "10000"

    sent_to(Line(said), batch(Action.UPSERT, record(ADA)), limiter=Noted())

    assert learned == [
        ("default", Feedback(is_throttled=False, remaining=3, reset_s=10.0))
    ]


def test_a_lost_answer_leaves_the_batch_in_doubt_and_sending_again_mends_it(
    simulator, account
):
    simulator.script("hubspot", Fault(FaultKind.DROP_AFTER, times=3))
    with pytest.raises(RetryableDeliveryError) as caught:
        account.send(batch(Action.UPSERT, record(ADA)))

    result = account.send(batch(Action.UPSERT, record(ADA)))

    assert caught.value.is_in_doubt
    assert (result.rejected, [*contacts(simulator)]) == ((), [ADA])


@pytest.mark.parametrize(
    "of",
    [
        batch(Action.UPSERT, record("1", by="hs_object_id")),
        batch(Action.CREATE, record("1", by="hs_object_id")),
        batch(Action.UPSERT, record(ADA, {"properties": {"ltv": 1}})),
        batch(Action.UPSERT, record(ADA, {"hs_email_optout": False})),
        batch(Action.UPSERT, record(ADA, {"hs_email_optout_123": True})),
        batch(Action.UPSERT, record(ADA, associations={"company": "1"})),
        batch(Action.UPSERT, record(ADA, by="Email")),
        batch(Action.UPSERT, record(ADA), record("1", by="customer_key")),
    ],
)
def test_what_hubspot_has_no_place_for_is_refused_before_anything_is_sent(of):
    line = Line()

    with pytest.raises(FatalDeliveryError) as caught:
        sent_to(line, of)

    assert line.asked == []
    assert caught.value.error_class is ErrorClass.CONFIG
    assert not caught.value.is_in_doubt
    assert ADA not in str(caught.value)


def test_clearing_leaves_a_subscription_as_it_is():
    line = Line(answer([{"id": "1"}]))

    sent_to(line, batch(Action.UPSERT, record(ADA, {"hs_email_optout": None})))

    assert line.bodies()[0]["inputs"][0]["properties"] == {}


# --- lists


@pytest.fixture
def lists(simulator: Simulator) -> Iterator[Destination]:
    with opened(simulator.environ, "lists") as destination:
        yield destination


def test_records_enter_and_leave_a_list(simulator, account, lists):
    ids = account.send(batch(Action.UPSERT, record(ADA), record(BEA))).dest_ids
    rows = [record(ADA.upper()), record(BEA, dest_id=ids[1])]

    added = lists.send(batch(Action.ADD, *rows, settings=LIST))
    again = lists.send(batch(Action.ADD, *rows, settings=LIST))
    removed = lists.send(batch(Action.REMOVE, rows[0], settings=LIST))

    assert added == again == BatchResult(dest_ids=ids)
    assert removed.rejected == ()
    assert simulator.hold("hubspot").members == {"12": {ids[1]}}


def test_who_is_not_there_cannot_enter_a_list_yet(simulator, account, lists):
    account.send(batch(Action.UPSERT, record(ADA)))
    rows = [record(BEA), record("c@e.com", dest_id="999"), record(ADA)]

    result = lists.send(batch(Action.ADD, *rows, settings=LIST))

    assert result.rejected == (
        RejectedRow(0, ErrorClass.NOT_FOUND, is_retryable=True),
        RejectedRow(1, ErrorClass.NOT_FOUND, is_retryable=True),
    )
    assert list(result.dest_ids) == [2]
    assert len(simulator.hold("hubspot").members["12"]) == 1


def test_who_is_not_there_has_left_a_list(lists):
    rows = [record(BEA), record("c@e.com", dest_id="999")]

    assert lists.send(batch(Action.REMOVE, *rows, settings=LIST)).rejected == ()


def test_a_list_of_other_records_says_which(simulator, account, lists):
    acme = record("a1", {"name": "Acme"}, by="customer_key")
    ids = account.send(batch(Action.UPSERT, acme, object_name="companies")).dest_ids
    settings = {**LIST, "object_type": "companies"}

    lists.send(batch(Action.ADD, record("a1", by="customer_key"), settings=settings))

    assert simulator.hold("hubspot").members == {"12": {ids[0]}}


def test_a_list_that_is_not_there_stops_the_run(account, lists):
    account.send(batch(Action.UPSERT, record(ADA)))

    with pytest.raises(FatalDeliveryError) as caught:
        lists.send(batch(Action.ADD, record(ADA), settings={"list_id": "missing"}))

    assert caught.value.error_class is ErrorClass.CONFIG


@pytest.mark.parametrize("name", ["recordsIdsAdded", "recordIdsAdded"])
def test_both_spellings_of_what_was_added_are_known(name):
    line = Line(httpx.Response(200, json={name: ["7"]}))
    row = record("7", by="hs_object_id")

    result = sent_to(line, batch(Action.ADD, row, object_name="lists", settings=LIST))

    assert line.bodies() == [["7"]]
    assert line.asked[0].url.path == "/crm/v3/lists/12/memberships/add"
    assert result == BatchResult(dest_ids={0: "7"})


@pytest.mark.parametrize(
    "wrong",
    [
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"recordIdsRemoved": []}),
        httpx.Response(200, text="<html>"),
    ],
)
def test_an_answer_about_a_list_that_is_not_the_known_one_stops_in_doubt(wrong):
    row = record("7", by="hs_object_id")

    with pytest.raises(FatalDeliveryError) as caught:
        sent_to(Line(wrong), batch(Action.ADD, row, object_name="lists", settings=LIST))

    assert caught.value.is_in_doubt


# --- what it is


def test_an_empty_batch_asks_nothing():
    line = Line()

    assert sent_to(line, batch(Action.UPSERT)) == BatchResult()
    assert line.asked == []


def test_there_are_no_jobs(account):
    with pytest.raises(JobLostError):
        account.poll("1", batch(Action.UPSERT))


@pytest.mark.parametrize("object_name", ["contacts", "companies", "p_cars", "lists"])
def test_only_contacts_are_erased(object_name):
    with opened(ENVIRON, object_name) as destination:
        assert destination.capabilities.can_erase is (object_name == "contacts")
