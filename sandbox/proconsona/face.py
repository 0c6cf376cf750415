"""The face of a ProConsona installation: its listener, and what it is put together from."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from datetime import datetime

from sandbox.clock import real_now
from sandbox.engine.system import RecordSystem
from sandbox.face import InstallationConfig
from sandbox.faults import FaultBook
from sandbox.http.face import HttpFace
from sandbox.journal import Journal
from sandbox.proconsona.application import Application
from sandbox.proconsona.feed import Feed
from sandbox.proconsona.herate import Herate
from sandbox.proconsona.keys import Keys
from sandbox.proconsona.misbehaviour import Misbehaviour
from sandbox.proconsona.records import Records
from sandbox.proconsona.routes import Routes
from sandbox.proconsona.signature import Gate, bucket


def make_face(config: InstallationConfig, system: RecordSystem, faults: FaultBook, journal: Journal) -> ProConsonaFace:
    """Return the face of one ProConsona installation; it listens after `start`."""
    return ProConsonaFace(config, system, faults, journal)


class ProConsonaFace(HttpFace):
    """One installation. `now` gives the real time, which signatures go by; `wake_seconds` is the calls' pace."""

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
        credentials = config.credentials
        client = (credentials["api_key"], credentials["secret"])
        records = Records(system, credentials["service_tasks"].split())
        feed = Feed(system, records)
        keys = Keys(system)
        super().__init__(config, journal, Misbehaviour(system, records, keys, faults, journal))
        self._gate = Gate(*client, now)
        self._bucket = bucket(time.monotonic)
        self._herate = Herate(system, feed, journal, client, now, period=wake_seconds)
        self._routes = Routes(system, records, keys, feed, self._herate)

    def application(self) -> Application:
        """Return what answers requests."""
        return Application(self._routes, self._misbehaviour, self._gate, self._bucket)

    def tls(self) -> ssl.SSLContext | None:
        """Return how to speak mutual TLS when the installation's credentials hold certificates; else None."""
        credentials = self._config.credentials
        if "tls_certificate" not in credentials:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(credentials["tls_certificate"], credentials["tls_key"])
        context.load_verify_locations(credentials["tls_client_ca"])
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    async def stop(self) -> None:
        """Close the listener and every connection; give up what was to be done later, and the calls to clients."""
        await super().stop()
        await self._herate.stop()
