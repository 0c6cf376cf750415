"""Connections for requests that change something: nothing was ever sent on one before, and nothing is after.

A pooled connection may have died unseen, or still hold bytes of an earlier answer, and either would make an unknown
outcome of a request that nothing was wrong with. Opening one takes as long as sending the request, so that while
requests come one is opened ahead; it is looked at before it is used, and closed when it is not.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import httpcore
import httpx

from adapters.http.stream import Stream, connect

_READY_FOR: Final = 10.0
"""Seconds a connection waits to be used; a sixth of what the record systems keep an idle one."""
_AFTER: Final = 0.004
"""Seconds after an answer until the next connection is opened: the answer is read and written down first."""


class OneUse(httpx.AsyncBaseTransport):
    """Sends each request over a connection of its own. ``connect`` is in seconds.

    Raises `httpx.ConnectError` when no connection can be had and `httpx.ReadError` for whatever happens on one. The
    request's ``trace`` extension is told what left, as httpcore tells it.
    """

    def __init__(self, trust: ssl.SSLContext, connect: float) -> None:
        self._trust, self._connect = trust, connect
        self._ready: Stream | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, whose body is still to be read; closing it closes the connection."""
        to = request.url
        url = httpcore.URL(scheme=to.raw_scheme, host=to.raw_host, port=to.port, target=to.raw_path)
        stream = await self._take(url.origin)
        connection = httpcore.AsyncHTTP11Connection(url.origin, stream)
        asked = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        try:
            answer = await connection.handle_async_request(asked)
        except BaseException as err:  # a cancelled request, too: nobody would close its connection
            await connection.aclose()
            if isinstance(err, _FAILURES):
                raise httpx.ReadError(type(err).__name__) from err
            raise
        body = _Body(answer, connection, lambda: self._prepare(url.origin))
        return httpx.Response(answer.status, headers=answer.headers, stream=body, extensions=answer.extensions)

    async def aclose(self) -> None:
        """Let go of the connection that is ready."""
        self._closed = True
        await self._let_go()

    async def _take(self, origin: httpcore.Origin) -> Stream:
        stream, self._ready = self._ready, None
        if stream is not None:
            await self._let_go()
            if not stream.heard:
                return stream
            await stream.aclose()  # the other side has closed it, or said something unasked
        try:
            return await self._open(origin)
        except _FAILURES as err:
            raise httpx.ConnectError(type(err).__name__) from err

    async def _open(self, origin: httpcore.Origin) -> Stream:
        trust = self._trust if origin.scheme == b"https" else None
        return await connect(origin.host.decode("ascii"), origin.port, trust, self._connect)

    def _prepare(self, origin: httpcore.Origin) -> None:
        """Open the next connection, a little later: it keeps the answer to this one waiting on neither side."""
        if self._keeper is None and not self._closed:
            self._keeper = asyncio.create_task(self._keep_ready(origin))

    async def _keep_ready(self, origin: httpcore.Origin) -> None:
        """Open the next connection, and close it when nobody takes it."""
        with suppress(*_FAILURES):  # nobody has asked for it: who needs one opens it, and hears why it fails
            await asyncio.sleep(_AFTER)
            self._ready = await self._open(origin)
            await asyncio.sleep(_READY_FOR)
        self._keeper = None
        await self._let_go()

    async def _let_go(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
        stream, self._ready = self._ready, None
        if stream is not None:
            await stream.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer; closing it closes its connection, and tells ``closed``."""

    def __init__(
        self, answer: httpcore.Response, connection: httpcore.AsyncHTTP11Connection, closed: Callable[[], None]
    ) -> None:
        self._answer, self._connection, self._closed = answer, connection, closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._answer.aiter_stream():
                yield part
        except _FAILURES as err:
            raise httpx.ReadError(type(err).__name__) from err

    async def aclose(self) -> None:
        self._closed()
        await self._connection.aclose()


_FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
)
