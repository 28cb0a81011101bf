"""Answers that go out in one piece, as a client reads them off the connection."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from aimctrl.sandbox.apiserver.replies import Reply

SMALL = b'{"kind":"Status"}'
LARGE = b"x" * 100_000

CODES = {"/created": 201, "/conflict": 409}


async def handle(request: web.BaseRequest) -> web.StreamResponse:
    reply = Reply(CODES.get(request.path, 200), LARGE if request.path == "/large" else SMALL, "application/json")
    if request.path == "/warned":
        reply.headers.add("Warning", '299 - "careful"')
    return reply


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = web.Server(handle)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    yield listener.sockets[0].getsockname()[1]
    listener.close()
    await server.shutdown(1.0)


async def answer(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.rstrip().split("\r\n")
    headers = dict(part.split(": ", 1) for part in rest)
    return line, headers, await reader.readexactly(int(headers["Content-Length"]))


@pytest.mark.parametrize(
    ("path", "line", "body"),
    [
        pytest.param("/", "HTTP/1.1 200 OK", SMALL, id="plain"),
        pytest.param("/created", "HTTP/1.1 201 Created", SMALL, id="created"),
        pytest.param("/conflict", "HTTP/1.1 409 Conflict", SMALL, id="another code"),
        pytest.param("/warned", "HTTP/1.1 200 OK", SMALL, id="with a warning"),
        pytest.param("/large", "HTTP/1.1 200 OK", LARGE, id="large"),
    ],
)
async def test_the_connection_goes_on_after_an_answer(port: int, path: str, line: str, body: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        said, headers, content = await answer(reader)
        assert (said, headers["Content-Type"], content) == (line, "application/json", body)
        assert headers["Date"].endswith(" GMT")
        assert headers.get("Warning") == ('299 - "careful"' if path == "/warned" else None)
    writer.close()


@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param("GET / HTTP/1.0\r\n\r\n", id="HTTP/1.0"),
        pytest.param("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", id="asked to close"),
    ],
)
async def test_the_connection_ends_after_the_answer_where_that_is_asked_for(port: int, request_head: str):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_head.encode())
    _, _, content = await answer(reader)
    assert (content, await reader.read()) == (SMALL, b"")
    writer.close()


async def test_requests_that_come_at_once_are_answered_in_turn(port: int):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode() for path in ("/large", "/created", "/")))
    assert [(await answer(reader))[2] for _ in range(3)] == [LARGE, SMALL, SMALL]
    writer.close()
