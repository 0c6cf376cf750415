"""MLLP connections to one installation: a pool of them, one request at a time on each.

The rule that keeps answers apart: a connection goes back to the pool only when the answer to its request was taken and
nothing else has come. One whose answer was lost, came twice, or that has anything to read while it is idle is closed.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from adapters.mllp.framing import Block, End, Receiver, Stray, frame


class Closed(Exception):
    """The connection is gone. ``partial`` is what came of the block that was under way."""

    def __init__(self, partial: bytes = b"") -> None:
        super().__init__("the connection was closed")
        self.partial = partial


class Connection(asyncio.Protocol):
    """One connection. `send` a message, `receive` blocks until one is the answer, then `settle`."""

    def __init__(self, max_block: int) -> None:
        self._receiver = Receiver(max_block)
        self._transport: asyncio.Transport | None = None
        self._changed = asyncio.Event()
        self._open = False
        self._unsent = False
        self._busy = False
        self._clean = True

    # What asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # so that pause and resume say whether all of it has left
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._open = True

    def data_received(self, data: bytes) -> None:
        if not self._busy:  # nobody asked; and nobody would read it, however much it is
            self.abort()
            return
        self._receiver.receive(data)
        self._changed.set()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def pause_writing(self) -> None:
        self._unsent = True

    def resume_writing(self) -> None:
        self._unsent = False
        self._changed.set()

    def _end(self) -> None:
        self._open = False
        self._receiver.receive(b"")
        self._changed.set()

    # What the pool and the conversation ask

    @property
    def pending(self) -> bytes:
        """What has come and is not yet a block."""
        return self._receiver.pending

    async def send(self, message: bytes) -> None:
        """Frame and send; returns when the last byte has left. Raises `Closed`: some bytes may have left then."""
        assert self._transport is not None
        self._busy = True
        self._transport.write(frame(message))
        while self._unsent:
            if not self._open:
                raise Closed(self.pending)
            await self._wait()

    async def receive(self) -> bytes:
        """The next block. Raises `Closed`, and `mllp.FramingError` for a block that is too long."""
        while True:
            event = self._receiver.next_event()
            if isinstance(event, Block):
                return event.data
            if isinstance(event, End):
                raise Closed(event.partial)
            if isinstance(event, Stray):
                self._clean = False
            else:
                await self._wait()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def settle(self) -> None:
        """The answer was taken: the connection may carry another request, unless more than the answer has come."""
        self._busy = False

    def is_reusable(self) -> bool:
        """Whether it is whole and silent: the end of the stream, a reset, or an answer too many all show as bytes to
        read, in our buffer or still in the system's."""
        if self._busy or not self._open or not self._clean or self._receiver.pending or self._transport is None:
            return False
        if self._transport.is_closing():
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(self._transport.get_extra_info("socket").fileno(), selectors.EVENT_READ)
            return not selector.select(0)

    def abort(self) -> None:
        """Close at once."""
        self._open = False
        if self._transport is not None:
            self._transport.abort()


class Link:
    """The connections to one address; at most ``size`` of them, the last used first. Belongs to one event loop."""

    def __init__(self, host: str, port: int, *, size: int, max_reply: int) -> None:
        self._host, self._port, self._max_reply = host, port, max_reply
        self._places = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for one request, new or reused. Raises OSError where none can be made, `Closed` after `close`.

        A connection that was not settled, or is not as good as new, is closed afterwards.
        """
        async with self._places:
            connection = self._reused() or await self._new()
            try:
                yield connection
            finally:
                if connection.is_reusable() and not self._closed:
                    self._idle.append(connection)
                else:
                    connection.abort()

    def close(self) -> None:
        """Close what is idle at once, what is in use when it has ended; nothing can be sent any more."""
        self._closed = True
        while self._idle:
            self._idle.pop().abort()

    def _reused(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable():
                return connection
            connection.abort()
        return None

    async def _new(self) -> Connection:
        if self._closed:
            raise Closed
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(self._max_reply), self._host, self._port)
        return connection
