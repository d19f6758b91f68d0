"""The HTTP side: reads a request, checks its token and length, writes the answer."""

import contextlib
import hmac
import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

from demo.destination_simulator.answers import (
    Answer,
    Json,
    RefusedError,
)
from demo.destination_simulator.faults import Fault, FaultKind

MAX_BODY_BYTES = 16_000_000

AnswerFunction: TypeAlias = Callable[
    [str, str, Mapping[str, str], bytes], tuple[Answer, Fault | None]
]


class Server(ThreadingHTTPServer):
    """Listens on the loopback address; every connection has a thread of its own."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], answer: AnswerFunction, token: str
    ) -> None:
        super().__init__(address, _Handler)
        self.answer = answer
        self.token = token


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, checks its token and length, and writes the answer."""

    protocol_version = "HTTP/1.1"
    # One packet for headers and body: two of them wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """Answer a page of records."""
        self._respond("GET")

    def do_POST(self) -> None:
        """Answer a batch."""
        self._respond("POST")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Keep quiet: the base class prints every request."""

    def _respond(self, method: str) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._write(RefusedError(413, "body_too_large").answer)
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            # The client died while it was sending. Nothing is done and nobody listens.
            self.close_connection = True
            return
        given = self.headers.get("authorization", "")
        if not hmac.compare_digest(
            given.encode(), f"Bearer {self.server.token}".encode()
        ):
            self._write(RefusedError(401, "unauthorized").answer)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer, fault = self.server.answer(method, self.path, headers, body)
        self._write(answer, fault)

    def _write(self, answer: Answer, fault: Fault | None = None) -> None:
        if fault is not None and fault.kind in (
            FaultKind.DROP_BEFORE,
            FaultKind.DROP_AFTER,
        ):
            self.close_connection = True
            return
        content = json.dumps(_distorted(answer.body, fault)).encode()
        if fault is not None and fault.kind is FaultKind.GARBAGE:
            content = b"<html>not what was documented</html>"
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)
            self.wfile.flush()


def _distorted(body: Json, fault: Fault | None) -> Json:
    if fault is None or fault.kind is not FaultKind.SHORT or not isinstance(body, dict):
        return body
    results = body.get("results")
    return {"results": results[:-1] if isinstance(results, list) else []}
