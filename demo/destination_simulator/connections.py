"""HTTP/1.1 on the loopback address: reads requests from connections that stay open.

A thread each connection. What a request gets is decided elsewhere; here it is written, or
broken off on purpose. The standard library's server parses headers as e-mail, which takes
longer than all else.
"""

import contextlib
import http
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from io import BufferedIOBase
from typing import TypeAlias

from demo.destination_simulator.answers import Answer, RefusedError

MAX_BODY_BYTES = 200_000_000
_MAX_LINE_BYTES = 65_536
_MAX_HEADERS = 200
_POLL_S = 0.05
"""How often the server looks whether it should stop."""

_REASONS = {status.value: status.phrase for status in http.HTTPStatus}


class Manner(StrEnum):
    """How an answer is written: WHOLE, HALF of its body, or NOTHING of it.

    After the latter two the connection is closed.
    """

    WHOLE = "whole"
    HALF = "half"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. Header names are lower-case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and how it is written."""

    answer: Answer
    manner: Manner = Manner.WHOLE


Respond: TypeAlias = Callable[[Request], Reply]


class _BadRequestError(Exception):
    """Not HTTP, or more than this server takes."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.answer = RefusedError(status, code).answer


class HttpServer(socketserver.ThreadingTCPServer):
    """Answers requests in threads until it is stopped.

    Raises:
        OSError: The port is taken.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, respond: Respond) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.respond = respond
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._thread = threading.Thread(
            target=self.serve_forever,
            kwargs={"poll_interval": _POLL_S},
            daemon=True,
        )

    @property
    def port(self) -> int:
        """The port that it got."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Answer requests from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer nothing more, and close every connection."""
        self.shutdown()
        self.server_close()
        self._thread.join()
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def opened(self, connection: socket.socket) -> None:
        """A connection begins."""
        with self._open_lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """A connection has ended."""
        with self._open_lock:
            self._open.discard(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is its own affair."""


class _Connection(socketserver.StreamRequestHandler):
    rbufsize = 1 << 16
    disable_nagle_algorithm = True
    request: socket.socket
    server: HttpServer

    def handle(self) -> None:
        """Answer request after request."""
        self.server.opened(self.request)
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                while self._answer_one():
                    pass
        finally:
            self.server.closed(self.request)

    def _answer_one(self) -> bool:
        """Whether the connection stays open."""
        try:
            request, stays_open = _read_request(self.rfile, self._go_on)
        except _BadRequestError as error:
            self.request.sendall(_encoded(error.answer, stays_open=False))
            return False
        if request is None:
            return False
        reply = self.server.respond(request)
        if reply.manner is Manner.NOTHING:
            return False
        content = _encoded(
            reply.answer, stays_open=stays_open, has_body=request.method != "HEAD"
        )
        if reply.manner is Manner.HALF:
            head_bytes = content.index(b"\r\n\r\n") + 4
            self.request.sendall(content[: (head_bytes + len(content)) // 2])
            return False
        self.request.sendall(content)
        return stays_open

    def _go_on(self) -> None:
        self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def _read_request(
    stream: BufferedIOBase, go_on: Callable[[], None]
) -> tuple[Request | None, bool]:
    """The next request, and whether the connection stays open after it.

    None when the client has gone, also in the middle of a request: nothing is done then,
    and nobody listens.
    """
    line = stream.readline(_MAX_LINE_BYTES)
    if not line.strip():
        return None, False
    try:
        method, target, version = line.decode("ascii").split()
    except ValueError:
        raise _BadRequestError(400, "not_http") from None
    headers = _read_headers(stream)
    if headers is None:
        return None, False
    if headers.get("expect", "").lower() == "100-continue":
        go_on()
    body = _read_body(stream, headers)
    if body is None:
        return None, False
    wants = headers.get("connection", "").lower()
    stays_open = wants != "close" and (version != "HTTP/1.0" or wants == "keep-alive")
    return Request(method.upper(), target, headers, body), stays_open


def _read_headers(stream: BufferedIOBase) -> dict[str, str] | None:
    headers: dict[str, str] = {}
    for _ in range(_MAX_HEADERS):
        line = stream.readline(_MAX_LINE_BYTES)
        if line in (b"\r\n", b"\n"):
            return headers
        if not line:
            return None
        name, _, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    raise _BadRequestError(431, "too_many_headers")


def _read_body(stream: BufferedIOBase, headers: Mapping[str, str]) -> bytes | None:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _read_chunks(stream)
    text = headers.get("content-length", "0")
    if not text.isdecimal():
        raise _BadRequestError(400, "no_length")
    length = int(text)
    if length > MAX_BODY_BYTES:
        raise _BadRequestError(413, "body_too_large")
    body = stream.read(length)
    return body if len(body) == length else None


def _read_chunks(stream: BufferedIOBase) -> bytes | None:
    pieces: list[bytes] = []
    total = 0
    while True:
        text = stream.readline(_MAX_LINE_BYTES).partition(b";")[0].strip()
        if not text:
            return None
        try:
            length = int(text, 16)
        except ValueError:
            raise _BadRequestError(400, "no_length") from None
        total += length
        if total > MAX_BODY_BYTES:
            raise _BadRequestError(413, "body_too_large")
        piece = stream.read(length)
        end = stream.readline(_MAX_LINE_BYTES)
        if len(piece) < length or not end:
            return None
        if length == 0:
            return b"".join(pieces)
        pieces.append(piece)


def _encoded(answer: Answer, *, stays_open: bool, has_body: bool = True) -> bytes:
    content = body_bytes(answer)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if content:
        headers.setdefault("content-type", "application/json")
    if answer.status != 204:
        headers["content-length"] = str(len(content))
    if not stays_open:
        headers["connection"] = "close"
    reason = _REASONS.get(answer.status, "Status")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    start = f"HTTP/1.1 {answer.status} {reason}\r\n{head}\r\n".encode("latin-1")
    return start + content if has_body else start


def body_bytes(answer: Answer) -> bytes:
    """What an answer has below its headers."""
    if answer.content is not None:
        return answer.content
    return b"" if answer.body is None else json.dumps(answer.body).encode()
