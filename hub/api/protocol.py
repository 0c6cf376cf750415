"""The server's HTTP protocol with what uvicorn lacks: a head must arrive whole, and in time; and what is no HTTP at all
is answered by a problem of the contract, too, where it can be answered."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from hub.api import negotiate, outcomes
from hub.api.doors import ALWAYS
from hub.api.message import Request, new_id
from hub.usecases.ports import Failed

HEAD_DEADLINE: Final = 10.0
"""Seconds of real time from a connection's, or a request's, first moment to the end of its head."""

_log = logging.getLogger(__name__)


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

    def send_400_response(self, msg: str) -> None:
        """What has come is no request, and the connection is of no more use. A request before it that came whole still
        gets its own answer, and this one none: it would be taken for the other's."""
        self._unwatch()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_refusal(sys.exception()))
            self.transport.close()
        elif self.cycle.more_body:
            self._broken_body()
        else:
            self.cycle.keep_alive = False
            self.flow.pause_reading()

    def _broken_body(self) -> None:
        """The body of the last request is broken. Where nothing was answered yet, and nobody waits before it, this is
        its answer; the closed connection ends its handler, which has not read a whole body and does nothing."""
        if not (self.cycle.response_started or self.pipeline):
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.transport.write(_refusal(sys.exception()))
        self.transport.close()

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


def _refusal(error: BaseException | None) -> bytes:
    """The whole answer to what ``error`` says is no request."""
    is_method = isinstance(error, httptools.HttpParserInvalidMethodError)
    problem = Failed("unknown-method") if is_method else Failed("malformed-http", str(error))
    request = Request(new_id(), "", "", "", {}, time.time(), negotiate.language(""))
    reply = outcomes.reply(problem, request, "/errors")
    _log.warning("request %s is no HTTP request: %s", request.id, error)
    headers = [*((name.encode(), value.encode()) for name, value in reply.headers), *ALWAYS]
    headers += [(b"x-request-id", request.id.encode()), (b"connection", b"close")]
    headers += [(b"content-type", f"{request.media}; charset=utf-8".encode())]
    headers += [(b"content-length", b"%d" % len(reply.body))]
    return b"".join([STATUS_LINE[reply.status], *(b"%s: %s\r\n" % one for one in headers), b"\r\n", reply.body])
