"""A place that takes rows over HTTP and answers at once; what the sync benchmarks send to.

Runs in a process of its own (`running_sink`), and does as little as can be for a request, so that
what is measured is the sender. Told so through `/control`, it keeps every key with how often it
came, refuses one row in a hundred, or refuses requests above a rate.

- `POST /rows` `{"rows": [{"k": ...}, ...]}`: 200 with the rows that it refused, by position.
- `POST /strict` the same, but with a refused row the answer is 422, with an entry for every row.
- `/crm/v3/objects/contacts`: writes contacts as HubSpot does, one by one and in batches.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import urllib.request
import zlib
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

KEY = "k"
_MARK = b'"k":'
_REFUSED_IN = 100
_ERROR = {"code": "refused", "error": "refused"}


@dataclass
class Sink:
    """What has come so far, and what is done with it.

    Attributes:
        keeps: Whether rows are read and their keys kept, rather than only counted.
        refuses: Whether one row in a hundred is refused.
        window_s: Length of the rate window; 0 for none.
        most: Requests that it lets through.
    """

    keeps: bool = False
    refuses: bool = False
    window_s: float = 0.0
    most: int = 0
    requests: int = 0
    rows: int = 0
    refused: int = 0
    throttled: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    keys: Counter[str] = field(default_factory=Counter)
    contacts: dict[str, int] = field(default_factory=dict)
    recent: deque[float] = field(default_factory=deque)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body for a request."""
        if path == "/control":
            return 200, orjson.dumps(self._controlled(body))
        self.requests += 1
        now = time.monotonic()
        self.first_at = self.first_at or now
        if self.window_s and not self._is_within(now):
            self.throttled += 1
            return 429, b"{}"
        self.last_at = now
        if path.startswith("/crm/"):
            return self._contact_answer(method, path, body)
        if not self.keeps and not self.refuses:
            self.rows += body.count(_MARK)
            return 200, b'{"status":"ok","failed":[]}'
        rows = orjson.loads(body)["rows"]
        errors = [_ERROR if self._is_refused(row[KEY]) else None for row in rows]
        self._keep(
            [row[KEY] for row, error in zip(rows, errors, strict=True) if not error]
        )
        failed = [
            {"index": place, **error} for place, error in enumerate(errors) if error
        ]
        self.refused += len(failed)
        if failed and path == "/strict":
            return 422, orjson.dumps({"errors": errors})
        return 200, orjson.dumps({"status": "ok", "failed": failed})

    def _contact_answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        content = orjson.loads(body)
        if path.endswith("/batch/upsert"):
            results = []
            for row in content["inputs"]:
                number, _ = self._contact(row["id"].lower())
                results.append(
                    {
                        "id": str(number),
                        "properties": row["properties"],
                        "objectWriteTraceId": row["objectWriteTraceId"],
                    }
                )
            self._keep([row["id"] for row in content["inputs"]])
            return 200, orjson.dumps({"status": "COMPLETE", "results": results})
        email = content["properties"]["email"]
        number, is_new = self._contact(email.lower())
        if method == "POST" and not is_new:
            return 409, b'{"status":"error","category":"CONFLICT"}'
        self._keep([email])
        result = {"id": str(number), "properties": content["properties"]}
        return 201 if is_new else 200, orjson.dumps(result)

    def _contact(self, email: str) -> tuple[int, bool]:
        is_new = email not in self.contacts
        return self.contacts.setdefault(email, len(self.contacts) + 1), is_new

    def _keep(self, keys: list[str]) -> None:
        self.rows += len(keys)
        if self.keeps:
            self.keys.update(keys)

    def _is_refused(self, key: str) -> bool:
        return self.refuses and zlib.crc32(key.encode()) % _REFUSED_IN == 0

    def _is_within(self, now: float) -> bool:
        recent = self.recent
        while recent and recent[0] <= now - self.window_s:
            recent.popleft()
        if len(recent) >= self.most:
            return False
        recent.append(now)
        return True

    def _controlled(self, body: bytes) -> dict[str, object]:
        """Told something, it forgets what came and does so from now on; then it tells."""
        if body:
            self.__init__(**orjson.loads(body))  # type: ignore[misc]
        return {
            "requests": self.requests,
            "rows": self.rows,
            "refused": self.refused,
            "throttled": self.throttled,
            "seconds": self.last_at - self.first_at,
            "distinct": len(self.keys),
            "twice": sum(count > 1 for count in self.keys.values()),
        }


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = bytearray()
        self._wanted = 0
        self._head = ("", "", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= max(self._wanted, 1):
            if not self._wanted and not self._read_head():
                return
            if len(self._buffer) < self._wanted:
                return
            method, path, start = self._head
            body = bytes(memoryview(self._buffer)[start : self._wanted])
            del self._buffer[: self._wanted]
            self._wanted = 0
            status, content = self._sink.answer(method, path, body)
            self._transport.write(
                b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n%b" % (status, len(content), content)
            )

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        length = 0
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = int(value)
        self._head = (method, path, end + 4)
        self._wanted = end + 4 + length
        return True


class RunningSink:
    """A sink in another process."""

    def __init__(self, url: str, process_id: int) -> None:
        self.url = url
        self.process_id = process_id

    def begin(self, **how: object) -> None:
        """Forget what came, and do so from now on; see `Sink`."""
        self._ask(json.dumps(how or {"keeps": False}).encode())

    def told(self) -> Mapping[str, Any]:
        """What has come."""
        return self._ask(b"")

    def _ask(self, body: bytes) -> Mapping[str, Any]:
        request = urllib.request.Request(
            f"{self.url}/control", data=body, method="POST"
        )
        with urllib.request.urlopen(request) as answer:
            found: Mapping[str, Any] = json.load(answer)
        return found


@contextlib.contextmanager
def running_sink() -> Iterator[RunningSink]:
    """A sink on a free port of this machine, until the context ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.sync_sink"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            yield RunningSink(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.kill()


async def _serve() -> None:
    sink = Sink()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(sink), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
