"""One's own appointments: a search asks every master that knows the person, a read asks when the proof is too old."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from adapters.errors import ForeignError, Unavailable
from canonical.model import LocalPatient
from hub import resources
from hub.access import Access
from hub.store.errors import AnotherPatientRecord
from hub.store.ingest import Observation
from hub.store.projection import Stored
from hub.usecases.asking import Asking, SingleFlight
from hub.usecases.persons import Persons
from hub.usecases.ports import Failed, Found, Missing, RequestContext
from hub.usecases.world import World

_log = structlog.get_logger("appointments")


@dataclass(slots=True)
class Appointments:
    """Brings the projection of a person up to what the masters say now."""

    world: World
    persons: Persons
    asking: Asking
    _flights: SingleFlight[None] = field(default_factory=SingleFlight)

    async def refresh(self, subject: str, context: RequestContext) -> list[Missing]:
        """Ask every installation of the county where the person is, or might be, a customer; who did not answer."""
        seconds = min(self.world.settings.search_deadline, context.deadline - self.world.real.now())

        async def ask(installation: str) -> None:
            await self.refresh_at(subject, installation, context.request_id)

        _, missing = await self.asking.all(self.world.names, ask, seconds)
        return missing

    async def refresh_at(self, subject: str, installation: str, request_id: str) -> None:
        """Ask one installation for all of the person's appointments. Raises `ForeignError`."""

        async def ask() -> None:
            limit = self.world.settings.search_deadline
            patient = await self.persons.link(subject, installation, request_id, limit)
            if patient is not None:
                await self._ingest_all(subject, installation, patient, request_id)

        await self._flights.fresh((subject, installation), ask)  # what was asked before may be older than the caller

    async def _ingest_all(self, subject: str, installation: str, patient: LocalPatient, request_id: str) -> None:
        world = self.world
        started = world.real.now()
        call = world.call(installation, request_id, limit=world.settings.search_deadline)
        records = await world.adapters[installation].appointments(call, patient)
        seen = Observation(installation, started, world.real.now())
        try:
            await world.store.projection.ingest(records, seen, patient=subject, complete_for=subject)
        except AnotherPatientRecord as error:
            _log.error("quarantined", installation=installation, kind=error.kind, request_id=request_id)
            raise Unavailable("its answer holds another patient's record: quarantined") from error

    async def read(self, access: Access, hub_id: str, *, fresh: bool, context: RequestContext) -> Found | None:
        """One appointment: from the projection when proven within the window, else the master is asked first.

        When the master is silent the last known state comes, marked stale; with ``fresh`` that is a failure.
        """
        stored = await self._stored(access, hub_id)
        if stored is None or not self._is_old(stored, fresh):
            return stored and found(stored)
        assert access.subject is not None, "an appointment was found for nobody"
        try:
            await self.prove(stored, access.subject, context.request_id, context.deadline - self.world.real.now())
        except ForeignError as error:
            if fresh:
                raise Failed("record-system-failed", error.detail, retry_after=5.0) from error
            return found(stored, stale=True)
        again = await self._stored(access, hub_id)
        return again and found(again)

    async def prove(self, stored: Stored, subject: str, request_id: str, seconds: float) -> None:
        """Ask the master for one appointment as it is now. Raises `ForeignError`."""
        world = self.world
        assert stored.local_id is not None, "the master has not told of it yet"
        started = world.real.now()
        call = world.call(stored.installation, request_id, limit=seconds)
        asked = world.adapters[stored.installation].appointment(call, stored.local_id)
        record = await self.asking.one(stored.installation, asked)
        seen = Observation(stored.installation, started, world.real.now())
        if record is None:
            await world.store.projection.gone("Appointment", stored.id, seen)
            return
        try:
            await world.store.projection.ingest([record], seen, patient=subject)
        except AnotherPatientRecord as error:
            _log.error("quarantined", installation=stored.installation, kind=error.kind, request_id=request_id)
            raise Unavailable("its answer is about another patient: quarantined") from error

    async def _stored(self, access: Access, hub_id: str) -> Stored | None:
        return await self.world.store.projection.read(access, "Appointment", hub_id, today=self.world.today.now())

    def _is_old(self, stored: Stored, fresh: bool) -> bool:
        if stored.local_id is None:
            return False  # the hub's own word: its outcome is not known yet
        return fresh or self.world.real.now() - stored.proven_at > self.world.settings.proven_window


@dataclass(slots=True)
class Patients:
    """The resident's own Patient, whose master is the population register."""

    world: World
    persons: Persons

    async def read(self, access: Access, hub_id: str, *, fresh: bool, context: RequestContext) -> Found | None:
        """The Patient: as `Appointments.read`, with the register as the master."""
        if access.subject != hub_id:
            return None
        stored = await self._stored(access, hub_id)
        now = self.world.real.now()
        if stored and not fresh and now - stored.proven_at <= self.world.settings.proven_window:
            return found(stored)
        try:
            known = await self.persons.registered(hub_id, context.request_id, fresh=True)
        except ForeignError as error:
            if stored is None or fresh:
                raise Failed("record-system-failed", error.detail, retry_after=5.0) from error
            return found(stored, stale=True)
        stored = await self._stored(access, hub_id)
        return found(stored) if known and stored else None

    async def _stored(self, access: Access, hub_id: str) -> Stored | None:
        return await self.world.store.projection.read(access, "Patient", hub_id, today=self.world.today.now())


def found(stored: Stored, *, stale: bool = False) -> Found:
    """A stored resource as an answer; ``stale``: its master was asked just now and did not answer."""
    shown = resources.stale(stored.json, stored.proven_at) if stale else stored.json
    return Found(stored.kind, stored.id, shown, stored.version, stored.last_updated, stored.proven_at, stale=stale)
