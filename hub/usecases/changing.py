"""What every change of an appointment has in common: only against the state that the master has now, as the caller has
seen it; one at a time; and the three words for what came of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from adapters.errors import ForeignError
from canonical.commands import Command
from canonical.fhir import Resource
from canonical.model import LocalPatient
from hub.access import Access
from hub.journal.ports import IdempotencyKey, NewCommand, Problem, Row
from hub.journal.states import State
from hub.journal.steps import lane_of_appointment
from hub.store.projection import Stored
from hub.usecases.answers import Answers
from hub.usecases.appointments import Appointments, found
from hub.usecases.booking import unsettled
from hub.usecases.deliveries import Deliveries, refuse
from hub.usecases.freetimes import FreeTimes
from hub.usecases.persons import Persons
from hub.usecases.ports import Answer, ChangeRequest, Failed, Kept, RequestContext, Unknown, Updated
from hub.usecases.world import World

ROUTE = "PUT Appointment"
Make = Callable[[str, LocalPatient, str], Command]
"""Makes the command of a change: its id, who the person is at the installation, the appointment's local id there."""


@dataclass(slots=True)
class Changing:
    """Carries changes of appointments through: one for all of them, because one excludes another."""

    world: World
    persons: Persons
    appointments: Appointments
    free_times: FreeTimes
    deliveries: Deliveries
    answers: Answers
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def earlier(self, access: Access, request: ChangeRequest) -> Kept | Row | None:
        """What was made of an earlier request with the same key. Raises `Failed` for who may not change anything."""
        if access.subject is None or access.resident is None:
            raise Failed("forbidden")
        key = self.key(access, request)
        return await self.answers.earlier(key) if key else None

    def key(self, access: Access, request: ChangeRequest) -> IdempotencyKey | None:
        if request.key is None:
            return None
        scope = f"{access.client}/{access.resident}/{access.subject}/{ROUTE}/{request.appointment_id}"
        seen = f"{request.expected_version}\n".encode() + request.raw
        return IdempotencyKey(scope, request.key, hashlib.sha256(seen).hexdigest())

    async def proven(self, access: Access, request: ChangeRequest, context: RequestContext) -> tuple[Stored, Resource]:
        """The appointment as the master has it now, the same version as the caller saw."""
        stored = await self.stored(access, request.appointment_id)
        if stored.local_id is None:
            why = "the outcome of its booking is not known yet"
            raise Failed("in-flight", why, expression=["Appointment.status"], retry_after=5.0)
        assert access.subject is not None
        seconds = context.deadline - self.world.real.now()
        try:
            await self.appointments.prove(stored, access.subject, context.request_id, seconds)
        except ForeignError as error:
            raise Failed("record-system-failed", error.detail, retry_after=5.0) from error
        stored = await self.stored(access, request.appointment_id)
        if stored.version != request.expected_version:
            raise Failed("stale-version", f"the current version is {stored.version}")
        resource: Resource = json.loads(stored.json)
        return stored, resource

    async def stored(self, access: Access, hub_id: str) -> Stored:
        today = self.world.today.now()
        stored = await self.world.store.projection.read(access, "Appointment", hub_id, today=today)
        if stored is None:
            raise Failed("not-found")
        return stored

    async def carry(
        self, access: Access, request: ChangeRequest, stored: Stored, context: RequestContext, make: Make
    ) -> Row:
        """Put the change into the journal, deliver it, wait for its end; the row as it then is."""
        new = await self._command(access, stored, context, make)
        context.reached("before-accept")
        accepted = await self.deliveries.journal.accept(new, self.key(access, request))
        context.reached("accepted")
        if not isinstance(accepted, Row):
            refuse(accepted, "Appointment.id")
        row = await self.deliveries.deliver(accepted, context.deadline)
        self.free_times.forget(row.new.installation)
        return row

    async def _command(self, access: Access, stored: Stored, context: RequestContext, make: Make) -> NewCommand:
        assert access.subject is not None
        assert access.resident is not None
        assert stored.local_id is not None
        limit = context.deadline - self.world.real.now()
        try:
            patient = await self.persons.link(access.subject, stored.installation, context.request_id, limit)
        except ForeignError as error:
            raise Failed("record-system-failed", error.detail, retry_after=5.0) from error
        if patient is None:
            raise Failed("not-a-customer", facts={"installation": stored.installation})
        command_id = secrets.token_hex(16)
        return NewCommand(
            id=command_id,
            installation=stored.installation,
            command=make(command_id, patient, stored.local_id),
            subject=access.subject,
            target=stored.id,
            lane=lane_of_appointment(stored.id),
            deadline=context.deadline,
            request_id=context.request_id,
            client=access.client,
            resident=access.resident,
        )

    async def tell(self, access: Access, row: Row, *, replayed: bool = False) -> Answer:
        """What may be said of the command now. Raises `Failed` where nothing was done."""
        assert row.new.target is not None
        if row.state is State.CONFIRMED:
            return Updated(found(await self.stored(access, row.new.target)), row.warning, replayed=replayed)
        if row.state is State.REFUSED:
            problem = row.problem or Problem("refused-by-record-system")
            wait = 5.0 if problem.code in ("record-system-failed", "expired") else None
            facts = {"installation": row.new.installation, "what": problem.detail}
            raise Failed(problem.code, problem.detail, facts=facts, retry_after=wait, replayed=replayed)
        return Unknown(row.new.id, row.new.target, unsettled(row), replayed=replayed)

    @asynccontextmanager
    async def alone(self, hub_id: str) -> AsyncIterator[None]:
        """One change of an appointment at a time in this process; the journal's lane guards the others."""
        lock = self._locks.setdefault(hub_id, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._locks.pop(hub_id, None)
