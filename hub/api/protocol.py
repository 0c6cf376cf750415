"""The server's HTTP protocol with the one limit that uvicorn lacks: a head must arrive whole, and in time."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_DEADLINE: Final = 10.0
"""Seconds of real time from a connection's, or a request's, first moment to the end of its head."""


class PunctualProtocol(HttpToolsProtocol):
    """Closes a connection whose request's head does not end within `HEAD_DEADLINE`; bodies have their own deadline."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._watch()

    def on_headers_complete(self) -> None:
        self._unwatch()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._unwatch()
        self._timer = self.loop.call_later(HEAD_DEADLINE, self._too_slow)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()
