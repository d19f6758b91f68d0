"""A marketing tool on this machine: the `mailer` destination, for demo and tests.

A small HTTP server on the loopback address that holds records by id in a SQLite file, so
that a second demo run finds what the first one sent. Its interface is described in
docs/destinations/mailer.md. It answers for every row, keeps its batch limit, honours
idempotency keys, and fails on demand: `Simulator.inject` queues faults for the next
requests, in order.

    python -m demo.destination_simulator --port 0 --store data/simulator.sqlite

It is a stand-in for somebody else's product. It shares no code with `reverse_etl`, so that
the two can only agree on the interface.
"""

import argparse
import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

TOKEN_VARIABLE = "KENNING_MAILER_TOKEN"  # noqa: S105  the variable's name, no token
URL_VARIABLE = "KENNING_MAILER_URL"

MAX_BATCH_ROWS = 500
MAX_PAGE_ROWS = 1_000
MAX_TEXT_LENGTH = 5_000
MAX_BODY_BYTES = 16_000_000

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Record: TypeAlias = dict[str, Json]

_ROUTE = re.compile(
    r"/v1/(?P<object>[a-z][a-z0-9_]*)(?P<batch>/batch/(upsert|delete))?"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

_SCHEMA = """
create table if not exists record (
    object text not null,
    id text not null,
    properties text not null,
    primary key (object, id)
) without rowid;
create table if not exists answered (
    idempotency_key text primary key,
    request_sha256 text not null,
    status integer not null,
    body text not null
) without rowid;
"""


class FaultKind(StrEnum):
    """What goes wrong with one request.

    STATUS answers with a status and does nothing. DROP_BEFORE closes the connection and
    does nothing, DROP_AFTER does the work and closes it without an answer. GARBAGE does the
    work and answers with something that is not JSON. SHORT does the work and answers for
    all rows but the last.
    """

    STATUS = "status"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    GARBAGE = "garbage"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, used up by one write request. `retry_after` is the header's text."""

    kind: FaultKind
    status: int = 500
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Json
    headers: Mapping[str, str] = MappingProxyType({})


class _RefusedError(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.answer = _Answer(status, {"error": {"code": code}})


class _Store:
    """Records and answered requests, in one file. Every method is safe among threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None
        )
        self._connection.execute("pragma journal_mode = wal")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def page(self, object_name: str, *, after: str, limit: int) -> list[Record]:
        with self._lock:
            rows = self._connection.execute(
                "select id, properties from record where object = ? and id > ? "
                "order by id limit ?",
                (object_name, after, limit),
            ).fetchall()
        return [{"id": key, "properties": json.loads(text)} for key, text in rows]

    def once(
        self, key: str | None, request_sha256: str, work: Callable[[], _Answer]
    ) -> _Answer:
        """Do the work, or give the answer that this key was given before."""
        with self._lock:
            known = self._connection.execute(
                "select request_sha256, status, body from answered "
                "where idempotency_key = ?",
                (key,),
            ).fetchone()
            if known is not None:
                if known[0] != request_sha256:
                    raise _RefusedError(409, "idempotency_key_reused")
                return _Answer(known[1], json.loads(known[2]))
            self._connection.execute("begin immediate")
            try:
                answer = work()
                if key is not None:
                    self._connection.execute(
                        "insert into answered values (?, ?, ?, ?)",
                        (key, request_sha256, answer.status, json.dumps(answer.body)),
                    )
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")
            return answer

    def upsert(self, object_name: str, key: str, properties: Record) -> bool:
        """Write one record inside `once`. Returns whether it is new.

        Properties are merged; null clears one.
        """
        row = self._connection.execute(
            "select properties from record where object = ? and id = ?",
            (object_name, key),
        ).fetchone()
        merged: Record = json.loads(row[0]) if row else {}
        merged.update(properties)
        kept = {name: value for name, value in merged.items() if value is not None}
        self._connection.execute(
            "insert or replace into record values (?, ?, ?)",
            (object_name, key, json.dumps(kept)),
        )
        return row is None

    def delete(self, object_name: str, key: str) -> bool:
        """Delete one record inside `once`. Returns whether it was there."""
        deleted = self._connection.execute(
            "delete from record where object = ? and id = ?", (object_name, key)
        )
        return deleted.rowcount == 1


class Simulator:
    """A running simulator. Made by `running_simulator`.

    Attributes:
        url: Its address, with the port that it got.
        token: The bearer token that it accepts.
    """

    def __init__(
        self, store: Path, *, port: int, token: str, max_requests_per_second: int | None
    ) -> None:
        self._store = _Store(store)
        self._faults: deque[Fault] = deque()
        self._max_requests_per_second = max_requests_per_second
        self._recent: deque[float] = deque()
        self._lock = threading.Lock()
        self._write_count = 0
        self.token = token
        self._server = _Server(("127.0.0.1", port), self.answer, token)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __repr__(self) -> str:
        return f"Simulator({self.url!r})"

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables by which the mailer destination finds it."""
        return {URL_VARIABLE: self.url, TOKEN_VARIABLE: self.token}

    @property
    def write_count(self) -> int:
        """Write requests that reached it since it was started, refused ones included."""
        with self._lock:
            return self._write_count

    def start(self) -> None:
        """Answer requests in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering. What it holds stays in its file."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._store.close()

    def inject(self, *faults: Fault) -> None:
        """Let the next write requests fail, one fault each, in this order."""
        with self._lock:
            self._faults.extend(faults)

    def records(self, object_name: str) -> dict[str, Record]:
        """Everything it holds of one object: properties by id."""
        held: dict[str, Record] = {}
        after = ""
        while page := self._store.page(object_name, after=after, limit=MAX_PAGE_ROWS):
            for record in page:
                after = str(record["id"])
                properties = record["properties"]
                held[after] = properties if isinstance(properties, dict) else {}
        return held

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[_Answer, Fault | None]:
        """What one authorised request gets, and the fault that befalls it."""
        parts = urlsplit(target)
        route = _ROUTE.fullmatch(parts.path)
        if route is None:
            return _RefusedError(404, "no_such_path").answer, None
        if method == "GET" and route["batch"] is None:
            return self._page(route["object"], parse_qs(parts.query)), None
        if method != "POST" or route["batch"] is None:
            return _RefusedError(405, "method_not_allowed").answer, None
        with self._lock:
            self._write_count += 1
            fault = self._faults.popleft() if self._faults else None
        if fault is not None and fault.kind is FaultKind.STATUS:
            return _faulty_answer(fault), None
        if fault is not None and fault.kind is FaultKind.DROP_BEFORE:
            return _Answer(500, None), fault
        if self._is_throttled():
            return (
                _Answer(429, {"error": {"code": "throttled"}}, {"retry-after": "1"}),
                None,
            )
        try:
            return self._write(route["object"], route["batch"], headers, body), fault
        except _RefusedError as refused:
            return refused.answer, None

    def _is_throttled(self) -> bool:
        if self._max_requests_per_second is None:
            return False
        with self._lock:
            moment = time.monotonic()
            while self._recent and moment - self._recent[0] >= 1:
                self._recent.popleft()
            if len(self._recent) >= self._max_requests_per_second:
                return True
            self._recent.append(moment)
            return False

    def _page(self, object_name: str, query: Mapping[str, list[str]]) -> _Answer:
        limit_text = query.get("limit", [str(MAX_PAGE_ROWS)])[0]
        limit = min(int(limit_text), MAX_PAGE_ROWS) if limit_text.isdecimal() else 0
        if limit < 1:
            return _RefusedError(400, "invalid_limit").answer
        after = query.get("after", [""])[0]
        # One more than asked for tells whether there is a next page.
        page = self._store.page(object_name, after=after, limit=limit + 1)
        following = page[limit - 1]["id"] if len(page) > limit else None
        return _Answer(200, {"records": list(page[:limit]), "next": following})

    def _write(
        self, object_name: str, action: str, headers: Mapping[str, str], body: bytes
    ) -> _Answer:
        is_upsert = action == "/batch/upsert"
        rows = _rows(body, "records" if is_upsert else "ids")
        write = self._upsert_row if is_upsert else self._delete_row

        def work() -> _Answer:
            seen: set[str] = set()
            results = [write(object_name, row, seen) for row in rows]
            has_errors = any(result["status"] == "error" for result in results)
            return _Answer(207 if has_errors else 200, {"results": list(results)})

        return self._store.once(
            headers.get("idempotency-key"),
            hashlib.sha256(action.encode() + b"\n" + body).hexdigest(),
            work,
        )

    def _upsert_row(self, object_name: str, row: Json, seen: set[str]) -> Record:
        key = row.get("id") if isinstance(row, dict) else None
        properties = row.get("properties") if isinstance(row, dict) else None
        if not _is_id(key):
            return {"id": key, "status": "error", "code": "invalid_id"}
        if key in seen:
            return {"id": key, "status": "error", "code": "duplicate_id"}
        seen.add(str(key))
        if not isinstance(properties, dict):
            return {"id": key, "status": "error", "code": "invalid_property"}
        for name, value in properties.items():
            if not _is_property(name, value):
                return {
                    "id": key,
                    "status": "error",
                    "code": "invalid_property",
                    "property": name,
                    "message": f"{name} does not accept {value!r}",
                }
        is_new = self._store.upsert(object_name, str(key), properties)
        return {"id": key, "status": "created" if is_new else "updated"}

    def _delete_row(self, object_name: str, row: Json, seen: set[str]) -> Record:
        del seen
        if not _is_id(row):
            return {"id": row, "status": "error", "code": "invalid_id"}
        was_there = self._store.delete(object_name, str(row))
        return {"id": row, "status": "deleted" if was_there else "absent"}


def _faulty_answer(fault: Fault) -> _Answer:
    headers = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
    return _Answer(fault.status, {"error": {"code": "injected"}}, headers)


def _rows(body: bytes, name: str) -> list[Json]:
    try:
        content: Json = json.loads(body)
    except ValueError:
        raise _RefusedError(400, "not_json") from None
    rows = content.get(name) if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise _RefusedError(400, f"no_{name}")
    if len(rows) > MAX_BATCH_ROWS:
        raise _RefusedError(413, "batch_too_large")
    return rows


def _is_id(value: Json) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= 255


def _is_property(name: str, value: Json) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return name != "email" or value is None
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH:
        return False
    return name != "email" or _EMAIL.fullmatch(value) is not None


_AnswerFunction: TypeAlias = Callable[
    [str, str, Mapping[str, str], bytes], tuple[_Answer, Fault | None]
]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], answer: _AnswerFunction, token: str
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
    server: _Server

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
            self._write(_RefusedError(413, "body_too_large").answer)
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
            self._write(_RefusedError(401, "unauthorized").answer)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer, fault = self.server.answer(method, self.path, headers, body)
        self._write(answer, fault)

    def _write(self, answer: _Answer, fault: Fault | None = None) -> None:
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


@contextlib.contextmanager
def running_simulator(
    store: Path,
    *,
    port: int = 0,
    token: str | None = None,
    max_requests_per_second: int | None = None,
) -> Iterator[Simulator]:
    """A simulator that answers, in a thread of this process, until the context ends.

    Args:
        store: SQLite file with what it holds; made when it is not there.
        port: Port on 127.0.0.1; 0 takes a free one.
        token: Bearer token that it accepts; without one it makes its own.
        max_requests_per_second: Write requests above it are answered 429 with Retry-After.

    Raises:
        OSError: The port is taken, or the folder cannot be made.
    """
    simulator = Simulator(
        store,
        port=port,
        token=token or secrets.token_urlsafe(24),
        max_requests_per_second=max_requests_per_second,
    )
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()


def main(arguments: list[str] | None = None) -> None:
    """Run a simulator in the foreground until it is interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.destination_simulator",
        description="A marketing tool on this machine, for the mailer destination.",
    )
    parser.add_argument("--port", type=int, default=0, help="port, 0 for a free one")
    parser.add_argument("--store", type=Path, default=Path("data/simulator.sqlite"))
    options = parser.parse_args(arguments)
    with running_simulator(
        options.store, port=options.port, token=os.environ.get(TOKEN_VARIABLE)
    ) as simulator:
        for name, value in simulator.environ.items():
            sys.stdout.write(f"{name}={value}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
