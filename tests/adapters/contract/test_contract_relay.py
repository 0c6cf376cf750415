"""The relay reads messages whole, whatever pieces they come in, and frames them anew after a change."""

from __future__ import annotations

import asyncio

import pytest

from adapters.contract.relay import Framing, HttpFraming, MllpFraming, http_trouble, swapped

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
UNMEASURED = b"HTTP/1.1 200 OK\r\n\r\nuntil the end"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
BLOCK = b"\x0bMSH|^~\\&|A\r\x1c\r"


async def read(framing: Framing, stream: bytes) -> list[bytes]:
    reader = asyncio.StreamReader()
    reader.feed_data(stream)
    reader.feed_eof()
    found = []
    while message := await framing.read(reader):
        found.append(message)
    return found


@pytest.mark.parametrize(
    "messages",
    [
        [GET, GET], [POST, GET], [REPLY, REPLY], [CHUNKED, REPLY], [NO_CONTENT, REPLY], [UNMEASURED],
        [http_trouble(b"", True)],
    ],
)  # fmt: skip
async def test_http_messages_are_read_whole(messages: list[bytes]) -> None:
    assert await read(HttpFraming(), b"".join(messages)) == messages


async def test_mllp_messages_are_read_whole() -> None:
    assert await read(MllpFraming(), BLOCK + BLOCK + BLOCK[:4]) == [BLOCK, BLOCK]


async def test_what_is_changed_is_framed_anew() -> None:
    longer = HttpFraming().changed(REPLY, lambda body: body + "ä".encode())
    assert await read(HttpFraming(), longer + REPLY) == [longer, REPLY]
    assert longer.endswith("okä".encode())
    assert MllpFraming().changed(BLOCK, lambda _: b"X") == b"\x0bX\x1c\r"


def test_one_text_is_written_for_another_at_once() -> None:
    another = swapped({"1001": "1002", "1002": "1001", "Äiti": "Isä"}, "iso-8859-1")
    assert another("1001 1002 Äiti".encode("iso-8859-1")) == "1002 1001 Isä".encode("iso-8859-1")
