"""The face of an installation that speaks HTTP: its listener, its connections, and the journal of what they carry."""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from functools import partial
from typing import Any, Final

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from sandbox.face import InstallationConfig
from sandbox.http.misbehaviour import Misbehaviour
from sandbox.journal import Journal
from sandbox.listener import bind
from sandbox.wire import IDLE_SECONDS, KEPT_BYTES, TappedProtocol, Wire

_BACKLOG: Final = 512


class HttpFace(ABC):
    """A `sandbox.face.Face`. A system says what answers (`application`), and how TLS is spoken where it is."""

    def __init__(self, config: InstallationConfig, journal: Journal, misbehaviour: Misbehaviour[Any]) -> None:
        self._config = config
        self._journal = journal
        self._misbehaviour = misbehaviour
        self._port = config.port
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    @abstractmethod
    def application(self) -> ASGIApp:
        """Return what answers requests. Called with every beginning to listen, when the port is known."""

    def tls(self) -> ssl.SSLContext | None:
        """Return how to speak TLS, None for plain HTTP."""
        return None

    @property
    def fault_kinds(self) -> frozenset[str]:
        """The kinds of fault this wire can show."""
        return self._misbehaviour.kinds

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    async def start(self) -> None:
        """Listen. Raises OSError if the port cannot be had, ssl.SSLError for certificates that cannot be used."""
        await self.resume_listening()

    async def stop(self) -> None:
        """Close the listener and every connection; give up what was to be done later."""
        await self.pause_listening()
        await self._misbehaviour.stop()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)

    async def pause_listening(self) -> None:
        """Close the listener and every connection: the next call is refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for protocol in list(self._state.connections):
            protocol.transport.abort()
        await asyncio.sleep(0)  # the connections learn of it in the loop's next turn

    async def resume_listening(self) -> None:
        """Listen (again), on the same port."""
        if self._server is not None:
            return
        tls = self.tls()
        listener = bind(self._config.host, self._port)
        self._port = listener.getsockname()[1]
        config = _loaded(self.application())
        self._server = await asyncio.get_running_loop().create_server(
            lambda: TappedProtocol(config, self._state, self._record), sock=listener, backlog=_BACKLOG, ssl=tls
        )

    def _record(self, wire: Wire, received: bytes, sent: bytes) -> None:
        """Put an exchange into the journal, long messages cut."""
        number, record = None, partial(self._journal.record, operation=wire.operation, fault=wire.fault)
        if received:
            number = record("received", received, note=_cut_note(wire.received_size))
        note = "; ".join(part for part in (wire.note, _cut_note(len(sent))) if part)
        record("sent", sent[:KEPT_BYTES], note=note, answer_to=number)


def _loaded(application: ASGIApp) -> Config:
    config = Config(
        application,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_SECONDS,
    )
    config.load()
    return config


def _cut_note(size: int) -> str:
    return f"the first {KEPT_BYTES} of {size} bytes" if size > KEPT_BYTES else ""
