"""How Salesforce is told of records, at once and by jobs, and what its answers mean."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from demo.destination_simulator.faults import Fault, FaultKind
from demo.destination_simulator.server import Simulator, running_simulator
from reverse_etl.destinations import salesforce_bulk
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Destination,
    Opening,
    Record,
    RejectedRow,
)
from reverse_etl.destinations.salesforce import DESTINATION
from reverse_etl.destinations.salesforce_csv import job_csv
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    QuotaExhaustedError,
    RetryableDeliveryError,
    SyncConfigurationError,
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
KEY = "Customer_Key__c"
ENVIRON = {
    "KENNING_SALESFORCE_URL": "https://acme.my.salesforce.com",
    "KENNING_SALESFORCE_CLIENT_ID": "app",
    "KENNING_SALESFORCE_CLIENT_SECRET": "secret",
}
BULK = {"api": "bulk"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("salesforce",)) as running:
        yield running
        assert running.breaches("salesforce") == ()


def record(
    key: str,
    fields: Mapping[str, object] | None = None,
    *,
    op: Op = Op.CHANGE,
    dest_id: str | None = None,
    associations: Mapping[str, str] | None = None,
) -> Record:
    return Record(op, key, {KEY: key}, fields or {}, "e", associations or {}, dest_id)


def batch(
    action: Action,
    *records: Record,
    object_name: str = "Contact",
    settings: Mapping[str, str] | None = None,
) -> Batch:
    return Batch(
        sync="salesforce__contacts",
        object=object_name,
        settings=settings or {},
        run_id="r1",
        idempotency_key="i1",
        action=action,
        records=records,
    )


def opened(
    environ: Mapping[str, str],
    settings: Mapping[str, str] | None = None,
    **http: object,
):
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
            account="salesforce",
            object="Contact",
            settings=settings or {},
            credentials={
                each.name: Secret(
                    environ.get(f"KENNING_SALESFORCE_{each.name.upper()}")
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
def org(simulator: Simulator) -> Iterator[Destination]:
    with opened(simulator.environ) as destination:
        yield destination


@pytest.fixture
def bulk_org(simulator: Simulator) -> Iterator[Destination]:
    with opened(simulator.environ, BULK) as destination:
        yield destination


def contacts(simulator: Simulator) -> dict[str, dict[str, object]]:
    """Contacts that the org holds, by external id."""
    held = simulator.hold("salesforce").collection("Contact").values()
    return {str(each[KEY]): {**each} for each in held}


def finished(simulator: Simulator, destination: Destination, of: Batch) -> BatchResult:
    """The result of a batch that becomes a job."""
    job = destination.send(of).job
    assert job is not None
    assert destination.poll(job, of) is None
    assert destination.poll(job, of) is None
    simulator.advance(5)
    result = destination.poll(job, of)
    assert result is not None
    return result


def many(count: int, **fields: object) -> list[Record]:
    return [
        record(f"c{number}", {"LastName": "Byron", **fields}) for number in range(count)
    ]


class Line:
    """Answers to requests, by method and the end of the path; notes what was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.asked: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/services/oauth2/token":
            return httpx.Response(200, json={"access_token": "token"})
        self.asked.append(request)
        return self._answers.pop(0)

    def bodies(self) -> list[object]:
        return [json.loads(request.content) for request in self.asked]


def sent_to(line: Callable[[httpx.Request], httpx.Response], of: Batch) -> BatchResult:
    with opened(ENVIRON, transport=httpx.MockTransport(line)) as destination:
        return destination.send(of)


def ok(*results: object) -> httpx.Response:
    return httpx.Response(200, json=list(results))


def success(record_id: str = "003000000000001AAA") -> Mapping[str, object]:
    return {"id": record_id, "success": True, "errors": []}


def failure(code: str, *fields: str) -> Mapping[str, object]:
    error = {"statusCode": code, "message": "ada@example.com", "fields": list(fields)}
    return {"success": False, "errors": [error]}


def refusal(status: int, code: str, message: str = "ada@example.com") -> httpx.Response:
    return httpx.Response(status, json=[{"errorCode": code, "message": message}])


# --- at once


def test_an_upsert_names_the_object_the_external_id_and_nothing_else():
    line = Line(ok(success()))
    ada = record("c1", {"LastName": "Lovelace", "Title": None, "Score__c": 4.5})

    sent_to(line, batch(Action.UPSERT, ada))

    (asked,) = line.asked
    assert asked.method == "PATCH"
    assert asked.url.path == f"/services/data/v64.0/composite/sobjects/Contact/{KEY}"
    assert asked.headers["authorization"] == "Bearer token"
    assert line.bodies() == [
        {
            "allOrNone": False,
            "records": [
                {
                    "attributes": {"type": "Contact"},
                    KEY: "c1",
                    "LastName": "Lovelace",
                    "Title": None,
                    "Score__c": 4.5,
                }
            ],
        }
    ]


def test_records_with_the_same_parent_go_next_to_each_other():
    line = Line(ok(success("003A"), failure("UNABLE_TO_LOCK_ROW"), success("003B")))
    parents = ({"Account.Key__c": "b"}, {"Account.Key__c": "a"}, {"AccountId": "b"})
    rows = [
        record(f"c{place}", associations=each) for place, each in enumerate(parents)
    ]

    result = sent_to(line, batch(Action.UPSERT, *rows))

    sent = line.bodies()[0]["records"]
    assert [each[KEY] for each in sent] == ["c1", "c0", "c2"]
    assert sent[0]["Account"] == {"Key__c": "a"}
    assert sent[2]["AccountId"] == "b"
    assert [each.position for each in result.rejected] == [0]
    assert result.dest_ids == {1: "003A", 2: "003B"}


def test_an_upsert_creates_updates_clears_and_leaves(simulator, org):
    fields = {"LastName": "Lovelace", "Title": "Countess", "City": "London"}
    first = org.send(batch(Action.UPSERT, record("c1", fields)))

    second = org.send(batch(Action.UPSERT, record("C1", {"Title": None})))

    assert contacts(simulator) == {
        "C1": {KEY: "C1", "LastName": "Lovelace", "City": "London"}
    }
    assert first == BatchResult(dest_ids=second.dest_ids)
    assert len(first.dest_ids) == 1


def test_text_of_any_script_arrives(simulator, org):
    name = "Ångström 🦊 שלום \"x\", 'y'\n"

    org.send(batch(Action.UPSERT, record("ç'1\\", {"LastName": name})))

    assert contacts(simulator)["ç'1\\"]["LastName"] == name


def test_refused_rows_are_told_apart_and_the_others_are_applied(simulator, org):
    rows = [
        record("c1", {"LastName": "Lovelace"}),
        record("c2", {"LastName": "Byron", "Email": "no address"}),
        record("c3", {"FirstName": "Ada"}),
        record("c4", {"LastName": "King"}),
    ]

    result = org.send(batch(Action.UPSERT, *rows))

    assert result.rejected == (
        RejectedRow(1, ErrorClass.INVALID_FIELD, "INVALID_EMAIL_ADDRESS", "Email"),
        RejectedRow(2, ErrorClass.INVALID_FIELD, "REQUIRED_FIELD_MISSING", "LastName"),
    )
    assert sorted(contacts(simulator)) == ["c1", "c4"]
    assert sorted(result.dest_ids) == [0, 3]


@pytest.mark.parametrize(
    ("code", "error_class", "is_retryable"),
    [
        ("UNABLE_TO_LOCK_ROW", ErrorClass.TRANSIENT, True),
        ("QUERY_TIMEOUT", ErrorClass.TRANSIENT, True),
        ("DUPLICATE_VALUE", ErrorClass.CONFLICT, False),
        ("DUPLICATES_DETECTED", ErrorClass.CONFLICT, False),
        ("ENTITY_IS_DELETED", ErrorClass.NOT_FOUND, False),
        ("MISSING_ARGUMENT", ErrorClass.INVALID_KEY, False),
        ("STRING_TOO_LONG", ErrorClass.INVALID_FIELD, False),
        ("SOMETHING_NEW", ErrorClass.OTHER, False),
    ],
)
def test_each_code_has_a_class(code, error_class, is_retryable):
    line = Line(ok(failure(code)))

    result = sent_to(line, batch(Action.UPSERT, record("c1")))

    assert result.rejected == (
        RejectedRow(0, error_class, code, is_retryable=is_retryable),
    )


@pytest.mark.parametrize(
    "result",
    [
        {"success": False, "errors": []},
        {"success": False},
        {"success": False, "errors": ["ada@example.com"]},
        failure("ada@example.com is no code"),
    ],
)
def test_a_refusal_without_a_code_is_still_one(result):
    found = sent_to(Line(ok(result)), batch(Action.UPSERT, record("c1")))

    assert found.rejected == (RejectedRow(0, ErrorClass.OTHER),)


@pytest.mark.parametrize(
    "answer",
    [
        ok(),
        ok(success(), success()),
        ok({"id": "003"}),
        ok("003"),
        httpx.Response(200, json={"results": []}),
        httpx.Response(200, text="<html>"),
        httpx.Response(204),
    ],
)
def test_an_answer_that_does_not_account_for_every_row_stops_in_doubt(answer):
    with pytest.raises(FatalDeliveryError) as caught:
        sent_to(Line(answer), batch(Action.UPSERT, record("c1")))

    assert caught.value.is_in_doubt
    assert caught.value.error_class is ErrorClass.INTERNAL


def test_a_create_leaves_a_record_that_is_there_alone(simulator, org):
    org.send(batch(Action.CREATE, record("c1", {"LastName": "Lovelace"})))

    result = org.send(batch(Action.CREATE, record("c1", {"LastName": "Byron"})))

    assert result.rejected == (
        RejectedRow(0, ErrorClass.CONFLICT, "DUPLICATE_VALUE", KEY),
    )
    assert contacts(simulator)["c1"]["LastName"] == "Lovelace"


def test_an_update_finds_records_and_creates_none(simulator, org):
    org.send(batch(Action.UPSERT, record("o'Neil", {"LastName": "Lovelace"})))
    rows = [record("new", {"Title": "x"}), record("O'NEIL", {"Title": "Countess"})]

    result = org.send(batch(Action.UPDATE, *rows))

    assert result.rejected == (RejectedRow(0, ErrorClass.NOT_FOUND),)
    assert list(result.dest_ids) == [1]
    assert contacts(simulator) == {
        "o'Neil": {KEY: "o'Neil", "LastName": "Lovelace", "Title": "Countess"}
    }


def test_an_update_by_a_known_id_looks_nothing_up(simulator, org):
    ids = org.send(batch(Action.UPSERT, record("c1", {"LastName": "King"}))).dest_ids
    before = org.request_count

    org.send(batch(Action.UPDATE, record("c1", {"Title": "x"}, dest_id=ids[0])))

    assert org.request_count == before + 1
    assert contacts(simulator)["c1"]["Title"] == "x"


def test_clearing_a_record_that_is_gone_is_done(simulator, org):
    gone = record("c1", {"Title": None}, op=Op.REMOVE, dest_id="003000000000001AAA")
    never = record("c2", {"Title": None}, op=Op.REMOVE)

    assert org.send(batch(Action.UPDATE, gone, never)) == BatchResult()


def test_a_delete_takes_only_what_is_named_and_what_is_gone_is_done(simulator, org):
    org.send(batch(Action.UPSERT, *many(3)))
    org.send(batch(Action.DELETE, record("c0", op=Op.REMOVE)))
    rows = [record("c0"), record("c1"), record("never", dest_id="003000000000009AAA")]

    result = org.send(batch(Action.DELETE, *rows))

    assert result == BatchResult()
    assert sorted(contacts(simulator)) == ["c2"]
    assert len(simulator.hold("salesforce").collection("recycle bin")) == 2


def test_nothing_to_delete_makes_no_request_that_writes(simulator, org):
    org.send(batch(Action.DELETE, record("never")))

    assert simulator.write_count("salesforce") == 0


@pytest.mark.parametrize("others", ["c1", "C1"])
def test_an_external_id_that_several_records_have_touches_none(others):
    rows = [{"Id": "003A", KEY: others}, {"Id": "003B", KEY: others}]
    line = Line(httpx.Response(200, json={"done": True, "records": rows}))

    with pytest.raises(FatalDeliveryError, match="Unique") as caught:
        sent_to(line, batch(Action.DELETE, record("c1")))

    assert caught.value.error_class is ErrorClass.CONFIG
    assert not caught.value.is_in_doubt


def test_the_very_value_comes_before_one_in_other_letters():
    rows = [{"Id": "003A", KEY: "C1"}, {"Id": "003B", KEY: "c1"}]
    line = Line(
        httpx.Response(200, json={"done": True, "records": rows}), ok(success("003B"))
    )

    sent_to(line, batch(Action.DELETE, record("c1")))

    assert parse_qs(line.asked[1].url.query.decode())["ids"] == ["003B"]


def test_a_look_up_goes_on_where_it_ended_and_quotes_what_it_asks_for():
    line = Line(
        httpx.Response(
            200,
            json={
                "done": False,
                "records": [{"Id": "003A", KEY: "a'b\\"}],
                "nextRecordsUrl": "/services/data/v64.0/query/01g-2000",
            },
        ),
        httpx.Response(200, json={"done": True, "records": [{"Id": "003B", KEY: "c"}]}),
        ok(success(), success()),
    )

    sent_to(line, batch(Action.DELETE, record("a'b\\"), record("c")))

    assert parse_qs(line.asked[0].url.query.decode())["q"] == [
        f"SELECT Id, {KEY} FROM Contact WHERE {KEY} IN ('a\\'b\\\\','c')"
    ]
    assert line.asked[1].url.path == "/services/data/v64.0/query/01g-2000"
    assert parse_qs(line.asked[2].url.query.decode())["ids"] == ["003A,003B"]


def test_a_name_that_is_more_than_a_name_is_never_asked_for():
    line = Line()
    wrong = replace(
        batch(Action.DELETE, record("c")), object="Contact WHERE Id != null"
    )

    with pytest.raises(ValueError, match="no plain name"):
        sent_to(line, wrong)

    assert line.asked == []


def test_a_long_look_up_is_cut_into_queries_that_fit_a_url():
    empty = httpx.Response(200, json={"done": True, "records": []})
    line = Line(empty, empty, empty, empty)
    rows = [record("ä" * 40 + str(number)) for number in range(150)]

    sent_to(line, batch(Action.DELETE, *rows))

    lengths = [len(str(asked.url)) for asked in line.asked]
    assert len(lengths) == 4
    assert max(lengths) < 16_000


@pytest.mark.parametrize(
    "body", [[], {}, {"records": ["003A"]}, {"records": [{"Id": "003A", KEY: 7}]}]
)
def test_a_look_up_with_another_shape_stops(body):
    line = Line(httpx.Response(200, json=body))

    with pytest.raises(FatalDeliveryError):
        sent_to(line, batch(Action.UPDATE, record("c1")))


@pytest.mark.parametrize("match", [{"A__c": "1", "B__c": "2"}, {"A__c, Name": "1"}])
def test_one_field_finds_a_record_and_nothing_else_passes_for_one(match):
    row = Record(Op.ADD, "c1", match, {}, "e")

    with pytest.raises(FatalDeliveryError) as caught:
        sent_to(Line(), batch(Action.UPSERT, row))

    assert caught.value.error_class is ErrorClass.CONFIG
    assert not caught.value.is_in_doubt


def test_records_found_by_their_own_id_need_no_look_up():
    line = Line(ok(success()))
    row = Record(
        Op.CHANGE, "k", {"Id": "003000000000001AAA"}, {"Title": "x", "Id": "y"}, "e"
    )

    sent_to(line, batch(Action.UPDATE, row))

    assert line.bodies()[0]["records"] == [
        {
            "attributes": {"type": "Contact"},
            "id": "003000000000001AAA",
            "Title": "x",
        }
    ]


@pytest.mark.parametrize("count", [1, 201])
@pytest.mark.parametrize("value", [False, "no", 0])
def test_an_opt_out_is_never_taken_back(count, value):
    line = Line()

    with pytest.raises(FatalDeliveryError, match="HasOptedOutOfEmail") as caught:
        sent_to(line, batch(Action.UPSERT, *many(count, HasOptedOutOfEmail=value)))

    assert caught.value.error_class is ErrorClass.CONFIG
    assert line.asked == []


def test_an_opt_out_is_set_and_clearing_leaves_it():
    line = Line(ok(success(), success()))
    rows = [record("c1", {"DoNotCall": True}), record("c2", {"DoNotCall": None})]

    sent_to(line, batch(Action.UPSERT, *rows))

    first, second = line.bodies()[0]["records"]
    assert first["DoNotCall"] is True
    assert "DoNotCall" not in second


def to_be_cleared(people: Iterable[Record]) -> list[Record]:
    empty = {"LastName": None, "FirstName": None}
    return [each._replace(op=Op.REMOVE, fields=empty) for each in people]


def test_clearing_leaves_what_salesforce_lets_nobody_empty(simulator, org):
    people = many(2, FirstName="Ada")
    org.send(batch(Action.UPSERT, *people))

    result = org.send(batch(Action.UPDATE, *to_be_cleared(people)))

    assert result.rejected == ()
    assert contacts(simulator)["c1"] == {KEY: "c1", "LastName": "Byron"}


def test_so_does_clearing_by_a_job(simulator, bulk_org):
    people = many(201, FirstName="Ada")
    finished(simulator, bulk_org, batch(Action.UPSERT, *people, settings=BULK))

    cleared = batch(Action.UPDATE, *to_be_cleared(people), settings=BULK)
    result = finished(simulator, bulk_org, cleared)

    assert result.rejected == ()
    assert contacts(simulator)["c200"] == {KEY: "c200", "LastName": "Byron"}


# --- what a refusal of the whole means


def test_the_days_quota_ends_the_run_until_some_of_it_is_back():
    line = Line(refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))

    with pytest.raises(QuotaExhaustedError) as caught:
        sent_to(line, batch(Action.UPSERT, record("c1")))

    assert caught.value.resume_at == NOW + timedelta(hours=1)
    assert not caught.value.is_in_doubt


def test_too_many_at_once_is_waited_for():
    line = Line(
        refusal(
            403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (…) Limit exceeded."
        ),
        ok(success()),
    )

    assert sent_to(line, batch(Action.UPSERT, record("c1"))).rejected == ()


@pytest.mark.parametrize(
    ("answer", "error_class", "code"),
    [
        (refusal(403, "API_DISABLED_FOR_ORG"), ErrorClass.PERMISSION, None),
        (
            refusal(400, "FEATURENOTENABLED"),
            ErrorClass.PERMISSION,
            "FEATURENOTENABLED",
        ),
        (refusal(404, "NOT_FOUND"), ErrorClass.CONFIG, None),
        (refusal(400, "INVALID_TYPE"), ErrorClass.CONFIG, "INVALID_TYPE"),
        (httpx.Response(403, text="<html>"), ErrorClass.PERMISSION, None),
        (httpx.Response(403, json={"a": 1}), ErrorClass.PERMISSION, None),
        (httpx.Response(404, json=["a"]), ErrorClass.CONFIG, None),
    ],
)
def test_what_would_befall_every_batch_stops_the_run(answer, error_class, code):
    with pytest.raises(FatalDeliveryError) as caught:
        sent_to(Line(answer), batch(Action.UPSERT, record("c1")))

    assert (caught.value.error_class, caught.value.code) == (error_class, code)
    assert "ada@example.com" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusal(400, "JSON_PARSER_ERROR"), "JSON_PARSER_ERROR"),
        (refusal(400, "ada@example.com"), None),
    ],
)
def test_a_batch_that_is_refused_as_a_whole_is_halved(answer, code):
    with pytest.raises(BatchRefusedError) as caught:
        sent_to(Line(answer), batch(Action.UPSERT, record("c1")))

    assert caught.value.code == code


def test_a_session_that_ended_is_renewed_once():
    line = Line(refusal(401, "INVALID_SESSION_ID"), ok(success()))

    assert sent_to(line, batch(Action.UPSERT, record("c1"))).rejected == ()


def test_an_object_that_is_not_there_stops_the_run(simulator, org):
    with pytest.raises(FatalDeliveryError) as caught:
        org.send(batch(Action.UPSERT, record("c1"), object_name="Missing__c"))

    assert caught.value.error_class is ErrorClass.CONFIG


def test_what_is_left_of_the_quota_is_heeded():
    learned: list[tuple[str, Feedback]] = []

    class Noted(NoLimit):
        def learn(self, group: str, feedback: Feedback) -> None:
            learned.append((group, feedback))

    answer = httpx.Response(
        200, json=[success()], headers={"sforce-limit-info": "api-usage=4990/5000"}
    )
    line = httpx.MockTransport(Line(answer))
    with opened(ENVIRON, transport=line, limiter=Noted()) as destination:
        destination.send(batch(Action.UPSERT, record("c1")))

    assert learned == [("default", Feedback(is_throttled=False, remaining=10))]


def test_a_lost_answer_leaves_the_batch_in_doubt_and_sending_again_mends_it(
    simulator, org
):
    simulator.script("salesforce", Fault(FaultKind.DROP_AFTER, times=3))
    with pytest.raises(RetryableDeliveryError) as caught:
        org.send(batch(Action.UPSERT, *many(2)))

    result = org.send(batch(Action.UPSERT, *many(2)))

    assert caught.value.is_in_doubt
    assert (result.rejected, len(contacts(simulator))) == ((), 2)


# --- jobs


def test_few_rows_go_at_once_even_with_jobs(simulator, bulk_org):
    result = bulk_org.send(batch(Action.UPSERT, *many(200), settings=BULK))

    assert result.job is None
    assert len(contacts(simulator)) == 200


def test_a_job_upserts_and_tells_its_rows_apart(simulator, bulk_org):
    rows = [*many(201), record("c201", {"LastName": "King", "Email": "none"})]

    result = finished(simulator, bulk_org, batch(Action.UPSERT, *rows))

    assert result.rejected == (
        RejectedRow(201, ErrorClass.INVALID_FIELD, "INVALID_EMAIL_ADDRESS", "Email"),
    )
    assert len(contacts(simulator)) == 201
    held = simulator.hold("salesforce").collection("Contact")
    assert {held[result.dest_ids[place]][KEY] for place in (0, 7, 200)} == {
        "c0",
        "c7",
        "c200",
    }


def test_a_job_creates_updates_and_deletes(simulator, bulk_org):
    created = finished(simulator, bulk_org, batch(Action.CREATE, *many(201)))
    changes = [*many(201, Title="Countess"), record("never", {"Title": "x"})]
    updated = finished(simulator, bulk_org, batch(Action.UPDATE, *changes))
    titles = {str(each["Title"]) for each in contacts(simulator).values()}
    deleted = finished(simulator, bulk_org, batch(Action.DELETE, *changes))

    assert created.rejected == ()
    assert updated.rejected == (RejectedRow(201, ErrorClass.NOT_FOUND),)
    assert updated.dest_ids == created.dest_ids
    assert titles == {"Countess"}
    assert deleted == BatchResult()
    assert contacts(simulator) == {}


def test_in_a_job_null_clears_and_an_absent_field_is_left(simulator, bulk_org):
    finished(
        simulator,
        bulk_org,
        batch(Action.UPSERT, *many(201, Title="x", City="y", Is__c=True)),
    )
    changes = [
        record("c0", {"Title": None}),
        record("c1", {"Title": ""}),
        *many(201, City="z")[2:],
    ]

    finished(simulator, bulk_org, batch(Action.UPSERT, *changes))

    held = contacts(simulator)
    assert "Title" not in held["c0"]
    assert "Title" not in held["c1"]
    assert (held["c2"]["Title"], held["c0"]["City"]) == ("x", "y")
    assert held["c2"]["City"] == "z"
    assert held["c2"]["Is__c"] == "true"


def test_the_file_of_a_job_quotes_nests_and_places_children_together():
    rows = [
        record("b,1", {"Name": 'a "quoted"\nline', "N": 1.5, "L": ["p", "q"]}),
        record("c", {"Address": {"City": "Oslo"}}, associations={"Account.K__c": "z"}),
        record("ü", {"Name": None}, associations={"Account.K__c": "a"}),
    ]
    of = batch(Action.UPSERT, *rows)

    text = job_csv(of, [each.key for each in rows]).decode()

    assert text == (
        f"{KEY},Name,N,L,Account.K__c,Address.City\n"
        '"b,1","a ""quoted""\nline",1.5,p;q,,\n'
        "ü,#N/A,,,a,\n"
        "c,,,,z,Oslo\n"
    )


def test_a_row_lock_in_a_job_may_be_tried_again(simulator, bulk_org):
    simulator.script(
        "salesforce",
        Fault(FaultKind.REFUSE_ROWS, rows=("c5",), code="UNABLE_TO_LOCK_ROW"),
    )

    result = finished(simulator, bulk_org, batch(Action.UPSERT, *many(201)))

    assert result.rejected == (
        RejectedRow(5, ErrorClass.TRANSIENT, "UNABLE_TO_LOCK_ROW", is_retryable=True),
    )


def test_two_rows_with_one_external_id_are_both_accounted_for(simulator, bulk_org):
    rows = [*many(201), record("c0", {"LastName": "King"})]

    result = finished(simulator, bulk_org, batch(Action.UPSERT, *rows))

    assert result.rejected == ()
    assert len(result.dest_ids) == 202


def test_an_erasure_passes_the_recycle_bin_by(simulator, org):
    ids = org.send(batch(Action.UPSERT, *many(3))).dest_ids
    rows = [record("c0"), record("c1", dest_id=ids[1]), record("never")]

    result = finished(simulator, org, batch(Action.ERASE, *rows))

    hold = simulator.hold("salesforce")
    assert result == BatchResult()
    assert hold.erased == {ids[0], ids[1]}
    assert hold.collection("recycle bin") == {}
    assert sorted(contacts(simulator)) == ["c2"]


def test_an_erasure_takes_the_record_that_has_the_identifier_today(simulator, org):
    ids = org.send(batch(Action.UPSERT, *many(1))).dest_ids
    stale = record("c0", dest_id="003000000000009AAA")

    finished(simulator, org, batch(Action.ERASE, stale))

    assert simulator.hold("salesforce").erased == {ids[0]}


def test_an_erasure_of_nobody_is_done_at_once(simulator, org):
    assert org.send(batch(Action.ERASE, record("never"))) == BatchResult()
    assert simulator.write_count("salesforce") == 0


def test_an_erasure_that_is_refused_is_said_to_be(simulator, org):
    org.send(batch(Action.UPSERT, *many(2)))
    simulator.script(
        "salesforce", Fault(FaultKind.REFUSE_ROWS, rows=("c1",), code="LOCKED_BY_LAW")
    )

    result = finished(simulator, org, batch(Action.ERASE, record("c0"), record("c1")))

    assert result.rejected == (RejectedRow(1, ErrorClass.OTHER, "LOCKED_BY_LAW"),)


def test_a_user_that_may_not_erase_stops_the_run():
    found = {"done": True, "records": [{"Id": "003A", KEY: "c1"}]}
    line = Line(httpx.Response(200, json=found), refusal(400, "FEATURENOTENABLED"))

    with pytest.raises(FatalDeliveryError) as caught:
        sent_to(line, batch(Action.ERASE, record("c1")))

    assert caught.value.error_class is ErrorClass.PERMISSION


def test_a_job_that_was_filled_but_not_closed_is_closed_by_the_next_poll(
    simulator, bulk_org
):
    of = batch(Action.UPSERT, *many(201))
    job = bulk_org.send(of).job
    simulator.script(
        "salesforce",
        Fault(FaultKind.STATUS, status=503, operation="close_job", times=3),
    )
    with pytest.raises(RetryableDeliveryError):
        bulk_org.poll(job, of)

    assert bulk_org.poll(job, of) is None
    simulator.advance(5)
    assert bulk_org.poll(job, of).rejected == ()


@pytest.mark.parametrize("operation", ["fill_job", "close_job"])
def test_a_step_of_a_job_whose_answer_is_lost_is_taken_once(
    simulator, bulk_org, operation
):
    of = batch(Action.UPSERT, *many(201))
    job = bulk_org.send(of).job
    simulator.script("salesforce", Fault(FaultKind.DROP_AFTER, operation=operation))

    assert bulk_org.poll(job, of) is None

    simulator.advance(5)
    assert bulk_org.poll(job, of).rejected == ()
    assert len(contacts(simulator)) == 201


@pytest.mark.parametrize(
    ("kind", "is_in_doubt", "code"),
    [(FaultKind.JOB_FAILS, False, "Failed"), (FaultKind.JOB_VANISHES, True, None)],
)
def test_a_job_that_fails_or_vanishes_is_lost(
    simulator, bulk_org, kind, is_in_doubt, code
):
    of = batch(Action.UPSERT, *many(201))
    simulator.script("salesforce", Fault(kind))
    job = bulk_org.send(of).job

    with pytest.raises(JobLostError) as caught:
        bulk_org.poll(job, of)

    assert (caught.value.is_in_doubt, caught.value.code) == (is_in_doubt, code)


def test_a_job_with_a_field_that_is_not_there_says_so(simulator, bulk_org):
    of = batch(Action.UPSERT, *many(201, Unknown__c="x"))
    job = bulk_org.send(of).job
    bulk_org.poll(job, of)
    simulator.advance(5)

    with pytest.raises(JobLostError, match="fields") as caught:
        bulk_org.poll(job, of)

    assert caught.value.error_class is ErrorClass.CONFIG
    assert not caught.value.is_in_doubt


def test_a_job_of_an_object_that_is_not_there_stops_the_run(simulator, bulk_org):
    with pytest.raises(FatalDeliveryError) as caught:
        bulk_org.send(batch(Action.UPSERT, *many(201), object_name="Missing__c"))

    assert (caught.value.error_class, caught.value.code) == (
        ErrorClass.CONFIG,
        "INVALIDENTITY",
    )


def test_a_file_that_is_refused_ends_the_job():
    of = batch(Action.UPSERT, *many(201))
    line = Line(
        httpx.Response(200, json={"id": "750A1", "state": "Open"}),
        refusal(400, "CLIENTINPUTERROR", "LineEnding is invalid on user data"),
        httpx.Response(200, json={"id": "750A1", "state": "Aborted"}),
    )
    with (
        opened(ENVIRON, BULK, transport=httpx.MockTransport(line)) as destination,
        pytest.raises(JobLostError) as caught,
    ):
        destination.poll("750A1", of)

    assert not caught.value.is_in_doubt
    assert json.loads(line.asked[-1].content) == {"state": "Aborted"}


def test_a_file_that_is_too_large_is_refused_before_any_job(monkeypatch):
    monkeypatch.setattr(salesforce_bulk, "MAX_JOB_BYTES", 2_000)
    line = Line()

    with pytest.raises(BatchRefusedError) as caught:
        sent_to(line, batch(Action.UPSERT, *many(201)))

    assert caught.value.is_too_large
    assert line.asked == []


HEAD = f'"sf__Id","sf__Created",{KEY}\n'
FAILED = f'"sf__Id","sf__Error",{KEY}\n'


def job_result(done: str, failed: str, left: str, processed: int = 2) -> BatchResult:
    job = {"id": "750", "state": "JobComplete", "numberRecordsProcessed": processed}
    line = Line(
        httpx.Response(200, json=job),
        *(httpx.Response(200, text=text) for text in (done, failed, left)),
    )
    of = batch(Action.UPSERT, record("c0"), record("c1"), record("c2"))
    with opened(ENVIRON, BULK, transport=httpx.MockTransport(line)) as destination:
        result = destination.poll("750", of)
    assert result is not None
    return result


def test_rows_that_a_job_did_not_come_to_may_be_tried_again():
    result = job_result(
        f"{HEAD}003A,true,c2\n",
        f'{FAILED},"REQUIRED_FIELD_MISSING:missing: [LastName]:LastName --",c0\n',
        f"{KEY}\nc1\n",
    )

    assert result.dest_ids == {2: "003A"}
    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_FIELD, "REQUIRED_FIELD_MISSING", "LastName"),
        RejectedRow(1, ErrorClass.TRANSIENT, "UNPROCESSED", is_retryable=True),
    )


@pytest.mark.parametrize(
    ("error", "code", "field"),
    [
        ("DUPLICATE_VALUE:duplicates a value:--", "DUPLICATE_VALUE", None),
        ("STRING_TOO_LONG:Name: a\nb: c:A, B --", "STRING_TOO_LONG", None),
        ("something else", None, None),
    ],
)
def test_the_error_of_a_row_is_a_code_and_perhaps_a_field(error, code, field):
    result = job_result(
        f"{HEAD}003A,true,c0\n003B,true,c1\n", f'{FAILED},"{error}",c2\n', "", 3
    )

    assert [(row.code, row.field) for row in result.rejected] == [(code, field)]


@pytest.mark.parametrize(
    ("done", "failed", "left", "processed"),
    [
        (f"{HEAD}003A,true,c0\n", "", "", 2),
        (f"{HEAD}003A,true,c0\n003B,true,c1\n", "", "", 2),
        (f"{HEAD}003A,true,c0\n", "", f"{KEY}\nc1\nc2\n", 2),
        (HEAD, f"{FAILED},UNKNOWN:x:--,c0\n,UNKNOWN:x:--,c9\n", f"{KEY}\nc1\n", 2),
    ],
)
def test_results_that_do_not_account_for_every_row_are_in_doubt(
    done, failed, left, processed
):
    with pytest.raises(JobLostError) as caught:
        job_result(done, failed, left, processed)

    assert caught.value.is_in_doubt


@pytest.mark.parametrize(
    "done", ["<html>\n<p>\n", f"{HEAD}003A\n", f"{KEY}\nc0\n", '"\n', "\xff"]
)
def test_results_of_another_shape_stop_the_run(done):
    with pytest.raises(FatalDeliveryError):
        job_result(done, "", "")


@pytest.mark.parametrize("answer", [[], {}, {"id": "750", "state": "Thinking"}])
def test_a_job_of_another_shape_stops_the_run(answer):
    line = Line(httpx.Response(200, json=answer))
    with (
        opened(ENVIRON, transport=httpx.MockTransport(line)) as destination,
        pytest.raises(FatalDeliveryError),
    ):
        destination.poll("750", batch(Action.UPSERT, record("c1")))


def test_an_id_of_a_job_that_could_be_a_path_is_not_taken():
    line = Line(httpx.Response(200, json={"id": "../x", "state": "Open"}))

    with pytest.raises(FatalDeliveryError):
        sent_to(line, batch(Action.UPSERT, *many(201)))


# --- who we are


def test_the_client_secret_is_exchanged_for_a_token():
    asked: list[httpx.Request] = []

    def line(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        is_token = request.url.path == "/services/oauth2/token"
        return httpx.Response(
            200, json={"access_token": "t"} if is_token else [success()]
        )

    sent_to(line, batch(Action.UPSERT, record("c1")))

    assert parse_qs(asked[0].content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["app"],
        "client_secret": ["secret"],
    }
    assert str(asked[0].url) == "https://acme.my.salesforce.com/services/oauth2/token"


def test_a_wrong_secret_stops_the_run(simulator):
    environ = {**simulator.environ, "KENNING_SALESFORCE_CLIENT_SECRET": "wrong"}

    with opened(environ) as destination, pytest.raises(FatalDeliveryError) as caught:
        destination.send(batch(Action.UPSERT, record("c1")))

    assert caught.value.error_class is ErrorClass.AUTH
    assert not caught.value.is_in_doubt


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"CLIENT_SECRET": ""}, "client_secret"),
        ({"USERNAME": "ada@example.com", "PRIVATE_KEY": "no key"}, "RSA"),
    ],
)
def test_without_a_secret_or_a_key_nothing_is_opened(environ, named):
    given = {f"KENNING_SALESFORCE_{name}": text for name, text in environ.items()}

    with (
        pytest.raises(SyncConfigurationError, match=named),
        opened({**ENVIRON, **given}),
    ):
        pass


def test_an_api_that_does_not_exist_is_refused():
    with (
        pytest.raises(SyncConfigurationError, match="collections, bulk"),
        opened(ENVIRON, {"api": "soap"}),
    ):
        pass


def test_batches_are_as_large_as_the_api_takes():
    with opened(ENVIRON) as small, opened(ENVIRON, BULK) as large:
        sizes: Sequence[int | None] = [
            each.capabilities.max_batch_rows for each in (small, large)
        ]

    assert sizes == [200, 10_000]


def test_an_empty_batch_asks_nothing():
    line = Line()

    assert sent_to(line, batch(Action.UPSERT)) == BatchResult()
    assert line.asked == []
