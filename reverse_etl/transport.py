"""The only place that speaks HTTP: requests, waiting, trying again, giving up.

Every request carries an idempotency key and is safe to repeat. A wait that the server asks
for is honoured and burns no attempt; faults back off with full jitter. Both end with the
request's time budget. What is raised in the end says whether the request may have been
applied.

No body, header or query of a request or an answer reaches an error or a log.
"""

import email.utils
import ipaddress
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from reverse_etl.errors import (
    FatalDeliveryError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from warehouse.manifest import Json

_RETRYABLE_STATUSES = frozenset({408, 500, 502, 503, 504})
_NOTHING_DONE_STATUSES = frozenset({408})
_THROTTLED = 429
_RANDOM = random.SystemRandom()

# The request never left, so nothing can have been applied.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Secret:
    """A token. Only `reveal` shows it; its representation does not."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret('…')"

    def reveal(self) -> str:
        """The token itself, for the request's header."""
        return self._value


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long one request is worth. All times in seconds.

    Attributes:
        max_attempts: Tries that may end in a fault. Throttled ones do not count.
        first_wait_s: Upper end of the first random wait; it doubles with each fault.
        max_wait_s: Upper end of any random wait.
        max_server_wait_s: Longest wait that a server may ask for; longer ones are cut.
        total_s: No wait is begun that would end later than this after the first try.
        timeout_s: For one try: to connect, and between two pieces of an answer.
    """

    max_attempts: int = 5
    first_wait_s: float = 1.0
    max_wait_s: float = 60.0
    max_server_wait_s: float = 900.0
    total_s: float = 300.0
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer: its status and its body as JSON."""

    status: int
    body: Json


class HttpTransport:
    """A connection to one service, with its token.

    Args:
        base_url: Scheme, host, port and perhaps a path. Plain http only to this machine,
            since the token travels with each request.
        token: Sent as a bearer token.
        policy: See `RetryPolicy`.
        http: Stands in for the network in tests.
        sleep: Waits for a number of seconds.
        clock: Seconds that only grow.
        jitter: A number from 0 to 1, for the random waits.

    Raises:
        SyncConfigurationError: The URL is not one, or is plain http to another machine.
    """

    def __init__(
        self,
        base_url: str,
        token: Secret,
        *,
        policy: RetryPolicy = RetryPolicy(),
        http: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = _RANDOM.random,
    ) -> None:
        is_local = _check_url(base_url)
        self._client = httpx.Client(
            base_url=base_url,
            headers={"authorization": f"Bearer {token.reveal()}"},
            timeout=policy.timeout_s,
            transport=http,
            follow_redirects=False,
            # A proxy of the environment has no business with this machine's own services.
            trust_env=not is_local,
        )
        self._policy = policy
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self.request_count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def post(self, path: str, body: Json, *, idempotency_key: str) -> Answer:
        """Post JSON and return the answer once it is a success.

        Args:
            path: Below the base URL.
            body: Sent as JSON.
            idempotency_key: The same for every attempt at the same thing.

        Raises:
            RetryableDeliveryError: Given up after the policy's attempts or time.
            FatalDeliveryError: Refused (401, 403, 404, any other 4xx), or answered with
                something that is not JSON.
        """
        started = self._clock()
        faults = throttles = 0
        may_be_applied = False
        while True:
            self.request_count += 1
            wait_s: float | None = None
            try:
                response = self._client.post(
                    path, json=body, headers={"idempotency-key": idempotency_key}
                )
            except httpx.RequestError as error:
                problem = type(error).__name__
                may_be_applied = may_be_applied or not isinstance(error, _NOT_SENT)
                faults += 1
            else:
                if response.is_success:
                    return self._answer(response, path)
                problem = f"status {response.status_code}"
                wait_s = self._server_wait(response)
                if response.status_code in _RETRYABLE_STATUSES:
                    faults += 1
                    may_be_applied |= response.status_code not in _NOTHING_DONE_STATUSES
                elif response.status_code == _THROTTLED:
                    throttles += 1
                else:
                    raise self._refusal(response, path, is_in_doubt=may_be_applied)
            if wait_s is None:
                wait_s = self._backoff(faults + throttles)
            is_late = self._clock() - started + wait_s > self._policy.total_s
            if faults >= self._policy.max_attempts or is_late:
                raise RetryableDeliveryError(
                    f"{self._name(path)} did not take the request ({problem}; "
                    f"{self.request_count} requests so far). The sync stopped here. Run "
                    "it again later: it goes on with what is missing.",
                    is_in_doubt=may_be_applied,
                )
            self._sleep(wait_s)

    def _answer(self, response: httpx.Response, path: str) -> Answer:
        try:
            return Answer(response.status_code, response.json())
        except ValueError:
            raise FatalDeliveryError(
                f"{self._name(path)} answered {response.status_code} with something that "
                "is not JSON. The sync stopped, because the interface is not the one it "
                "knows. Check the URL.",
                is_in_doubt=True,
            ) from None

    def _refusal(
        self, response: httpx.Response, path: str, *, is_in_doubt: bool
    ) -> FatalDeliveryError:
        status = response.status_code
        request_id = response.headers.get("x-request-id", "")
        known = f", request id {request_id}" if request_id.isalnum() else ""
        return FatalDeliveryError(
            f"{self._name(path)} refused the request (status {status}{known}). "
            f"{_ADVICE.get(status, 'Nothing more was sent.')}",
            is_in_doubt=is_in_doubt,
        )

    def _server_wait(self, response: httpx.Response) -> float | None:
        asked = _retry_after_s(response.headers.get("retry-after"))
        return None if asked is None else min(asked, self._policy.max_server_wait_s)

    def _backoff(self, tries: int) -> float:
        # The exponent is bounded, so that a long throttling does not overflow it.
        longest = self._policy.first_wait_s * 2.0 ** min(tries - 1, 30)
        return self._jitter() * min(longest, self._policy.max_wait_s)

    def _name(self, path: str) -> str:
        url = self._client.base_url
        return f"{url.scheme}://{url.host}{_port(url)}{path}"


_ADVICE = {
    401: "The token is missing, wrong or expired. Set it anew, then run again.",
    403: "The token may not do this. Give it the right, then run again.",
    404: "There is no such object. Check the object's name and the URL.",
    413: "The batch is too large for it.",
}


def _check_url(base_url: str) -> bool:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise SyncConfigurationError(
            "The destination's URL is not an http(s) URL with a host. Give it like "
            "https://api.example.com."
        )
    is_local = _is_this_machine(host)
    if parts.scheme == "http" and not is_local:
        raise SyncConfigurationError(
            f"The destination's URL is plain http to {host}: its token and the records "
            "could be read on the way. Use https."
        )
    return is_local


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port(url: httpx.URL) -> str:
    return "" if url.port is None else f":{url.port}"


def _retry_after_s(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, never negative.

    The header is a number of seconds or an HTTP date; anything else counts as absent.
    """
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
