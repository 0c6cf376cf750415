"""The face of a ProConsona installation: its listener, and what it is put together from."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
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
from sandbox.proconsona.application import Application
from sandbox.proconsona.feed import Feed
from sandbox.proconsona.herate import Herate
from sandbox.proconsona.keys import Keys
from sandbox.proconsona.misbehaviour import Misbehaviour
from sandbox.proconsona.records import Records
from sandbox.proconsona.routes import Routes
from sandbox.proconsona.signature import Bucket, Gate
from sandbox.wire import IDLE_SECONDS, KEPT_BYTES, TappedProtocol, Wire

_BACKLOG: Final = 512


def make_face(config: InstallationConfig, system: RecordSystem, faults: FaultBook, journal: Journal) -> ProConsonaFace:
    """Return the face of one ProConsona installation; it listens after `start`."""
    return ProConsonaFace(config, system, faults, journal)


class ProConsonaFace:
    """A `sandbox.face.Face`. `now` gives the real time, which signatures go by; `wake_seconds` is the calls' pace."""

    def __init__(
        self,
        config: InstallationConfig,
        system: RecordSystem,
        faults: FaultBook,
        journal: Journal,
        *,
        now: Callable[[], datetime] = real_now,
        wake_seconds: float = 1.0,
    ) -> None:
        self._config = config
        self._faults = faults
        self._journal = journal
        self._port = config.port
        credentials = config.credentials
        client = (credentials["api_key"], credentials["secret"])
        records = Records(system, credentials["service_tasks"].split())
        feed = Feed(system, records)
        keys = Keys(system)
        self._gate = Gate(*client, now)
        self._bucket = Bucket(time.monotonic)
        self._herate = Herate(system, feed, journal, client, now, period=wake_seconds)
        self._misbehaviour = Misbehaviour(system, records, keys, journal)
        self._routes = Routes(system, records, keys, feed, self._herate)
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

    async def start(self) -> None:
        """Listen. Raises OSError if the port cannot be had, ssl.SSLError for certificates that cannot be used."""
        await self.resume_listening()

    async def stop(self) -> None:
        """Close the listener and every connection; give up what was to be done later."""
        await self.pause_listening()
        await self._misbehaviour.stop()
        await self._herate.stop()
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
        tls = _tls(self._config.credentials)
        listener = bind(self._config.host, self._port)
        self._port = listener.getsockname()[1]
        config = self._make_config()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: TappedProtocol(config, self._state, self._record), sock=listener, backlog=_BACKLOG, ssl=tls
        )

    def _make_config(self) -> Config:
        application = Application(self._routes, self._misbehaviour, self._faults, self._gate, self._bucket)
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


def _tls(credentials: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return how to speak mutual TLS when the installation's credentials hold certificates; else None."""
    if "tls_certificate" not in credentials:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(credentials["tls_certificate"], credentials["tls_key"])
    context.load_verify_locations(credentials["tls_client_ca"])
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _cut_note(size: int) -> str:
    return f"the first {KEPT_BYTES} of {size} bytes" if size > KEPT_BYTES else ""
