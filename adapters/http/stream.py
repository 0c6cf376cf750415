"""A connection for httpcore on the event loop's own streams, with TLS or without.

httpcore's usual way to the network serves several kinds of event loop; on the one there is here, a request that opens a
connection of its own takes a quarter less time this way.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, SupportsIndex

import httpcore


class Stream(httpcore.AsyncNetworkStream):
    """One open connection, made by `connect`. Every method raises httpcore's errors; timeouts are in seconds."""

    def __init__(self, reader: _Listening, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @property
    def heard(self) -> bool:
        """Whether the other side has said anything since the connection was opened, or has closed it."""
        return self._reader.heard

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at most ``max_bytes``; empty at the end."""
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except TimeoutError as err:
            raise httpcore.ReadTimeout from err
        except OSError as err:
            raise httpcore.ReadError(type(err).__name__) from err

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """On return it is the operating system's: from then on it counts as sent."""
        if not buffer:
            return
        self._writer.write(buffer)
        try:
            async with asyncio.timeout(timeout):
                await self._writer.drain()
        except TimeoutError as err:
            raise httpcore.WriteTimeout from err
        except OSError as err:
            raise httpcore.WriteError(type(err).__name__) from err

    async def aclose(self) -> None:
        """Close it, without waiting for the other side to agree."""
        self._writer.transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Not here: a connection has TLS from its beginning, or none."""
        raise httpcore.UnsupportedProtocol("TLS begins with the connection")

    def get_extra_info(self, info: str) -> Any:
        """Of what httpcore asks, whether the connection is ``is_readable``."""
        return self.heard if info == "is_readable" else None


class _Listening(asyncio.StreamReader):
    """Knows whether anything has come."""

    heard = False

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        self.heard = True
        super().feed_data(data)

    def feed_eof(self) -> None:
        self.heard = True
        super().feed_eof()

    def set_exception(self, exc: Exception) -> None:
        self.heard = True
        super().set_exception(exc)


async def connect(host: str, port: int, trust: ssl.SSLContext | None, timeout: float) -> Stream:
    """An open connection; ``trust`` None: without TLS. Raises `OSError` (of which `ssl.SSLError` and `TimeoutError` are
    kinds)."""
    loop = asyncio.get_running_loop()
    reader = _Listening(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    async with asyncio.timeout(timeout):
        transport, _ = await loop.create_connection(lambda: protocol, host, port, ssl=trust)
    transport.set_write_buffer_limits(high=0)  # `drain` waits until nothing is left here
    return Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
