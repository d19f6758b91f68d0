"""Requests: made, read, tried again, given up.

A wait that the server asks for is honoured and burns no attempt; faults back off with full
jitter. Both end with the request's time budget. What is raised in the end says whether the
request may have been applied, and what may be done about it.

TLS is always verified, redirects are never followed, answers have a largest size. No body,
header or query of a request or an answer reaches an error or a log.
"""

import logging
import re
import threading
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx
import orjson

from reverse_etl.addresses import AddressRefusedError
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    QuotaExhaustedError,
)
from reverse_etl.transport.answers import (
    Expired,
    Faulty,
    FeedbackReader,
    OutOfQuota,
    Reader,
    Reading,
    Refused,
    Response,
    Stopped,
    Throttled,
    asked_wait_s,
)
from reverse_etl.transport.attempts import Attempts
from reverse_etl.transport.auth import Auth, Signer
from reverse_etl.transport.network import check_certificate, network_to
from reverse_etl.transport.options import Feedback, HttpOptions
from reverse_etl.transport.urls import check_url
from warehouse.manifest import Json

_RETRYABLE_STATUSES = frozenset({408, 425, 500, 502, 503, 504})
_NOTHING_DONE_STATUSES = frozenset({408, 425})
_REFUSED_CONTENT = frozenset({400, 409, 413, 422})
_THROTTLED = 429

_SHOWN_PART = re.compile(r"[A-Za-z_][A-Za-z_-]{0,39}|v\d{1,3}(\.\d{1,2})?")
"""Parts of a path that are the interface's own words. Others may be somebody's id."""


# The request never left, so nothing can have been applied.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)


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
        check_url(base_url, options)
        _keep_quiet()
        self._client = httpx.Client(
            base_url=base_url,
            headers=dict(headers or {}),
            timeout=options.policy.timeout_s,
            transport=options.transport or network_to(base_url, options),
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
        attempt = Attempts(self._options)
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
                check_certificate(error, place, attempt)
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
        self, reading: Reading, response: Response, attempt: "Attempts"
    ) -> float | None:
        """Raise, or return how long the server asks to wait before the next try."""
        server_wait_s = asked_wait_s(response, self._options)
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
        attempt: "Attempts",
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
                reading.wait_s, asked_wait_s(response, self._options)
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


def json_bytes(body: Json) -> bytes:
    """A body as JSON, the way `HttpClient.request` sends it."""
    return orjson.dumps(body)
