"""The face of a Mediatri installation: its listener, and what it is put together from."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from sandbox.clock import real_now
from sandbox.engine.system import RecordSystem
from sandbox.face import InstallationConfig
from sandbox.faults import FaultBook
from sandbox.http.face import HttpFace
from sandbox.journal import Journal
from sandbox.mediatri.application import PATH, Application, bucket
from sandbox.mediatri.misbehaviour import Misbehaviour
from sandbox.mediatri.operations import Operations
from sandbox.mediatri.security import Gate


def make_face(config: InstallationConfig, system: RecordSystem, faults: FaultBook, journal: Journal) -> MediatriFace:
    """Return the face of one Mediatri installation; it listens after `start`."""
    return MediatriFace(config, system, faults, journal)


class MediatriFace(HttpFace):
    """One installation. `now` is the real time that authentication goes by, `ticks` the seconds of the rate."""

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
        super().__init__(config, journal, Misbehaviour(system, faults, journal))
        self._operations = Operations(system)
        self._gate = Gate(config.credentials["username"], config.credentials["password"], now)
        self._rate = bucket(ticks)

    @property
    def address(self) -> str:
        """The address of the service."""
        return f"http://{self._config.host}:{self._port}{PATH}"

    def application(self) -> Application:
        """Return what answers requests."""
        rights = self._config.credentials.get("rights")
        return Application(
            self._operations,
            self._misbehaviour,
            self._gate,
            self._rate,
            self.address,
            None if rights is None else frozenset(rights.split()),
        )
