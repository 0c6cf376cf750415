"""The bytes of a connection: uvicorn's HTTP protocol with a tap on what comes in and a hand on what goes out.

A reply is held back until it is complete and then sent in one piece, so that a fault can cut, replace or repeat the
true bytes of the wire, and the journal holds exactly what was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

HEAD_LIMIT: Final = 64 * 1024
REQUEST_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 60
KEPT_BYTES: Final = 32 * 1024
"""How much of one message the journal keeps."""

RUBBISH: Final = bytes(range(0xFE, 0xBE, -1))
"""What comes instead of a reply that is garbage: the first byte is never that of a status line."""

EXTENSION: Final = "sandbox.wire"
"""The ASGI scope extension under which a request finds its `Wire`."""

Record = Callable[["Wire", bytes, bytes], None]
"""Called once per exchange with what was received (at most KEPT_BYTES of it) and what was sent."""


class Wire(asyncio.Transport):
    """One connection's transport. Writes are gathered until `flush`, which sends them as `shape` makes them."""

    def __init__(self, transport: asyncio.Transport, record: Record) -> None:
        super().__init__()
        self._transport = transport
        self._record = record
        self._reply = bytearray()
        self._received = bytearray()
        self.received_size = 0
        self.due = 0.0
        self.reset()

    def reset(self) -> None:
        """Forget the last exchange."""
        self.operation = ""
        self.fault: str | None = None
        self.note = ""
        self.shape: Callable[[bytes], bytes] | None = None
        self.hang_up = False
        self._received.clear()
        self._reply.clear()
        self.received_size = 0

    def heard(self, data: bytes) -> None:
        """Remember bytes that came in."""
        self.received_size += len(data)
        self._received += data[: KEPT_BYTES - len(self._received)]

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Gather bytes of the reply; an interim answer (100 Continue) goes out at once."""
        if bytes(data[:12]) == b"HTTP/1.1 100":
            self._transport.write(data)
        else:
            self._reply += data

    def flush(self) -> None:
        """Send the reply and end the exchange; hang up if a fault says so."""
        if self._reply:
            raw = bytes(self._reply)
            sent = raw if self.shape is None else self.shape(raw)
            self._end(sent)
            if not self._transport.is_closing():
                self._transport.write(sent)
        hang_up = self.hang_up
        self.reset()
        if hang_up:
            self._transport.close()

    def drop(self, note: str) -> None:
        """Close the connection without a byte; `note` goes to the journal."""
        self.leave_unanswered(note)
        self.reset()
        self._transport.close()

    def leave_unanswered(self, note: str) -> None:
        """Put the request into the journal without a reply."""
        self.note = note
        self._end(b"")
        self._received.clear()

    def _end(self, sent: bytes) -> None:
        self._record(self, bytes(self._received), sent)

    # ---- the transport's own interface

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        for data in list_of_data:
            self.write(data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def is_reading(self) -> bool:
        return self._transport.is_reading()


class TappedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with limits that uvicorn does not set: the size of a head, and the time until a request is whole."""

    def __init__(self, config: Config, server_state: ServerState, record: Record) -> None:
        super().__init__(config, server_state, app_state={})
        self._record = record
        self._head_size = 0
        self._in_head = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.wire = Wire(transport, self._record)
        super().connection_made(self.wire)
        self.timeout_keep_alive_task = self.loop.call_later(IDLE_SECONDS, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.wire.is_closing():
            return
        self.wire.heard(data)
        super().data_received(data)
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > HEAD_LIMIT:
                self._end_early(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_size = True, 0
        self.wire.due = self.loop.time() + REQUEST_SECONDS
        self._timer = self.loop.call_at(self.wire.due, self._end_early, b"408 Request Timeout")

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_timer()  # from here on the application waits for the body, until wire.due
        extensions: dict[str, Any] = {EXTENSION: self.wire}
        self.scope["extensions"] = extensions
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        self.wire.flush()
        super().on_response_complete()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_early(self, status: bytes) -> None:
        self._stop_timer()
        self._in_head = False
        self.wire.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.wire.close()
