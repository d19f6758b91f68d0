"""The sink that benchmarks send to."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from demo.destination_simulator.sink import Sink, serve

ROWS = b'{"rows":[{"key":"a","x":1},{"key":"b","x":2},{"key": "c","x":3}]}'


def request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def next_body(reader: asyncio.StreamReader) -> object:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return json.loads(await reader.readexactly(length))


def with_sink(
    sink: Sink,
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]],
) -> object:
    async def run() -> object:
        async with await serve(sink) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            said = await asyncio.wait_for(talk(reader, writer), timeout=5)
            writer.close()
            return said

    return asyncio.run(run())


def test_it_counts_rows_and_answers_as_it_was_told():
    async def talk(reader, writer):
        writer.write(request("POST", "/any/path", ROWS))
        answer = await next_body(reader)
        writer.write(request("GET", "/stats"))
        return answer, await next_body(reader)

    answer, stats = with_sink(Sink(answer=b'{"status":"ok"}', marker=b'"x":'), talk)

    assert answer == {"status": "ok"}
    assert stats == {"requests": 1, "rows": 3, "refused": 0, "bytes": len(ROWS)}


def test_requests_in_one_piece_and_in_many_are_told_apart():
    async def talk(reader, writer):
        whole = request("POST", "/", ROWS) + request("PUT", "/", b"")
        for start in range(0, len(whole), 7):
            writer.write(whole[start : start + 7])
            await writer.drain()
        writer.write(request("POST", "/", ROWS) * 2)
        for _ in range(4):
            await next_body(reader)

    sink = Sink(marker=b'"x":')
    with_sink(sink, talk)

    assert (sink.requests, sink.rows) == (4, 9)


def test_one_row_of_so_many_is_refused_by_name():
    async def talk(reader, writer):
        writer.write(request("POST", "/", ROWS))
        return await next_body(reader)

    sink = Sink(fail_every=2)
    answer = with_sink(sink, talk)

    assert answer == {
        "results": [
            {"key": "a", "status": "ok"},
            {"key": "b", "status": "error", "error": "refused"},
            {"key": "c", "status": "ok"},
        ]
    }
    assert (sink.rows, sink.refused) == (3, 1)


def test_a_reset_begins_anew():
    async def talk(reader, writer):
        writer.write(request("POST", "/", ROWS))
        await next_body(reader)
        writer.write(request("POST", "/reset"))
        return await next_body(reader)

    sink = Sink()
    with_sink(sink, talk)

    assert (sink.requests, sink.rows, sink.byte_count) == (0, 0, 0)


@pytest.mark.parametrize("body", [b"", b"not JSON at all"])
def test_it_takes_anything(body):
    async def talk(reader, writer):
        writer.write(request("PATCH", "/", body))
        return await next_body(reader)

    assert with_sink(Sink(), talk) == {}
