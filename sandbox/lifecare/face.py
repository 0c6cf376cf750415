"""The face of a Lifecare installation: its listener, and what it is put together from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from sandbox.engine.system import RecordSystem
from sandbox.face import InstallationConfig
from sandbox.faults import FaultBook
from sandbox.journal import Journal
from sandbox.lifecare.application import Application
from sandbox.lifecare.codes import Systems
from sandbox.lifecare.misbehaviour import Misbehaviour
from sandbox.lifecare.oauth import RateLimit, TokenDesk
from sandbox.lifecare.release import RELEASES
from sandbox.lifecare.resources import Resources
from sandbox.lifecare.routes import Routes
from sandbox.lifecare.slots import Slots
from sandbox.listener import bind
from sandbox.wire import IDLE_SECONDS, KEPT_BYTES, TappedProtocol, Wire

_BACKLOG: Final = 512


def make_face(config: InstallationConfig, system: RecordSystem, faults: FaultBook, journal: Journal) -> LifecareFace:
    """Return the face of one Lifecare installation; it listens after `start`."""
    return LifecareFace(config, system, faults, journal)


class LifecareFace:
    """A `sandbox.face.Face`. `now` gives real seconds that never go back: tokens and rates go by it."""

    def __init__(
        self,
        config: InstallationConfig,
        system: RecordSystem,
        faults: FaultBook,
        journal: Journal,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._system = system
        self._faults = faults
        self._journal = journal
        self._port = config.port
        root = str(config.options["root"])
        self._resources = Resources(system, Systems.below(root), RELEASES[config.release])
        self._slots = Slots(system, self._resources)
        self._misbehaviour = Misbehaviour(system, self._resources, self._slots, journal)
        credentials = config.credentials
        self._tokens = TokenDesk(credentials["client_id"], credentials["client_secret"], now)
        self._rate = RateLimit(now)
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
    def base(self) -> str:
        """The FHIR base address."""
        return f"http://{self._config.host}:{self._port}/fhir"

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
        routes = Routes(self._system, self._resources, self._slots, self.base)
        application = Application(routes, self._misbehaviour, self._faults, self._tokens, self._rate)
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
