"""Webhooks: what is posted, how it is signed, and what an answer may say."""

import contextlib
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, running_simulator
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Idempotency,
    Opening,
    Record,
    RejectedRow,
)
from reverse_etl.destinations.webhook import DESTINATION, WebhookDestination
from reverse_etl.errors import (
    BatchRefusedError,
    DeliveryError,
    FatalDeliveryError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
SECRET = "s3cret"
POLICY = RetryPolicy(max_attempts=2, first_wait_s=0.0)

ADA = Record(
    Op.ADD,
    "c1",
    {"id": "c1"},
    {"email": "ada@example.com", "note": None, "address": {"city": "Tromsø"}},
    "e1",
)
BO = Record(Op.CHANGE, "c2", {"id": "c2"}, {"email": "bo@example.com"}, "e2")


def batch(*records: Record, action: Action = Action.UPSERT, **changes: str) -> Batch:
    return Batch(
        sync="hook__people",
        object="people",
        settings={},
        run_id="run-1",
        idempotency_key=changes.get("key", "sync-run-batch-1"),
        action=action,
        records=records,
    )


class Receiver:
    """An address that answers what a test says, and keeps what it was sent."""

    def __init__(self, *answers: httpx.Response) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answers.pop(0)

    @property
    def body(self) -> object:
        return json.loads(self.requests[-1].content)


@contextlib.contextmanager
def opened(
    receiver: Receiver,
    settings: dict[str, str] | None = None,
    url: str = "https://hooks.example.com/in/T0ken42/?v=1",
    **credentials: str,
) -> Iterator[WebhookDestination]:
    given = {"secret": SECRET, "old_secret": "", "token": ""} | credentials
    opening = Opening(
        account="webhook",
        object="people",
        settings=settings or {},
        credentials={
            name: Secret(text) for name, text in (given | {"url": url}).items()
        },
        base_dir=Path("unused"),
        http=HttpOptions(
            policy=POLICY,
            transport=httpx.MockTransport(receiver),
            now=lambda: NOW,
            sleep=lambda _: None,
        ),
    )
    with DESTINATION.open(opening) as destination:
        assert isinstance(destination, WebhookDestination)
        yield destination


def sent(*answers: httpx.Response, records=(ADA, BO)) -> BatchResult:
    with opened(Receiver(*answers)) as destination:
        return destination.send(batch(*records))


def results(*entries: object) -> httpx.Response:
    return httpx.Response(200, json={"results": list(entries)})


def test_a_batch_is_posted_whole_to_the_very_address():
    receiver = Receiver(httpx.Response(204))

    with opened(receiver) as destination:
        destination.send(batch(ADA, BO))

    assert str(receiver.requests[0].url) == "https://hooks.example.com/in/T0ken42/?v=1"
    assert receiver.body == {
        "version": 1,
        "sync": "hook__people",
        "object": "people",
        "action": "upsert",
        "run_id": "run-1",
        "batch_id": "sync-run-batch-1",
        "rows": [
            {
                "op": "add",
                "key": "c1",
                "event_id": "e1",
                "match": {"id": "c1"},
                "fields": {
                    "email": "ada@example.com",
                    "note": None,
                    "address": {"city": "Tromsø"},
                },
            },
            {
                "op": "change",
                "key": "c2",
                "event_id": "e2",
                "match": {"id": "c2"},
                "fields": {"email": "bo@example.com"},
            },
        ],
    }


def test_a_row_carries_its_associations_and_the_id_that_was_given_to_it():
    receiver = Receiver(httpx.Response(200))

    with opened(receiver) as destination:
        destination.send(
            batch(ADA._replace(associations={"company": "42"}, dest_id="r7"))
        )

    row = receiver.body["rows"][0]
    assert (row["associations"], row["id"]) == ({"company": "42"}, "r7")


def test_one_row_at_a_time_when_the_settings_say_so():
    receiver = Receiver(httpx.Response(200))

    with opened(receiver, {"form": "row"}) as destination:
        destination.send(batch(ADA))
        assert destination.capabilities.max_batch_rows == 1

    assert receiver.body["row"]["key"] == "c1"
    assert "rows" not in receiver.body


def test_headers_name_run_and_batch():
    receiver = Receiver(httpx.Response(200))

    with opened(receiver, token="t1") as destination:
        destination.send(batch(ADA))

    headers = receiver.requests[0].headers
    assert headers["idempotency-key"] == "sync-run-batch-1"
    assert headers["x-batch-id"] == "sync-run-batch-1"
    assert headers["x-run-id"] == "run-1"
    assert headers["authorization"] == "Bearer t1"
    assert headers["content-type"] == "application/json"


def test_no_token_is_sent_where_there_is_none():
    receiver = Receiver(httpx.Response(200))

    with opened(receiver) as destination:
        destination.send(batch(ADA))

    assert "authorization" not in receiver.requests[0].headers


def test_the_signature_is_of_time_and_body():
    receiver = Receiver(httpx.Response(200))

    with opened(receiver) as destination:
        destination.send(batch(ADA))

    request = receiver.requests[0]
    signed = b"1782820800." + request.content
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert request.headers["x-kenning-signature"] == f"t=1782820800,v1={expected}"


def test_while_a_secret_is_replaced_both_sign():
    receiver = Receiver(httpx.Response(200))

    with opened(receiver, old_secret="older") as destination:
        destination.send(batch(ADA))

    assert receiver.requests[0].headers["x-kenning-signature"].count(",v1=") == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(204),
        httpx.Response(202, text="accepted"),
        httpx.Response(200, json={"queued": True}),
        httpx.Response(200, json=[]),
        results({"key": "c2", "status": "ok"}, {"key": "c1", "status": "ok"}),
    ],
)
def test_any_2xx_is_success(answer):
    assert sent(answer) == BatchResult()


def test_rows_may_be_refused_one_by_one():
    answer = results(
        {
            "key": "c2",
            "status": "error",
            "error": "invalid_field",
            "field": "email",
            "retry": True,
        },
        {"key": "c1", "status": "ok", "id": "r1"},
    )

    assert sent(answer) == BatchResult(
        (RejectedRow(1, "INVALID_FIELD", "invalid_field", "email", True),),
        dest_ids={0: "r1"},
    )


@pytest.mark.parametrize(
    ("error", "error_class", "code"),
    [
        ("conflict", "CONFLICT", "conflict"),
        ("NOT_FOUND", "NOT_FOUND", "NOT_FOUND"),
        ("no_such_plan", "OTHER", "no_such_plan"),
        ("auth", "OTHER", "auth"),
        ("ada@example.com is not an address", "OTHER", None),
        (None, "OTHER", None),
        (7, "OTHER", None),
    ],
)
def test_an_error_is_a_code_and_never_a_sentence(error, error_class, code):
    answer = results({"key": "c1", "status": "error", "error": error})

    rejected = sent(answer, records=(ADA,)).rejected

    assert rejected == (RejectedRow(0, error_class, code),)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html>please log in</html>"),
        httpx.Response(
            200, text="not json", headers={"content-type": "application/json"}
        ),
        httpx.Response(200, json={"results": {}}),
        results({"key": "c1", "status": "ok"}),
        results({"key": "c1", "status": "ok"}, {"key": "c1", "status": "ok"}),
        results({"key": "c1", "status": "ok"}, {"key": "c9", "status": "ok"}),
        results({"key": "c1", "status": "ok"}, {"key": "c2", "status": "fine"}),
        results({"key": "c1", "status": "ok"}, "c2"),
    ],
)
def test_an_answer_that_does_not_account_for_every_row_is_in_doubt(answer):
    with pytest.raises(FatalDeliveryError) as caught:
        sent(answer)

    assert caught.value.is_in_doubt


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_refused_batch_may_be_halved(status):
    with pytest.raises(BatchRefusedError) as caught:
        sent(httpx.Response(status))

    assert caught.value.is_too_large is (status == 413)


def test_a_fault_is_tried_again_with_the_same_key():
    receiver = Receiver(httpx.Response(503), httpx.Response(200))

    with opened(receiver) as destination:
        destination.send(batch(ADA))

    keys = {request.headers["idempotency-key"] for request in receiver.requests}
    assert keys == {"sync-run-batch-1"}
    assert destination.request_count == 2


def test_no_error_shows_the_address():
    with pytest.raises(DeliveryError) as caught:
        sent(httpx.Response(410))

    assert "https://hooks.example.com/ " in str(caught.value)
    assert "T0ken42" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "records"),
    [
        ({"max_batch_rows": "1"}, (ADA, BO)),
        ({"form": "row"}, (ADA, BO)),
        ({}, (ADA._replace(fields={"note": "ø" * 130_000}),)),
        (
            {"max_batch_rows": "10"},
            [
                ADA._replace(key=f"c{n}", fields={"note": "x" * 200_000})
                for n in range(6)
            ],
        ),
    ],
)
def test_what_is_too_large_is_not_sent(settings, records):
    receiver = Receiver()

    with (
        opened(receiver, settings) as destination,
        pytest.raises(BatchRefusedError) as caught,
    ):
        destination.send(batch(*records))

    assert caught.value.is_too_large
    assert receiver.requests == []


def test_an_empty_batch_is_not_sent():
    receiver = Receiver()

    with opened(receiver) as destination:
        assert destination.send(batch()) == BatchResult()

    assert receiver.requests == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"form": "rows"}, "'batch' or 'row', not 'rows'"),
        ({"max_batch_rows": "many"}, "a number from 1 to 10,000"),
        ({"max_batch_rows": "0"}, "a number from 1 to 10,000"),
    ],
)
def test_a_setting_that_cannot_be_meant_so_is_refused(settings, message):
    with (
        pytest.raises(SyncConfigurationError, match=message),
        opened(Receiver(), settings),
    ):
        pass


@pytest.mark.parametrize("url", ["hooks.example.com/in", "https://[x", "http://a.b/c"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(SyncConfigurationError), opened(Receiver(), url=url):
        pass


def test_a_batch_is_known_again_by_its_key():
    assert DESTINATION.objects["*"].idempotency is Idempotency.HEADER


@contextlib.contextmanager
def simulated(secret: str | None = None):
    with running_simulator(vendors=["webhook"]) as simulator:
        environ = simulator.environ_of("webhook")
        opening = Opening(
            account="webhook",
            object="people",
            settings={},
            credentials={
                "url": Secret(environ["KENNING_WEBHOOK_URL"]),
                "secret": Secret(secret or environ["KENNING_WEBHOOK_SECRET"]),
                "old_secret": Secret(""),
                "token": Secret(""),
            },
            base_dir=Path("unused"),
            http=HttpOptions(policy=POLICY, allow_private_addresses=True),
        )
        with DESTINATION.open(opening) as destination:
            yield simulator, destination


def test_a_receiver_accepts_the_signature_and_applies_what_it_is_told():
    with simulated() as (simulator, destination):
        destination.send(batch(ADA, BO))
        destination.send(
            batch(ADA._replace(op=Op.REMOVE), action=Action.DELETE, key="batch-two")
        )

        assert simulator.hold("webhook").records == {
            "people": {
                "c2": {"match": {"id": "c2"}, "fields": {"email": "bo@example.com"}}
            }
        }
        assert simulator.breaches("webhook") == ()


def test_a_receiver_refuses_a_wrong_signature():
    with (
        simulated("wrong") as (_, destination),
        pytest.raises(FatalDeliveryError, match="token is missing, wrong or expired"),
    ):
        destination.send(batch(ADA))


def test_a_lost_answer_does_nothing_twice():
    with simulated() as (simulator, destination):
        simulator.script("webhook", Fault(FaultKind.DROP_AFTER))

        destination.send(batch(ADA, action=Action.APPEND))

        assert len(simulator.hold("webhook").events) == 1
        assert simulator.write_count("webhook") == 2


@pytest.mark.parametrize(
    "kind", [FaultKind.GARBAGE, FaultKind.SHORT, FaultKind.LOGIN_PAGE]
)
def test_a_strange_answer_is_no_success(kind):
    with simulated() as (simulator, destination):
        simulator.script("webhook", Fault(kind))

        with pytest.raises(FatalDeliveryError):
            destination.send(batch(ADA, BO))


def test_a_server_that_stays_down_is_left_for_later():
    with simulated() as (simulator, destination):
        simulator.script("webhook", Fault(FaultKind.STATUS, status=500, times=None))

        with pytest.raises(RetryableDeliveryError) as caught:
            destination.send(batch(ADA))

    assert caught.value.is_in_doubt


def test_the_page_tells_a_receiver_how_to_check_a_signature(project_root):
    page = (project_root / "docs/destinations/webhook.md").read_text("utf-8")
    snippet = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert snippet is not None
    names: dict[str, object] = {}
    exec(snippet[1], names)  # the page's own example
    is_genuine = names["is_genuine"]
    receiver = Receiver(httpx.Response(200))
    with opened(receiver) as destination:
        destination.send(batch(ADA))
    request = receiver.requests[0]
    header = request.headers["x-kenning-signature"]
    now = NOW.timestamp()

    assert is_genuine(request.content, header, SECRET, now=now)
    assert is_genuine(request.content, header, SECRET, now=now + 299)
    assert not is_genuine(request.content, header, SECRET, now=now + 301)
    assert not is_genuine(request.content + b" ", header, SECRET, now=now)
    assert not is_genuine(request.content, header, "wrong", now=now)
    assert not is_genuine(
        request.content, header.replace("t=1", "t=2"), SECRET, now=now
    )
    assert not is_genuine(request.content, "", SECRET, now=now)
    assert not is_genuine(request.content, "t=x,v1=é", SECRET, now=now)
