"""The only place that speaks HTTP: requests, waiting, trying again, giving up.

A wait that the server asks for is honoured and burns no attempt; faults back off with full
jitter. Both end with the request's time budget. What is raised in the end says whether the
request may have been applied, and what may be done about it.

Names are looked up and checked here, and the connection goes to the very address that was
checked. TLS is always verified, redirects are never followed, answers have a largest size.
No body, header or query of a request or an answer reaches an error or a log.
"""

import contextlib
import email.utils
import logging
import random
import re
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Protocol, Self, TypeAlias
from urllib.parse import urlsplit

import httpx
import orjson

from reverse_etl.addresses import (
    AddressRefusedError,
    Resolver,
    check_address,
    is_address,
    is_this_machine,
    resolve,
)
from reverse_etl.errors import (
    BatchRefusedError,
    DeliveryError,
    ErrorClass,
    FatalDeliveryError,
    QuotaExhaustedError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from warehouse.manifest import Json

_RETRYABLE_STATUSES = frozenset({408, 425, 500, 502, 503, 504})
_NOTHING_DONE_STATUSES = frozenset({408, 425})
_REFUSED_CONTENT = frozenset({400, 409, 413, 422})
_THROTTLED = 429
_RANDOM = random.SystemRandom()

_ADDRESS_LIFE_S = 60.0
"""How long a name that was looked up and checked is not looked up again."""

_SHOWN_PART = re.compile(r"[A-Za-z_][A-Za-z_-]{0,39}|v\d{1,3}(\.\d{1,2})?")
"""Parts of a path that are the interface's own words. Others may be somebody's id."""

# The request never left, so nothing can have been applied.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)


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
class Feedback:
    """What an answer says about a limit, in seconds from now and requests.

    `is_throttled` says that the request was refused for being too fast. `reset_s` is when
    the window ends, `remaining` what is left of it; None where the answer does not say.
    """

    is_throttled: bool
    remaining: int | None = None
    reset_s: float | None = None


class RateLimiter(Protocol):
    """Keeps requests below the vendor's limits, across threads and processes."""

    def acquire(self, group: str) -> None:
        """Wait until a request of this group may begin.

        Raises:
            QuotaExhaustedError: The day's quota is used up.
        """
        ...

    def release(self, group: str) -> None:
        """The request has ended: gives back its place among those under way."""
        ...

    def learn(self, group: str, feedback: Feedback) -> None:
        """Heed what an answer says about the limit."""
        ...


class NoLimit:
    """A limiter that lets everything through."""

    def acquire(self, group: str) -> None:
        """Do not wait."""

    def release(self, group: str) -> None:
        """Nothing was taken."""

    def learn(self, group: str, feedback: Feedback) -> None:
        """Nothing to heed."""


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How requests are made, whatever the destination.

    Attributes:
        policy: See `RetryPolicy`.
        limiter: See `RateLimiter`.
        transport: Stands in for the network in tests.
        sleep: Waits for a number of seconds.
        clock: Seconds that only grow.
        now: The present moment, UTC.
        jitter: A number from 0 to 1, for the random waits.
        allow_private_addresses: Whether this machine and hosts in private address ranges
            may be asked. Link-local ones, with the clouds' metadata services, never are.
        max_answer_bytes: Largest answer that is read, once it is unpacked.
        resolve: Looks a name up.
    """

    policy: RetryPolicy = RetryPolicy()
    limiter: RateLimiter = field(default_factory=NoLimit)
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    jitter: Callable[[], float] = _RANDOM.random
    allow_private_addresses: bool = False
    max_answer_bytes: int = 64 * 1024 * 1024
    resolve: Resolver = resolve


@dataclass(frozen=True, slots=True)
class Response:
    """A server's answer. Header names are lower-case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    place: str = ""

    def json(self) -> Json:
        """The body as JSON.

        Raises:
            FatalDeliveryError: It is not; the interface is not the one that is known.
        """
        try:
            parsed: Json = orjson.loads(self.content)
        except ValueError:
            raise self.undocumented() from None
        return parsed

    def optional_json(self) -> Json:
        """The body as JSON, or None where there is nothing or a plain text to read.

        Raises:
            FatalDeliveryError: It is something else: a page for people, for instance, that
                something between the two put there.
        """
        media_type = self.headers.get("content-type", "").partition(";")[0].strip()
        if not self.content.strip() or media_type.lower() == "text/plain":
            return None
        return self.json()

    def undocumented(self) -> FatalDeliveryError:
        """The error for an answer that is not what the interface promises."""
        return FatalDeliveryError(
            f"{self.place} answered {self.status} with something that its interface does "
            "not have. The sync stopped, because the interface is not the one it knows. "
            "Check the URL and the version.",
            is_in_doubt=True,
            error_class=ErrorClass.INTERNAL,
        )


class Reading(Protocol):
    """What a vendor's answer means, where its status alone does not tell."""


@dataclass(frozen=True, slots=True)
class Throttled(Reading):
    """Too fast. `wait_s` is what it asks for; None to use Retry-After or back off."""

    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class OutOfQuota(Reading):
    """Nothing more for `resume_s` seconds."""

    resume_s: float


@dataclass(frozen=True, slots=True)
class Expired(Reading):
    """The token is no longer good; it is refreshed once."""


@dataclass(frozen=True, slots=True)
class Faulty(Reading):
    """A fault that may pass. `may_be_applied` is false when nothing was done."""

    may_be_applied: bool = True


@dataclass(frozen=True, slots=True)
class Refused(Reading):
    """Refused for the content of the batch; nothing was applied."""

    code: str | None = None
    error_class: ErrorClass = ErrorClass.OTHER
    is_too_large: bool = False


@dataclass(frozen=True, slots=True)
class Stopped(Reading):
    """Every later request would fail too: AUTH, PERMISSION or CONFIG."""

    error_class: ErrorClass
    code: str | None = None


Reader: TypeAlias = Callable[[Response], Reading | None]
"""Reads an answer; None leaves it to its status."""

FeedbackReader: TypeAlias = Callable[[Response], Feedback | None]

Signer: TypeAlias = Callable[[bytes], Mapping[str, str]]
"""Headers that are made from the body, anew for each try: a signature with its time."""


class Auth(Protocol):
    """Who we are, as headers of a request."""

    def headers(self, client: "HttpClient") -> Mapping[str, str]:
        """Headers of the next request; may fetch a token first."""
        ...

    def refresh(self) -> bool:
        """Forget a token that was refused. False when there is no other to be had."""
        ...


@dataclass(frozen=True, slots=True)
class TokenAuth:
    """A token that does not change: `<header>: <prefix><token>`."""

    token: Secret
    header: str = "authorization"
    prefix: str = "Bearer "

    def headers(self, client: "HttpClient") -> Mapping[str, str]:
        """The one header."""
        del client
        return {self.header: f"{self.prefix}{self.token.reveal()}"}

    def refresh(self) -> bool:
        """There is no other token."""
        return False


class HttpClient:
    """A connection to one service. For use by several threads at once.

    Args:
        base_url: Scheme, host, port and perhaps a path. Plain http only to this machine,
            since the token travels with each request.
        auth: Who we are; None for nobody.
        options: See `HttpOptions`.
        headers: Sent with every request.
        read: What the vendor's answers mean beyond their status.
        read_feedback: What they say about limits.

    Raises:
        SyncConfigurationError: The URL is not one, is plain http to another machine, or
            is an address that is not allowed. What a name leads to is checked with each
            connection.
    """

    def __init__(
        self,
        base_url: str,
        auth: Auth | None,
        options: HttpOptions,
        *,
        headers: Mapping[str, str] | None = None,
        read: Reader | None = None,
        read_feedback: FeedbackReader | None = None,
    ) -> None:
        _check_url(base_url, options)
        _keep_quiet()
        self._client = httpx.Client(
            base_url=base_url,
            headers=dict(headers or {}),
            timeout=options.policy.timeout_s,
            transport=options.transport or _network(base_url, options),
            follow_redirects=False,
            trust_env=False,
        )
        self._auth = auth
        self._options = options
        self._read = read
        self._read_feedback = read_feedback
        self._count_lock = threading.Lock()
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

    @property
    def options(self) -> HttpOptions:
        """How requests are made."""
        return self._options

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Json = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        group: str = "default",
        is_repeatable: bool = True,
        idempotency_key: str | None = None,
        accepts: frozenset[int] = frozenset(),
        is_authorised: bool = True,
        sign: Signer | None = None,
        shown_path: str | None = None,
    ) -> Response:
        """Make one request and return the answer once it is a success.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: Below the base URL, percent-encoded; or a whole URL of the same host.
            body: Sent as JSON.
            content: Sent as it is, instead of `body`; its type is in `headers`.
            headers: Beside those of every request.
            query: Parameters after the question mark.
            group: The limit group that it counts for.
            is_repeatable: False when doing it twice is not the same as once: it is then
                tried again only after an answer that says that nothing was done.
            idempotency_key: Sent as the header idempotency-key.
            accepts: Statuses beside 2xx that the caller understands.
            is_authorised: False for the requests that fetch a token.
            sign: See `Signer`.
            shown_path: The path for people, where the path itself holds somebody's id.

        Raises:
            RetryableDeliveryError: Given up after the policy's attempts or time.
            BatchRefusedError: Refused for its content (400, 409, 413, 422).
            QuotaExhaustedError: Nothing more for now.
            FatalDeliveryError: Refused for who we are or what does not exist (401, 403,
                404, any other 4xx or 3xx).
        """
        attempt = _Attempts(self._options)
        payload = (
            orjson.dumps(body) if content is None and body is not None else content
        )
        sent_headers = dict(headers or {})
        if content is None and body is not None:
            sent_headers.setdefault("content-type", "application/json")
        if idempotency_key is not None:
            sent_headers["idempotency-key"] = idempotency_key
        self._check_same_host(path)
        place = self._place(path if shown_path is None else shown_path)
        while True:
            allowed = dict(sent_headers)
            with attempt.beginning():
                if self._auth is not None and is_authorised:
                    allowed.update(self._auth.headers(self))
                if sign is not None:
                    allowed.update(sign(payload or b""))
                self._options.limiter.acquire(group)
            with self._count_lock:
                self.request_count += 1
            try:
                response = self._exchange(
                    self._client.build_request(
                        method,
                        path,
                        content=payload,
                        headers=allowed,
                        params=query or None,
                    ),
                    place,
                )
            except httpx.RequestError as error:
                _check_certificate(error, place, attempt)
                attempt.faulty(
                    type(error).__name__,
                    may_be_applied=not isinstance(error, _NOT_SENT),
                )
                wait_s = None
            except AddressRefusedError as error:
                raise FatalDeliveryError(
                    str(error),
                    is_in_doubt=attempt.may_be_applied,
                    error_class=ErrorClass.CONFIG,
                ) from None
            else:
                reading = self._reading(response, accepts)
                self._tell_limiter(group, response, reading)
                if reading is None:
                    return response
                wait_s = self._react(reading, response, attempt)
            finally:
                self._options.limiter.release(group)
            attempt.wait_or_give_up(place, wait_s=wait_s, is_repeatable=is_repeatable)

    def _exchange(self, request: httpx.Request, place: str) -> Response:
        """Send one request and read the answer, up to its largest size."""
        options = self._options
        began = options.clock()
        raw = self._client.send(request, stream=True)
        try:
            content = bytearray()
            for piece in raw.iter_bytes():
                content += piece
                if len(content) > options.max_answer_bytes:
                    raise FatalDeliveryError(
                        f"{place} answered with more than "
                        f"{options.max_answer_bytes:,} bytes. The rest was not read, and "
                        "the sync stopped. Check the URL, or send smaller batches.",
                        is_in_doubt=True,
                        error_class=ErrorClass.INTERNAL,
                    )
                if options.clock() - began > options.policy.total_s:
                    raise httpx.ReadTimeout("the answer does not end", request=request)
        finally:
            raw.close()
        return Response(raw.status_code, dict(raw.headers), bytes(content), place)

    def _check_same_host(self, path: str) -> None:
        """A whole URL out of an answer must not carry the token to somebody else."""
        asked = httpx.URL(path)
        own = self._client.base_url
        if asked.is_absolute_url and (asked.scheme, asked.host, asked.port) != (
            own.scheme,
            own.host,
            own.port,
        ):
            raise FatalDeliveryError(
                f"{own.scheme}://{own.host} named an address on another host. It was not "
                "asked, because the token would have travelled with the request. Check "
                "the destination's URL.",
                error_class=ErrorClass.CONFIG,
            )

    def _reading(self, response: Response, accepts: frozenset[int]) -> Reading | None:
        own = self._read(response) if self._read is not None else None
        if own is not None:
            return own
        status = response.status
        if 200 <= status < 300 or status in accepts:
            return None
        if status == _THROTTLED:
            return Throttled()
        if status in _RETRYABLE_STATUSES:
            return Faulty(may_be_applied=status not in _NOTHING_DONE_STATUSES)
        if status == 401:
            return Expired()
        if status in _REFUSED_CONTENT:
            return Refused(code=str(status), is_too_large=status == 413)
        if status == 403:
            return Stopped(ErrorClass.PERMISSION)
        return Stopped(ErrorClass.CONFIG)

    def _react(
        self, reading: Reading, response: Response, attempt: "_Attempts"
    ) -> float | None:
        """Raise, or return how long the server asks to wait before the next try."""
        server_wait_s = _server_wait_s(response, self._options)
        match reading:
            case Throttled(wait_s):
                attempt.throttled()
                return self._clamped(wait_s, server_wait_s)
            case Faulty(may_be_applied):
                attempt.faulty(
                    f"status {response.status}", may_be_applied=may_be_applied
                )
                return server_wait_s
            case OutOfQuota(resume_s):
                resume_at = self._options.now() + timedelta(seconds=resume_s)
                raise QuotaExhaustedError(
                    f"{response.place} takes nothing more before "
                    f"{resume_at:%Y-%m-%d %H:%M} UTC: the account's quota is used up. "
                    "The run goes on then.",
                    resume_at=resume_at,
                    is_in_doubt=attempt.may_be_applied,
                )
            case Expired() if self._auth and not attempt.has_refreshed:
                if self._auth.refresh():
                    attempt.has_refreshed = True
                    return 0.0
                raise self._stop(response, ErrorClass.AUTH, None, attempt)
            case Expired():
                raise self._stop(response, ErrorClass.AUTH, None, attempt)
            case Stopped(error_class, code):
                raise self._stop(response, error_class, code, attempt)
            case Refused(code, error_class, is_too_large):
                if attempt.may_be_applied:
                    # An earlier try may have gone through, so that this refusal says
                    # nothing about it.
                    raise self._stop(response, ErrorClass.IN_DOUBT, code, attempt)
                raise BatchRefusedError(
                    f"{response.place} refused a batch as a whole (status "
                    f"{response.status}).",
                    error_class=error_class,
                    code=code,
                    is_too_large=is_too_large,
                )
        raise TypeError(f"unknown reading {reading!r}")

    def _stop(
        self,
        response: Response,
        error_class: ErrorClass,
        code: str | None,
        attempt: "_Attempts",
    ) -> FatalDeliveryError:
        request_id = response.headers.get("x-request-id", "")
        known = f", request id {request_id}" if request_id.isalnum() else ""
        advice = _ADVICE.get(error_class, "Nothing more was sent.")
        if 300 <= response.status < 400:
            advice = (
                "It redirects to another address, which is not followed, because the token "
                "would travel there. Set the URL to where the service really is."
            )
        return FatalDeliveryError(
            f"{response.place} refused the request (status {response.status}{known}). "
            f"{advice}",
            is_in_doubt=attempt.may_be_applied,
            error_class=error_class,
            code=code,
        )

    def _clamped(
        self, wait_s: float | None, server_wait_s: float | None
    ) -> float | None:
        if wait_s is None:
            return server_wait_s
        return min(max(0.0, wait_s), self._options.policy.max_server_wait_s)

    def _tell_limiter(
        self, group: str, response: Response, reading: Reading | None
    ) -> None:
        feedback = self._read_feedback(response) if self._read_feedback else None
        if feedback is None and isinstance(reading, Throttled):
            wait_s = self._clamped(
                reading.wait_s, _server_wait_s(response, self._options)
            )
            feedback = Feedback(is_throttled=True, reset_s=wait_s)
        if feedback is not None:
            self._options.limiter.learn(group, feedback)

    def _place(self, path: str) -> str:
        """Scheme, host and path for people, without what may be somebody's value."""
        url = self._client.base_url
        port = "" if url.port is None else f":{url.port}"
        parts = [
            part if _SHOWN_PART.fullmatch(part) else "…"
            for part in urlsplit(path).path.split("/")
            if part
        ]
        return f"{url.scheme}://{url.host}{port}/{'/'.join(parts)}"


def _keep_quiet() -> None:
    """Let the HTTP library log no address: a query may hold a secret or an identifier.

    What it logs of requests is at levels below a warning.
    """
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Attempts:
    """The tries of one request, and when they are enough."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._started = options.clock()
        self._faults = 0
        self._throttles = 0
        self._problem = ""
        self._is_sure = True
        self.may_be_applied = False
        self.has_refreshed = False

    def faulty(self, problem: str, *, may_be_applied: bool) -> None:
        self._faults += 1
        self._problem = problem
        self._is_sure = not may_be_applied
        self.may_be_applied |= may_be_applied

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """What goes wrong before a try is about that try; one before may be applied."""
        try:
            yield
        except DeliveryError as error:
            error.is_in_doubt |= self.may_be_applied
            raise

    def throttled(self) -> None:
        self._throttles += 1
        self._problem = "too many requests"
        self._is_sure = True

    def wait_or_give_up(
        self, place: str, *, wait_s: float | None, is_repeatable: bool
    ) -> None:
        policy = self._options.policy
        if wait_s is None:
            wait_s = self._backoff()
        is_late = self._options.clock() - self._started + wait_s > policy.total_s
        is_done = self._faults >= policy.max_attempts or is_late
        if is_done or not (is_repeatable or self._is_sure):
            tries = self._faults + self._throttles
            raise RetryableDeliveryError(
                f"{place} did not take the request ({self._problem or 'refused'}; "
                f"{tries} tries). The sync stopped here. Run it again later: it goes on "
                "with what is missing.",
                is_in_doubt=self.may_be_applied,
                error_class=ErrorClass.THROTTLED
                if self._throttles and not self._faults
                else ErrorClass.TRANSIENT,
            )
        self._options.sleep(wait_s)

    def _backoff(self) -> float:
        # The exponent is bounded, so that a long throttling does not overflow it.
        tries = max(1, self._faults + self._throttles)
        policy = self._options.policy
        longest = policy.first_wait_s * 2.0 ** min(tries - 1, 30)
        return self._options.jitter() * min(longest, policy.max_wait_s)


_ADVICE = {
    ErrorClass.AUTH: (
        "The token is missing, wrong or expired. Set it anew, then run again."
    ),
    ErrorClass.PERMISSION: (
        "The token may not do this. Give it the right, then run again."
    ),
    ErrorClass.CONFIG: (
        "There is no such object. Check the object's name, its settings and the URL."
    ),
}


def origin_and_path(url: str) -> tuple[str, str]:
    """A whole URL as (scheme, host and port; path and query, exactly as they are).

    For addresses that end where they end, and not below a base: of webhooks, for instance.

    Raises:
        SyncConfigurationError: It is no URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _no_url() from None
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path or '/'}{query}"


def json_bytes(body: Json) -> bytes:
    """A body as JSON, the way `HttpClient.request` sends it."""
    return orjson.dumps(body)


class _CheckedNetwork(httpx.BaseTransport):
    """A network that reaches only addresses that were looked up and checked here.

    The connection goes to the address itself, so that a name which leads elsewhere a
    moment later gains nothing. The certificate is still checked against the name.

    A proxy looks names up by itself: what this machine knows of them is checked all the
    same, and the request is left to the proxy.
    """

    def __init__(
        self, inner: httpx.BaseTransport, options: HttpOptions, *, is_proxied: bool
    ) -> None:
        self._inner = inner
        self._options = options
        self._is_proxied = is_proxied
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        place = (
            host,
            request.url.port or (443 if request.url.scheme == "https" else 80),
        )
        addresses = self._addresses(place, request)
        if self._is_proxied:
            return self._inner.handle_request(request)
        for position, address in enumerate(addresses):
            try:
                return self._inner.handle_request(_pinned(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                is_last = position == len(addresses) - 1
                if is_last or _certificate_error(error) is not None:
                    with self._lock:
                        self._known.pop(place, None)
                    raise
        raise httpx.ConnectError("the name has no address", request=request)

    def close(self) -> None:
        self._inner.close()

    def _addresses(
        self, place: tuple[str, int], request: httpx.Request
    ) -> tuple[str, ...]:
        now = self._options.clock()
        with self._lock:
            looked_up_at, addresses = self._known.get(place, (now, ()))
        if addresses and now - looked_up_at < _ADDRESS_LIFE_S:
            return addresses
        try:
            addresses = tuple(self._options.resolve(*place))
        except (OSError, UnicodeError):
            if self._is_proxied:
                return ()
            # Raised without its cause, whose text may come from outside.
            raise httpx.ConnectError(
                "the name has no address", request=request
            ) from None
        for address in addresses:
            check_address(
                place[0],
                address,
                allow_private=self._options.allow_private_addresses,
            )
        with self._lock:
            self._known[place] = (now, addresses)
        return addresses


def _pinned(request: httpx.Request, address: str) -> httpx.Request:
    """The request for this very address; host header and certificate keep the name."""
    extensions = dict(request.extensions)
    if not is_address(request.url.host):
        extensions["sni_hostname"] = request.url.host
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions=extensions,
    )


def _network(base_url: str, options: HttpOptions) -> httpx.BaseTransport:
    proxy = _proxy_of_environment(base_url)
    return _CheckedNetwork(
        httpx.HTTPTransport(proxy=proxy), options, is_proxied=proxy is not None
    )


def _proxy_of_environment(base_url: str) -> str | None:
    """The company's proxy, which has no business with this machine's own services."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if is_this_machine(host) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies_environment()
    return proxies.get(parts.scheme) or proxies.get("all") or None


def _check_certificate(
    error: httpx.RequestError, place: str, attempt: _Attempts
) -> None:
    """Stop at once for a certificate that is not good: trying again does not mend it."""
    found = _certificate_error(error)
    if found is not None:
        raise FatalDeliveryError(
            f"The certificate of {place} could not be verified "
            f"({found.verify_message.partition(',')[0]}). Nothing was sent. Check the URL; "
            "for a certificate of your own authority, name its file in SSL_CERT_FILE.",
            is_in_doubt=attempt.may_be_applied,
            error_class=ErrorClass.CONFIG,
        ) from None


def _certificate_error(
    error: BaseException,
) -> ssl.SSLCertVerificationError | None:
    return next(
        (
            link
            for link in _causes(error)
            if isinstance(link, ssl.SSLCertVerificationError)
        ),
        None,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _no_url() -> SyncConfigurationError:
    return SyncConfigurationError(
        "The destination's URL is not an http(s) URL with a host. Give it like "
        "https://api.example.com."
    )


def _check_url(base_url: str, options: HttpOptions) -> None:
    try:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        is_usable = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise _no_url()
    if parts.username or parts.password:
        raise SyncConfigurationError(
            f"The destination's URL for {host} holds a user or a password. Take them out, "
            "and give them as credentials."
        )
    if parts.scheme == "http" and not is_this_machine(host):
        raise SyncConfigurationError(
            f"The destination's URL is plain http to {host}: its token and the records "
            "could be read on the way. Use https."
        )
    if options.transport is None and is_address(host):
        try:
            check_address(host, host, allow_private=options.allow_private_addresses)
        except AddressRefusedError as error:
            raise SyncConfigurationError(str(error)) from None


def _server_wait_s(response: Response, options: HttpOptions) -> float | None:
    asked = _retry_after_s(response.headers.get("retry-after"), options.now())
    return None if asked is None else min(asked, options.policy.max_server_wait_s)


def _retry_after_s(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, never negative.

    The header is a number of seconds or an HTTP date; anything else counts as absent.
    """
    if header is None:
        return None
    text = header.strip()
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
