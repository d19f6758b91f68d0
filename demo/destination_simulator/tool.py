"""The tool's own rules: routes, limits, what a record may hold, and the running server."""

import contextlib
import hashlib
import json
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from demo.destination_simulator.answers import (
    Answer,
    Json,
    Record,
    RefusedError,
)
from demo.destination_simulator.faults import Fault, FaultKind
from demo.destination_simulator.server import Server
from demo.destination_simulator.store import Store

URL_VARIABLE = "KENNING_MAILER_URL"
TOKEN_VARIABLE = "KENNING_MAILER_TOKEN"  # noqa: S105  the variable's name, no token

MAX_BATCH_ROWS = 500
MAX_PAGE_ROWS = 1_000
MAX_TEXT_LENGTH = 5_000

_POLL_S = 0.05
"""How often the server looks whether it should stop."""

_ROUTE = re.compile(
    r"/v1/(?P<object>[a-z][a-z0-9_]*)(?P<batch>/batch/(upsert|delete))?"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Simulator:
    """A running simulator. Made by `running_simulator`.

    Attributes:
        url: Its address, with the port that it got.
        token: The bearer token that it accepts.
    """

    def __init__(
        self, store: Path, *, port: int, token: str, max_requests_per_second: int | None
    ) -> None:
        self._store = Store(store)
        self._faults: deque[Fault] = deque()
        self._max_requests_per_second = max_requests_per_second
        self._recent: deque[float] = deque()
        self._lock = threading.Lock()
        self._write_count = 0
        self.token = token
        self._server = Server(("127.0.0.1", port), self.answer, token)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": _POLL_S},
            daemon=True,
        )

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
    ) -> tuple[Answer, Fault | None]:
        """What one authorised request gets, and the fault that befalls it."""
        parts = urlsplit(target)
        route = _ROUTE.fullmatch(parts.path)
        if route is None:
            return RefusedError(404, "no_such_path").answer, None
        if method == "GET" and route["batch"] is None:
            return self._page(route["object"], parse_qs(parts.query)), None
        if method != "POST" or route["batch"] is None:
            return RefusedError(405, "method_not_allowed").answer, None
        with self._lock:
            self._write_count += 1
            fault = self._faults.popleft() if self._faults else None
        if fault is not None and fault.kind is FaultKind.STATUS:
            return _faulty_answer(fault), None
        if fault is not None and fault.kind is FaultKind.DROP_BEFORE:
            return Answer(500, None), fault
        if self._is_throttled():
            return (
                Answer(429, {"error": {"code": "throttled"}}, {"retry-after": "1"}),
                None,
            )
        try:
            return self._write(route["object"], route["batch"], headers, body), fault
        except RefusedError as refused:
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

    def _page(self, object_name: str, query: Mapping[str, list[str]]) -> Answer:
        limit_text = query.get("limit", [str(MAX_PAGE_ROWS)])[0]
        limit = min(int(limit_text), MAX_PAGE_ROWS) if limit_text.isdecimal() else 0
        if limit < 1:
            return RefusedError(400, "invalid_limit").answer
        after = query.get("after", [""])[0]
        # One more than asked for tells whether there is a next page.
        page = self._store.page(object_name, after=after, limit=limit + 1)
        following = page[limit - 1]["id"] if len(page) > limit else None
        return Answer(200, {"records": list(page[:limit]), "next": following})

    def _write(
        self, object_name: str, action: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        is_upsert = action == "/batch/upsert"
        rows = _rows(body, "records" if is_upsert else "ids")
        write = self._upsert_row if is_upsert else self._delete_row

        def work() -> Answer:
            seen: set[str] = set()
            results = [write(object_name, row, seen) for row in rows]
            has_errors = any(result["status"] == "error" for result in results)
            return Answer(207 if has_errors else 200, {"results": list(results)})

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


def _faulty_answer(fault: Fault) -> Answer:
    headers = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
    return Answer(fault.status, {"error": {"code": "injected"}}, headers)


def _rows(body: bytes, name: str) -> list[Json]:
    try:
        content: Json = json.loads(body)
    except ValueError:
        raise RefusedError(400, "not_json") from None
    rows = content.get(name) if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise RefusedError(400, f"no_{name}")
    if len(rows) > MAX_BATCH_ROWS:
        raise RefusedError(413, "batch_too_large")
    return rows


def _is_id(value: Json) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= 255


def _is_property(name: str, value: Json) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return name != "email" or value is None
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH:
        return False
    return name != "email" or _EMAIL.fullmatch(value) is not None


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
