"""A head that does not end is not waited for; one that does is answered on the same connection, again and again; what
is no HTTP is answered like any other problem."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
import uvicorn

from hub.api import protocol
from hub.api.protocol import PunctualProtocol

from .conftest import assert_valid


async def hello(scope: dict[str, object], receive: object, send: object) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(0.2)
    if scope["path"] == "/body" and (await receive())["type"] == "http.disconnect":  # type: ignore[operator]
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"hi"})  # type: ignore[operator]


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(protocol, "HEAD_DEADLINE", 0.4)
    config = uvicorn.Config(hello, port=0, http=PunctualProtocol, lifespan="off", log_config=None)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def test_a_silent_connection_is_closed(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_a_head_in_drops_is_closed(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")

    async def drip() -> None:
        for _ in range(200):
            writer.write(b"X-Slow: 1\r\n")
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    with contextlib.suppress(ConnectionResetError):  # our own last drop met a closed connection
        assert await asyncio.wait_for(reader.read(), 10) == b""
    dripping.cancel()
    writer.close()


async def test_a_punctual_client_keeps_its_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(2) == b"hi"
        await asyncio.sleep(0.6)  # idle between requests is allowed: uvicorn's own keep-alive limit watches that
    writer.close()


async def answer(port: int, raw: bytes) -> tuple[list[str], bytes]:
    """What comes back on a connection until it is closed: the heads' first lines, and the last body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    received = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    heads = [line for line in received.decode().split("\r\n") if line.startswith("HTTP/1.1 ")]
    return heads, received.rpartition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"FOO /fhir/Appointment HTTP/1.1\r\nHost: x\r\n\r\n", 501, "unknown-method"),
        (b"get /fhir/Appointment HTTP/1.1\r\nHost: x\r\n\r\n", 501, "unknown-method"),
        (b"GET /fhir/a b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-http"),
        (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400, "malformed-http"),
        (b"GET / HTTP/1.1\r\nA b: 1\r\n\r\n", 400, "malformed-http"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "malformed-http"),
        (b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400, "malformed-http"),
        (b"GET /010594Y9021 b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-http"),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-http"),
    ],
    ids=str,
)
async def test_what_is_no_request_gets_an_outcome(port: int, raw: bytes, status: int, code: str) -> None:
    heads, body = await answer(port, raw)

    assert [int(head.split()[1]) for head in heads] == [status]
    assert_valid(body)
    outcome = json.loads(body)
    assert [one["code"] for one in outcome["issue"][0]["details"]["coding"]] == [code, "nothing-done"]
    assert "Trace: req_" in outcome["issue"][0]["diagnostics"]
    assert b"010594Y9021" not in body


async def test_what_follows_a_request_never_looks_like_its_answer(port: int) -> None:
    heads, body = await answer(port, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nFOO / HTTP/1.1\r\n\r\n")

    assert (heads, body) == (["HTTP/1.1 200 OK"], b"hi")


async def test_what_follows_an_answer_is_answered(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"hi")
    writer.write(b"FOO / HTTP/1.1\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 501 ")
    writer.close()
