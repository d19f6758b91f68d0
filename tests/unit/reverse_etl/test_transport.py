"""Trying again, waiting, giving up, and what is known when it is over."""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.errors import (
    BatchRefusedError,
    DeliveryError,
    ErrorClass,
    FatalDeliveryError,
    QuotaExhaustedError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.transport import (
    Expired,
    Faulty,
    Feedback,
    HttpClient,
    HttpOptions,
    OutOfQuota,
    Reading,
    Refused,
    Response,
    RetryPolicy,
    Secret,
    Stopped,
    Throttled,
    TokenAuth,
)
from reverse_etl.transport.answers import retry_after_s

CANARY = "canary.ada@example.com"
TOKEN = "token-that-nobody-may-see"
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
POLICY = RetryPolicy(max_attempts=3, first_wait_s=1.0, max_wait_s=60.0, total_s=1000.0)

Step = httpx.Response | type[Exception]


class Noted:
    """A limiter that writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def acquire(self, group: str) -> None:
        self.events.append(("acquire", group))

    def release(self, group: str) -> None:
        self.events.append(("release", group))

    def learn(self, group: str, feedback: Feedback) -> None:
        self.events.append(feedback)


class Renewing:
    """Tokens that run out: each refresh gives the next one, while there are any."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)

    def headers(self, client: HttpClient) -> Mapping[str, str]:
        return {"authorization": self._tokens[0]}

    def refresh(self) -> bool:
        if len(self._tokens) == 1:
            return False
        self._tokens.pop(0)
        return True


class Line:
    """A network that answers with a script, and a clock that only its waits move."""

    def __init__(self, *script: Step, auth=None, read=None, **more: object) -> None:
        self._script = list(script)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.limiter = Noted()
        options = HttpOptions(
            policy=POLICY,
            limiter=self.limiter,
            transport=httpx.MockTransport(self._answer),
            sleep=self.waits.append,
            clock=lambda: sum(self.waits),
            now=lambda: NOW,
            jitter=lambda: 1.0,
        )
        self.client = HttpClient(
            "https://mailer.example.com",
            auth or TokenAuth(Secret(TOKEN)),
            dataclasses.replace(options, **more),
            read=read,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self._script.pop(0)
        if isinstance(step, httpx.Response):
            return step
        raise step(f"broken {CANARY}", request=request)

    def post(self, path="/v1/contacts", **more):
        body = {"records": [{"id": CANARY}]}
        return self.client.request(
            "POST", path, body=body, idempotency_key="key 1", **more
        )


def ok() -> httpx.Response:
    return httpx.Response(200, json={"results": []})


def status(code: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(code, headers=named, text=f"no: {CANARY}")


def failure(line: Line, **more: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        line.post(**more)
    return caught.value


def meaning(*readings: Reading | None) -> Callable[[Response], Reading | None]:
    script = list(readings)
    return lambda response: script.pop(0) if script else None


def test_a_request_carries_token_and_idempotency_key():
    line = Line(ok())

    answer = line.post()

    assert (answer.status, answer.json()) == (200, {"results": []})
    assert line.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert line.requests[0].headers["idempotency-key"] == "key 1"
    assert line.waits == []


def test_a_server_error_is_tried_again_with_the_same_key():
    line = Line(status(500), status(503), ok())

    line.post()

    assert line.waits == [1.0, 2.0]
    assert {request.headers["idempotency-key"] for request in line.requests} == {
        "key 1"
    }


@pytest.mark.parametrize(
    "fault", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError]
)
def test_a_broken_connection_is_tried_again(fault):
    line = Line(fault, ok())

    line.post()

    assert len(line.requests) == 2


def test_the_attempts_of_the_policy_are_all_there_are():
    line = Line(status(500), status(500), status(500), ok())

    error = failure(line)

    assert isinstance(error, RetryableDeliveryError)
    assert error.error_class is ErrorClass.TRANSIENT
    assert len(line.requests) == 3


@pytest.mark.parametrize(
    ("script", "is_in_doubt"),
    [
        ([httpx.ConnectError] * 3, False),
        ([httpx.ConnectTimeout] * 3, False),
        ([httpx.ProxyError] * 3, False),
        ([status(408)] * 3, False),
        ([status(425)] * 3, False),
        ([status(500)] * 3, True),
        ([httpx.ReadTimeout] * 3, True),
        ([httpx.WriteError] * 3, True),
        ([httpx.RemoteProtocolError] * 3, True),
        ([httpx.ReadTimeout, httpx.ConnectError, httpx.ConnectError], True),
        ([status(401)], False),
        ([status(400)], False),
        ([httpx.ReadTimeout, status(401)], True),
        ([httpx.ReadTimeout, status(400)], True),
    ],
)
def test_an_error_knows_whether_the_request_may_have_been_applied(script, is_in_doubt):
    assert failure(Line(*script)).is_in_doubt is is_in_doubt


@pytest.mark.parametrize("code", [400, 409, 413, 422])
def test_a_refused_batch_is_not_repeated_but_may_be_halved(code):
    line = Line(status(code), ok())

    error = failure(line)

    assert isinstance(error, BatchRefusedError)
    assert error.is_too_large is (code == 413)
    assert f"status {code}" in str(error)
    assert len(line.requests) == 1


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        (301, ErrorClass.CONFIG),
        (307, ErrorClass.CONFIG),
        (401, ErrorClass.AUTH),
        (403, ErrorClass.PERMISSION),
        (404, ErrorClass.CONFIG),
        (405, ErrorClass.CONFIG),
    ],
)
def test_who_we_are_and_what_is_missing_stops_the_run(code, error_class):
    line = Line(status(code), ok())

    error = failure(line)

    assert isinstance(error, FatalDeliveryError)
    assert error.error_class is error_class
    assert len(line.requests) == 1


def test_a_redirect_is_not_followed():
    line = Line(status(308, location="https://elsewhere.example.com/"), ok())

    error = failure(line)

    assert "not followed" in str(error)
    assert len(line.requests) == 1


def test_a_status_that_the_caller_understands_is_no_failure():
    assert Line(status(404)).post(accepts=frozenset({404})).status == 404


def test_a_throttle_is_waited_out_as_told_and_burns_no_attempt():
    line = Line(*[status(429, retry_after="7")] * 5, ok())

    line.post()

    assert line.waits == [7.0] * 5


def test_a_throttle_that_does_not_say_how_long_backs_off():
    line = Line(status(429), status(429), status(429), ok())

    line.post()

    assert line.waits == [1.0, 2.0, 4.0]


def test_backing_off_has_an_upper_end():
    line = Line(*[status(429)] * 9, ok())

    line.post()

    assert line.waits[-3:] == [60.0, 60.0, 60.0]


def test_a_fault_may_say_how_long_to_wait_too():
    line = Line(status(503, retry_after="9"), ok())

    line.post()

    assert line.waits == [9.0]


def test_a_wait_may_be_told_as_a_date():
    moment = format_datetime(NOW + timedelta(seconds=30), usegmt=True)
    line = Line(status(429, retry_after=moment), ok())

    line.post()

    assert line.waits == [30.0]


@pytest.mark.parametrize(
    ("retry_after", "wait_s"),
    [
        ("0", 0.0),
        ("2.5", 2.5),
        (" 3 ", 3.0),
        ("-5", 1.0),
        ("soon", 1.0),
        ("", 1.0),
        ("nan", 1.0),
        ("1e9", 1.0),
        ("999999", 900.0),
        ("9" * 400, 900.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 31 Dec 2026 00:00:00", 900.0),
    ],
)
def test_a_wait_is_between_nothing_and_the_longest(retry_after, wait_s):
    line = Line(status(429, retry_after=retry_after), ok())

    line.post()

    assert line.waits == [wait_s]


@given(st.text(alphabet=st.characters(max_codepoint=0x17F)))
def test_no_header_makes_a_wait_that_is_not_a_length_of_time(header):
    asked = retry_after_s(header, NOW)

    assert asked is None or asked >= 0


def test_a_wait_that_exceeds_the_time_of_the_request_is_not_begun():
    late = RetryPolicy(total_s=100.0)
    line = Line(*[status(429, retry_after="99")] * 2, ok(), policy=late)

    error = failure(line)

    assert isinstance(error, RetryableDeliveryError)
    assert error.error_class is ErrorClass.THROTTLED
    assert not error.is_in_doubt
    assert line.waits == [99.0]


@pytest.mark.parametrize(
    "step", [status(500), status(503), httpx.ReadTimeout, httpx.RemoteProtocolError]
)
def test_what_may_not_be_done_twice_is_not_tried_again_in_doubt(step):
    line = Line(step, ok())

    error = failure(line, is_repeatable=False)

    assert error.is_in_doubt
    assert len(line.requests) == 1


@pytest.mark.parametrize(
    "step", [status(429), status(408), httpx.ConnectError, httpx.ConnectTimeout]
)
def test_what_may_not_be_done_twice_is_tried_again_when_nothing_was_done(step):
    line = Line(step, ok())

    line.post(is_repeatable=False)

    assert len(line.requests) == 2


def test_an_expired_token_is_renewed_once():
    line = Line(status(401), ok(), auth=Renewing("old", "new"))

    line.post()

    assert [r.headers["authorization"] for r in line.requests] == ["old", "new"]


@pytest.mark.parametrize(
    ("tokens", "requests"), [(("old", "new", "newer"), 2), (("old",), 1)]
)
def test_a_token_that_is_refused_again_stops_the_run(tokens, requests):
    line = Line(*[status(401)] * 3, auth=Renewing(*tokens))

    error = failure(line)

    assert error.error_class is ErrorClass.AUTH
    assert len(line.requests) == requests


@pytest.mark.parametrize(
    ("reading", "kind", "error_class", "is_in_doubt"),
    [
        (Stopped(ErrorClass.CONFIG), FatalDeliveryError, ErrorClass.CONFIG, False),
        (Expired(), FatalDeliveryError, ErrorClass.AUTH, False),
        (Refused("x"), BatchRefusedError, ErrorClass.OTHER, False),
        (OutOfQuota(60.0), QuotaExhaustedError, ErrorClass.QUOTA, False),
    ],
)
def test_a_success_by_its_status_fails_when_its_body_says_so(
    reading, kind, error_class, is_in_doubt
):
    line = Line(ok(), read=meaning(reading))

    error = failure(line)

    assert isinstance(error, kind)
    assert (error.error_class, error.is_in_doubt) == (error_class, is_in_doubt)


def test_a_quota_says_when_it_is_over():
    error = failure(Line(ok(), read=meaning(OutOfQuota(3600.0))))

    assert isinstance(error, QuotaExhaustedError)
    assert error.resume_at == NOW + timedelta(hours=1)
    assert "2026-06-30 13:00 UTC" in str(error)


@pytest.mark.parametrize(
    ("asked_s", "wait_s"), [(4.0, 4.0), (-4.0, 0.0), (5000.0, 900.0)]
)
def test_a_throttle_inside_a_success_is_waited_out(asked_s, wait_s):
    line = Line(ok(), ok(), read=meaning(Throttled(asked_s)))

    line.post()

    assert line.waits == [wait_s]
    assert Feedback(is_throttled=True, reset_s=wait_s) in line.limiter.events


def test_a_fault_inside_a_success_is_tried_again():
    line = Line(ok(), ok(), read=meaning(Faulty(may_be_applied=False)))

    line.post(is_repeatable=False)

    assert len(line.requests) == 2


def test_the_limiter_is_asked_before_each_try_and_told_of_throttling():
    line = Line(status(429, retry_after="7"), httpx.ReadTimeout, ok())

    line.post(group="writes")

    assert line.limiter.events == [
        ("acquire", "writes"),
        Feedback(is_throttled=True, reset_s=7.0),
        ("release", "writes"),
        ("acquire", "writes"),
        ("release", "writes"),
        ("acquire", "writes"),
        ("release", "writes"),
    ]


def test_a_day_that_is_used_up_between_two_tries_leaves_the_first_in_doubt():
    class UsedUp(Noted):
        def acquire(self, group: str) -> None:
            super().acquire(group)
            if len(self.events) > 1:
                raise QuotaExhaustedError("Used up.", resume_at=NOW)

    error = failure(Line(httpx.ReadTimeout, limiter=UsedUp()))

    assert isinstance(error, QuotaExhaustedError)
    assert error.is_in_doubt


def test_a_token_that_cannot_be_had_between_two_tries_leaves_the_first_in_doubt():
    class Lost(Renewing):
        def headers(self, client: HttpClient) -> Mapping[str, str]:
            found = super().headers(client)
            if not self.refresh():
                raise FatalDeliveryError("No token.")
            return found

    error = failure(Line(httpx.ReadTimeout, auth=Lost("one", "two")))

    assert isinstance(error, FatalDeliveryError)
    assert error.is_in_doubt


def test_a_signature_is_made_from_the_body_anew_for_each_try():
    line = Line(status(500), ok())
    numbers = iter("12")

    line.post(sign=lambda body: {"x-signature": f"{next(numbers)} {len(body)}"})

    assert [r.headers["x-signature"] for r in line.requests] == ["1 45", "2 45"]


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example.com/next",
        "http://mailer.example.com/next",
        "https://mailer.example.com:8443/next",
    ],
)
def test_a_whole_url_leads_to_the_same_host_or_nowhere(url):
    line = Line(ok())

    error = failure(line, path=url)

    assert "another host" in str(error)
    assert line.requests == []


def test_a_whole_url_of_the_same_host_is_asked():
    line = Line(ok())

    line.post(path="https://mailer.example.com/next?page=2")

    assert str(line.requests[0].url) == "https://mailer.example.com/next?page=2"


def test_an_answer_that_is_too_large_is_not_read_to_its_end():
    line = Line(httpx.Response(200, text="x" * 1001), max_answer_bytes=1000)

    error = failure(line)

    assert isinstance(error, FatalDeliveryError)
    assert error.is_in_doubt
    assert "more than 1,000 bytes" in str(error)


def test_an_answer_that_does_not_end_is_given_up():
    ticks = iter(range(0, 100_000, 600))

    def drops():
        yield from [b"x"] * 50

    line = Line(
        *(httpx.Response(200, content=drops()) for _ in range(3)),
        clock=lambda: next(ticks),
    )

    error = failure(line)

    assert "ReadTimeout" in str(error)
    assert error.is_in_doubt


def test_an_answer_that_is_no_json_is_not_the_interface_that_is_known():
    answer = Line(httpx.Response(200, text="<html>")).post()

    with pytest.raises(FatalDeliveryError) as caught:
        answer.json()

    assert caught.value.is_in_doubt


@pytest.mark.parametrize(
    "script",
    [
        [status(400, x_request_id="abc123")],
        [status(403)],
        [status(302, location=f"https://x.example.com/{CANARY}")],
        [status(500)] * 3,
        [httpx.ReadTimeout] * 3,
        [httpx.ConnectError] * 3,
    ],
)
def test_no_error_shows_a_token_or_a_value(script):
    error = failure(Line(*script), query={"email": CANARY})

    shown = f"{error} {error!r} {error.__cause__}"
    assert CANARY not in shown
    assert TOKEN not in shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/contacts/batch", "/v1/contacts/batch"),
        ("/services/data/v62.0/sobjects", "/services/data/v62.0/sobjects"),
        (f"/users/{CANARY}", "/users/…"),
        ("/users/c42", "/users/…"),
        ("/lists/8fa2b7/members", "/lists/…/members"),
    ],
)
def test_an_error_shows_the_interface_and_nobodys_id(path, shown):
    error = failure(Line(status(400)), path=path)

    assert f"https://mailer.example.com{shown} " in str(error)


def test_a_caller_may_say_how_a_path_is_shown():
    error = failure(Line(status(400)), path="/users/ada", shown_path="/users/{id}")

    assert "https://mailer.example.com/users/… " in str(error)


def test_a_refusal_names_the_servers_request_id():
    line = Line(status(403, x_request_id="abc123"))

    assert "request id abc123" in str(failure(line))


@pytest.mark.parametrize("show", [repr, str, "{}".format])
def test_a_secret_does_not_show_itself(show: Callable[[object], str]):
    assert TOKEN not in show(Secret(TOKEN))
    assert TOKEN not in show(TokenAuth(Secret(TOKEN)))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://mailer.example.com", "plain http to mailer.example.com"),
        ("mailer.example.com", "not an http"),
        ("ftp://mailer.example.com", "not an http"),
        ("https://", "not an http"),
        ("https://[bad", "not an http"),
        ("https://mailer.example.com:99999", "not an http"),
        ("https://ada:secret@mailer.example.com", "a user or a password"),
    ],
)
def test_a_url_that_would_give_the_token_away_is_refused(url, message):
    with pytest.raises(SyncConfigurationError, match=message) as caught:
        HttpClient(url, None, HttpOptions())

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80"]
)
def test_plain_http_to_this_machine_is_allowed(url):
    with HttpClient(url, None, HttpOptions(allow_private_addresses=True)) as client:
        assert client.request_count == 0


def test_no_logger_of_the_http_library_tells_an_address(
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level("DEBUG")
    options = HttpOptions(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json={}))
    )

    with HttpClient("https://api.example.com", None, options) as client:
        client.request("GET", "/people", query={"email": CANARY, "secret": TOKEN})

    assert "canary" not in caplog.text
    assert TOKEN not in caplog.text
