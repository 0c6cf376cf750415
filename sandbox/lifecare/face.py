"""The face of a Lifecare installation: its listener, and what it is put together from."""

from __future__ import annotations

import time
from collections.abc import Callable

from sandbox.engine.system import RecordSystem
from sandbox.face import InstallationConfig
from sandbox.faults import FaultBook
from sandbox.http.face import HttpFace
from sandbox.journal import Journal
from sandbox.lifecare.application import Application
from sandbox.lifecare.codes import Systems
from sandbox.lifecare.misbehaviour import Misbehaviour
from sandbox.lifecare.oauth import TokenDesk, bucket
from sandbox.lifecare.release import RELEASES
from sandbox.lifecare.resources import Resources
from sandbox.lifecare.routes import Routes
from sandbox.lifecare.slots import Slots


def make_face(config: InstallationConfig, system: RecordSystem, faults: FaultBook, journal: Journal) -> LifecareFace:
    """Return the face of one Lifecare installation; it listens after `start`."""
    return LifecareFace(config, system, faults, journal)


class LifecareFace(HttpFace):
    """One installation. `now` gives real seconds that never go back: tokens and rates go by it."""

    def __init__(
        self,
        config: InstallationConfig,
        system: RecordSystem,
        faults: FaultBook,
        journal: Journal,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._system = system
        root = str(config.options["root"])
        self._resources = Resources(system, Systems.below(root), RELEASES[config.release])
        self._slots = Slots(system, self._resources)
        super().__init__(config, journal, Misbehaviour(system, self._resources, self._slots, faults, journal))
        credentials = config.credentials
        self._tokens = TokenDesk(credentials["client_id"], credentials["client_secret"], now)
        self._rate = bucket(now)

    @property
    def base(self) -> str:
        """The FHIR base address."""
        return f"http://{self._config.host}:{self._port}/fhir"

    def application(self) -> Application:
        """Return what answers requests."""
        routes = Routes(self._system, self._resources, self._slots, self.base)
        return Application(routes, self._misbehaviour, self._tokens, self._rate)
