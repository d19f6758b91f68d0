"""Trying again, waiting, giving up, and what is known when it is over."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from reverse_etl.errors import (
    DeliveryError,
    FatalDeliveryError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.transport import HttpTransport, RetryPolicy, Secret

CANARY = "canary.ada@example.com"
TOKEN = "token-that-nobody-may-see"
POLICY = RetryPolicy(max_attempts=3, first_wait_s=1.0, max_wait_s=60.0, total_s=100.0)

Step = httpx.Response | type[Exception]


class Line:
    """A network that answers with a script, and a clock that only its waits move."""

    def __init__(self, *script: Step, **more: object) -> None:
        self._script = list(script)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.transport = HttpTransport(
            "https://mailer.example.com",
            Secret(TOKEN),
            policy=POLICY,
            http=httpx.MockTransport(self._answer),
            sleep=self.waits.append,
            clock=lambda: sum(self.waits),
            jitter=lambda: 1.0,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self._script.pop(0)
        if isinstance(step, httpx.Response):
            return step
        raise step("broken", request=request)

    def post(self):
        body = {"records": [{"id": CANARY}]}
        return self.transport.post("/v1/contacts", body, idempotency_key="key 1")


def ok() -> httpx.Response:
    return httpx.Response(200, json={"results": []})


def status(code: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(code, headers=named, text=f"no: {CANARY}")


def failure(line: Line) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        line.post()
    return caught.value


def test_post_sends_token_and_idempotency_key():
    line = Line(ok())

    answer = line.post()

    assert (answer.status, answer.body) == (200, {"results": []})
    assert line.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert line.requests[0].headers["idempotency-key"] == "key 1"
    assert line.waits == []


def test_post_tries_again_after_a_server_error_with_the_same_key():
    line = Line(status(500), status(503), ok())

    line.post()

    assert line.waits == [1.0, 2.0]
    assert {request.headers["idempotency-key"] for request in line.requests} == {
        "key 1"
    }


@pytest.mark.parametrize(
    "fault", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError]
)
def test_post_tries_again_after_a_broken_connection(fault):
    line = Line(fault, ok())

    line.post()

    assert len(line.requests) == 2


def test_post_gives_up_after_the_attempts_of_the_policy():
    line = Line(status(500), status(500), status(500), ok())

    error = failure(line)

    assert isinstance(error, RetryableDeliveryError)
    assert len(line.requests) == 3


@pytest.mark.parametrize(
    ("script", "is_in_doubt"),
    [
        ([httpx.ConnectError] * 3, False),
        ([httpx.ConnectTimeout] * 3, False),
        ([status(408)] * 3, False),
        ([status(500)] * 3, True),
        ([httpx.ReadTimeout] * 3, True),
        ([httpx.WriteError] * 3, True),
        ([httpx.RemoteProtocolError] * 3, True),
        ([httpx.ReadTimeout, httpx.ConnectError, httpx.ConnectError], True),
        ([status(401)], False),
        ([status(400)], False),
        ([httpx.ReadTimeout, status(401)], True),
        ([httpx.Response(200, text="<html>")], True),
    ],
)
def test_post_knows_whether_the_request_may_have_been_applied(script, is_in_doubt):
    assert failure(Line(*script)).is_in_doubt is is_in_doubt


@pytest.mark.parametrize("code", [301, 400, 401, 403, 404, 409, 413, 422])
def test_post_does_not_repeat_a_refusal(code):
    line = Line(status(code), ok())

    error = failure(line)

    assert isinstance(error, FatalDeliveryError)
    assert f"status {code}" in str(error)
    assert len(line.requests) == 1


def test_post_waits_as_told_and_a_throttle_burns_no_attempt():
    line = Line(*[status(429, retry_after="7")] * 5, ok())

    line.post()

    assert line.waits == [7.0] * 5


def test_post_backs_off_when_a_throttle_does_not_say_how_long():
    line = Line(status(429), status(429), status(429), ok())

    line.post()

    assert line.waits == [1.0, 2.0, 4.0]


def test_post_waits_until_the_date_that_it_is_told():
    moment = datetime.now(UTC) + timedelta(seconds=30)
    line = Line(status(429, retry_after=format_datetime(moment, usegmt=True)), ok())

    line.post()

    assert 25 < line.waits[0] <= 30


@pytest.mark.parametrize(
    ("retry_after", "wait_s"),
    [("-5", 1.0), ("soon", 1.0), ("", 1.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_post_takes_a_senseless_wait_for_none(retry_after, wait_s):
    line = Line(status(429, retry_after=retry_after), ok())

    line.post()

    assert line.waits == [wait_s]


def test_post_gives_up_before_a_wait_that_exceeds_its_time():
    line = Line(status(429, retry_after="99"), status(429, retry_after="99"), ok())

    error = failure(line)

    assert isinstance(error, RetryableDeliveryError)
    assert not error.is_in_doubt
    assert line.waits == [99.0]


@pytest.mark.parametrize(
    "script",
    [
        [status(400, x_request_id="abc123")],
        [status(500)] * 3,
        [httpx.ReadTimeout] * 3,
        [httpx.Response(200, text=CANARY)],
    ],
)
def test_no_error_shows_a_token_or_a_value(script):
    error = failure(Line(*script))

    assert CANARY not in f"{error} {error!r} {error.__cause__}"
    assert TOKEN not in f"{error} {error!r} {error.__cause__}"


def test_a_refusal_names_the_servers_request_id():
    assert "request id abc123" in str(failure(Line(status(400, x_request_id="abc123"))))


@pytest.mark.parametrize("show", [repr, str, "{}".format])
def test_a_secret_does_not_show_itself(show: Callable[[object], str]):
    assert TOKEN not in show(Secret(TOKEN))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://mailer.example.com", "plain http to mailer.example.com"),
        ("mailer.example.com", "not an http"),
        ("ftp://mailer.example.com", "not an http"),
        ("https://", "not an http"),
    ],
)
def test_a_url_that_would_give_the_token_away_is_refused(url, message):
    with pytest.raises(SyncConfigurationError, match=message):
        HttpTransport(url, Secret(TOKEN))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80"]
)
def test_plain_http_to_this_machine_is_allowed(url):
    with HttpTransport(url, Secret(TOKEN)) as transport:
        assert transport.request_count == 0
