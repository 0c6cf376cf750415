"""A request's body in, an answer out: how far a body is read, and what is sent of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Final

from starlette.types import Receive, Scope, Send

from sandbox.http.answer import Answer
from sandbox.wire import Wire

_DRAINED: Final = 16
"""How many times its limit a body that is too large is read and thrown away, so that the client sees the answer."""
_WITHOUT_BODY: Final = (204, 304)


class Body:
    """How an installation takes bodies: at most `limit` bytes. The refusals of others are made anew for each."""

    def __init__(self, limit: int, too_large: Callable[[], Exception], too_slow: Callable[[], Exception]) -> None:
        self._limit = limit
        self._too_large = too_large
        self._too_slow = too_slow

    async def read(self, scope: Scope, receive: Receive, wire: Wire) -> bytes:
        """Return the whole body. Raises the refusal of one that is too large, or does not come until `wire.due`."""
        drained = _DRAINED * self._limit
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > drained:
            raise self._too_large()
        body = bytearray()
        size = 0
        try:
            async with asyncio.timeout_at(wire.due):
                more = True
                while more and size <= drained:
                    message = await receive()
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size <= self._limit:
                        body += chunk
                    more = bool(message.get("more_body", False))
        except TimeoutError as err:
            raise self._too_slow() from err
        if size > self._limit:
            raise self._too_large()
        return bytes(body)


async def finish(answer: Answer | None, receive: Receive, send: Send, headers: Mapping[str, str]) -> None:
    """Send an answer with these headers and its own; without one, wait until the client is gone."""
    if answer is None:
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    sent = {"date": formatdate(usegmt=True), **headers, **answer.headers}
    if answer.status not in _WITHOUT_BODY:
        sent["content-length"] = str(len(answer.body))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})
