"""A destination that takes everything at once and keeps nothing, for measuring what sends.

    python -m demo.destination_simulator.sink --port 0

It answers any POST, PUT or PATCH with what it was told to answer, and counts. It reads no
JSON: rows are counted by how often a piece of text comes in a body. With `--fail-every` one
row of so many is refused, by name, as the webhook's interface has it.

GET /stats tells requests, rows, refused rows and bytes; POST /reset begins anew.
"""

import asyncio
import json
import re
from dataclasses import dataclass, field

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


@dataclass
class Sink:
    """What was taken, and how it is answered.

    Attributes:
        answer: Body of every answer, when no row is refused by name.
        marker: Piece of text that comes once in each row.
        fail_every: One row of so many is refused; 0 refuses none.
        key_pattern: Finds the keys of a body's rows, when rows are refused.
    """

    answer: bytes = b"{}"
    marker: bytes = b'"key":'
    fail_every: int = 0
    key_pattern: re.Pattern[bytes] = re.compile(rb'"key":\s*"([^"\\]*)"')
    requests: int = 0
    rows: int = 0
    refused: int = 0
    byte_count: int = 0
    _answered: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        self._answered = _response(self.answer)

    def taken(self, body: bytes) -> bytes:
        """The whole answer to one write."""
        self.requests += 1
        self.byte_count += len(body)
        if self.fail_every == 0:
            self.rows += body.count(self.marker)
            return self._answered
        results = []
        for key in self.key_pattern.findall(body):
            self.rows += 1
            result = {"key": key.decode(), "status": "ok"}
            if self.rows % self.fail_every == 0:
                self.refused += 1
                result |= {"status": "error", "error": "refused"}
            results.append(result)
        return _response(json.dumps({"results": results}).encode())

    def stats(self) -> bytes:
        """The answer to GET /stats."""
        counts = {
            "requests": self.requests,
            "rows": self.rows,
            "refused": self.refused,
            "bytes": self.byte_count,
        }
        return _response(json.dumps(counts).encode())

    def reset(self) -> bytes:
        """The answer to POST /reset."""
        self.requests = self.rows = self.refused = self.byte_count = 0
        return self._answered


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (answer := self._next_answer()) is not None:
            if self._transport is not None:
                self._transport.write(answer)

    def _next_answer(self) -> bytes | None:
        """The answer to a request that has come whole; None while none has."""
        head_end = self._buffer.find(_HEAD_END)
        if head_end < 0:
            return None
        head = bytes(self._buffer[: head_end + 2])
        length = _LENGTH.search(head)
        end = head_end + len(_HEAD_END) + (int(length[1]) if length else 0)
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[head_end + len(_HEAD_END) : end])
        del self._buffer[:end]
        if head.startswith(b"GET /stats "):
            return self._sink.stats()
        if head.startswith(b"POST /reset "):
            return self._sink.reset()
        return self._sink.taken(body)


def _response(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
        + str(len(body)).encode()
        + _HEAD_END
        + body
    )


async def serve(sink: Sink, port: int = 0) -> asyncio.Server:
    """Take requests on 127.0.0.1; port 0 takes a free one."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _Connection(sink), "127.0.0.1", port)
