"""The face of a Mediatri installation: its listener, and what it is put together from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from sandbox.clock import real_now
from sandbox.engine.system import RecordSystem
from sandbox.face import InstallationConfig
from sandbox.faults import FaultBook
from sandbox.journal import Journal
from sandbox.listener import bind
from sandbox.mediatri.application import PATH, Application, Rate
from sandbox.mediatri.misbehaviour import Misbehaviour
from sandbox.mediatri.operations import Operations
from sandbox.mediatri.security import Gate
from sandbox.wire import IDLE_SECONDS, KEPT_BYTES, TappedProtocol, Wire

_BACKLOG: Final = 512


def make_face(config: InstallationConfig, system: RecordSystem, faults: FaultBook, journal: Journal) -> MediatriFace:
    """Return the face of one Mediatri installation; it listens after `start`."""
    return MediatriFace(config, system, faults, journal)


class MediatriFace:
    """A `sandbox.face.Face`. `now` is the real time that authentication goes by, `ticks` the seconds of the rate."""

    def __init__(
        self,
        config: InstallationConfig,
        system: RecordSystem,
        faults: FaultBook,
        journal: Journal,
        *,
        now: Callable[[], datetime] = real_now,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._journal = journal
        self._port = config.port
        self._operations = Operations(system)
        self._misbehaviour = Misbehaviour(system, faults, journal)
        self._gate = Gate(config.credentials["username"], config.credentials["password"], now)
        self._rate = Rate(ticks)
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    @property
    def fault_kinds(self) -> frozenset[str]:
        """The kinds of fault this wire can show."""
        return self._misbehaviour.kinds

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def address(self) -> str:
        """The address of the service."""
        return f"http://{self._config.host}:{self._port}{PATH}"

    async def start(self) -> None:
        """Listen. Raises OSError if the port cannot be had."""
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
        listener = bind(self._config.host, self._port)
        self._port = listener.getsockname()[1]
        config = self._make_config()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: TappedProtocol(config, self._state, self._record), sock=listener, backlog=_BACKLOG
        )

    def _make_config(self) -> Config:
        rights = self._config.credentials.get("rights")
        application = Application(
            self._operations,
            self._misbehaviour,
            self._gate,
            self._rate,
            self.address,
            None if rights is None else frozenset(rights.split()),
        )
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

    def _record(self, wire: Wire, received: bytes, sent: bytes) -> None:
        """Put an exchange into the journal, long messages cut."""
        if received:
            note = _cut_note(wire.received_size)
            self._journal.record("received", received, operation=wire.operation, fault=wire.fault, note=note)
        note = "; ".join(part for part in (wire.note, _cut_note(len(sent))) if part)
        self._journal.record("sent", sent[:KEPT_BYTES], operation=wire.operation, fault=wire.fault, note=note)


def _cut_note(size: int) -> str:
    return f"the first {KEPT_BYTES} of {size} bytes" if size > KEPT_BYTES else ""
