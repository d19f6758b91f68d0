"""HTTP as it comes over a socket, right and wrong."""

import socket
from collections.abc import Iterator

import pytest

from demo.destination_simulator.answers import Answer
from demo.destination_simulator.connections import HttpServer, Reply, Request


def echo(request: Request) -> Reply:
    return Reply(
        Answer(
            200,
            {
                "method": request.method,
                "target": request.target,
                "body": request.body.decode(),
                "both": request.headers.get("x-both", ""),
            },
        )
    )


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    server = HttpServer(0, echo)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as opened:
        yield opened
    server.stop()


def answer_to(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(request)
    connection.shutdown(socket.SHUT_WR)
    received = b""
    while piece := connection.recv(65_536):
        received += piece
    return received


def test_a_connection_stays_open(connection):
    received = answer_to(
        connection, b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\nhost: x\r\n\r\n"
    )

    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert b'"target": "/b"' in received


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.1\r\nconnection: close\r\n", b"GET / HTTP/1.0\r\n"]
)
def test_a_connection_is_closed_when_the_client_wants_it(connection, head):
    received = answer_to(connection, head + b"\r\nGET / HTTP/1.1\r\n\r\n")

    assert received.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in received


def test_a_body_in_chunks_is_put_together(connection):
    received = answer_to(
        connection,
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    )

    assert b'"body": "abcde"' in received


def test_a_client_that_asks_first_is_told_to_go_on(connection):
    received = answer_to(
        connection,
        b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\na",
    )

    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


def test_a_header_that_comes_twice_is_joined(connection):
    received = answer_to(
        connection, b"GET / HTTP/1.1\r\nX-Both: 1\r\nx-both: 2\r\n\r\n"
    )

    assert b'"both": "1, 2"' in received


@pytest.mark.parametrize(
    "request_text",
    [
        b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nabc",
        b"POST / HTTP/1.1\r\ncontent-le",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
        b"",
    ],
)
def test_half_a_request_is_not_answered(connection, request_text):
    assert answer_to(connection, request_text) == b""


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: 999999999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 201, b"431"),
    ],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(
    connection, request_text, status
):
    assert answer_to(connection, request_text).startswith(b"HTTP/1.1 " + status)


def test_an_answer_without_a_body_has_no_type():
    server = HttpServer(0, lambda _: Reply(Answer(204, None)))
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as opened:
        received = answer_to(opened, b"GET / HTTP/1.1\r\n\r\n")
    server.stop()

    assert received == b"HTTP/1.1 204 No Content\r\n\r\n"
